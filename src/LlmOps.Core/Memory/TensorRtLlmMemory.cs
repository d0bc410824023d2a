using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// What TensorRT-LLM allocates. Its fraction, free_gpu_memory_fraction, is the share of what is still free once weights,
/// activations and runtime buffers are there, and all of it goes to the KV cache
/// (docs/source/reference/memory.md; _torch/pyexecutor/_util.py).
/// </summary>
internal sealed class TensorRtLlmMemory : EngineMemory
{
    private const string Source = "start-up reports of TensorRT-LLM 0.8 to 1.0 (its memory.md, issues 1400, 2268 and 3636)";

    /// <summary>64 before 1.0.</summary>
    private const int TokensPerBlock = 32;

    private const long DefaultMaxTokens = 8192;
    private const long DefaultMaxSequences = 2048;

    /// <summary>Hidden states of a token beside the gate and the intermediate result of the MLP.</summary>
    private const double HiddenCopies = 5;

    /// <summary>Of 79.10 GiB what was gone beside engine, activations and buffers (memory.md).</summary>
    private const double ContextGiB = 0.78;

    /// <summary>NCCL's own buffers from two ranks on: ai-dynamo/aiconfigurator, systems/h100_sxm.yaml, nccl_mem_bytes.</summary>
    private const long CommunicationBytes = 411_041_792;

    /// <summary>Share by which execution contexts undercut and exceeded the formula.</summary>
    private const double BelowUncertainty = 0.5, AboveUncertainty = 0.7;

    public override double DefaultUtilization => 0.9;

    public override int? BlockSize(in MemoryRequest request) => TokensPerBlock;

    public override int DefaultKvElementBytes(in MemoryRequest request) =>
        request.Model.KvElementBytesWith(request.EffectiveQuantization);

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage) => new()
    {
        Weights = WeightMemory.Bytes(request.Model, stage, request),
        Activations = Activations(request, stage),
        KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
        Runtime = (ContextGiB * Units.BytesPerGiB) + (request.Parallelism.GpuCount > 1 ? CommunicationBytes : 0),
    };

    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens) =>
        KvCacheMemory.BytesPerSequence(stage, request, (tokens + TokensPerBlock - 1) / TokensPerBlock * TokensPerBlock);

    public override double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        request.EffectiveUtilization * (deviceBytes - stage.Weights - stage.Activations - stage.Runtime);

    public override double Budget(in MemoryRequest request, in MemoryBreakdown bytes, double deviceBytes)
    {
        double free = deviceBytes - bytes.ModelWeights - bytes.Activations - bytes.CompilationOverhead;
        double spare = (request.EffectiveUtilization * free) - bytes.KvCache;
        return Math.Min(deviceBytes, bytes.Total + spare);
    }

    public override double MostSequences(in MemoryRequest request) => request.MaxSequences ?? DefaultMaxSequences;

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes)
    {
        MemoryTerm cache = MemoryTerms.KvCache(request, stage, bytes, ", in blocks of 32 tokens");
        return
        [
            MemoryTerms.Weights(request, stage, bytes),
            MemoryTerms.Term("Activations", bytes.Activations, BelowUncertainty, AboveUncertainty,
                FormattableString.Invariant($"execution context: max_num_tokens {MaxTokens(request)} x 2 B x (2 x MLP width + 5 x hidden), and logits of max_batch_size {MostSequences(request)} sequences"),
                Evidence.Fitted, Source),
            cache with
            {
                Formula = cache.Formula + FormattableString.Invariant(
                    $", within free_gpu_memory_fraction {request.EffectiveUtilization:0.###} of what is free beside the other terms"),
            },
            MemoryTerms.Runtime(request, bytes, Evidence.Measured, Source),
        ];
    }

    private double Activations(in MemoryRequest request, PipelineStage stage)
    {
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        int tensor = request.Parallelism.Tensor;

        // Of gate, up and their product two are alive at once.
        double layer = MaxTokens(request) * elementBytes
            * ((stage.WidestFeedForwardElements * 2.0 / 3 / tensor) + (HiddenCopies * request.Model.HiddenSize));
        double logits = stage.HasHead
            ? MostSequences(request) * request.Model.VocabularySize * sizeof(float)
            : 0;
        return layer + logits;
    }

    private static long MaxTokens(in MemoryRequest request) => request.MaxBatchedTokens ?? DefaultMaxTokens;
}
