using System.Collections.Frozen;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Files;

/// <summary>How a file stores the elements of a tensor: in blocks, which plain types have one element of.</summary>
/// <param name="Name">As the file's format calls it (<c>BF16</c>, <c>F8_E4M3</c>, <c>Q4_K</c>).</param>
/// <param name="BlockElements">Elements of a block.</param>
/// <param name="BlockBytes">Bytes of a block, scales included.</param>
public sealed record TensorElementType(string Name, int BlockElements, int BlockBytes)
{
    private static readonly FrozenDictionary<string, TensorElementType> s_safetensors = new TensorElementType[]
    {
        // F4 and F6 are packed without padding: 2 elements a byte, and 4 in 3 bytes (safetensors 0.6, tensor.rs).
        new("F64", 1, 8), new("F32", 1, 4), new("F16", 1, 2), new("BF16", 1, 2), new("C64", 1, 8),
        new("F8_E4M3", 1, 1), new("F8_E5M2", 1, 1), new("F8_E8M0", 1, 1), new("F8_E4M3FNUZ", 1, 1), new("F8_E5M2FNUZ", 1, 1),
        new("F6_E2M3", 4, 3), new("F6_E3M2", 4, 3), new("F4", 2, 1),
        new("I64", 1, 8), new("I32", 1, 4), new("I16", 1, 2), new("I8", 1, 1),
        new("U64", 1, 8), new("U32", 1, 4), new("U16", 1, 2), new("U8", 1, 1), new("BOOL", 1, 1),
    }.ToFrozenDictionary(type => type.Name);

    private static readonly FrozenDictionary<uint, TensorElementType> s_ggml = GgmlType.Known.ToFrozenDictionary(
        type => (uint)type.Id, type => new TensorElementType(type.Name, type.BlockSize, type.BlockBytes));

    /// <summary>Bits of one element, scales included.</summary>
    public double BitsPerElement => 8.0 * BlockBytes / BlockElements;

    /// <summary>Names that a safetensors header may use.</summary>
    internal static IEnumerable<string> SafetensorsNames => s_safetensors.Keys.Order(StringComparer.Ordinal);

    internal static TensorElementType? FromSafetensors(string name) => s_safetensors.GetValueOrDefault(name);

    /// <summary>The type that ggml numbers so; null for numbers not in use.</summary>
    internal static TensorElementType? FromGgml(uint number) => s_ggml.GetValueOrDefault(number);

    /// <summary>Whether ggml once had a type of that number: layouts for single processors, now made when a file is loaded.</summary>
    internal static bool IsRemovedFromGgml(uint number) => number is 4 or 5 or (>= 31 and <= 33) or (>= 36 and <= 38);

    public override string ToString() => Name;
}
