using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// Activations of a training step on one GPU: what Korthikanti et al. 2022 ("Reducing Activation Recomputation in Large
/// Transformer Models", section 4) count, without dropout, and with the copies that PyTorch's operators keep where no fused
/// kernel replaces them (<see cref="ActivationShape"/>).
/// </summary>
internal static class TrainingActivations
{
    /// <summary>Bytes of a logit's FP32 copies: of itself, of its log-probability and of its gradient.</summary>
    private const double LossBytes = 12;

    /// <summary>
    /// How much more the layers keep beside quantized weights, whose kernels and adapters compute in wider types. Fitted to
    /// 16 published peaks of QLoRA (litgpt, torchtune); see TrainingAccuracyTests.
    /// </summary>
    private const double QuantizedFactor = 1.35;

    public static double Bytes(in MemoryRequest request, PipelineStage stage, int elementBytes)
    {
        Parallelism parallelism = request.Parallelism;
        TrainingSettings settings = request.TrainingSettings;
        double tokens = (double)request.BatchSize * request.SequenceLength / parallelism.SequenceRanks;
        double hidden = tokens * elementBytes * request.Model.HiddenSize / parallelism.StreamRanks;
        TrainingShape shape = stage.Training;
        double all = Bytes(request, shape.Activations, tokens, elementBytes, out double scores);
        double layer = Bytes(request, shape.LayerActivations, tokens, elementBytes, out double layerScores);
        double share = request.Parameters.ActivationRecomputationFactor;
        (double kept, double recomputed) = settings.ActivationCheckpointing switch
        {
            // A layer that is computed again has its own input among its tensors.
            ActivationCheckpointing.Full => (hidden * stage.LayerCount, layer - hidden),
            ActivationCheckpointing.Selective => (all - scores, layerScores),
            ActivationCheckpointing.None => (all, 0),
            _ => (all * share, all * (1 - share) / stage.LayerCount),
        };
        double mixedPrecision = elementBytes < sizeof(float) ? request.Parameters.MixedPrecisionOverheadMultiplier : 1;
        double quantized = request.EffectiveQuantization.IsQuantized ? QuantizedFactor : 1;
        return (((kept * InFlight(request, stage)) + recomputed) * mixedPrecision * quantized)
            + Logits(request, stage, tokens, elementBytes);
    }

    /// <summary>
    /// Micro-batches whose activations a pipeline stage holds at once under 1F1B: the first stage one for each stage, the
    /// last a single one (Narayanan et al. 2021, section 2.2), and never more than the step has.
    /// </summary>
    public static int InFlight(in MemoryRequest request, PipelineStage stage)
    {
        int stages = request.Parallelism.Pipeline;
        return Math.Min(stages - stage.Index, request.TrainingSettings.MicroBatches(stages));
    }

    /// <summary>
    /// Logits with FP32 copies of themselves, of their log-probabilities and of their gradient. In chunks they are as many
    /// at a time as the chunk's hidden states are elements (Liger-Kernel, ops/fused_linear_cross_entropy.py).
    /// </summary>
    internal static double Logits(in MemoryRequest request, PipelineStage stage, double tokens, int elementBytes) =>
        stage.HasHead
            ? tokens * (elementBytes + LossBytes)
                * Math.Min(request.Model.VocabularySize,
                    request.TrainingSettings.ChunkedLoss ? request.Model.HiddenSize : int.MaxValue) / request.Parallelism.Tensor
            : 0;

    private static double Bytes(
        in MemoryRequest request, in ActivationShape shape, double tokens, int elementBytes, out double scores)
    {
        AttentionImplementation attention = request.EffectiveAttention;
        int tensor = request.Parallelism.Tensor;
        double wide = shape.Wide + (attention == AttentionImplementation.FlashAttention2 ? 0 : shape.RepeatedKeyValue);
        double stream = ((elementBytes * (double)shape.Stream) + (sizeof(float) * (double)shape.StreamFp32))
            / request.Parallelism.StreamRanks;

        // The softmax in FP32, and its copy in the compute type.
        scores = attention == AttentionImplementation.Eager
            ? tokens * request.SequenceLength * shape.ScoreHeads * (sizeof(float) + elementBytes) / tensor
            : 0;
        return (tokens * (stream + (elementBytes * wide / tensor))) + scores;
    }
}
