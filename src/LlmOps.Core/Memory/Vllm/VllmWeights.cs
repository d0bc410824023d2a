using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>
/// What vLLM prints as weights: PyTorch's count of allocated bytes after loading. That is fused tensors on one rank, each
/// rounded as the caching allocator books it, and tables of rotary positions.
/// </summary>
internal static class VllmWeights
{
    private const double Mebibyte = 1 << 20;

    /// <summary>Rows of embeddings and head are a multiple of this (layers/vocab_parallel_embedding.py).</summary>
    private const long VocabularyPadding = 64;

    public static double Bytes(in MemoryRequest request, PipelineStage stage)
    {
        LlmModel model = request.Model;
        Quantization quantization = request.EffectiveQuantization;
        (int tensor, int pipeline, int expertRanks, _) = request.Parallelism;
        int element = quantization.UnquantizedBits / 8;
        double headShare = WeightMemory.KeyValueShare(model, tensor);
        double expertShare = WeightMemory.ExpertShare(model.ExpertCount, tensor, expertRanks);
        WeightStorage? storage = model.StorageIn(quantization);

        double bytes = storage is null
            ? Chosen(request, stage.FusedIn(WeightCoverage.Of(model, quantization)), quantization, element, headShare, expertShare)
            : Published(request, stage.PublishedFused, element, headShare, expertShare);

        ShardedParameters p = stage.Layers;
        bytes += element * (((double)p.SplitVectors / tensor) + (headShare * p.KeyValueVectors)
            + (expertShare * p.ExpertVectors) + p.CopiedVectors);

        ModelArchitecture architecture = model.Architecture;
        GgufBits? gguf = storage is null && quantization.IsGguf ? GgufBits.Of(model, quantization) : null;
        double embeddingBits = gguf?.Embedding ?? (8 * element);
        if (stage.Index == 0)
        {
            bytes += (element * architecture.OtherEmbeddingParameters)
                + Vocabulary(architecture, architecture.EmbeddingSize == 0 ? architecture.HiddenSize : architecture.EmbeddingSize,
                    tensor, embeddingBits)
                + ((storage?.Vision ?? (element * (double)architecture.VisionParameters)) / tensor);
        }

        if (stage.HasHead && (!architecture.HasTiedHead || pipeline > 1))
        {
            double headBits = storage is null || architecture.HeadParameters == 0
                ? gguf?.Head ?? embeddingBits
                : 8.0 * storage.Head / architecture.HeadParameters;
            bytes += Vocabulary(architecture, architecture.HiddenSize, tensor, headBits);
        }

        int tableElement = MemoryEstimator.ComputeElementBytes(request);
        foreach (RotaryTable table in architecture.RotaryTables)
        {
            bytes += table.Bytes(tableElement);
        }

        return bytes;
    }

    /// <summary>
    /// Bytes that PyTorch's allocator counts for a tensor. From 10 MiB on it asks for multiples of 2 MiB, and does not split
    /// off a rest of 1 MiB or less (c10/cuda/CUDACachingAllocator, kMinLargeAlloc, kRoundLarge and should_split). Never less for
    /// more bytes.
    /// </summary>
    internal static double Booked(double bytes)
    {
        if (bytes < 10 * Mebibyte)
        {
            return bytes;
        }

        double whole = Math.Ceiling(bytes / (2 * Mebibyte)) * (2 * Mebibyte);
        return whole - bytes <= Mebibyte ? whole : bytes;
    }

    private static double Vocabulary(ModelArchitecture architecture, long width, int tensor, double bits)
    {
        long rows = (architecture.VocabularySize + VocabularyPadding - 1) / VocabularyPadding * VocabularyPadding;
        return Booked((double)rows / tensor * width * bits / 8);
    }

    /// <summary>Matrices in one precision that was asked for, as far as it covers them, or in the model's own type.</summary>
    private static double Chosen(
        in MemoryRequest request, FusedWeights weights, Quantization quantization, int element, double headShare, double expertShare)
    {
        GgufBits? gguf = quantization.IsGguf ? GgufBits.Of(request.Model, quantization) : null;
        double bits = quantization.BitsPerWeight;
        double factor = quantization.IsGeneric ? request.Parameters.QuantizationOverheadMultiplier : 1;
        double valueBits = bits >= 32 ? 32 : bits >= 16 ? 16 : bits >= 8 ? 8 : Math.Min(bits, 4);
        double extraBits = (bits * factor) - valueBits;
        int rowBytes = quantization.IsQuantized && valueBits == 8 ? sizeof(float) : 0;
        int tensor = request.Parallelism.Tensor;
        double sum = 0;
        foreach ((FusedTensor t, int count) in weights.Tensors)
        {
            bool isExpert = t.Role is TensorRole.ExpertUp or TensorRole.ExpertDown;
            double elements = isExpert ? t.Split * expertShare : ((double)t.Split / tensor) + (t.KeyValue * headShare) + t.Copied;
            if (!t.IsCovered)
            {
                sum += count * Booked(elements * element);
                continue;
            }

            if (gguf is not null)
            {
                // GGUF's blocks hold their scales; other formats have theirs in tensors of their own.
                sum += count * Booked(elements * (isExpert ? gguf.Experts : gguf.Matrices) / 8);
                continue;
            }

            double rows = isExpert
                ? (t.SplitRows + t.CopiedRows) * expertShare
                : ((double)t.SplitRows / tensor) + (t.KeyValueRows * headShare) + t.CopiedRows;
            sum += count * (Booked(elements * valueBits / 8) + (elements * extraBits / 8) + (rows * rowBytes));
        }

        return sum;
    }

    /// <summary>Each matrix as the checkpoint stores it.</summary>
    private static double Published(
        in MemoryRequest request, FusedWeights weights, int element, double headShare, double expertShare)
    {
        int tensor = request.Parallelism.Tensor;
        double sum = 0;
        foreach ((FusedTensor t, int count) in weights.Tensors)
        {
            bool isExpert = t.Role is TensorRole.ExpertUp or TensorRole.ExpertDown;
            double elements = isExpert ? t.Split * expertShare : ((double)t.Split / tensor) + (t.KeyValue * headShare) + t.Copied;
            double extra = isExpert
                ? t.SplitExtra * expertShare
                : ((double)t.SplitExtra / tensor) + (t.KeyValueExtra * headShare) + t.CopiedExtra;
            double values = t.Format is { } format ? elements * format.ElementBits / 8 : elements * element;
            if (isExpert && t.Format is not null && VllmExperts.PadsMxfp4(request))
            {
                (double valueFactor, double scaleFactor) = VllmExperts.Mxfp4Padding(request, t.Role);
                values *= valueFactor;
                extra *= scaleFactor;
            }

            sum += count * (Booked(values) + extra);
        }

        return sum;
    }
}
