using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Estimates the memory of one GPU, that of the fullest pipeline stage.</summary>
public static class MemoryEstimator
{
    /// <exception cref="LlmOpsException">The request is out of bounds or contradicts itself.</exception>
    public static MemoryEstimate Estimate(in MemoryRequest request)
    {
        request.Validate();
        if (request.MaxModelLength == MemoryRequest.LongestThatFits)
        {
            return Estimate(AtLongest(request));
        }

        MemoryBreakdown breakdown = Compute(request, out int stage);
        return new MemoryEstimate(request, breakdown, stage);
    }

    /// <summary>The request at the longest context that fits, up to what the model was made for; at one token where none does.</summary>
    private static MemoryRequest AtLongest(MemoryRequest request)
    {
        MemoryRequest At(long length) => request with { SequenceLength = length, MaxModelLength = length };
        return At(request.LongestThat(length => Estimate(At(length)).Fits == true) ?? 1);
    }

    /// <summary>The terms alone, without an object to hold them. The request must be valid.</summary>
    internal static MemoryBreakdown Compute(in MemoryRequest request, out int fullestStage)
    {
        MemoryBreakdown fullest = default;
        fullestStage = -1;
        foreach (PipelineStage stage in request.Model.Stages(request.Parallelism.Pipeline))
        {
            MemoryBreakdown breakdown = ComputeStage(request, stage);
            if (fullestStage < 0 || breakdown.Total > fullest.Total)
            {
                fullest = breakdown;
                fullestStage = stage.Index;
            }
        }

        return fullest;
    }

    internal static MemoryBreakdown ComputeStage(in MemoryRequest request, PipelineStage stage)
    {
        StageMemory memory = EngineMemory.Of(request.Engine).Allocate(request, stage);
        double sum = memory.Weights + memory.Activations + memory.Gradients + memory.OptimizerStates + memory.KvCache
            + memory.CudaGraphs + memory.Runtime;
        return new MemoryBreakdown
        {
            ModelWeights = Whole(memory.Weights),
            Activations = Whole(memory.Activations),
            Gradients = Whole(memory.Gradients),
            OptimizerStates = Whole(memory.OptimizerStates),
            KvCache = Whole(memory.KvCache),
            CudaGraphs = Whole(memory.CudaGraphs),
            CompilationOverhead = Whole(memory.Runtime),
            FragmentationOverhead = Whole(sum * (request.Parameters.FragmentationOverheadFactor - 1)),
            SafetyMargin = Whole(Math.Max(
                request.Parameters.MinMemorySafetyMarginGiB * Units.BytesPerGiB,
                sum * request.Parameters.MemorySafetyMarginFactor)),
            Host = Whole(memory.Host),
            Disk = Whole(memory.Disk),
        };
    }

    /// <summary>Bytes of an activation: the weights' own type, or the compute type where they are quantized.</summary>
    internal static int ComputeElementBytes(in MemoryRequest request)
    {
        Quantization weights = request.EffectiveQuantization;
        if (!weights.IsQuantized)
        {
            return weights.UnquantizedBits / 8;
        }

        return ReferenceEquals(request.Parameters, MemoryEstimationParameter.Default)
            ? 2
            : Quantization.Parse(request.Parameters.DefaultComputeDtype).UnquantizedBits / 8;
    }

    /// <summary>Whole bytes, rounded up.</summary>
    /// <exception cref="LlmOpsException">More than 2⁶² bytes: no machine has them.</exception>
    internal static long Whole(double bytes)
    {
        const double most = 1L << 62;
        if (bytes < most / 8)
        {
            return (long)Math.Ceiling(bytes);
        }

        throw new LlmOpsException(Guard.OutOfRangeId, ErrorKind.InvalidArgument, FormattableString.Invariant(
            $"BatchSize times SequenceLength come to {bytes:0.#e+0} bytes, more than can be counted (2^59); use smaller ones."),
            bytes);
    }
}
