using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// What SGLang allocates. Its fraction, mem_fraction_static, is the share of the memory that is free before the weights are
/// loaded which weights and KV cache may take together; the rest is left to activations and CUDA graphs
/// (model_executor/model_runner_kv_cache_mixin.py; server_args.py at 469c63e).
/// </summary>
internal sealed class SglangMemory : EngineMemory
{
    private const string Source = "start-up reports of SGLang 0.4 and 0.5 (public logs)";

    /// <summary>Driver context, kernels and PyTorch before the weights: 79.1 GiB less 78.47 GiB on H100.</summary>
    private const double ContextGiB = 0.65;

    /// <summary>The same with NCCL and custom all-reduce buffers: 2.01 GiB on H200 with TP 8 (pull request 11716).</summary>
    private const double ContextAndCommunicationGiB = 2.0;

    /// <summary>For each captured batch size; 0.007 to 0.03 in logs of models from 0.5 to 9 billion parameters.</summary>
    private const double GraphGiBPerSize = 0.025;

    /// <summary>Hidden states beside the intermediate results of the MLP, as vLLM's peaks have them.</summary>
    private const double HiddenCopiesInLayer = 4.26;

    /// <summary>swa_full_tokens_ratio: tokens of the pool for windowed layers as a share of those of the other.</summary>
    private const double WindowPoolRatio = 0.8;

    /// <summary>mamba_full_memory_ratio: bytes for recurrent states as a multiple of those for keys and values.</summary>
    private const double StatePoolRatio = 0.9;

    /// <summary>Where the GPU is not known.</summary>
    private const double DefaultFraction = 0.88;

    public override double Utilization(in MemoryRequest request)
    {
        if (request.Gpu is not { } gpu)
        {
            return DefaultFraction;
        }

        // server_args.py, in MiB: metadata, activations, graphs, and an allowance by the number of GPUs.
        double memory = gpu.MemoryGiB * 1024;
        double reserved = 512
            + (Math.Max(Chunk(request), 2048) * 1.5)
            + (LargestGraph(request) * 2)
            + (request.Parallelism.Tensor * request.Parallelism.Pipeline / 8.0 * 1024);
        reserved = memory > 60 * 1024 ? Math.Max(reserved, 10 * 1024) : reserved;
        return Math.Round(Math.Max(0.01, (memory - reserved) / memory), 3);
    }

    /// <summary>page_size 1: any number of tokens.</summary>
    public override int? BlockSize(in MemoryRequest request) => 1;

    public override int DefaultKvElementBytes(in MemoryRequest request) =>
        request.Model.KvElementBytesWith(request.EffectiveQuantization);

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage) => new()
    {
        Weights = WeightMemory.Bytes(request.Model, stage, request),
        Activations = Activations(request, stage),
        KvCache = request.BatchSize * KvBytesPerSequence(stage, request, request.SequenceLength),
        CudaGraphs = request.EnforceEager ? 0 : GraphGiBPerSize * GraphCount(request) * Units.BytesPerGiB,
        Runtime = Runtime(request),
    };

    /// <summary>Windowed layers have a pool of their own, whose size follows that of the other pool and not the window.</summary>
    public override double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens)
    {
        double element = KvCacheMemory.ElementBytes(request);
        int tensor = request.Parallelism.Tensor;
        double full = 0, windowed = 0, state = 0;
        long kept = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            double bytes = group.LayerCount * group.BytesPerTokenAndRank(element, tensor);
            full += group.Window is null ? bytes : 0;
            windowed += group.Window is null ? 0 : bytes;
            kept = group.Window is null ? kept : Math.Max(kept, group.TokensKept(tokens));
            state += (double)group.LayerCount * group.StateBytesPerSequence / tensor;
        }

        return full == 0 || windowed == 0
            ? ((full + windowed) * tokens) + state
            : ((full + (WindowPoolRatio * windowed)) * Math.Max(tokens, kept / WindowPoolRatio)) + state;
    }

    public override double KvBytesPerToken(PipelineStage stage, in MemoryRequest request)
    {
        double element = KvCacheMemory.ElementBytes(request);
        double full = 0, windowed = 0;
        bool hasState = false;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            double bytes = group.LayerCount * group.BytesPerTokenAndRank(element, request.Parallelism.Tensor);
            full += group.Window is null ? bytes : 0;
            windowed += group.Window is null ? 0 : bytes;
            hasState |= group.StateBytesPerSequence > 0;
        }

        double both = full == 0 || windowed == 0 ? full + windowed : full + (WindowPoolRatio * windowed);
        return both * (hasState ? 1 + StatePoolRatio : 1);
    }

    public override double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        (request.EffectiveUtilization * (deviceBytes - stage.Runtime)) - stage.Weights;

    public override double MissingBesidePool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        stage.Activations + stage.CudaGraphs - ((1 - request.EffectiveUtilization) * (deviceBytes - stage.Runtime));

    public override double Budget(in MemoryRequest request, in MemoryBreakdown bytes, double deviceBytes)
    {
        double spare = (request.EffectiveUtilization * (deviceBytes - bytes.CompilationOverhead)) - bytes.ModelWeights - bytes.KvCache;
        return Math.Min(deviceBytes, bytes.Total + spare);
    }

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes)
    {
        string fraction = FormattableString.Invariant(
            $", within mem_fraction_static {request.EffectiveUtilization:0.###} of the memory that is free before loading");
        MemoryTerm weights = MemoryTerms.Weights(request, stage, bytes);
        MemoryTerm cache = MemoryTerms.KvCache(request, stage, bytes);
        return
        [
            weights with { Formula = weights.Formula + fraction },
            MemoryTerms.Term("Activations", bytes.Activations, 0.5, 0.5,
                FormattableString.Invariant($"a layer over a chunk of {Chunk(request)} tokens (chunked_prefill_size), outside mem_fraction_static"),
                Evidence.Assumed, "the coefficients of vLLM's peaks; SGLang prints none"),
            cache with { Formula = cache.Formula + fraction },
            MemoryTerms.Term("CudaGraphs", bytes.CudaGraphs, 0.7, 0.7,
                FormattableString.Invariant($"0.025 GiB x {GraphCount(request)} captured sizes"), Evidence.Fitted, Source),
            MemoryTerms.Runtime(request, bytes, Evidence.Measured, Source),
        ];
    }

    private static double Activations(in MemoryRequest request, PipelineStage stage)
    {
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        double layer = Chunk(request) * elementBytes
            * (((double)stage.WidestFeedForwardElements / request.Parallelism.Tensor)
                + (HiddenCopiesInLayer * request.Model.HiddenSize));

        // Only the last token of each sequence has logits.
        double logits = stage.HasHead
            ? (double)request.BatchSize * request.Model.VocabularySize * sizeof(float) / request.Parallelism.Tensor
            : 0;
        return layer + logits;
    }

    /// <summary>chunked_prefill_size by the GPU's memory.</summary>
    private static long Chunk(in MemoryRequest request) => request.MaxBatchedTokens ?? (request.Gpu?.MemoryGiB switch
    {
        null => 8192,
        < 35 => 2048,
        < 60 => 4096,
        < 160 => 8192,
        _ => 16384,
    });

    /// <summary>cuda_graph_max_bs by the GPU's memory and the number of ranks.</summary>
    private static int LargestGraph(in MemoryRequest request)
    {
        bool few = request.Parallelism.Tensor < 4;
        return request.Gpu?.MemoryGiB switch
        {
            null => 160,
            < 20 => 8,
            < 35 => few ? 24 : 80,
            < 60 => few ? 32 : 160,
            < 160 => few ? 256 : 512,
            _ => 512,
        };
    }

    /// <summary>1, 2, 4, and every eighth size up to the largest.</summary>
    private static int GraphCount(in MemoryRequest request) =>
        request.CudaGraphCaptureSizes?.Count ?? (3 + (LargestGraph(request) / 8));

    private static double Runtime(in MemoryRequest request) =>
        (request.Parallelism.Tensor > 1 || request.Parallelism.Expert > 1 ? ContextAndCommunicationGiB : ContextGiB)
        * Units.BytesPerGiB;
}
