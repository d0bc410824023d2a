using System.Globalization;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>
/// Finds the single change that makes an estimate fit, by trying them from the least costly on: a smaller KV-cache type,
/// a smaller weight type, more GPUs, a shorter context, fewer sequences.
/// </summary>
internal static class MemoryRemedy
{
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

        MemoryRequest original = request;
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
