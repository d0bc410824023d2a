namespace LlmOps.Core.Calibration;

/// <summary>One figure of a server's start beside its estimate.</summary>
public sealed record TermComparison
{
    public const string ModelWeights = "ModelWeights";
    public const string Activations = "Activations";

    /// <summary>Under the framework's name, as estimates have it.</summary>
    public const string NonTorch = "CompilationOverhead";
    public const string CudaGraphs = "CudaGraphs";
    public const string KvCachePool = "KvCachePool";
    public const string KvCacheTokens = "KvCacheTokens";
    public const string MaxConcurrency = "MaxConcurrency";

    public required string ModelName { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public required string Engine { get; init; }

    /// <summary>The release that measured.</summary>
    public string? EngineVersion { get; init; }

    public string? Gpu { get; init; }

    public required string Quantization { get; init; }

    public int TensorParallelSize { get; init; } = 1;

    public int PipelineParallelSize { get; init; } = 1;

    public required string Term { get; init; }

    /// <summary>GiB, tokens, or sequences.</summary>
    public required string Unit { get; init; }

    public required double Predicted { get; init; }

    /// <summary>Null where the estimate bounds the term nowhere.</summary>
    public double? PredictedLow { get; init; }

    public double? PredictedHigh { get; init; }

    /// <summary>Null where the log does not say.</summary>
    public double? Measured { get; init; }

    public double? Difference => Predicted - Measured;

    /// <summary>Relative to what was measured; positive where too much was predicted. Null where that is 0 or less.</summary>
    public double? ErrorPercent => Measured > 0 ? 100 * ((Predicted / Measured.Value) - 1) : null;

    /// <summary>Whether the measurement lies within the estimate's bounds, the rounding of the log included.</summary>
    public bool? WithinBounds => Measured is { } measured && PredictedLow is { } low && PredictedHigh is { } high
        ? measured >= low - Rounding && measured <= high + Rounding
        : null;

    /// <summary>The log and line where the start begins.</summary>
    public string? Path { get; init; }

    public long LineNumber { get; init; }

    /// <summary>Logs print hundredths of a GiB.</summary>
    private static double Rounding => 0.0051;

    public override string ToString() =>
        FormattableString.Invariant($"{ModelName} {Term}: {Predicted:0.##} predicted, {Measured:0.##} measured ({Unit})");
}
