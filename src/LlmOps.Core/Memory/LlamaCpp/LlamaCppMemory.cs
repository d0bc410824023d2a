using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Builds of llama.cpp by how they reserve the compute buffer.</summary>
internal enum LlamaCppBuild
{
    /// <summary>Logits of one token a slot, masks in 16 bits: since June 2026 (pull request 23861).</summary>
    Current,

    /// <summary>Logits of every token of a batch, masks in FP32: from December 2025 on.</summary>
    AllOutputs,

    /// <summary>The same, and the output is the last to go to the GPU; while it is on the host its matrix is copied.</summary>
    OutputLast,
}

/// <summary>
/// What llama.cpp allocates on one GPU and in the host's memory: the weights of a GGUF file and the KV cache layer by layer,
/// as <c>-ngl</c> places them, and buffers for intermediate results (src/llama-model.cpp, llama-kv-cache.cpp,
/// llama-kv-cache-iswa.cpp, llama-context.cpp).
/// </summary>
internal sealed class LlamaCppMemory : EngineMemory
{
    private const string Source = "sizes that llama.cpp prints at start-up (public logs)";

    /// <summary>LLAMA_MAX_SEQ.</summary>
    private const int MostSlots = 256;

    /// <summary>Cells of a cache are a multiple of this (issue 17037 and llama-context.cpp, since November 2025).</summary>
    private const int CellsPerBlock = 256;

    /// <summary>n_ubatch: tokens of one pass through the graph.</summary>
    private const long DefaultBatch = 512;

    /// <summary>Residual streams and parts of attention beside the widest part of a layer.</summary>
    private const int HiddenCopies = 4;

    /// <summary>Inputs of a pass in pinned host memory: the mask, and the embeddings before and after a copy.</summary>
    private const int HostHiddenCopies = 2;

    /// <summary>
    /// By what share the formula exceeded and undercut the buffers in logs; where several GPUs work in a pipeline the inputs are
    /// held four times, which is the worst.
    /// </summary>
    private const double BelowUncertainty = 0.15, AboveUncertainty = 0.2;

    /// <summary>
    /// Driver context, kernels and cuBLAS: 451 to 456 MiB on RTX 4090 (memory breakdown in pull request 15860).
    /// </summary>
    private const double ContextGiB = 0.45;

    private static readonly KvCacheDataType[] s_cacheTypes =
    [
        KvCacheDataType.Auto, KvCacheDataType.FP32, KvCacheDataType.FP16, KvCacheDataType.BF16, KvCacheDataType.Q8_0,
        KvCacheDataType.Q5_1, KvCacheDataType.Q5_0, KvCacheDataType.Q4_1, KvCacheDataType.Q4_0, KvCacheDataType.IQ4_NL,
    ];

    public override int? BlockSize(in MemoryRequest request) => CellsPerBlock;

    /// <summary>f16, whatever the weights are.</summary>
    public override int DefaultKvElementBytes(in MemoryRequest request) => 2;

    public override bool Caches(KvCacheDataType type) => Array.IndexOf(s_cacheTypes, type) >= 0;

    public override bool PlacesLayers => true;

    /// <summary>Logits of each slot.</summary>
    public override bool GrowsWithSequences => true;

    public override KvCacheDataType SmallerKvType => KvCacheDataType.Q8_0;

    public override string[] SmallerWeights(in MemoryRequest request) => ["Q8_0", "Q4_K_M"];

    public override void Validate(in MemoryRequest request)
    {
        Guard.InRange(request.BatchSize, 1, MostSlots, nameof(request.BatchSize));
        if (request.Parallelism.Tensor > 1 || request.Parallelism.Expert > 1)
        {
            throw new LlmOpsException("ParallelismNotSupported", ErrorKind.NotSupported,
                "llama.cpp's GPUs are estimated with --split-mode layer: give their number as PipelineParallelSize, and leave "
                + "TensorParallelSize and ExpertParallelSize at 1.",
                Math.Max(request.Parallelism.Tensor, request.Parallelism.Expert));
        }

        if (request.MaxSequences is { } sequences)
        {
            throw new LlmOpsException("SettingNotSupported", ErrorKind.NotSupported,
                $"MaxSequences is {sequences}, but llama.cpp sets aside the context of each slot at start-up; give its slots "
                + "(--parallel) as BatchSize.", sequences);
        }

        Quantization quantization = request.EffectiveQuantization;
        bool fromFile = request.IsCheckpoint && LlamaCppLayout.IsGguf(request.Model);
        if (!fromFile && GgufRecipe.Find(quantization) is null)
        {
            string nearest = quantization.BitsPerWeight > 6 ? "Q8_0" : "Q4_K_M";
            throw new LlmOpsException("QuantizationNotSupported", ErrorKind.NotSupported,
                $"llama.cpp reads GGUF files, and none has weights in {quantization}. The nearest is {nearest}; there are "
                + $"{string.Join(", ", GgufRecipe.Names)}.", quantization);
        }

        if (request.KvCacheDataType.IsBlock() && request.FlashAttention == FlashAttention.Off)
        {
            throw new LlmOpsException("FlashAttentionNeeded", ErrorKind.NotSupported,
                $"llama.cpp quantizes cached values only with flash attention; KvCacheDataType {request.KvCacheDataType} does not "
                + "go with FlashAttention Off.", request.KvCacheDataType);
        }
    }

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage)
    {
        LlamaCppLayout layout = LlamaCppLayout.Of(request);
        Placement place = Place(request, stage.Index);
        HostShare host = Host(request, layout, place);
        return new StageMemory
        {
            Weights = layout.Layers(place.First, place.End).Weights + (place.HasOutput ? layout.OutputBytes : 0),
            Activations = Activations(request, layout, place, LlamaCppBuild.Current),
            KvCache = request.BatchSize * KvBytes(request, layout, layout.Layers(place.First, place.End), request.SequenceLength),
            Runtime = ContextGiB * Units.BytesPerGiB,
            Host = host.Weights + host.KvCache + host.Buffers,
        };
    }

    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens)
    {
        LlamaCppLayout layout = LlamaCppLayout.Of(request);
        Placement place = Place(request, stage.Index);
        return KvBytes(request, layout, layout.Layers(place.First, place.End), tokens);
    }

    public override double KvBytesPerToken(PipelineStage stage, in MemoryRequest request)
    {
        LlamaCppLayout layout = LlamaCppLayout.Of(request);
        Placement place = Place(request, stage.Index);
        LlamaCppLayout.LayerSums sums = layout.Layers(place.First, place.End);
        return ((sums.FullElements + sums.WindowElements) * KvCacheMemory.ElementBytes(request)) + sums.FixedBytes;
    }

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes)
    {
        LlamaCppLayout layout = LlamaCppLayout.Of(request);
        Placement place = Place(request, stage.Index);
        HostShare host = Host(request, layout, place);
        int layers = request.Model.LayerCount;
        string what = layout.IsFromFile
            ? "tensor by tensor as in the file"
            : FormattableString.Invariant($"tensor by tensor as llama-quantize stores {request.EffectiveQuantization}")
                + (GgufTraits.Of(request.Model).KeepsExperts ? ", experts in MXFP4 as published" : "");
        string where = FormattableString.Invariant($"{place.End - place.First} of {layers} layers")
            + (place.HasOutput ? " and the output" : "")
            + (request.Parallelism.Pipeline > 1
                ? FormattableString.Invariant($" (GPU {stage.Index + 1} of {request.Parallelism.Pipeline})")
                : "");
        bool flash = IsFlash(request);
        double older = Math.Max(0, Activations(request, layout, place, LlamaCppBuild.OutputLast) - bytes.Activations);
        string cache = FormattableString.Invariant($"{request.BatchSize} slots x {Cells(request.SequenceLength)} cells in ")
            + (request.KvCacheDataType == KvCacheDataType.Auto ? "f16" : request.KvCacheDataType.ToString())
            + (layout.Window > 0
                ? FormattableString.Invariant($"; layers with a window {WindowCells(request, layout, request.SequenceLength)} cells (window + n_ubatch, padded to 256)")
                : "");
        MemoryTerm activations = MemoryTerms.Term("Activations", bytes.Activations, BelowUncertainty, AboveUncertainty,
            FormattableString.Invariant($"compute buffer for n_ubatch {Batch(request)}: ")
                + (flash ? "mask in f16 and the widest part of a layer" : "KQ (heads x cells x n_ubatch x 4 B), mask and residual streams")
                + (place.First > 0 && place.FirstOnGpu > 0 ? ", and the MLP of a host layer, copied for large batches" : "")
                + (older > 0
                    ? FormattableString.Invariant($"; builds before June 2026 reserve logits of all its tokens, {Units.ToGiB((long)older):0.00} GiB more")
                    : ""),
            Evidence.Fitted, Source);
        return
        [
            MemoryTerms.Term("ModelWeights", bytes.ModelWeights, 0, 0, what + ": " + where, Evidence.Exact,
                layout.IsFromFile ? "header of the GGUF file" : "llama-quant.cpp"),
            activations with { HighGiB = (activations.GiB + (older / Units.BytesPerGiB)) * (1 + AboveUncertainty) },
            MemoryTerms.Term("KvCache", bytes.KvCache, 0, 0,
                cache + FormattableString.Invariant($", {place.End - place.First} of {layers} layers"),
                Evidence.Exact, "llama-kv-cache.cpp, llama-kv-cache-iswa.cpp"),
            MemoryTerms.Term("CompilationOverhead", bytes.CompilationOverhead, 0.5, 0.5,
                "driver context, kernels and cuBLAS", Evidence.Measured, "llama.cpp pull request 15860: 451 to 456 MiB on RTX 4090"),
            MemoryTerms.Term("HostWeights", (long)host.Weights, 0, 0,
                FormattableString.Invariant($"token embeddings, {place.FirstOnGpu} of {layers} layers")
                    + (place.OutputOnGpu ? "" : " and the output") + ", of all GPUs together",
                Evidence.Exact, "llama-model.cpp", MemoryPlace.Host),
            MemoryTerms.Term("HostKvCache", (long)host.KvCache, 0, 0,
                FormattableString.Invariant($"cache of {place.FirstOnGpu} of {layers} layers"),
                Evidence.Exact, "llama-kv-cache.cpp", MemoryPlace.Host),
            MemoryTerms.Term("HostActivations", (long)host.Buffers, 0.3, 0.3,
                "masks, embeddings of a batch and logits of the slots, pinned", Evidence.Fitted, Source, MemoryPlace.Host),
        ];
    }

    /// <summary>The compute buffer of one GPU in bytes.</summary>
    internal static double ComputeBuffer(in MemoryRequest request, PipelineStage stage, LlamaCppBuild build) =>
        Activations(request, LlamaCppLayout.Of(request), Place(request, stage.Index), build);

    /// <summary>
    /// The graph's peak: within a layer, or at the logits. Inputs, such as the mask, are alive throughout; without flash
    /// attention the scores of all heads are.
    /// </summary>
    private static double Activations(in MemoryRequest request, LlamaCppLayout layout, Placement place, LlamaCppBuild build)
    {
        LlmModel model = request.Model;
        bool current = build == LlamaCppBuild.Current;
        bool flash = IsFlash(request);
        double batch = Batch(request);
        double cells = Cells(request.SequenceLength)
            + (layout.Window > 0 ? WindowCells(request, layout, request.SequenceLength) : 0);
        double hidden = batch * model.HiddenSize * sizeof(float);

        // Flash attention reads its mask in 16 bits; earlier builds kept the FP32 one beside it.
        double mask = batch * cells * (!flash ? sizeof(float) : current ? 2 : 2 + sizeof(float));
        double layer = layout.WidestLayer * batch * sizeof(float);
        double scores = flash ? 0 : (double)layout.QueryHeads * Cells(request.SequenceLength) * batch * sizeof(float);
        double within = mask + Math.Max(layer, scores) + (HiddenCopies * hidden);

        // Batches of 32 tokens and more are computed on the GPU for host layers too.
        bool copies = place.FirstOnGpu > 0 && batch >= 32;
        within += copies && current ? layout.LargestCopy(place.FirstOnGpu) : 0;
        double outputs = place.HasOutput || !place.OutputOnGpu
            ? ((current ? request.BatchSize : batch) * model.VocabularySize * sizeof(float)) + hidden
                + (copies && build == LlamaCppBuild.OutputLast ? layout.OutputMatrixBytes : 0)
            : 0;
        return Math.Max(within, outputs);
    }

    private static HostShare Host(in MemoryRequest request, LlamaCppLayout layout, Placement place)
    {
        LlamaCppLayout.LayerSums sums = layout.Layers(0, place.FirstOnGpu);
        double batch = Batch(request);
        double cells = Cells(request.SequenceLength)
            + (layout.Window > 0 ? WindowCells(request, layout, request.SequenceLength) : 0);
        return new HostShare(
            layout.InputBytes + sums.Weights + (place.OutputOnGpu ? 0 : layout.OutputBytesBesideInput),
            request.BatchSize * KvBytes(request, layout, sums, request.SequenceLength),
            (batch * ((cells * (IsFlash(request) ? 2 : 4)) + ((double)HostHiddenCopies * request.Model.HiddenSize * sizeof(float))))
                + ((double)request.BatchSize * request.Model.VocabularySize * sizeof(float)));
    }

    /// <summary>Bytes of one slot in those layers; recurrent states are kept in FP32.</summary>
    private static double KvBytes(
        in MemoryRequest request, LlamaCppLayout layout, in LlamaCppLayout.LayerSums sums, long tokens)
    {
        double element = KvCacheMemory.ElementBytes(request);
        double cells = Cells(tokens);
        return (cells * ((sums.FullElements * element) + sums.FixedBytes))
            + (sums.WindowElements == 0 ? 0 : WindowCells(request, layout, tokens) * sums.WindowElements * element)
            + (sums.StateElements * sizeof(float));
    }

    private static long Cells(long tokens) => (tokens + CellsPerBlock - 1) / CellsPerBlock * CellsPerBlock;

    private static long WindowCells(in MemoryRequest request, LlamaCppLayout layout, long tokens) =>
        Math.Min(Cells(tokens), Cells(layout.Window + Math.Min(request.MaxBatchedTokens ?? DefaultBatch, Cells(tokens))));

    /// <summary>n_ubatch; a batch is no longer than the context.</summary>
    private static long Batch(in MemoryRequest request) =>
        Math.Min(request.MaxBatchedTokens ?? DefaultBatch, Cells(request.SequenceLength));

    private static bool IsFlash(in MemoryRequest request) => request.FlashAttention != FlashAttention.Off;

    /// <summary>
    /// The output counts as the last layer, and the last ones go to the GPUs, in even runs
    /// (llama-model.cpp, load_tensors; the output is the first to go since December 2025).
    /// </summary>
    private static Placement Place(in MemoryRequest request, int gpu)
    {
        int layers = request.Model.LayerCount;
        int onGpu = Math.Min(request.GpuLayers ?? int.MaxValue, layers + 1);
        int gpus = request.Parallelism.Pipeline;
        int first = layers + 1 - onGpu;
        int from = first + Ceiling((long)gpu * onGpu, gpus);
        int to = first + Ceiling((gpu + 1L) * onGpu, gpus);
        return new Placement(from, Math.Min(to, layers), onGpu > 0 && to > layers && to > from, first > layers ? layers : first, onGpu > 0);
    }

    private static int Ceiling(long value, int divisor) => (int)((value + divisor - 1) / divisor);

    /// <summary>What lies where.</summary>
    /// <param name="First">First layer on this GPU.</param>
    /// <param name="End">First layer after them.</param>
    /// <param name="HasOutput">Whether this GPU has the output.</param>
    /// <param name="FirstOnGpu">First layer on any GPU: so many are on the host.</param>
    /// <param name="OutputOnGpu">Whether any GPU has the output.</param>
    private readonly record struct Placement(int First, int End, bool HasOutput, int FirstOnGpu, bool OutputOnGpu);

    private readonly record struct HostShare(double Weights, double KvCache, double Buffers);
}
