using LlmOps.Core.Performance;

namespace LlmOps.Core.Calibration;

/// <summary>One of the two times that users wait for, as a calibration sees it.</summary>
internal sealed class TimePhase
{
    public static readonly TimePhase OutputToken = new()
    {
        Measured = m => m.TimePerOutputTokenMs,
        Computed = t => t.Parts.TimePerOutputToken,
        Floor = t => t.TokenFloorMs,
        Predicted = t => t.TimePerOutputTokenMs,
        Complete = (r, calibrated, leftOut) => r with { CalibratedTimePerOutputTokenMs = calibrated, LeftOutTimePerOutputTokenMs = leftOut },
    };

    public static readonly TimePhase FirstToken = new()
    {
        Measured = m => m.TimeToFirstTokenMs,
        Computed = t => t.Parts.TimeToFirstToken,
        Floor = t => t.FirstTokenFloorMs,
        Predicted = t => t.TimeToFirstTokenMs,
        Complete = (r, calibrated, leftOut) => r with { CalibratedTimeToFirstTokenMs = calibrated, LeftOutTimeToFirstTokenMs = leftOut },
    };

    private TimePhase()
    {
    }

    private Func<TimeMeasurement, double?> Measured { get; init; } = null!;

    private Func<PerformanceTimes, double> Computed { get; init; } = null!;

    private Func<PerformanceTimes, double> Floor { get; init; } = null!;

    private Func<PerformanceTimes, double> Predicted { get; init; } = null!;

    private Func<TimeResidual, double, double?, TimeResidual> Complete { get; init; } = null!;

    /// <summary>Fits a factor and a constant, and completes the residuals; null where nothing was measured.</summary>
    public PhaseTimeCalibration? Fit(IReadOnlyList<TimeMeasurement> measurements, List<TimeResidual> residuals)
    {
        int[] rows = Rows(measurements);
        if (rows.Length == 0)
        {
            return null;
        }

        TimeFit.Pair[] pairs = Pairs(measurements, rows);
        (PhaseTimeCalibration calibration, double[] leftOut) = TimeFit.Fit(pairs);
        TimeFit.Line line = new(calibration.Alpha, calibration.BetaMs);
        for (int i = 0; i < rows.Length; i++)
        {
            residuals[rows[i]] = Complete(residuals[rows[i]], pairs[i].At(line), rows.Length > 1 ? leftOut[i] : null);
        }

        return calibration;
    }

    /// <summary>
    /// How far times are off with refined coefficients, which leave factor and constant as they are; completes the residuals.
    /// </summary>
    public PhaseTimeCalibration? Judge(
        IReadOnlyList<TimeMeasurement> measurements, TimeCalibration refined, TimeCalibration?[] leftOut, List<TimeResidual> residuals)
    {
        int[] rows = Rows(measurements);
        if (rows.Length == 0)
        {
            return null;
        }

        double[] after = new double[rows.Length];
        double[]? without = leftOut[0] is null ? null : new double[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            TimeMeasurement m = measurements[rows[i]];
            after[i] = PredictedWith(m, refined);
            if (without is not null)
            {
                without[i] = PredictedWith(m, leftOut[rows[i]]!);
            }

            residuals[rows[i]] = Complete(residuals[rows[i]], after[i], without?[i]);
        }

        return TimeFit.Judged(Pairs(measurements, rows), after, without);
    }

    private double PredictedWith(TimeMeasurement m, TimeCalibration calibration) =>
        Predicted(PerformanceEstimator.Compute(m.Request with { Calibration = calibration }, m.Running));

    private int[] Rows(IReadOnlyList<TimeMeasurement> measurements) =>
        [.. Enumerable.Range(0, measurements.Count).Where(i => Measured(measurements[i]) is not null)];

    private TimeFit.Pair[] Pairs(IReadOnlyList<TimeMeasurement> measurements, int[] rows) =>
    [
        .. rows.Select(i => new TimeFit.Pair(
            Computed(measurements[i].Times), Floor(measurements[i].Times), Measured(measurements[i])!.Value)),
    ];
}
