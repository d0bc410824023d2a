using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>
/// What vLLM allocates, by release. The formulas are those of the engine's sources; the constants are in
/// <c>Memory/Data/vllm.json</c>, and what they are worth on models and releases that they do not come from in
/// <c>docs/accuracy.md</c>.
/// </summary>
/// <param name="fitted">Constants in place of those of the release that is asked for; null for those.</param>
internal sealed class VllmMemory(VllmConstants? fitted = null) : EngineMemory
{
    /// <summary>1, 2, 4, then by 8 to 256 and by 16 to 512: 51 sizes.</summary>
    internal const int DefaultCaptureCount = 51;
    private const int DefaultLargestCapture = 512;

    public override IReadOnlyList<string> KnownVersions => VllmConstants.KnownNames;

    public override double Utilization(in MemoryRequest request) => ConstantsOf(request).Utilization;

    /// <summary>v1/core/kv_cache_utils.py, check_enough_kv_cache_memory: "To serve at least one request with the model's max seq len".</summary>
    public override bool NeedsRoomForLongest => true;

    public override double MostSequences(in MemoryRequest request) => VllmActivations.Limits(request, ConstantsOf(request)).Sequences;

    public override string Version(in MemoryRequest request) => request.EngineVersion?.Trim() ?? VllmConstants.Default.Name;

    public override int? BlockSize(in MemoryRequest request) => VllmKvLayout.Of(
        request, request.Model.Stages(1)[0], ConstantsOf(request).Cache) is { BlockTokens: > 0 } layout
            ? layout.BlockTokens
            : VllmKvLayout.BaseBlockTokens(request.Model);

    /// <summary>vLLM caches in the type that the checkpoint was calibrated for, if it was.</summary>
    public override int DefaultKvElementBytes(in MemoryRequest request) =>
        request.Model.KvElementBytesWith(request.EffectiveQuantization);

    /// <summary>
    /// FP32 checkpoints are served in 16 bits where nothing else is asked for (config/model.py, _get_and_verify_dtype):
    /// FP16 before 0.9, and on GPUs without BF16.
    /// </summary>
    public override Quantization Loads(Quantization published, in MemoryRequest request)
    {
        if (!ReferenceEquals(published, Quantization.FP32))
        {
            return published;
        }

        bool isOld = ConstantsOf(request).Version.CompareTo(new VllmVersion(0, 9, 0)) < 0;
        return isOld || request.Gpu is { CapabilityNumber: > 0 and < 8 } ? Quantization.FP16 : Quantization.BF16;
    }

    public override void Validate(in MemoryRequest request) => ConstantsOf(request);

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage)
    {
        VllmConstants constants = ConstantsOf(request);
        VllmGraphs graphs = constants.Graphs;
        return new StageMemory
        {
            Weights = VllmWeights.Bytes(request, stage),
            Activations = VllmActivations.Of(request, stage, constants).Peak,
            KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
            CudaGraphs = CudaGraphs(request, stage, graphs.BaseGiB + (stage.HasLatentAttention ? graphs.LatentGiB : 0), graphs.PerLayerGiB),
            Runtime = NonTorch(request, constants),
            ReservedForGraphs = constants.SubtractsGraphs
                ? CudaGraphs(request, stage, graphs.EstimateBaseGiB, graphs.EstimatePerLayerGiB)
                : 0,
        };
    }

    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens)
    {
        int block = VllmKvLayout.BaseBlockTokens(request.Model);
        return KvCacheMemory.BytesPerSequence(stage, request, (tokens + block - 1) / block * block);
    }

    /// <summary>Whole bytes of the budget are rounded up (v1/worker/utils.py, request_memory).</summary>
    public override double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        Math.Ceiling(deviceBytes * request.EffectiveUtilization)
            - stage.Weights - stage.Activations - stage.Runtime - stage.ReservedForGraphs;

    public override KvRoom Room(in MemoryRequest request, PipelineStage stage, double poolBytes, long sequenceLength)
    {
        VllmConstants constants = ConstantsOf(request);
        VllmKvLayout layout = VllmKvLayout.Of(request, stage, constants.Cache);
        if (layout.Groups == 0)
        {
            return KvRoom.Unlimited;
        }

        (long batchedTokens, _) = VllmActivations.Limits(request, constants);
        double blocks = Math.Floor(poolBytes / layout.PageBytes / layout.Places);
        double tokens = double.MaxValue;
        if (KvCacheMemory.BytesPerToken(stage, request) > 0)
        {
            long longest = VllmActivations.LongestSequence(request);
            tokens = constants.Cache.PrintsConcurrencyTokens
                ? Math.Floor(blocks / layout.BlocksPerSequence(request, stage, constants.Cache, longest, batchedTokens) * longest)
                : Math.Floor(blocks / layout.Groups) * layout.BlockTokens;
        }

        double ofSequence = layout.BlocksPerSequence(request, stage, constants.Cache, sequenceLength, batchedTokens);
        return new KvRoom(tokens, blocks / ofSequence, blocks, ofSequence * layout.PageBytes * layout.Places);
    }

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes) =>
        VllmTerms.Of(request, stage, bytes, ConstantsOf(request));

    private VllmConstants ConstantsOf(in MemoryRequest request) => fitted ?? VllmConstants.Of(request.EngineVersion);

    private static double CudaGraphs(in MemoryRequest request, PipelineStage stage, double baseGiB, double perLayerGiB)
    {
        IReadOnlyList<int>? sizes = request.CudaGraphCaptureSizes;
        if (request.EnforceEager || sizes is { Count: 0 })
        {
            return 0;
        }

        (int count, double scale) = Captures(request);
        double graphs = (double)count / DefaultCaptureCount;
        return scale * (baseGiB + (perLayerGiB * stage.LayerCount * graphs)) * Units.BytesPerGiB;
    }

    /// <summary>How many sizes are captured, and by what the parameters of the framework scale what that takes.</summary>
    internal static (int Count, double Scale) Captures(in MemoryRequest request)
    {
        IReadOnlyList<int>? sizes = request.CudaGraphCaptureSizes;
        int largest = DefaultLargestCapture;
        if (sizes is not null)
        {
            largest = 0;
            foreach (int size in sizes)
            {
                largest = Math.Max(largest, size);
            }
        }

        MemoryEstimationParameter parameters = request.Parameters;
        MemoryEstimationParameter standard = MemoryEstimationParameter.Default;
        double scale = parameters.GraphMemoryOverheadRatio / standard.GraphMemoryOverheadRatio
            * (1 + (largest * parameters.GraphBatchScalingFactor))
            / (1 + (largest * standard.GraphBatchScalingFactor));
        return (sizes?.Count ?? DefaultCaptureCount, scale);
    }

    /// <summary>
    /// Driver context and kernels; with several ranks the buffers of NCCL and of the engine's own all-reduce, whose fused kind
    /// runs neither between pipeline stages nor between copies.
    /// </summary>
    private static double NonTorch(in MemoryRequest request, VllmConstants constants)
    {
        VllmNonTorchGpu gpu = constants.NonTorchOn(request.Gpu);
        (int tensor, int pipeline, int expert, int data) = request.Parallelism;
        bool isGroup = tensor > 1 || expert > 1;
        VllmNonTorchGpu plain = gpu.PerRankGiB > 0 ? constants.NonTorch[^1] : gpu;
        double gib = pipeline > 1 ? constants.PipelineNonTorchGiB + (isGroup ? plain.GroupGiB - plain.SingleGiB : 0)
            : !isGroup ? gpu.SingleGiB
            : data > 1 || tensor == 1 ? plain.GroupGiB
            : gpu.GroupGiB + (gpu.PerRankGiB * (tensor - 1) * request.Model.HiddenSize / 1024);

        // Kernels for rows that do not start on a multiple of 8 bytes bring local memory with them.
        const int alignedVocabulary = 4;
        return Units.BytesPerGiB
            * (gib + (request.Model.VocabularySize % alignedVocabulary != 0 ? constants.UnalignedVocabularyGiB : 0));
    }
}
