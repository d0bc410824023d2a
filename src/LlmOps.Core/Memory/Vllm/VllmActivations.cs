using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>
/// The peak of vLLM's profiling run, tensor by tensor: the larger of sampling a full batch and of a layer over it. Copies of
/// the logits do not shrink with tensor parallelism, because every rank gathers them.
/// </summary>
internal readonly record struct VllmActivations
{
    /// <summary>Multiprocessors where a GPU's number is not known: those of an H100.</summary>
    private const int DefaultMultiprocessors = 132;

    private VllmActivations(double sampling, double layer, double hold)
    {
        Sampling = sampling;
        Layer = layer;
        Hold = hold;
    }

    public double Sampling { get; }

    public double Layer { get; }

    /// <summary>Of both: what images leave in memory while the language model is profiled.</summary>
    public double Hold { get; }

    public double Peak => Math.Max(Sampling, Layer);

    public static VllmActivations Of(in MemoryRequest request, PipelineStage stage, VllmConstants constants)
    {
        LlmModel model = request.Model;
        int element = MemoryEstimator.ComputeElementBytes(request);
        (long tokens, long sequences) = Limits(request, constants);
        double hidden = model.HiddenSize;
        double workspace = Units.BytesPerGiB
            * (VllmConstants.Capability(request.Gpu) >= 9 ? constants.HopperWorkspaceGiB : constants.OtherWorkspaceGiB);
        double hold = stage.Index == 0 ? VisionHold(request, tokens, sequences) : 0;

        // A stage that receives has buffers for the hidden states and the residual of a full batch.
        double received = stage.Index > 0 ? 2 * hidden * element * tokens : 0;
        double experts = 0;
        if (stage.RoutedLayer is { } routed)
        {
            double chunk = constants.ExpertChunkTokens == 0 ? tokens : Math.Min(tokens, constants.ExpertChunkTokens);
            experts = VllmExperts.Workspace(request, routed, chunk, element);
        }

        double copies = request.EnforceEager ? constants.Layer.HiddenCopiesEager
            : element == 4 || !stage.HasHead ? constants.Layer.HiddenCopiesWide
            : constants.Layer.HiddenCopies;
        double wide = (double)stage.WidestDenseElements / request.Parallelism.Tensor;

        // Activations are quantized into a copy of their own.
        double quantized = request.EffectiveQuantization.Name == "INT8" ? tokens * wide / 3 : 0;
        double layer = Math.Max((tokens * element * wide) + quantized, experts)
            + (tokens * element * copies * hidden) + workspace + hold + received;

        double sampling = 0;
        if (stage.HasHead)
        {
            double perLogit = BytesPerLogit(request, constants);
            int multiprocessors = request.Gpu?.MultiprocessorCount ?? DefaultMultiprocessors;
            double vocabulary = model.VocabularySize;
            sampling = (sequences * vocabulary * (perLogit + (element < 4 ? element : 0)))
                + (Math.Min(multiprocessors, sequences) * vocabulary * constants.Sampler.BufferBytesPerLogit)
                + (hidden * element * (tokens + (2 * sequences)))
                + (constants.HoldsExpertsWhileSampling ? experts : 0)
                + workspace + hold + received;
        }

        return new VllmActivations(sampling, layer, hold);
    }

    /// <summary>Bytes of a logit's copies beside the model's own type.</summary>
    public static double BytesPerLogit(in MemoryRequest request, VllmConstants constants) =>
        constants.Sampler.LeanBytesPerLogit > 0 && constants.Sampler.LeanFamilies.Contains(request.Model.Family)
            ? constants.Sampler.LeanBytesPerLogit
            : constants.Sampler.BytesPerLogit;

    /// <summary>
    /// <c>max_num_batched_tokens</c> and <c>max_num_seqs</c>: as set, or the defaults of a server of that release on that GPU.
    /// </summary>
    public static (long Tokens, long Sequences) Limits(in MemoryRequest request, VllmConstants constants)
    {
        const double largeGpuGiB = 70;
        VllmScheduler scheduler = constants.Scheduler;
        GpuSpec? gpu = request.Gpu;
        bool isLarge = gpu is null || (gpu.MemoryGiB >= largeGpuGiB
            && (scheduler.A100IsLarge || !gpu.Name.StartsWith("A100", StringComparison.Ordinal)));
        long tokens = request.MaxBatchedTokens
            ?? (scheduler.IsV1 ? (isLarge ? scheduler.LargeGpuTokens : scheduler.Tokens) : TokensOfV0(request, scheduler));
        long sequences = request.MaxSequences ?? (isLarge ? scheduler.LargeGpuSequences : scheduler.Sequences);
        return (tokens, Math.Min(sequences, tokens));
    }

    /// <summary>The longest sequence that the engine accepts: as set, or what the model was made for.</summary>
    public static long LongestSequence(in MemoryRequest request) =>
        request.MaxModelLength is { } stated and > 0 ? stated
        : request.Model.ContextLength > 0 ? request.Model.ContextLength
        : request.SequenceLength;

    /// <summary>The old engine profiled whole prompts, but for long contexts, which it took in chunks; images always whole.</summary>
    private static long TokensOfV0(in MemoryRequest request, VllmScheduler scheduler)
    {
        const long longContext = 32_768, least = 2048, leastWithImages = 5120;
        long longest = LongestSequence(request);
        bool hasImages = request.Model.Architecture.VisionParameters > 0;
        return longest > longContext && !hasImages
            ? scheduler.ChunkedTokens
            : Math.Max(longest, hasImages ? leastWithImages : least);
    }

    /// <summary>The tower's outputs and the pixels of as many images as the batch has room for.</summary>
    private static double VisionHold(in MemoryRequest request, long tokens, long sequences)
    {
        if (request.Model.Architecture.VisionInput is not { } image)
        {
            return 0;
        }

        long items = Math.Max(1, tokens / Math.Max(1, image.TokensPerItem));
        long most = sequences * Math.Max(1, LongestSequence(request) / Math.Max(1, image.TokensPerItem));
        return Math.Min(items, most) * 2.0
            * (((double)image.FeatureTokens * request.Model.HiddenSize) + image.PixelElements);
    }
}
