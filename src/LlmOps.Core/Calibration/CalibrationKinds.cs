namespace LlmOps.Core.Calibration;

/// <summary>Says that a calibration of one kind stands where another is needed.</summary>
public static class CalibrationKinds
{
    /// <param name="what">The calibration, as the message names it.</param>
    /// <param name="is">What it corrects.</param>
    /// <param name="needed">What is to be corrected.</param>
    /// <param name="target">The offending value.</param>
    public static LlmOpsException Mismatch(string what, CalibrationKind @is, CalibrationKind needed, object target) => new(
        "CalibrationKindMismatch", ErrorKind.InvalidArgument,
        $"{what} is a calibration of {Subject(@is)}, for {Users(@is)}; what is asked for here is one of {Subject(needed)}, as New-LlmCalibration makes from {Source(needed)}.",
        target);

    private static string Subject(CalibrationKind kind) => kind == CalibrationKind.Time ? "times" : "memory";

    private static string Users(CalibrationKind kind) =>
        kind == CalibrationKind.Time ? "Get-LlmPerformanceEstimate" : "Get-LlmMemoryEstimate, Measure-KvCache and Compare-LlmMemoryEstimate";

    private static string Source(CalibrationKind kind) => kind == CalibrationKind.Time ? "measured times" : "servers' logs";
}
