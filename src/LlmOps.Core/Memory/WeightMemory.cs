using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Bytes of a pipeline stage's weights on one tensor-parallel rank.</summary>
internal static class WeightMemory
{
    public static double Bytes(LlmModel model, PipelineStage stage, in MemoryRequest request)
    {
        if (model.StorageIn(request.EffectiveQuantization) is not null)
        {
            (int tensor, _, int expertRanks, _) = request.Parallelism;

            // Scales divide with their matrices; what rounding a rank's last block adds is below a thousandth of it.
            ShardedBytes bytes = stage.PublishedBytes;
            return ((double)(bytes.Split + stage.PublishedEmbeddingBytes) / tensor)
                + (bytes.KeyValue * KeyValueShare(model, tensor))
                + (bytes.Experts * ExpertShare(model.ExpertCount, tensor, expertRanks))
                + bytes.Copied;
        }

        return Chosen(model, stage, request, WeightCoverage.Of(model, request.EffectiveQuantization));
    }

    /// <summary>The same with the chosen precision in other parts.</summary>
    public static double Chosen(LlmModel model, PipelineStage stage, in MemoryRequest request, WeightParts covered) =>
        Chosen(model, stage, request, covered, Bits.Of(model, request));

    private static double Chosen(LlmModel model, PipelineStage stage, in MemoryRequest request, WeightParts covered, in Bits size)
    {
        int tensor = request.Parallelism.Tensor;
        double headShare = KeyValueShare(model, tensor);
        double expertShare = ExpertShare(model.ExpertCount, tensor, request.Parallelism.Expert);
        double OnRank(in ShardedParameters p, double matrixBits, double expertBits) =>
            (matrixBits * (((double)p.Split / tensor) + (p.KeyValue * headShare) + p.Copied)) + (expertBits * p.Experts * expertShare);
        ShardedParameters p = stage.Layers;
        ShardedParameters uncovered = stage.UncoveredMatrices(covered);
        ModelArchitecture architecture = model.Architecture;
        double embedding = stage.Index == 0 ? architecture.TokenEmbeddingParameters + architecture.OtherEmbeddingParameters : 0;
        double bits = OnRank(p - uncovered, size.Matrix, size.Expert)
            + OnRank(uncovered, size.Other, size.Other)
            + (size.Other * (((double)p.SplitVectors / tensor) + (p.KeyValueVectors * headShare)
                + (p.ExpertVectors * expertShare) + p.CopiedVectors))
            + (((size.Embedding * embedding) + (size.Head * (stage.EmbeddingParameters - embedding))) / tensor);
        return bits / 8;
    }

    /// <summary>
    /// Bytes of the whole model's weights that one step reads where a share of the routed experts stays idle. Of the
    /// embeddings a step reads a row a token; only a tied matrix is read whole, as the head.
    /// </summary>
    public static double BytesRead(LlmModel model, in MemoryRequest request, double idleExperts)
    {
        PipelineStage whole = model.Stages(1)[0];
        if (model.StorageIn(request.EffectiveQuantization) is { } storage)
        {
            long unread = (model.Architecture.HasTiedHead ? 0 : storage.TokenEmbedding + storage.OtherEmbedding) + storage.Vision;
            return Math.Max(0, Bytes(model, whole, request) - unread - (whole.PublishedBytes.Experts * idleExperts));
        }

        // The times of llama.cpp were fitted to the mean bits of each type; experts that stay as published are far from those.
        Bits size = request.EffectiveQuantization.IsGguf && !GgufTraits.Of(model).KeepsExperts ? Bits.Mean(request) : Bits.Of(model, request);
        ShardedParameters p = whole.Layers;
        double embedding = model.Architecture.HasTiedHead ? 0 : size.Embedding * model.Parameters.Embedding / 8;
        double vision = size.Other * model.Parameters.Vision / 8;
        double experts = ((size.Expert * p.Experts) + (size.Other * p.ExpertVectors)) / 8;
        double all = Chosen(model, whole, request, WeightCoverage.Of(model, request.EffectiveQuantization), size);
        return Math.Max(0, all - embedding - vision - (experts * idleExperts));
    }

    /// <summary>Parameters of the stage on one rank, whatever their precision.</summary>
    public static double Parameters(LlmModel model, PipelineStage stage, Parallelism parallelism)
    {
        (int tensor, _, int expertRanks, _) = parallelism;
        ShardedParameters p = stage.Layers;
        return ((double)(p.Split + p.SplitVectors + stage.EmbeddingParameters) / tensor)
            + ((p.KeyValue + p.KeyValueVectors) * KeyValueShare(model, tensor))
            + p.Copied + p.CopiedVectors
            + ((p.Experts + p.ExpertVectors) * ExpertShare(model.ExpertCount, tensor, expertRanks));
    }

    /// <summary>Those of routed experts among them.</summary>
    public static double ExpertParameters(LlmModel model, PipelineStage stage, Parallelism parallelism) =>
        (stage.Layers.Experts + stage.Layers.ExpertVectors)
        * ExpertShare(model.ExpertCount, parallelism.Tensor, parallelism.Expert);

    /// <summary>KV heads are divided until each rank holds one, and copied from there on.</summary>
    internal static double KeyValueShare(LlmModel model, int tensor)
    {
        int heads = Math.Max(1, model.KeyValueHeadCount);
        return (double)((heads + tensor - 1) / tensor) / heads;
    }

    /// <summary>
    /// Whole experts over the expert-parallel ranks; what tensor parallelism there is within such a group divides each
    /// expert further.
    /// </summary>
    public static double ExpertShare(int experts, int tensor, int expertRanks)
    {
        if (experts == 0)
        {
            return 0;
        }

        int heldExperts = (experts + expertRanks - 1) / expertRanks;
        return (double)heldExperts / experts / Math.Max(1, tensor / expertRanks);
    }

    /// <summary>Bits of a weight: of what the precision covers, by its place, and of all else.</summary>
    private readonly record struct Bits(double Matrix, double Expert, double Embedding, double Head, double Other)
    {
        public static Bits Of(LlmModel model, in MemoryRequest request)
        {
            Quantization quantization = request.EffectiveQuantization;
            if (!quantization.IsGguf)
            {
                return Mean(request);
            }

            GgufBits gguf = GgufBits.Of(model, quantization);
            return new Bits(gguf.Matrices, gguf.Experts, gguf.Embedding, gguf.Head, quantization.UnquantizedBits);
        }

        /// <summary>The format's bits, whatever the model.</summary>
        public static Bits Mean(in MemoryRequest request)
        {
            Quantization quantization = request.EffectiveQuantization;
            double other = quantization.UnquantizedBits;
            double quantized = quantization.BitsPerWeight
                * (quantization.IsGeneric ? request.Parameters.QuantizationOverheadMultiplier : 1);
            double embedding = quantization.Scope == QuantizationScope.AllMatrices ? quantized : other;
            return new Bits(quantized, quantized, embedding, embedding, other);
        }
    }
}
