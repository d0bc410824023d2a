namespace LlmOps.Accuracy;

/// <summary>A prediction beside what was measured.</summary>
/// <param name="Group">What the point belongs to in tables and colours, such as an engine's version.</param>
/// <param name="Label">What it is: model, GPU and settings.</param>
internal sealed record Point(string Group, string Label, double Predicted, double Measured)
{
    /// <summary>Relative error in percent; positive where too much was predicted.</summary>
    public double ErrorPercent => 100 * ((Predicted / Measured) - 1);
}

/// <summary>Absolute relative errors in percent.</summary>
internal sealed record ErrorSummary(int Rows, double Median, double Mean, double Worst, double Bias, string WorstLabel)
{
    public static ErrorSummary Of(IReadOnlyCollection<Point> points)
    {
        double[] sizes = [.. points.Select(p => Math.Abs(p.ErrorPercent)).Order()];
        double median = sizes.Length % 2 == 1
            ? sizes[sizes.Length / 2]
            : (sizes[(sizes.Length / 2) - 1] + sizes[sizes.Length / 2]) / 2;
        return new ErrorSummary(
            sizes.Length, median, sizes.Average(), sizes[^1], points.Average(p => p.ErrorPercent),
            points.MaxBy(p => Math.Abs(p.ErrorPercent))!.Label);
    }
}
