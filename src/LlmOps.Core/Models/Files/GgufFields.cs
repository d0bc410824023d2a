using System.Collections.Immutable;

namespace LlmOps.Core.Models.Files;

/// <summary>Typed, bounded access to the metadata that a GGUF file has about its own architecture.</summary>
internal sealed class GgufFields
{
    private const int MaximumWidth = 1 << 20;
    private const int MaximumLayers = 4096;

    private readonly IReadOnlyDictionary<string, GgufValue> _metadata;
    private readonly string _origin;

    public GgufFields(IReadOnlyDictionary<string, GgufValue> metadata, string architecture, string origin) =>
        (_metadata, Architecture, _origin) = (metadata, architecture, origin);

    public string Architecture { get; }

    public int Layers() => (int)(Integer("block_count", 1, MaximumLayers) ?? throw Missing("block_count"));

    public int Width(string key) => OptionalWidth(key) ?? throw Missing(key);

    /// <summary>A width between 1 and 2²⁰; null where the key is absent or 0.</summary>
    public int? OptionalWidth(string key) => Integer(key, 0, MaximumWidth) is { } value and > 0 ? (int)value : null;

    /// <summary>A vocabulary, a context or a window, which run larger; null where the key is absent or 0.</summary>
    public int? Length(string key) => Integer(key, 0, 1 << 28) is { } value and > 0 ? (int)value : null;

    /// <summary>A figure for each layer: one for all of them, or a list with one for each; null where the key is absent.</summary>
    public ImmutableArray<int>? PerLayer(string key, int layers)
    {
        if (!TryGet(key, out GgufValue value))
        {
            return null;
        }

        if (value.Integers is not { } list)
        {
            return [.. Enumerable.Repeat((int)Integer(key, 0, MaximumWidth)!.Value, layers)];
        }

        if (list.Length < layers)
        {
            throw Contradiction($"'{Name(key)}' has {list.Length} entries for {layers} layers.");
        }

        return [.. list.Take(layers).Select(item => item is >= 0 and <= MaximumWidth
            ? (int)item
            : throw Contradiction($"'{Name(key)}' holds {item}, but must hold whole numbers between 0 and {MaximumWidth}."))];
    }

    /// <summary>A truth value for each layer; null where the key is absent or holds one value for all.</summary>
    public ImmutableArray<bool>? Flags(string key, int layers)
    {
        if (!TryGet(key, out GgufValue value) || value.Integers is not { } list)
        {
            return null;
        }

        return list.Length >= layers
            ? [.. list.Select(item => item != 0)]
            : throw Contradiction($"'{Name(key)}' has {list.Length} entries for {layers} layers.");
    }

    /// <summary>Items of a list, such as the vocabulary; 0 where the key is absent. The key has no prefix.</summary>
    public long Items(string fullKey) => _metadata.TryGetValue(fullKey, out GgufValue value) ? value.Count : 0;

    public LlmOpsException Contradiction(string problem) => FileErrors.Invalid(_origin, problem);

    private long? Integer(string key, long minimum, long maximum)
    {
        if (!TryGet(key, out GgufValue value))
        {
            return null;
        }

        return value.Integer is { } number && number >= minimum && number <= maximum
            ? number
            : throw Contradiction($"'{Name(key)}' is {value.Shown}, but must be a whole number between {minimum} and {maximum}.");
    }

    private bool TryGet(string key, out GgufValue value) => _metadata.TryGetValue(Name(key), out value);

    private string Name(string key) => $"{Architecture}.{key}";

    private LlmOpsException Missing(string key) => Contradiction($"the key '{Name(key)}' is missing.");
}
