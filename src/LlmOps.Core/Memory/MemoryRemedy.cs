using System.Globalization;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>
/// Finds the single change that makes an estimate fit, by trying them from the least costly on: a smaller KV-cache type,
/// a smaller weight type, in training checkpointing, a higher ZeRO stage and offloading, more GPUs, a shorter context, fewer
/// sequences.
/// </summary>
internal static class MemoryRemedy
{
    /// <summary>The same for those who choose instances, and no layouts: more ranks are larger instances there.</summary>
    public static string OfInstances(string remedy) =>
        remedy.Contains("ParallelSize", StringComparison.Ordinal) ? "instances with more GPUs, or with larger ones" : remedy;

    public static string Find(in MemoryRequest request)
    {
        EngineMemory engine = EngineMemory.Of(request.Engine);
        if (!request.Training)
        {
            KvCacheDataType small = engine.SmallerKvType;
            MemoryRequest smallCache = request with { KvCacheDataType = small };
            if (KvCacheMemory.ElementBytes(request) > KvCacheMemory.ElementBytes(smallCache) && Fits(smallCache))
            {
                return $"KV cache in {small} (-KvCacheDataType {small})";
            }

            foreach (string name in engine.SmallerWeights(request))
            {
                Quantization smaller = Quantization.Parse(name);
                if (smaller.BitsPerWeight < request.EffectiveQuantization.BitsPerWeight
                    && Fits(request with { Quantization = smaller }))
                {
                    return $"weights in {name} (-Quantization {name})";
                }
            }
        }
        else if (FindForTraining(request) is { } found)
        {
            return found;
        }

        MemoryRequest original = request;
        if (request.MaxModelLength > request.SequenceLength
            && Bisection.Largest(request.MaxModelLength.Value - request.SequenceLength, more => Fits(
                original with { MaxModelLength = original.SequenceLength + more - 1 })) is { } longer)
        {
            return Invariant($"a greatest length of {request.SequenceLength + longer - 1} tokens (-MaxModelLength {request.SequenceLength + longer - 1})");
        }

        if (engine.PlacesLayers)
        {
            for (int gpus = request.Parallelism.Pipeline * 2; gpus <= 16; gpus *= 2)
            {
                if (Fits(request with { Parallelism = request.Parallelism with { Pipeline = gpus } }))
                {
                    return Invariant($"{gpus} GPUs (-PipelineParallelSize {gpus})");
                }
            }

            long most = Math.Min(request.GpuLayers ?? int.MaxValue, request.Model.LayerCount + 1L);
            if (Bisection.Largest(most - 1, layers => Fits(original with { GpuLayers = (int)layers })) is { } layers)
            {
                return Invariant($"{layers} layers on the GPU, the others on the host (-GpuLayers {layers})");
            }
        }

        for (int tensor = request.Parallelism.Tensor * 2; tensor <= 64; tensor *= 2)
        {
            if (Fits(request with { Parallelism = request.Parallelism with { Tensor = tensor } }))
            {
                return Invariant($"{tensor} GPUs (-TensorParallelSize {tensor})");
            }
        }

        if (Bisection.Largest(request.SequenceLength - 1, length => Fits(original with { SequenceLength = length })) is { } length)
        {
            return Invariant($"sequences of {length} tokens (-SequenceLength {length})");
        }

        if (Bisection.Largest(request.BatchSize - 1, batch => Fits(original with { BatchSize = batch })) is { } batch)
        {
            return Invariant($"{batch} sequences at once (-BatchSize {batch})");
        }

        return "no single change: a larger GPU, or several changes together";
    }

    /// <summary>Checkpointing costs a third of the time, a higher stage communication, and offloading the most.</summary>
    private static string? FindForTraining(in MemoryRequest request)
    {
        TrainingSettings settings = request.TrainingSettings;
        foreach (ActivationCheckpointing more in new[] { ActivationCheckpointing.Selective, ActivationCheckpointing.Full })
        {
            if (Fits(request with { TrainingSettings = settings with { ActivationCheckpointing = more } }))
            {
                return $"activation checkpointing (-ActivationCheckpointing {more})";
            }
        }

        if (request.Engine != Engine.DeepSpeed)
        {
            return null;
        }

        for (int stage = (settings.ZeroStage ?? 0) + 1; stage <= 3; stage++)
        {
            if (Fits(request with { TrainingSettings = settings with { ZeroStage = stage } }))
            {
                return Invariant($"ZeRO stage {stage} (-ZeroStage {stage})");
            }
        }

        return Fits(request with { TrainingSettings = settings with { OffloadOptimizer = OffloadTarget.Cpu } })
            ? "optimizer states in the host's memory (-OffloadOptimizer Cpu)"
            : null;
    }

    private static bool Fits(in MemoryRequest request)
    {
        try
        {
            return MemoryEstimator.Estimate(request).Fits == true;
        }
        catch (LlmOpsException)
        {
            // A change that the model does not allow, such as more ranks than heads, is no remedy.
            return false;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
