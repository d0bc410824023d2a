using System.Collections.Immutable;

namespace LlmOps.Core.Models;

/// <summary>Layers that cache alike.</summary>
/// <param name="LayerCount">How many there are.</param>
/// <param name="ElementsPerToken">Cached elements a token and layer, over all heads.</param>
/// <param name="HeadCount">KV heads that the elements divide by; 1 where every rank holds them whole (MLA).</param>
/// <param name="Window">Tokens kept; null where all are.</param>
public readonly record struct KvLayerGroup(int LayerCount, long ElementsPerToken, int HeadCount, int? Window)
{
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
            AttentionSpec attention = layers[i].Attention;
            _layers[i] = new KvLayerGroup(
                1, attention.CacheElementsPerToken, Math.Max(1, attention.CacheHeadCount), attention.Window);
        }

        Groups = Group(0, layers.Length);
    }

    /// <summary>The model's layers, grouped by what they cache; in the order of their first layers.</summary>
    public ImmutableArray<KvLayerGroup> Groups { get; }

    /// <summary>Cached elements that one token adds over all layers, windows aside.</summary>
    public long ElementsPerToken
    {
        get
        {
            long elements = 0;
            foreach (KvLayerGroup group in Groups)
            {
                elements += group.LayerCount * group.ElementsPerToken;
            }

            return elements;
        }
    }

    /// <summary>Groups of the layers from <paramref name="first"/> on, as a pipeline stage holds them.</summary>
    public ImmutableArray<KvLayerGroup> Group(int first, int count)
    {
        var groups = ImmutableArray.CreateBuilder<KvLayerGroup>();
        for (int i = first; i < first + count; i++)
        {
            KvLayerGroup layer = _layers[i];
            int known = -1;
            for (int g = 0; g < groups.Count && known < 0; g++)
            {
                known = groups[g] with { LayerCount = 1 } == layer ? g : -1;
            }

            if (known < 0)
            {
                groups.Add(layer);
            }
            else
            {
                groups[known] = layer with { LayerCount = groups[known].LayerCount + 1 };
            }
        }

        return groups.ToImmutable();
    }

    /// <summary>Elements that one tensor-parallel rank caches for a whole sequence in all layers.</summary>
    public long ElementsPerSequence(long sequenceLength, int tensorParallelSize = 1)
    {
        long elements = 0;
        foreach (KvLayerGroup group in Groups)
        {
            elements += group.LayerCount * group.ElementsPerTokenAndRank(tensorParallelSize)
                * group.TokensKept(sequenceLength);
        }

        return elements;
    }
}
