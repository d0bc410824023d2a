using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>Matrices of one kind: their elements and what those take in memory.</summary>
internal readonly record struct Matrices(double Elements, double Bytes)
{
    public static Matrices operator +(Matrices a, Matrices b) => new(a.Elements + b.Elements, a.Bytes + b.Bytes);
}

/// <summary>Layers whose attention reads and multiplies alike.</summary>
/// <param name="Cache">What they cache; its count is that of the layers.</param>
/// <param name="PromptMultiplyAdds">For each pair of tokens of a prompt, over all heads.</param>
/// <param name="DecodeMultiplyAdds">For each cached token, over all heads: with latent attention in the compressed space.</param>
/// <param name="IndexerMultiplyAdds">Of the indexer that picks tokens; 0 where there is none.</param>
internal sealed record AttentionWork(
    KvLayerGroup Cache, double PromptMultiplyAdds, double DecodeMultiplyAdds, double IndexerMultiplyAdds)
{
    /// <summary>Tokens that an indexer picks (index_topk of DeepSeek-V3.2 and GLM-5).</summary>
    public const int PickedTokens = 2048;

    /// <summary>Tokens of a context that a layer attends to.</summary>
    public double Attended(double context)
    {
        double kept = Cache.Window is { } window ? Math.Min(window, context) : context;
        return IndexerMultiplyAdds > 0 ? Math.Min(PickedTokens, kept) : kept;
    }
}

/// <summary>
/// What the step-time model needs of a model whose weights are stored in some way. Made once for each, so that an estimate takes
/// no loop over layers.
/// </summary>
internal sealed class StepTimeShape
{
    private static readonly ConditionalWeakTable<LlmModel, ConcurrentDictionary<Quantization, StepTimeShape>> s_known = [];

    private StepTimeShape(LlmModel model, Quantization quantization)
    {
        ModelArchitecture architecture = model.Architecture;
        WeightSizes sizes = new(model, quantization);
        long hidden = architecture.HiddenSize;
        HiddenSize = hidden;
        LayerCount = architecture.Layers.Length;
        Dictionary<AttentionSpec, int> attentions = [];
        for (int i = 0; i < architecture.Layers.Length; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            attentions[layer.Attention] = attentions.GetValueOrDefault(layer.Attention) + 1;
            foreach ((WeightMatrix matrix, double bytes) in sizes.Of(i, layer))
            {
                Matrices all = new(matrix.Elements, bytes);
                switch (matrix.Component)
                {
                    case ModelComponent.RoutedExperts:
                        Routed += all;
                        break;
                    case ModelComponent.SharedExperts:
                        Shared += all;
                        break;
                    case ModelComponent.DenseMlp:
                        Dense += all;
                        break;
                    default:
                        AddAttention(matrix.Sharding, all);
                        break;
                }
            }

            LinearLayers += layer.Attention is RecurrentMixer ? 1 : 0;
            LatentLayers += layer.Attention is LatentAttention ? 1 : 0;
            IndexerLayers += layer.Attention is LatentAttention { IndexerHeadCount: > 0 } ? 1 : 0;
            if (layer.FeedForward is MixtureOfExperts experts)
            {
                ExpertLayers++;
                ExpertCount = Math.Max(ExpertCount, experts.ExpertCount);
                ExpertsPerToken = Math.Max(ExpertsPerToken, experts.ExpertsPerToken);
                double router = experts.RouterParameters(hidden);
                Dense += new Matrices(router, router * quantization.UnquantizedBits / 8);
            }
        }

        double head = ModelWork.HeadParameters(model);
        Head = new Matrices(head, sizes.HeadBytes(head));
        Attention = [.. attentions.Select(pair => WorkOf(pair.Key, pair.Value))];
        Class = ExpertCount == 0 ? ModelClass.Dense
            : LatentLayers > 0 ? ModelClass.LatentMixture
            : LinearLayers > 0 ? ModelClass.LinearMixture
            : ModelClass.GroupedMixture;
        Precision = quantization.ComputeBytes switch
        {
            >= 2 => quantization.BitsPerWeight >= 16 ? PrecisionClass.Bits16 : PrecisionClass.Int4,
            >= 1 => PrecisionClass.Fp8,
            _ => PrecisionClass.Fp4,
        };
        KeyValueHeads = model.KeyValueHeadCount;
    }

    public ModelClass Class { get; }

    public PrecisionClass Precision { get; }

    public double HiddenSize { get; }

    public int LayerCount { get; }

    public int ExpertLayers { get; }

    public int LatentLayers { get; }

    public int LinearLayers { get; }

    public int IndexerLayers { get; }

    public int ExpertCount { get; }

    public int ExpertsPerToken { get; }

    public int KeyValueHeads { get; }

    /// <summary>Whether matrices that every token goes through are quantized, and not the experts alone.</summary>
    public bool IsDenseQuantized => AttentionSplit.Bytes < 1.5 * AttentionSplit.Elements;

    /// <summary>Attention and linear layers that tensor parallelism divides.</summary>
    public Matrices AttentionSplit { get; private set; }

    /// <summary>Key and value projections, divided until each rank holds one head.</summary>
    public Matrices AttentionKeyValue { get; private set; }

    /// <summary>What each rank holds whole.</summary>
    public Matrices AttentionCopied { get; private set; }

    /// <summary>Dense feed-forward parts and routers.</summary>
    public Matrices Dense { get; }

    public Matrices Shared { get; }

    /// <summary>All routed experts of all layers.</summary>
    public Matrices Routed { get; }

    public Matrices Head { get; }

    public AttentionWork[] Attention { get; }

    public static StepTimeShape Of(LlmModel model, Quantization quantization) =>
        s_known.GetValue(model, static _ => []).GetOrAdd(quantization, static (q, m) => new StepTimeShape(m, q), model);

    /// <summary>Elements and bytes of attention on one tensor-parallel rank.</summary>
    public Matrices AttentionOnRank(int tensor)
    {
        double heads = Math.Max(1, KeyValueHeads);
        double keyValueShare = Math.Ceiling(heads / tensor) / heads;
        return new Matrices(
            (AttentionSplit.Elements / tensor) + (AttentionKeyValue.Elements * keyValueShare) + AttentionCopied.Elements,
            (AttentionSplit.Bytes / tensor) + (AttentionKeyValue.Bytes * keyValueShare) + AttentionCopied.Bytes);
    }

    /// <summary>The share of the routed experts that some tokens pick between them, in expectation: 1 − (1 − k/E)^tokens.</summary>
    public double Touched(double tokens) =>
        ExpertCount == 0 ? 0 : 1 - Math.Pow(1 - ((double)ExpertsPerToken / ExpertCount), tokens);

    private void AddAttention(WeightSharding sharding, Matrices all)
    {
        switch (sharding)
        {
            case WeightSharding.KeyValue:
                AttentionKeyValue += all;
                break;
            case WeightSharding.Copied:
                AttentionCopied += all;
                break;
            default:
                AttentionSplit += all;
                break;
        }
    }

    private static AttentionWork WorkOf(AttentionSpec attention, int layers)
    {
        KvLayerGroup cache = new(
            layers,
            attention.CacheElementsPerToken,
            Math.Max(1, attention.CacheHeadCount),
            attention.Window,
            attention.CacheFixedBytesPerToken,
            attention.StateBytesPerSequence);
        double pair = attention.MultiplyAddsPerTokenPair;
        return attention is LatentAttention latent
            ? new AttentionWork(
                cache,
                pair,
                (double)latent.HeadCount * ((2L * latent.KeyValueRank) + latent.RopeDimension),
                (double)latent.IndexerHeadCount * latent.IndexerDimension)
            : new AttentionWork(cache, pair, pair, 0);
    }

    /// <summary>Bytes of matrices as they are stored, or as a format that was chosen would store them.</summary>
    private sealed class WeightSizes(LlmModel model, Quantization quantization)
    {
        private readonly WeightStorage? _storage = model.StorageIn(quantization);

        private readonly WeightParts _covered = WeightCoverage.Of(model, quantization);
        private readonly double _bytes = quantization.BitsPerWeight / 8
            * (quantization.IsGeneric ? MemoryEstimationParameter.Default.QuantizationOverheadMultiplier : 1);
        private readonly double _otherBytes = quantization.UnquantizedBits / 8.0;
        private readonly GgufBits? _gguf = quantization.IsGguf && model.StorageIn(quantization) is null ? GgufBits.Of(model, quantization) : null;

        public IEnumerable<(WeightMatrix Matrix, double Bytes)> Of(int index, LayerSpec layer)
        {
            if (_storage is not null)
            {
                foreach ((WeightMatrix matrix, WeightFormat? format) in _storage.MatricesOf(index))
                {
                    yield return (matrix, format is null
                        ? _otherBytes * matrix.Elements
                        : matrix.Count * format.Bytes(matrix.Rows, matrix.Columns));
                }

                yield break;
            }

            long hidden = model.HiddenSize;
            foreach (WeightMatrix matrix in layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden)))
            {
                double bytes = _gguf is null ? _covered.Includes(matrix) ? _bytes : _otherBytes
                    : (matrix.Component == ModelComponent.RoutedExperts ? _gguf.Experts : _gguf.Matrices) / 8;
                yield return (matrix, matrix.Elements * bytes);
            }
        }

        public double HeadBytes(double elements) => _storage is not null
            ? model.Architecture.HasTiedHead ? _storage.TokenEmbedding : _storage.Head
            : elements * (_gguf is not null ? _gguf.Head / 8 : quantization.Scope == QuantizationScope.All ? _bytes : _otherBytes);
    }
}

/// <summary>The element types in which a GPU multiplies a model's weights, and its peaks in them.</summary>
internal readonly record struct Multiplication(Arithmetic Dense, double DenseTflops, Arithmetic Experts, double ExpertTflops)
{
    public static Multiplication Of(StepTimeShape shape, Quantization quantization, GpuSpec gpu)
    {
        double wide = gpu.Fp16Tflops;
        switch (shape.Precision)
        {
            case PrecisionClass.Fp8 when gpu.PeakTflops(quantization) > wide:
                double narrow = gpu.PeakTflops(quantization);
                return new Multiplication(Arithmetic.Fp8, narrow, Arithmetic.Fp8, narrow);
            case PrecisionClass.Fp4 when quantization.Name == "MXFP4" && gpu.DenseTflops is { Fp4: not null, Fp8: { } fp8 }:
                // Activations in 8 bits.
                return new Multiplication(Arithmetic.Bits16, wide, Arithmetic.Fp8, fp8);
            case PrecisionClass.Fp4 when quantization.Name != "MXFP4" && gpu.DenseTflops.Fp4 is { } fp4:
                return shape.ExpertCount == 0
                    ? new Multiplication(Arithmetic.Fp4, fp4, Arithmetic.Fp4, fp4)
                    : new Multiplication(Arithmetic.Bits16, wide, Arithmetic.Fp4, fp4);
            default:
                // Chips without units for the type expand the weights; 32-bit products run at their own rate.
                double peak = quantization.ComputeBytes > 2 ? gpu.PeakTflops(quantization) : wide;
                return new Multiplication(Arithmetic.Bits16, peak, Arithmetic.Bits16, peak);
        }
    }
}
