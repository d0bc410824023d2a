using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Quantized;

/// <summary>The layouts that several methods of quantization share.</summary>
internal static class WeightFormats
{
    /// <summary>Of a scale in FP16 or BF16.</summary>
    public const int HalfBytes = 2;

    /// <summary>Blocks of 32 that share a power of two.</summary>
    public static WeightFormat MxFp4 { get; } = new()
    {
        Name = "MXFP4",
        Layout = "E2M1, an E8M0 scale for 32 weights: OCP MX v1.0",
        ElementBits = 4,
        ComputeBytes = 0.5,
        BlockColumns = 32,
        ScaleBytes = 1,
    };

    /// <param name="matrixBytes">Bytes of the scales of a whole matrix.</param>
    /// <param name="computeBytes">Bytes of a number that kernels multiply with, as for all formats here.</param>
    public static WeightFormat NvFp4(int matrixBytes, double computeBytes) => new()
    {
        Name = "NVFP4",
        Layout = "E2M1, an FP8 scale for 16 weights, FP32 scales a matrix",
        ElementBits = 4,
        ComputeBytes = computeBytes,
        BlockColumns = 16,
        ScaleBytes = 1,
        MatrixBytes = matrixBytes,
    };

    /// <summary>One scale, or one more for inputs, for a whole matrix.</summary>
    /// <param name="matrixBytes">Bytes of these scales.</param>
    public static WeightFormat Fp8Tensor(int matrixBytes) => new()
    {
        Name = "FP8",
        Layout = "E4M3, a scale a matrix",
        ElementBits = 8,
        ComputeBytes = 1,
        BlockRows = WeightFormat.Whole,
        MatrixBytes = matrixBytes,
    };

    /// <summary>A scale for each block of so many rows and columns.</summary>
    public static WeightFormat Fp8Block(int rows, int columns, int scaleBytes) => new()
    {
        Name = "FP8",
        Layout = FormattableString.Invariant($"E4M3, a {8 * scaleBytes}-bit scale for {rows} x {columns} weights"),
        ElementBits = 8,
        ComputeBytes = 1,
        BlockRows = rows,
        BlockColumns = columns,
        ScaleBytes = scaleBytes,
    };

    /// <summary>A scale for each output channel.</summary>
    public static WeightFormat Channel(string name, int bits, int scaleBytes, double computeBytes) => new()
    {
        Name = name,
        Layout = FormattableString.Invariant($"{Words(name, bits)}, a {8 * scaleBytes}-bit scale an output channel"),
        ElementBits = bits,
        ComputeBytes = computeBytes,
        ScaleBytes = scaleBytes,
    };

    /// <summary>A 16-bit scale, and a zero point or none, for each group of columns.</summary>
    /// <param name="name">The format's name.</param>
    /// <param name="bits">Of a weight.</param>
    /// <param name="groupSize">Columns of a group; 0 for a whole row.</param>
    /// <param name="hasZeroPoints">Whether zero points are stored, in as many bits as a weight.</param>
    public static WeightFormat Grouped(string name, int bits, int groupSize, bool hasZeroPoints) => new()
    {
        Name = name,
        Layout = FormattableString.Invariant($"{bits} bits, {(groupSize == 0 ? "a row" : $"group {groupSize}")}: a 16-bit scale")
            + (hasZeroPoints ? FormattableString.Invariant($" and a {bits}-bit zero point") : "") + " a group",
        ElementBits = bits,
        ComputeBytes = 2,
        BlockColumns = groupSize == 0 ? WeightFormat.Whole : groupSize,
        ScaleBytes = HalfBytes,
        ZeroPointBits = hasZeroPoints ? bits : 0,
    };

    /// <summary>How a weight is written, as layouts say it.</summary>
    public static string Words(string name, int bits) =>
        name == "FP8" ? "E4M3" : FormattableString.Invariant($"{bits}-bit integers");
}
