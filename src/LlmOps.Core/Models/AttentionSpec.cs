using System.Collections.Immutable;

namespace LlmOps.Core.Models;

/// <summary>The attention of one layer: what it holds in weights and what it caches for a token.</summary>
public abstract record AttentionSpec
{
    /// <summary>Query heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>The tokens that the layer looks back on; null where it looks back on all of them.</summary>
    public int? Window { get; init; }

    /// <summary>Heads that cached keys and values can be divided by; 1 where each rank must hold them whole.</summary>
    public abstract int CacheHeadCount { get; }

    /// <summary>Elements that one token adds to the cache in this layer, over all heads.</summary>
    public abstract long CacheElementsPerToken { get; }

    /// <summary>Bytes that one token adds whatever the type of the cache is.</summary>
    public virtual long CacheFixedBytesPerToken => 0;

    /// <summary>Bytes that a sequence holds however long it is.</summary>
    public virtual long StateBytesPerSequence => 0;

    /// <summary>The elements of that state.</summary>
    public virtual long StateElementsPerSequence => 0;

    /// <summary>
    /// Multiply-adds for each pair of query and cached token, over all heads: scores and the weighted sum of values.
    /// </summary>
    public abstract long MultiplyAddsPerTokenPair { get; }

    /// <summary>Widest intermediate result for one token: queries, keys, values and the heads' output, in elements.</summary>
    public abstract long ActivationElementsPerToken { get; }

    /// <summary>Weights of the layer's attention, for a residual stream of <paramref name="hidden"/> elements.</summary>
    public abstract ShardedParameters Parameters(long hidden);

    /// <summary>The matrices among them, by name and shape; together as many elements as <see cref="Parameters"/> has.</summary>
    public abstract IEnumerable<WeightMatrix> Matrices(long hidden);

    private protected static WeightMatrix Matrix(
        string name, long rows, long columns, WeightSharding sharding = WeightSharding.Split) =>
        new(ModelComponent.Attention, "self_attn." + name, rows, columns, sharding);
}

/// <summary>Norms on queries and keys.</summary>
public enum QueryKeyNorm
{
    None,

    /// <summary>One norm as wide as a head for all queries, and one for all keys (Qwen3).</summary>
    Head,

    /// <summary>Norms as wide as all heads together (OLMo 2).</summary>
    AllHeads,
}

/// <summary>
/// Multi-head attention with as many or fewer key/value heads than query heads (Vaswani et al. 2017; Ainslie et al. 2023).
/// </summary>
public sealed record GroupedAttention : AttentionSpec
{
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Elements of one head; need not be hidden size / heads.</summary>
    public required int HeadDimension { get; init; }

    public bool HasQueryBias { get; init; }

    public bool HasKeyValueBias { get; init; }

    public bool HasOutputBias { get; init; }

    public QueryKeyNorm QueryKeyNorm { get; init; }

    /// <summary>The query projection also makes a gate as wide as the queries for the attention's output (Qwen3-Next).</summary>
    public bool HasOutputGate { get; init; }

    /// <summary>The layer attends to the keys and values of an earlier one and has none itself (Hunyuan-Large).</summary>
    public bool SharesKeyValue { get; init; }

    /// <summary>One projection makes keys and values alike; both are cached, because only the keys are rotated (Gemma 4).</summary>
    public bool HasKeysAsValues { get; init; }

    /// <summary>One learned sink logit a query head (gpt-oss).</summary>
    public bool HasSinks { get; init; }

    public override int CacheHeadCount => KeyValueHeadCount;

    public override long CacheElementsPerToken => SharesKeyValue ? 0 : 2L * KeyValueHeadCount * HeadDimension;

    public override long MultiplyAddsPerTokenPair => 2L * HeadCount * HeadDimension;

    public override long ActivationElementsPerToken => 2L * (HeadCount + KeyValueHeadCount) * HeadDimension;

    public override ShardedParameters Parameters(long hidden)
    {
        long queryWidth = (long)HeadCount * HeadDimension;
        long keyValueWidth = SharesKeyValue ? 0 : (HasKeysAsValues ? 1L : 2L) * KeyValueHeadCount * HeadDimension;
        long norms = QueryKeyNorm switch
        {
            QueryKeyNorm.Head => 2L * HeadDimension,
            QueryKeyNorm.AllHeads => (long)(HeadCount + KeyValueHeadCount) * HeadDimension,
            _ => 0,
        };
        return new ShardedParameters(
            Split: (HasOutputGate ? 3 : 2) * hidden * queryWidth,
            SplitVectors: (HasQueryBias ? queryWidth : 0) + (HasSinks ? HeadCount : 0),
            KeyValue: hidden * keyValueWidth,
            KeyValueVectors: HasKeyValueBias ? keyValueWidth : 0,
            CopiedVectors: (HasOutputBias ? hidden : 0) + norms);
    }

    public override IEnumerable<WeightMatrix> Matrices(long hidden)
    {
        long queryWidth = (long)HeadCount * HeadDimension;
        yield return Matrix("q_proj", (HasOutputGate ? 2 : 1) * queryWidth, hidden);
        if (!SharesKeyValue)
        {
            long keyWidth = (long)KeyValueHeadCount * HeadDimension;
            yield return Matrix("k_proj", keyWidth, hidden, WeightSharding.KeyValue);
            if (!HasKeysAsValues)
            {
                yield return Matrix("v_proj", keyWidth, hidden, WeightSharding.KeyValue);
            }
        }

        yield return Matrix("o_proj", hidden, queryWidth);
    }
}

/// <summary>
/// Multi-head latent attention: keys and values are cached as one compressed vector and one rotary key for all heads
/// (DeepSeek-AI 2024, DeepSeek-V2, section 2.1).
/// </summary>
public sealed record LatentAttention : AttentionSpec
{
    /// <summary>Rank of the compressed query; 0 where queries are projected directly.</summary>
    public required int QueryRank { get; init; }

    /// <summary>Rank of the compressed keys and values: what is cached.</summary>
    public required int KeyValueRank { get; init; }

    public required int NopeDimension { get; init; }

    public required int RopeDimension { get; init; }

    public required int ValueDimension { get; init; }

    /// <summary>Heads of the indexer that picks the tokens to attend to (DeepSeek-V3.2); 0 where there is none.</summary>
    public int IndexerHeadCount { get; init; }

    public int IndexerDimension { get; init; }

    public override int CacheHeadCount => 1;

    public override long CacheElementsPerToken => KeyValueRank + RopeDimension;

    /// <summary>The indexer's key of a token: FP8 elements and one FP32 scale.</summary>
    public override long CacheFixedBytesPerToken => IndexerHeadCount > 0 ? IndexerDimension + sizeof(float) : 0;

    public override long MultiplyAddsPerTokenPair => (long)HeadCount * (NopeDimension + RopeDimension + ValueDimension);

    public override long ActivationElementsPerToken =>
        (long)HeadCount * ((2L * (NopeDimension + RopeDimension)) + (2L * ValueDimension)) + CacheElementsPerToken;

    public override ShardedParameters Parameters(long hidden)
    {
        long queryWidth = (long)HeadCount * (NopeDimension + RopeDimension);
        long split = ((long)KeyValueRank * HeadCount * (NopeDimension + ValueDimension))
            + ((long)HeadCount * ValueDimension * hidden);
        long copied = hidden * (KeyValueRank + RopeDimension);
        long norms = KeyValueRank;
        if (QueryRank > 0)
        {
            split += QueryRank * queryWidth;
            copied += hidden * QueryRank;
            norms += QueryRank;
        }
        else
        {
            split += hidden * queryWidth;
        }

        if (IndexerHeadCount > 0)
        {
            // Queries from the compressed query, a key with a layer norm, and a weight a head.
            copied += ((QueryRank > 0 ? QueryRank : hidden) * IndexerHeadCount * IndexerDimension)
                + (hidden * (IndexerDimension + IndexerHeadCount));
            norms += 2L * IndexerDimension;
        }

        return new ShardedParameters(Split: split, Copied: copied, CopiedVectors: norms);
    }

    public override IEnumerable<WeightMatrix> Matrices(long hidden)
    {
        long queryWidth = (long)HeadCount * (NopeDimension + RopeDimension);
        if (QueryRank > 0)
        {
            yield return Matrix("q_a_proj", QueryRank, hidden, WeightSharding.Copied);
            yield return Matrix("q_b_proj", queryWidth, QueryRank);
        }
        else
        {
            yield return Matrix("q_proj", queryWidth, hidden);
        }

        yield return Matrix("kv_a_proj_with_mqa", KeyValueRank + RopeDimension, hidden, WeightSharding.Copied);
        yield return Matrix("kv_b_proj", (long)HeadCount * (NopeDimension + ValueDimension), KeyValueRank);
        yield return Matrix("o_proj", hidden, (long)HeadCount * ValueDimension);
        if (IndexerHeadCount > 0)
        {
            yield return Matrix("indexer.wq_b", (long)IndexerHeadCount * IndexerDimension,
                QueryRank > 0 ? QueryRank : hidden, WeightSharding.Copied);
            yield return Matrix("indexer.wk", IndexerDimension, hidden, WeightSharding.Copied);

            // One weight a head decides what is attended to; checkpoints keep it out of their formats.
            yield return Matrix("indexer.weights_proj", IndexerHeadCount, hidden, WeightSharding.Copied) with
            {
                IsQuantizable = false,
            };
        }
    }
}

/// <summary>Layers whose attention does as much work.</summary>
/// <param name="LayerCount">How many there are.</param>
/// <param name="MultiplyAddsPerTokenPair">Of one layer, over all heads.</param>
/// <param name="Window">Tokens that they look back on; null where all.</param>
internal readonly record struct AttentionLayerGroup(int LayerCount, long MultiplyAddsPerTokenPair, int? Window)
{
    /// <summary>Groups in the order of their first layers.</summary>
    public static AttentionLayerGroup[] Of(ImmutableArray<LayerSpec> layers) =>
    [
        .. layers
            .GroupBy(layer => (layer.Attention.MultiplyAddsPerTokenPair, layer.Attention.Window))
            .Select(group => new AttentionLayerGroup(
                group.Count(), group.Key.MultiplyAddsPerTokenPair, group.Key.Window)),
    ];
}

/// <summary>
/// A mixer that carries a state of constant size instead of a cache that grows: state-space layers (Gu and Dao 2023, 2024)
/// and linear attention (Yang et al. 2024).
/// </summary>
public sealed record RecurrentMixer : AttentionSpec
{
    /// <summary>What it is called in the literature: Mamba, Mamba-2, gated delta net, lightning attention.</summary>
    public required string Kind { get; init; }

    /// <summary>Matrices, all of which tensor parallelism divides.</summary>
    public required long MatrixParameters { get; init; }

    /// <summary>
    /// The same by name and shape; where they are not given, one matrix as wide as the residual stream stands for all.
    /// </summary>
    public ImmutableArray<MixerProjection> Projections { get; init; } = [];

    /// <summary>Convolutions, biases, decays and norms.</summary>
    public required long VectorParameters { get; init; }

    /// <summary>Bytes that a sequence holds in this layer, however long it is.</summary>
    public required long StateBytes { get; init; }

    /// <summary>The state's elements: those of the convolution beside those of the recurrence.</summary>
    public required long StateElements { get; init; }

    /// <summary>Elements of one token between the projections.</summary>
    public required long InnerElements { get; init; }

    public override int CacheHeadCount => 1;

    public override long CacheElementsPerToken => 0;

    public override long StateBytesPerSequence => StateBytes;

    public override long StateElementsPerSequence => StateElements;

    public override long MultiplyAddsPerTokenPair => 0;

    public override long ActivationElementsPerToken => InnerElements;

    public override ShardedParameters Parameters(long hidden) =>
        new(Split: MatrixParameters, SplitVectors: VectorParameters);

    public override IEnumerable<WeightMatrix> Matrices(long hidden)
    {
        IEnumerable<MixerProjection> projections = !Projections.IsEmpty ? Projections
            : MatrixParameters % hidden == 0 ? [new("in_proj", MatrixParameters / hidden, hidden)]
            : [new("in_proj", 1, MatrixParameters)];
        return projections.Select(p => new WeightMatrix(
            ModelComponent.StateSpace, "linear_attn." + p.Name, p.Rows, p.Columns, WeightSharding.Split));
    }
}

/// <summary>One matrix of a <see cref="RecurrentMixer"/>.</summary>
public readonly record struct MixerProjection(string Name, long Rows, long Columns);

/// <summary>A layer without attention, such as those of Nemotron-H that hold an MLP alone.</summary>
public sealed record NoAttention : AttentionSpec
{
    /// <summary>A matrix that stands in its place, where pruning left one (Nemotron-NAS).</summary>
    public long MatrixParameters { get; init; }

    public override int CacheHeadCount => 1;

    public override long CacheElementsPerToken => 0;

    public override long MultiplyAddsPerTokenPair => 0;

    public override long ActivationElementsPerToken => 0;

    public override ShardedParameters Parameters(long hidden) => new(Split: MatrixParameters);

    public override IEnumerable<WeightMatrix> Matrices(long hidden) =>
        MatrixParameters == 0 ? [] : [Matrix("linear", MatrixParameters / hidden, hidden)];
}
