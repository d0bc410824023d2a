namespace LlmOps.Core.Memory;

/// <summary>What an engine allocates for one pipeline stage on one of its GPUs, in bytes.</summary>
internal readonly record struct StageMemory
{
    public double Weights { get; init; }

    public double Activations { get; init; }

    public double Gradients { get; init; }

    public double OptimizerStates { get; init; }

    /// <summary>Of the sequences that are asked about, not the pool that the engine reserves.</summary>
    public double KvCache { get; init; }

    public double CudaGraphs { get; init; }

    /// <summary>Driver context, kernels and communication buffers.</summary>
    public double Runtime { get; init; }

    /// <summary>What the engine takes off the pool for CUDA graphs, by its own estimate; no part of the total.</summary>
    public double ReservedForGraphs { get; init; }

    /// <summary>Held in the host's memory for this GPU.</summary>
    public double Host { get; init; }

    /// <summary>Held on disk for this GPU.</summary>
    public double Disk { get; init; }
}
