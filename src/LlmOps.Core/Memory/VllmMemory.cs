using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// What vLLM's V1 engine allocates beside weights and KV cache. The coefficients were read off 42 start-up reports of
/// vLLM 0.19 on H100-80GB (accuracy runs of llm-d-planner, Apache-2.0); other versions and GPUs are extrapolated.
/// </summary>
internal static class VllmMemory
{
    public const double DefaultUtilization = 0.9;

    public const int BlockSize = 16;

    public const string Source = "start-up reports of vLLM 0.19 on H100-80GB (llm-d-planner accuracy runs)";

    /// <summary>
    /// Share by which measured activation peaks of mixtures of experts and vision models exceeded the formula at worst;
    /// that of dense text models was below it.
    /// </summary>
    public const double ActivationUncertainty = 0.35;

    public const double CudaGraphUncertainty = 0.3;

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

    /// <summary>
    /// <c>max_num_batched_tokens</c> and <c>max_num_seqs</c> of a server without settings: large on GPUs with 70 GiB and
    /// more, A100 excepted (vLLM 0.19, engine/arg_utils.py).
    /// </summary>
    public static (long Tokens, long Sequences) DefaultLimits(GpuSpec? gpu) =>
        gpu is null || (gpu.MemoryGiB >= 70 && !gpu.Name.StartsWith("A100", StringComparison.Ordinal))
            ? (8192, 1024)
            : (2048, 256);

    /// <summary>The peak of the profiling run: the larger of sampling, and of a layer over a full batch.</summary>
    public static double Activations(LlmModel model, PipelineStage stage, in MemoryRequest request, int elementBytes)
    {
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

    public static double CudaGraphs(PipelineStage stage, in MemoryRequest request)
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
    public static double Runtime(Parallelism parallelism) =>
        (parallelism.Tensor > 1 || parallelism.Expert > 1 ? ContextAndCommunicationGiB : ContextGiB) * Units.BytesPerGiB;
}
