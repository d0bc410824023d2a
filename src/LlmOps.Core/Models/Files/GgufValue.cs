using System.Collections.Immutable;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// A value of a GGUF file's metadata, as far as architectures need it: whole numbers and truth values, short texts, and
/// short lists of whole numbers. Of everything else (vocabularies, templates, fractions) only the kind and count are kept.
/// </summary>
/// <param name="Kind">What it is, for messages.</param>
/// <param name="Integer">A whole number; 0 or 1 for a truth value.</param>
/// <param name="Text">A text of at most 4,096 bytes.</param>
/// <param name="Integers">A list of at most 4,096 whole numbers or truth values.</param>
/// <param name="Count">Items of a list.</param>
internal readonly record struct GgufValue(
    string Kind, long? Integer = null, string? Text = null, ImmutableArray<long>? Integers = null, long Count = 0)
{
    /// <summary>The value as a message shows it.</summary>
    public string Shown => Integer is { } number ? FormattableString.Invariant($"{number}")
        : Text is { } text ? $"'{FileErrors.Shown(text)}'"
        : Count > 0 ? FormattableString.Invariant($"{Kind} of {Count} items")
        : Kind;
}
