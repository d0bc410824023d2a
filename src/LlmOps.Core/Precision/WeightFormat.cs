namespace LlmOps.Core.Precision;

/// <summary>
/// How a format stores one matrix: its elements, and what lies beside them in the checkpoint. Sizes follow from the shape
/// alone.
/// </summary>
internal sealed record WeightFormat
{
    /// <summary>A block as long as its row, or as high as its column.</summary>
    public const int Whole = int.MaxValue;

    /// <summary>The name among <see cref="Quantization.Known"/> that comes nearest.</summary>
    public required string Name { get; init; }

    /// <summary>What a block holds, in words.</summary>
    public required string Layout { get; init; }

    public required int ElementBits { get; init; }

    /// <summary>Bytes of the type that the matrix units multiply in; 2 where only the weights are quantized.</summary>
    public required double ComputeBytes { get; init; }

    /// <summary>Rows that share a scale.</summary>
    public int BlockRows { get; init; } = 1;

    /// <summary>Columns that share a scale.</summary>
    public int BlockColumns { get; init; } = Whole;

    public int ScaleBytes { get; init; }

    /// <summary>Bits of a zero point; there is one beside each scale.</summary>
    public int ZeroPointBits { get; init; }

    /// <summary>Blocks run over the whole matrix, not along its rows (bitsandbytes).</summary>
    public bool IsFlat { get; init; }

    /// <summary>Scales that share a second, 32-bit one; 0 where scales have none (double quantization).</summary>
    public int ScalesPerSecondScale { get; init; }

    /// <summary>Bytes a column: the group that it belongs to (GPTQ), or a scale of activations (AWQ in ModelOpt).</summary>
    public int ColumnBytes { get; init; }

    /// <summary>Bytes a matrix: global scales, those of activations, and shapes.</summary>
    public int MatrixBytes { get; init; }

    /// <summary>Bytes of a matrix in the checkpoint.</summary>
    public long Bytes(long rows, long columns)
    {
        long elements = rows * columns;
        long scales = IsFlat ? Ceiling(elements, BlockColumns) : Ceiling(rows, BlockRows) * Ceiling(columns, BlockColumns);
        return Ceiling(elements * ElementBits, 8)
            + (scales * ScaleBytes)
            + Ceiling(scales * ZeroPointBits, 8)
            + (ScalesPerSecondScale == 0 ? 0 : sizeof(float) * (Ceiling(scales, ScalesPerSecondScale) + 1))
            + (columns * ColumnBytes)
            + MatrixBytes;
    }

    private static long Ceiling(long value, long divisor) => (value / divisor) + (value % divisor == 0 ? 0 : 1);
}
