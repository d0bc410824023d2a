using System.Collections.Immutable;

namespace LlmOps.Core.Precision;

/// <summary>
/// How ggml stores the elements of one tensor: blocks of so many elements in so many bytes (ggml/src/ggml-common.h and
/// ggml/include/ggml.h of llama.cpp). The one table that sizes of GGUF files and tensors come from.
/// </summary>
/// <param name="Id">The number that GGUF files hold.</param>
/// <param name="Name">As llama.cpp prints it.</param>
/// <param name="BlockSize">Elements of a block; rows are whole blocks.</param>
/// <param name="BlockBytes">Bytes of a block, scales included.</param>
public sealed record GgmlType(int Id, string Name, int BlockSize, int BlockBytes)
{
    private static readonly ImmutableArray<GgmlType> s_known =
    [
        new(0, "F32", 1, 4),
        new(1, "F16", 1, 2),
        new(2, "Q4_0", 32, 18),
        new(3, "Q4_1", 32, 20),
        new(6, "Q5_0", 32, 22),
        new(7, "Q5_1", 32, 24),
        new(8, "Q8_0", 32, 34),
        new(9, "Q8_1", 32, 36),
        new(10, "Q2_K", 256, 84),
        new(11, "Q3_K", 256, 110),
        new(12, "Q4_K", 256, 144),
        new(13, "Q5_K", 256, 176),
        new(14, "Q6_K", 256, 210),
        new(15, "Q8_K", 256, 292),
        new(16, "IQ2_XXS", 256, 66),
        new(17, "IQ2_XS", 256, 74),
        new(18, "IQ3_XXS", 256, 98),
        new(19, "IQ1_S", 256, 50),
        new(20, "IQ4_NL", 32, 18),
        new(21, "IQ3_S", 256, 110),
        new(22, "IQ2_S", 256, 82),
        new(23, "IQ4_XS", 256, 136),
        new(24, "I8", 1, 1),
        new(25, "I16", 1, 2),
        new(26, "I32", 1, 4),
        new(27, "I64", 1, 8),
        new(28, "F64", 1, 8),
        new(29, "IQ1_M", 256, 56),
        new(30, "BF16", 1, 2),
        new(34, "TQ1_0", 256, 54),
        new(35, "TQ2_0", 256, 66),
        new(39, "MXFP4", 32, 17),
        new(40, "NVFP4", 64, 36),
        new(41, "Q1_0", 128, 18),
        new(42, "Q2_0", 64, 18),
    ];

    private static readonly Dictionary<int, GgmlType> s_byId = s_known.ToDictionary(type => type.Id);

    private static readonly Dictionary<string, GgmlType> s_byName =
        s_known.ToDictionary(type => type.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>All types that files may hold, by number. The removed ones (4, 5, 31 to 33, 36 to 38) are not among them.</summary>
    public static ImmutableArray<GgmlType> Known => s_known;

    /// <summary>Bits of an element, its share of the block's scales included.</summary>
    public double BitsPerWeight => 8.0 * BlockBytes / BlockSize;

    /// <summary>The type of that number; null where there is none.</summary>
    public static GgmlType? Find(int id) => s_byId.GetValueOrDefault(id);

    /// <summary>The type of that name, in either case; null where there is none.</summary>
    public static GgmlType? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return s_byName.GetValueOrDefault(name);
    }

    /// <summary>Bytes of that many elements; null where they are no whole number of blocks, or too many to count.</summary>
    public long? Bytes(long elements)
    {
        if (elements < 0 || elements % BlockSize != 0)
        {
            return null;
        }

        long blocks = elements / BlockSize;
        return blocks > long.MaxValue / BlockBytes ? null : blocks * BlockBytes;
    }

    public override string ToString() => Name;
}
