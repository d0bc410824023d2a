using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// What vLLM's V1 engine allocates beside weights and KV cache. The coefficients were read off 42 start-up reports of
/// vLLM 0.19 on H100-80GB (accuracy runs of llm-d-planner, Apache-2.0); other versions and GPUs are extrapolated.
/// </summary>
internal sealed class VllmMemory : EngineMemory
{
    private const int TokensPerBlock = 16;

    private const string Source = "start-up reports of vLLM 0.19 on H100-80GB (llm-d-planner accuracy runs)";

    /// <summary>
    /// Share by which measured activation peaks of mixtures of experts and vision models exceeded the formula at worst;
    /// that of dense text models was below it.
    /// </summary>
    private const double ActivationUncertainty = 0.35;

    private const double CudaGraphUncertainty = 0.3;

    // Peak while sampling: copies of the logits of all sequences in FP32, and hidden states of the batch.
    private const double LogitCopies = 3.66;
    private const double HiddenCopiesWhileSampling = 1.85;

    // Peak within a layer: intermediate results of the MLP, and hidden states beside them.
    private const double HiddenCopiesInLayer = 4.26;

    private const double CudaGraphBaseGiB = 0.39;
    private const double CudaGraphGiBPerLayer = 0.01625;

    /// <summary>1, 2, 4, then by 8 to 256 and by 16 to 512: 51 sizes.</summary>
    private const int DefaultCaptureCount = 51;
    private const int DefaultLargestCapture = 512;

    private const double ContextGiB = 0.25;
    private const double ContextAndCommunicationGiB = 2.1;

    public override double DefaultUtilization => 0.9;

    public override string Version(in MemoryRequest request) => "0.19";

    public override int? BlockSize(in MemoryRequest request) => TokensPerBlock;

    /// <summary>vLLM caches in the type that the checkpoint was calibrated for, if it was.</summary>
    public override int DefaultKvElementBytes(in MemoryRequest request) =>
        request.Model.KvElementBytesWith(request.EffectiveQuantization);

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage) => new()
    {
        Weights = WeightMemory.Bytes(request.Model, stage, request),
        Activations = Activations(request, stage),
        KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
        CudaGraphs = CudaGraphs(stage, request),
        Runtime = Runtime(request.Parallelism),
    };

    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens) =>
        KvCacheMemory.BytesPerSequence(stage, request, (tokens + TokensPerBlock - 1) / TokensPerBlock * TokensPerBlock);

    public override double KvBytesPerToken(PipelineStage stage, in MemoryRequest request) =>
        KvCacheMemory.PagedBytesPerToken(stage, request);

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes) =>
    [
        MemoryTerms.Weights(request, stage, bytes),
        MemoryTerms.Term("Activations", bytes.Activations, ActivationUncertainty, ActivationUncertainty,
            "the larger of sampling (3.66 x max_num_seqs x vocabulary x 4 B + 1.85 x max_num_batched_tokens x hidden x 2 B) "
            + "and a layer over a full batch",
            Evidence.Fitted, Source),
        MemoryTerms.KvCache(request, stage, bytes, ", in blocks of 16 tokens"),
        MemoryTerms.Term("CudaGraphs", bytes.CudaGraphs, CudaGraphUncertainty, CudaGraphUncertainty,
            FormattableString.Invariant($"0.39 GiB + 0.01625 GiB x {stage.LayerCount} layers for 51 captured sizes"),
            Evidence.Fitted, Source),
        MemoryTerms.Runtime(request, bytes, Evidence.Measured, Source),
    ];

    /// <summary>
    /// <c>max_num_batched_tokens</c> and <c>max_num_seqs</c> of a server without settings: large on GPUs with 70 GiB and
    /// more, A100 excepted (vLLM 0.19, engine/arg_utils.py).
    /// </summary>
    private static (long Tokens, long Sequences) DefaultLimits(GpuSpec? gpu) =>
        gpu is null || (gpu.MemoryGiB >= 70 && !gpu.Name.StartsWith("A100", StringComparison.Ordinal))
            ? (8192, 1024)
            : (2048, 256);

    /// <summary>The peak of the profiling run: the larger of sampling, and of a layer over a full batch.</summary>
    private static double Activations(in MemoryRequest request, PipelineStage stage)
    {
        LlmModel model = request.Model;
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        (long defaultTokens, long defaultSequences) = DefaultLimits(request.Gpu);
        double tokens = request.MaxBatchedTokens ?? defaultTokens;
        double sequences = request.MaxSequences ?? defaultSequences;
        double layer = tokens * elementBytes
            * (((double)stage.WidestFeedForwardElements / request.Parallelism.Tensor) + (HiddenCopiesInLayer * model.HiddenSize));
        double sampling = stage.HasHead
            ? (LogitCopies * sequences * model.VocabularySize * sizeof(float))
                + (HiddenCopiesWhileSampling * tokens * model.HiddenSize * elementBytes)
            : 0;
        return Math.Max(layer, sampling);
    }

    private static double CudaGraphs(PipelineStage stage, in MemoryRequest request)
    {
        IReadOnlyList<int>? sizes = request.CudaGraphCaptureSizes;
        if (request.EnforceEager || sizes is { Count: 0 })
        {
            return 0;
        }

        int largest = DefaultLargestCapture;
        if (sizes is not null)
        {
            largest = 0;
            foreach (int size in sizes)
            {
                largest = Math.Max(largest, size);
            }
        }

        double graphs = (double)(sizes?.Count ?? DefaultCaptureCount) / DefaultCaptureCount;
        MemoryEstimationParameter parameters = request.Parameters;
        MemoryEstimationParameter standard = MemoryEstimationParameter.Default;
        double scale = parameters.GraphMemoryOverheadRatio / standard.GraphMemoryOverheadRatio
            * (1 + (largest * parameters.GraphBatchScalingFactor))
            / (1 + (largest * standard.GraphBatchScalingFactor));
        return scale * (CudaGraphBaseGiB + (CudaGraphGiBPerLayer * stage.LayerCount * graphs)) * Units.BytesPerGiB;
    }

    /// <summary>Driver context and kernels, and with several ranks the buffers of NCCL and of vLLM's own all-reduce.</summary>
    private static double Runtime(Parallelism parallelism) =>
        (parallelism.Tensor > 1 || parallelism.Expert > 1 ? ContextAndCommunicationGiB : ContextGiB) * Units.BytesPerGiB;
}
