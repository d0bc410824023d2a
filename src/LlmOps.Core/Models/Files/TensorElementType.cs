using System.Collections.Frozen;

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

    // Sizes of the blocks: llama.cpp ggml/src/ggml-common.h; numbers: ggml/include/ggml.h.
    private static readonly FrozenDictionary<uint, TensorElementType> s_ggml = new Dictionary<uint, TensorElementType>
    {
        [0] = new("F32", 1, 4),
        [1] = new("F16", 1, 2),
        [2] = new("Q4_0", 32, 18),
        [3] = new("Q4_1", 32, 20),
        [6] = new("Q5_0", 32, 22),
        [7] = new("Q5_1", 32, 24),
        [8] = new("Q8_0", 32, 34),
        [9] = new("Q8_1", 32, 36),
        [10] = new("Q2_K", 256, 84),
        [11] = new("Q3_K", 256, 110),
        [12] = new("Q4_K", 256, 144),
        [13] = new("Q5_K", 256, 176),
        [14] = new("Q6_K", 256, 210),
        [15] = new("Q8_K", 256, 292),
        [16] = new("IQ2_XXS", 256, 66),
        [17] = new("IQ2_XS", 256, 74),
        [18] = new("IQ3_XXS", 256, 98),
        [19] = new("IQ1_S", 256, 50),
        [20] = new("IQ4_NL", 32, 18),
        [21] = new("IQ3_S", 256, 110),
        [22] = new("IQ2_S", 256, 82),
        [23] = new("IQ4_XS", 256, 136),
        [24] = new("I8", 1, 1),
        [25] = new("I16", 1, 2),
        [26] = new("I32", 1, 4),
        [27] = new("I64", 1, 8),
        [28] = new("F64", 1, 8),
        [29] = new("IQ1_M", 256, 56),
        [30] = new("BF16", 1, 2),
        [34] = new("TQ1_0", 256, 54),
        [35] = new("TQ2_0", 256, 66),
        [39] = new("MXFP4", 32, 17),
        [40] = new("NVFP4", 64, 36),
        [41] = new("Q1_0", 128, 18),
        [42] = new("Q2_0", 64, 18),
    }.ToFrozenDictionary();

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
