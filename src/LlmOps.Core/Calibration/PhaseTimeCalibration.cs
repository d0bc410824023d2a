using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Calibration;

/// <summary>How far predictions are from measurements: |predicted / measured - 1|, in percent.</summary>
public sealed record TimeErrors(double MedianPercent, double MeanPercent, double WorstPercent)
{
    internal static TimeErrors Of(IEnumerable<(double Predicted, double Measured)> pairs)
    {
        double[] errors = [.. pairs.Select(pair => 100 * Math.Abs((pair.Predicted / pair.Measured) - 1)).Order()];
        return new TimeErrors(TimeFit.Quantile(errors, 0.5), errors.Average(), errors[^1]);
    }

    public override string ToString() =>
        FormattableString.Invariant($"median {MedianPercent:0.0} %, mean {MeanPercent:0.0} %, worst {WorstPercent:0.0} %");
}

/// <summary>
/// What measurements say about one time that users wait for: time = α · computed + β, as the compute-time calibration of the
/// InferSave model has it, for the times that Get-LlmPerformanceEstimate gives.
/// </summary>
public sealed record PhaseTimeCalibration
{
    /// <summary>From so few measurements on their spread says more than what the model's own bounds are.</summary>
    public const int EnoughForBounds = 3;

    /// <summary>From so many on, bounds are the 10th and 90th percentile; with fewer, the extremes.</summary>
    public const int EnoughForPercentiles = 10;

    // How many times shorter or longer than those measured a time may be.
    private const double Reach = 2;

    // Those of PhaseCalibration.
    internal const double LeastAlpha = 0.001;
    internal const double MostAlpha = 1000;
    internal const double MostBetaMs = 1000 * Units.SecondsPerHour;

    /// <summary>Factor on the computed time.</summary>
    public required double Alpha { get; init; }

    /// <summary>Constant added to it, in milliseconds; 0 or more.</summary>
    public required double BetaMs { get; init; }

    /// <summary>Measured over calibrated, at most 1: of predictions that were made without the measurement where there are several.</summary>
    public double Low { get; init; } = 1;

    /// <summary>The same upwards; at least 1.</summary>
    public double High { get; init; } = 1;

    /// <summary>Measurements behind it.</summary>
    public required int Count { get; init; }

    /// <summary>The shortest time that was computed for the measurements, in milliseconds.</summary>
    public double LeastComputedMs { get; init; }

    /// <summary>The longest.</summary>
    public double MostComputedMs { get; init; }

    /// <summary>Errors without calibration.</summary>
    public required TimeErrors Before { get; init; }

    /// <summary>Errors on the measurements that it was fitted to, which are smaller than those on others.</summary>
    public required TimeErrors After { get; init; }

    /// <summary>
    /// Errors on measurements that were each left out of the fit in turn (above 500, in 100 groups; of coefficients, above 10 in 10); null where there is one alone.
    /// </summary>
    public TimeErrors? LeftOut { get; init; }

    /// <summary>What the measurements were too few or too alike for; null where nothing.</summary>
    public string? Note { get; init; }

    internal string Formula => FormattableString.Invariant($"{Alpha:0.####} x computed + {BetaMs:0.####} ms, less computed");

    internal string SourceOf(string name) => FormattableString.Invariant($"calibration '{name}', {Count} measured time(s)")
        + (LeftOut is null ? "" : FormattableString.Invariant($", median error {LeftOut.MedianPercent:0.0} % left out"));

    /// <summary>Whether the figures are such as a fit gives.</summary>
    internal bool IsSound =>
        Alpha is >= LeastAlpha and <= MostAlpha && BetaMs is >= 0 and <= MostBetaMs
        && Low is > 0 and <= 1 && High is >= 1 and < 1e6 && Count > 0
        && LeastComputedMs is >= 0 and < double.PositiveInfinity && MostComputedMs is >= 0 and < double.PositiveInfinity
        && IsError(Before) && IsError(After) && (LeftOut is null || IsError(LeftOut));

    /// <summary>What it adds to a computed time, in milliseconds.</summary>
    internal double Added(double computedMs) => (Alpha * computedMs) + BetaMs - computedMs;

    /// <summary>Whether measured times were nearly as short or long.</summary>
    internal bool Reaches(double computedMs) => computedMs >= LeastComputedMs / Reach && computedMs <= MostComputedMs * Reach;

    /// <summary>Its own bounds where the deployment was measured and the time is of such a size; else with the model's.</summary>
    internal ResidualBounds Bounds(in ResidualBounds own, double computedMs, bool isCovered)
    {
        ResidualBounds bounds = new(Low, High);
        return isCovered && Count >= EnoughForBounds && Reaches(computedMs)
            ? bounds
            : bounds.Or(own);
    }

    public override string ToString() => FormattableString.Invariant($"x {Alpha:0.####} + {BetaMs:0.####} ms (n = {Count})");

    private static bool IsError(TimeErrors? errors) =>
        errors is { MedianPercent: >= 0 and < 1e9, MeanPercent: >= 0 and < 1e9, WorstPercent: >= 0 and < 1e9 };
}
