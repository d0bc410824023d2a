using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>What Hugging Face transformers allocates on PyTorch.</summary>
internal sealed class TransformersMemory : EngineMemory
{
    /// <summary>Share by which PyTorch's allocator and operators may exceed or undercut the tensors that are counted.</summary>
    private const double ActivationUncertainty = 0.3;

    private const double ContextGiB = 0.45;

    /// <summary>NCCL's own buffers from two ranks on: ai-dynamo/aiconfigurator, systems/h100_sxm.yaml, nccl_mem_bytes.</summary>
    private const long CommunicationBytes = 411_041_792;

    public override bool Trains => true;

    /// <summary>Intermediate results of each sequence.</summary>
    public override bool GrowsWithSequences => true;

    public override void Validate(in MemoryRequest request)
    {
        if (request.Training)
        {
            TrainingMemory.Validate(request);
        }

        if (request is { AttentionImplementation: AttentionImplementation.FlashAttention2 }
            && MemoryEstimator.ComputeElementBytes(request) == sizeof(float))
        {
            throw TrainingMemory.NotSupported(nameof(request.AttentionImplementation), AttentionImplementation.FlashAttention2,
                "it computes in 16 bits; use BF16 or FP16 weights, or Sdpa.");
        }
    }

    /// <summary>A static cache is allocated for the longest sequence, whatever is in it.</summary>
    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens) =>
        base.KvBytesPerSequence(stage, request, request.CacheImplementation == CacheImplementation.Static
            ? Math.Max(tokens, request.MaxModelLength ?? tokens)
            : tokens);

    /// <summary>
    /// No pool is set aside: sequences are allocated as they come, and PyTorch's allocator loses some of the memory to fragments,
    /// so that the allowances count.
    /// </summary>
    public override double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        request.Parameters.LargestWithAllowances(deviceBytes * request.EffectiveUtilization)
            - stage.Weights - stage.Activations - stage.Runtime;

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage)
    {
        if (request.Training)
        {
            return TrainingMemory.Compute(request, stage, default, Runtime(request.Parallelism) + GradientBuckets(request, stage));
        }

        LlmModel model = request.Model;
        return new StageMemory
        {
            Weights = WeightMemory.Bytes(model, stage, request),
            Activations = InferenceActivations(model, stage, request, MemoryEstimator.ComputeElementBytes(request)),
            KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
            Runtime = Runtime(request.Parallelism),
        };
    }

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes)
    {
        const string runtimeSource = "typical of PyTorch 2 on NVIDIA GPUs; NCCL buffers: ai-dynamo/aiconfigurator";
        if (request.Training)
        {
            return TrainingMemory.Explain(request, stage, bytes, default, MemoryTerms.Runtime(request, bytes, Evidence.Assumed,
                runtimeSource + (request.Parallelism.Data > 1 ? "; a copy of the gradients in DistributedDataParallel's buckets" : "")));
        }

        bool isStatic = request.CacheImplementation == CacheImplementation.Static;
        return
        [
            MemoryTerms.Weights(request, stage, bytes),
            MemoryTerms.Term("Activations", bytes.Activations, ActivationUncertainty, ActivationUncertainty,
                "residual stream twice and the widest part of one layer for all tokens, logits of each sequence's last token "
                + "(transformers 4.45 and later)"
                + (request.EffectiveAttention == AttentionImplementation.Eager
                    ? ", one layer's scores of all pairs of tokens in the compute type and in FP32" : "")
                + (isStatic ? "" : ", old and new keys of one layer while the cache grows"),
                Evidence.Assumed, "tensors alive in a forward pass with " + request.EffectiveAttention + " attention"),
            MemoryTerms.KvCache(request, stage, bytes, isStatic
                ? FormattableString.Invariant($", allocated for {request.MaxModelLength ?? request.SequenceLength} tokens")
                : ""),
            MemoryTerms.Runtime(request, bytes, Evidence.Assumed, runtimeSource),
        ];
    }

    /// <summary>
    /// The largest set of tensors alive at once in a forward pass: the residual stream and its normed copy, the widest part
    /// of a layer, and the logits of each sequence's last token in both types; with eager attention one layer's scores, and
    /// while a dynamic cache grows the old keys of one layer beside the new (torch.cat).
    /// </summary>
    private static double InferenceActivations(LlmModel model, PipelineStage stage, in MemoryRequest request, int elementBytes)
    {
        int tensor = request.Parallelism.Tensor;
        double tokens = (double)request.BatchSize * request.SequenceLength;
        double layer = tokens * elementBytes
            * ((2.0 * model.HiddenSize) + ((double)stage.WidestPartElements / tensor));
        double scores = request.EffectiveAttention == AttentionImplementation.Eager
            ? tokens * request.SequenceLength * stage.MostHeads * (elementBytes + sizeof(float)) / tensor
            : 0;
        double logits = stage.HasHead
            ? (double)request.BatchSize * model.VocabularySize * (elementBytes + sizeof(float))
            : 0;
        return layer + scores + logits + CacheGrowth(stage, request);
    }

    private static double CacheGrowth(PipelineStage stage, in MemoryRequest request)
    {
        if (request.CacheImplementation == CacheImplementation.Static)
        {
            return 0;
        }

        double elementBytes = KvCacheMemory.ElementBytes(request);
        double largest = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            largest = Math.Max(largest, group.TokensKept(request.SequenceLength)
                * group.BytesPerTokenAndRank(elementBytes, request.Parallelism.Tensor));
        }

        return request.BatchSize * largest / 2;
    }

    /// <summary>DistributedDataParallel copies gradients into buckets unless they are views of them, which is not its default.</summary>
    private static double GradientBuckets(in MemoryRequest request, PipelineStage stage) => request.Parallelism.Data > 1
        ? MemoryEstimator.ComputeElementBytes(request) * TrainingMemory.Trained(request, stage).Whole
        : 0;

    internal static double Runtime(Parallelism parallelism) =>
        (ContextGiB * Units.BytesPerGiB) + (parallelism.GpuCount > 1 ? CommunicationBytes : 0);
}
