using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Bytes of a pipeline stage's weights on one tensor-parallel rank.</summary>
internal static class WeightMemory
{
    public static double Bytes(LlmModel model, PipelineStage stage, in MemoryRequest request)
    {
        Quantization quantization = request.EffectiveQuantization;
        double quantizedBits = quantization.BitsPerWeight
            * (quantization.IsGeneric ? request.Parameters.QuantizationOverheadMultiplier : 1);
        double otherBits = quantization.UnquantizedBits;
        (double linear, double expert, double embedding, double vector) = quantization.Scope switch
        {
            QuantizationScope.LinearLayers => (quantizedBits, quantizedBits, otherBits, otherBits),
            QuantizationScope.RoutedExperts => (otherBits, quantizedBits, otherBits, otherBits),
            QuantizationScope.AllMatrices => (quantizedBits, quantizedBits, quantizedBits, otherBits),
            _ => (quantizedBits, quantizedBits, quantizedBits, quantizedBits),
        };

        (int tensor, _, int expertRanks, _) = request.Parallelism;
        double headShare = KeyValueShare(model, tensor);
        double expertShare = ExpertShare(model.ExpertCount, tensor, expertRanks);
        ShardedParameters p = stage.Layers;
        double bits = (linear * (((double)p.Split / tensor) + (p.KeyValue * headShare) + p.Copied))
            + (vector * (((double)p.SplitVectors / tensor) + (p.KeyValueVectors * headShare) + p.CopiedVectors))
            + (expertShare * ((expert * p.Experts) + (vector * p.ExpertVectors)))
            + (embedding * stage.EmbeddingParameters / tensor);
        return bits / 8;
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

    /// <summary>KV heads are divided until each rank holds one, and copied from there on.</summary>
    private static double KeyValueShare(LlmModel model, int tensor)
    {
        int heads = model.KeyValueHeadCount;
        return (double)((heads + tensor - 1) / tensor) / heads;
    }

    /// <summary>
    /// Whole experts over the expert-parallel ranks; what tensor parallelism there is within such a group divides each
    /// expert further.
    /// </summary>
    private static double ExpertShare(int experts, int tensor, int expertRanks)
    {
        if (experts == 0)
        {
            return 0;
        }

        int heldExperts = (experts + expertRanks - 1) / expertRanks;
        return (double)heldExperts / experts / Math.Max(1, tensor / expertRanks);
    }
}
