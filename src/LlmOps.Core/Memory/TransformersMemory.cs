using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>What Hugging Face transformers allocates on PyTorch, with scaled-dot-product attention.</summary>
internal sealed class TransformersMemory : EngineMemory
{
    /// <summary>Share by which PyTorch's allocator and operators may exceed or undercut the tensors that are counted.</summary>
    private const double ActivationUncertainty = 0.3;

    private const double ContextGiB = 0.45;

    /// <summary>NCCL's own buffers from two ranks on: ai-dynamo/aiconfigurator, systems/h100_sxm.yaml, nccl_mem_bytes.</summary>
    private const long CommunicationBytes = 411_041_792;

    public override bool Trains => true;

    public override void Validate(in MemoryRequest request)
    {
        if (request.Training && request.EffectiveQuantization.IsQuantized)
        {
            throw new LlmOpsException("TrainingPrecisionNotSupported", ErrorKind.NotSupported,
                $"Weights in {request.EffectiveQuantization} cannot be trained; use FP32, BF16 or FP16.",
                request.EffectiveQuantization);
        }
    }

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage)
    {
        LlmModel model = request.Model;
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        double weights = WeightMemory.Bytes(model, stage, request);
        if (!request.Training)
        {
            return new StageMemory
            {
                Weights = weights,
                Activations = InferenceActivations(model, stage, request, elementBytes),
                KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
                Runtime = Runtime(request.Parallelism),
            };
        }

        return new StageMemory
        {
            Weights = weights,
            Activations = TrainingActivations(model, stage, request, elementBytes),
            Gradients = weights * request.Parameters.GradientMemoryMultiplier,
            OptimizerStates = WeightMemory.Parameters(model, stage, request.Parallelism)
                * OptimizerBytes(request.Optimizer, request.EffectiveQuantization),
            Runtime = Runtime(request.Parallelism),
        };
    }

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes)
    {
        const string runtimeSource = "typical of PyTorch 2 on NVIDIA GPUs; NCCL buffers: ai-dynamo/aiconfigurator";
        MemoryEstimationParameter p = request.Parameters;
        if (!request.Training)
        {
            return
            [
                MemoryTerms.Weights(request, stage, bytes),
                MemoryTerms.Term("Activations", bytes.Activations, ActivationUncertainty, ActivationUncertainty,
                    "residual stream twice and the widest part of one layer for all tokens, logits of each sequence's last token",
                    Evidence.Assumed, "tensors alive in a forward pass with scaled-dot-product attention"),
                MemoryTerms.KvCache(request, stage, bytes),
                MemoryTerms.Runtime(request, bytes, Evidence.Assumed, runtimeSource),
            ];
        }

        return
        [
            MemoryTerms.Weights(request, stage, bytes),
            MemoryTerms.Term("Activations", bytes.Activations, ActivationUncertainty, ActivationUncertainty,
                FormattableString.Invariant($"inputs and intermediate results of all layers x {p.ActivationRecomputationFactor} kept, one layer recomputed, FP32 logits with gradient"),
                Evidence.Assumed, "Korthikanti et al. 2022, section 4.1"),
            MemoryTerms.Term("Gradients", bytes.Gradients, 0, 0,
                FormattableString.Invariant($"weights x GradientMemoryMultiplier {p.GradientMemoryMultiplier}"),
                Evidence.Exact, MemoryTerms.Framework),
            MemoryTerms.Term("OptimizerStates", bytes.OptimizerStates, 0, 0,
                FormattableString.Invariant($"{OptimizerBytes(request.Optimizer, request.EffectiveQuantization)} bytes a parameter for {request.Optimizer}, master weights included"),
                Evidence.Exact, "Rajbhandari et al. 2020 (ZeRO), section 3.1"),
            MemoryTerms.Runtime(request, bytes, Evidence.Assumed, runtimeSource),
        ];
    }

    /// <summary>
    /// The largest set of tensors alive at once in a forward pass: the residual stream and its normed copy, the widest part
    /// of a layer, and the logits of each sequence's last token in both types.
    /// </summary>
    private static double InferenceActivations(LlmModel model, PipelineStage stage, in MemoryRequest request, int elementBytes)
    {
        double tokens = (double)request.BatchSize * request.SequenceLength;
        double layer = tokens * elementBytes
            * ((2.0 * model.HiddenSize) + ((double)stage.WidestPartElements / request.Parallelism.Tensor));
        double logits = stage.HasHead
            ? (double)request.BatchSize * model.VocabularySize * (elementBytes + sizeof(float))
            : 0;
        return layer + logits;
    }

    /// <summary>
    /// What the backward pass needs: inputs of both parts of each layer and of its norms, and their intermediate results,
    /// as Korthikanti et al. 2022 ("Reducing Activation Recomputation", section 4.1) count them without dropout and without
    /// a stored score matrix; of these the share that is kept, one whole layer while it is recomputed, and the logits of
    /// all tokens in FP32 with their gradient.
    /// </summary>
    private static double TrainingActivations(LlmModel model, PipelineStage stage, in MemoryRequest request, int elementBytes)
    {
        double tokens = (double)request.BatchSize * request.SequenceLength;
        double all = tokens * elementBytes
            * ((4.0 * model.HiddenSize * stage.LayerCount) + ((double)stage.StoredElements / request.Parallelism.Tensor));
        double kept = request.Parameters.ActivationRecomputationFactor;
        double recomputed = (1 - kept) / stage.LayerCount;
        double mixedPrecision = elementBytes < sizeof(float) ? request.Parameters.MixedPrecisionOverheadMultiplier : 1;
        double logits = stage.HasHead ? tokens * model.VocabularySize * (elementBytes + (2 * sizeof(float))) : 0;
        return (all * (kept + recomputed) * mixedPrecision) + logits;
    }

    /// <summary>
    /// Bytes of optimizer state a parameter: FP32 master weights unless the weights are FP32, and the moments. Mixed
    /// precision Adam: 12 (Rajbhandari et al. 2020, ZeRO, section 3.1).
    /// </summary>
    private static double OptimizerBytes(Optimizer optimizer, Quantization weights)
    {
        double master = weights.BitsPerWeight < 32 ? 4 : 0;
        return master + optimizer switch
        {
            Optimizer.AdamW => 8,
            Optimizer.Adam8bit => 2,
            _ => 0,
        };
    }

    private static double Runtime(Parallelism parallelism) =>
        (ContextGiB * Units.BytesPerGiB) + (parallelism.GpuCount > 1 ? CommunicationBytes : 0);
}
