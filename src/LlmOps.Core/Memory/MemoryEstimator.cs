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
        MemoryBreakdown breakdown = Compute(request, out int stage);
        return new MemoryEstimate(request, breakdown, stage);
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
        LlmModel model = request.Model;
        Quantization quantization = request.EffectiveQuantization;
        int elementBytes = ComputeElementBytes(request);

        double weights = WeightMemory.Bytes(model, stage, request);
        double activations, gradients = 0, optimizer = 0, kvCache = 0, graphs = 0, runtime;
        if (request.Training)
        {
            double parameters = WeightMemory.Parameters(model, stage, request.Parallelism);
            activations = TransformersMemory.TrainingActivations(model, stage, request, elementBytes);
            gradients = weights * request.Parameters.GradientMemoryMultiplier;
            optimizer = parameters * TransformersMemory.OptimizerBytes(request.Optimizer, quantization);
            runtime = TransformersMemory.Runtime(request.Parallelism);
        }
        else if (request.Engine == Engine.vLLM)
        {
            long blocks = (request.SequenceLength + VllmMemory.BlockSize - 1) / VllmMemory.BlockSize;
            activations = VllmMemory.Activations(model, stage, request, elementBytes);
            kvCache = request.BatchSize
                * KvCacheMemory.BytesPerSequence(stage, request, blocks * VllmMemory.BlockSize);
            graphs = VllmMemory.CudaGraphs(stage, request);
            runtime = VllmMemory.Runtime(request.Parallelism);
        }
        else
        {
            activations = TransformersMemory.InferenceActivations(model, stage, request, elementBytes);
            kvCache = request.BatchSize * KvCacheMemory.BytesPerSequence(stage, request, request.SequenceLength);
            runtime = TransformersMemory.Runtime(request.Parallelism);
        }

        double sum = weights + activations + gradients + optimizer + kvCache + graphs + runtime;
        return new MemoryBreakdown
        {
            ModelWeights = Whole(weights),
            Activations = Whole(activations),
            Gradients = Whole(gradients),
            OptimizerStates = Whole(optimizer),
            KvCache = Whole(kvCache),
            CudaGraphs = Whole(graphs),
            CompilationOverhead = Whole(runtime),
            FragmentationOverhead = Whole(sum * (request.Parameters.FragmentationOverheadFactor - 1)),
            SafetyMargin = Whole(Math.Max(
                request.Parameters.MinMemorySafetyMarginGiB * Units.BytesPerGiB,
                sum * request.Parameters.MemorySafetyMarginFactor)),
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
