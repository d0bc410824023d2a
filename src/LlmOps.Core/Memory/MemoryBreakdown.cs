namespace LlmOps.Core.Memory;

/// <summary>The terms of an estimate for one GPU, in bytes.</summary>
public readonly record struct MemoryBreakdown
{
    public long ModelWeights { get; init; }

    public long Activations { get; init; }

    public long Gradients { get; init; }

    public long OptimizerStates { get; init; }

    public long KvCache { get; init; }

    public long CudaGraphs { get; init; }

    /// <summary>
    /// What the runtime holds beside tensors: driver context, loaded and compiled kernels, buffers for communication. The
    /// engines print it as "non-torch memory".
    /// </summary>
    public long CompilationOverhead { get; init; }

    public long FragmentationOverhead { get; init; }

    public long SafetyMargin { get; init; }

    /// <summary>What is kept in the host's memory for this GPU; no part of <see cref="Total"/>.</summary>
    public long Host { get; init; }

    /// <summary>What is kept on disk for this GPU; no part of <see cref="Total"/>.</summary>
    public long Disk { get; init; }

    /// <summary>The terms that stand for something, before fragmentation and safety margin.</summary>
    public long Base =>
        ModelWeights + Activations + Gradients + OptimizerStates + KvCache + CudaGraphs + CompilationOverhead;

    public long Total => Base + FragmentationOverhead + SafetyMargin;
}
