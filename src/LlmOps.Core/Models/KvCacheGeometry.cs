using System.Collections.Immutable;

namespace LlmOps.Core.Models;

/// <summary>Layers that cache alike.</summary>
/// <param name="LayerCount">How many there are.</param>
/// <param name="ElementsPerToken">Cached elements a token and layer, over all heads.</param>
/// <param name="HeadCount">KV heads that the elements divide by; 1 where every rank holds them whole (MLA).</param>
/// <param name="Window">Tokens kept; null where all are.</param>
/// <param name="FixedBytesPerToken">Bytes a token and layer that the cache's type does not change (an indexer's keys).</param>
/// <param name="StateBytesPerSequence">Bytes a sequence and layer, however long the sequence is (state-space layers).</param>
public sealed record KvLayerGroup(
    int LayerCount,
    long ElementsPerToken,
    int HeadCount,
    int? Window,
    long FixedBytesPerToken = 0,
    long StateBytesPerSequence = 0)
{
    /// <summary>Whether the layers cache anything for a token.</summary>
    public bool GrowsWithTokens => ElementsPerToken > 0 || FixedBytesPerToken > 0;

    /// <summary>Bytes that one more token adds in one of these layers on one tensor-parallel rank.</summary>
    public double BytesPerTokenAndRank(double elementBytes, int tensorParallelSize) =>
        (ElementsPerTokenAndRank(tensorParallelSize) * elementBytes) + FixedBytesPerToken;

    /// <summary>Bytes that a sequence holds in all these layers on one tensor-parallel rank; states divide evenly.</summary>
    public double BytesPerSequenceAndRank(long tokens, double elementBytes, int tensorParallelSize) =>
        LayerCount * ((TokensKept(tokens) * BytesPerTokenAndRank(elementBytes, tensorParallelSize))
            + ((double)StateBytesPerSequence / tensorParallelSize));

    /// <summary>
    /// Elements that one tensor-parallel rank caches a token and layer: heads are divided until each rank holds one, and
    /// copied from there on.
    /// </summary>
    public long ElementsPerTokenAndRank(int tensorParallelSize)
    {
        long heads = (HeadCount + tensorParallelSize - 1) / tensorParallelSize;
        return ElementsPerToken / HeadCount * heads;
    }

    /// <summary>Tokens of a sequence that these layers hold on to.</summary>
    public long TokensKept(long sequenceLength) => Window is { } window ? Math.Min(window, sequenceLength) : sequenceLength;
}

/// <summary>
/// What a model caches for a token, layer by layer. Memory, KV-cache, time and capacity figures all ask here.
/// Grouped attention caches 2 · KV heads · head dimension elements; latent attention the KV rank + rotary dimension.
/// </summary>
public sealed class KvCacheGeometry
{
    private readonly KvLayerGroup[] _layers;

    internal KvCacheGeometry(ImmutableArray<LayerSpec> layers)
    {
        _layers = new KvLayerGroup[layers.Length];
        for (int i = 0; i < layers.Length; i++)
        {
            // Equal neighbours share an instance, which is faster to find again.
            AttentionSpec attention = layers[i].Attention;
            _layers[i] = i > 0 && ReferenceEquals(attention, layers[i - 1].Attention)
                ? _layers[i - 1]
                : new KvLayerGroup(
                    1,
                    attention.CacheElementsPerToken,
                    Math.Max(1, attention.CacheHeadCount),
                    attention.Window,
                    attention.CacheFixedBytesPerToken,
                    attention.StateBytesPerSequence);
        }

        Groups = Group(0, layers.Length);
    }

    /// <summary>The model's layers, grouped by what they cache; in the order of their first layers.</summary>
    public ImmutableArray<KvLayerGroup> Groups { get; }

    /// <summary>Bytes that one token adds over all layers and heads, windows aside.</summary>
    public double BytesPerToken(double elementBytes) =>
        Sum(group => group.LayerCount * group.BytesPerTokenAndRank(elementBytes, 1));

    /// <summary>Bytes that one sequence holds over all layers, on one tensor-parallel rank.</summary>
    public double BytesPerSequence(long tokens, double elementBytes, int tensorParallelSize = 1) =>
        Sum(group => group.BytesPerSequenceAndRank(tokens, elementBytes, tensorParallelSize));

    /// <summary>Bytes that a sequence holds over all layers, however long it is.</summary>
    public long StateBytesPerSequence => (long)Sum(group => (double)group.LayerCount * group.StateBytesPerSequence);

    /// <summary>Groups of the layers from <paramref name="first"/> on, as a pipeline stage holds them.</summary>
    public ImmutableArray<KvLayerGroup> Group(int first, int count)
    {
        List<KvLayerGroup> kinds = [];
        List<int> counts = [];
        for (int i = first; i < first + count; i++)
        {
            int known = kinds.IndexOf(_layers[i]);
            if (known < 0)
            {
                kinds.Add(_layers[i]);
                counts.Add(1);
            }
            else
            {
                counts[known]++;
            }
        }

        var groups = ImmutableArray.CreateBuilder<KvLayerGroup>(kinds.Count);
        for (int i = 0; i < kinds.Count; i++)
        {
            groups.Add(kinds[i] with { LayerCount = counts[i] });
        }

        return groups.MoveToImmutable();
    }

    private double Sum(Func<KvLayerGroup, double> bytes)
    {
        double sum = 0;
        foreach (KvLayerGroup group in Groups)
        {
            sum += bytes(group);
        }

        return sum;
    }
}
