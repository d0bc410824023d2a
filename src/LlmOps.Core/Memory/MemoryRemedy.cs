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
        if (!request.Training)
        {
            MemoryRequest smallCache = request with { KvCacheDataType = KvCacheDataType.FP8 };
            if (KvCacheMemory.ElementBytes(request) > KvCacheMemory.ElementBytes(smallCache) && Fits(smallCache))
            {
                return "KV cache in FP8 (-KvCacheDataType FP8)";
            }

            string eightBits = request.Gpu?.DenseTflops.Fp8 is null ? "INT8" : "FP8";
            foreach (string name in new[] { eightBits, "AWQ" })
            {
                Quantization smaller = Quantization.Parse(name);
                if (smaller.BitsPerWeight < request.EffectiveQuantization.BitsPerWeight
                    && Fits(request with { Quantization = smaller }))
                {
                    return $"weights in {name} (-Quantization {name})";
                }
            }
        }

        for (int tensor = request.Parallelism.Tensor * 2; tensor <= 64; tensor *= 2)
        {
            if (Fits(request with { Parallelism = request.Parallelism with { Tensor = tensor } }))
            {
                return Invariant($"{tensor} GPUs (-TensorParallelSize {tensor})");
            }
        }

        MemoryRequest original = request;
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
