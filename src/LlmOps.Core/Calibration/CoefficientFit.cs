using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Calibration;

/// <summary>Refines the coefficients of the step-time model with measured servers.</summary>
internal static class CoefficientFit
{
    // A fit takes a good part of a second, so that rows are left out one by one only where they are few.
    private const int MostFolds = 10;

    // A fit of so many takes some ten seconds.
    private const int MostMeasurements = 2000;

    /// <exception cref="LlmOpsException">There are too many measurements, or an engine has no coefficients.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static RefinedCoefficients Of(IReadOnlyList<TimeMeasurement> measurements, CancellationToken cancel)
    {
        Guard.InRange(measurements.Count, 1, MostMeasurements, $"The number of measurements for the method {TimeCalibrationMethod.Coefficients}");
        foreach (TimeMeasurement m in measurements)
        {
            Engine engine = m.Request.Deployment.Engine;
            if (!PerformanceEstimator.IsFitted(engine))
            {
                throw new LlmOpsException("CalibrationMethodNotSupported", ErrorKind.NotSupported,
                    $"The step-time model has no coefficients of {EnumNames.Of(engine)} ({m.Place}); calibrate its times by the method {TimeCalibrationMethod.Linear}.",
                    EnumNames.Of(engine));
            }
        }

        return RefinedCoefficients.Of(
            StepTimeFit.Refine([.. measurements.Select(RowOf)], StepTimeData.Instance, cancel: cancel),
            measurements.Select(m => m.Request.Deployment.Gpu!.Name).Distinct());
    }

    /// <summary>For each measurement a calibration that was made without it and its group; nulls for a single one.</summary>
    public static TimeCalibration?[] LeftOut(IReadOnlyList<TimeMeasurement> measurements, TimeCalibration refined, CancellationToken cancel)
    {
        TimeCalibration?[] leftOut = new TimeCalibration?[measurements.Count];
        int folds = measurements.Count == 1 ? 0 : Math.Min(measurements.Count, MostFolds);
        for (int fold = 0; fold < folds; fold++)
        {
            TimeCalibration others = refined with
            {
                Coefficients = Of([.. measurements.Where((_, i) => i % folds != fold)], cancel),
            };
            for (int i = fold; i < measurements.Count; i += folds)
            {
                leftOut[i] = others;
            }
        }

        return leftOut;
    }

    private static StepTimeRow RowOf(TimeMeasurement m) =>
        new(PerformanceEstimator.CaseOf(m.Request, m.Running), m.TimePerOutputTokenMs, m.TimeToFirstTokenMs);
}

/// <summary>What is fitted to measured times.</summary>
public enum TimeCalibrationMethod
{
    /// <summary>A factor and a constant for each of the two times.</summary>
    Linear,

    /// <summary>The coefficients of the step-time model.</summary>
    Coefficients,
}
