using LlmOps.Accuracy;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Tests.Performance;

/// <summary>What the report on accuracy says of times, against what the fit does.</summary>
public sealed class ServingReportTests
{
    private static readonly ServingRow[] s_fitted = [.. ServingRow.All.Where(row => row.IsFitted)];
    private static readonly ServingLeftOut s_leftOut = ServingLeftOut.Read();

    [Fact]
    public void Each_row_of_the_source_is_there_once_and_has_predictions_without_it()
    {
        Assert.Equal(2778, ServingRow.All.Count);
        Assert.Equal(Enumerable.Range(0, 2778), ServingRow.All.Select(row => row.Row));
        Assert.All(s_fitted, row => Assert.All(ServingFit.LeftOut, kind => Assert.NotNull(s_leftOut.Of(kind.Name, row))));
        Assert.All(ServingRow.All, row => Assert.NotNull(s_leftOut.Of(ServingLeftOut.Raw, row)));
        Assert.Equal(5, s_fitted.Select(row => ServingFit.LeftOut.Single(kind => kind.Name == "known").Group(row)).Distinct().Count());
        Assert.All(ServingRow.All, row => Assert.InRange(row.Case.Running, 1, row.Case.Users));
    }

    /// <summary>Predictions of a group that the report calls left out cannot be made up: the fit without it gives them again.</summary>
    [Fact]
    public void Fitting_without_a_group_gives_the_stored_predictions()
    {
        const string group = "Kimi-K2.5|vLLM|B300";
        StepTimeData without = ServingFit.Without("combination", group, s_fitted, StepTimeData.Instance);
        ServingRow[] rows = [.. s_fitted.Where(row => row.Combination == group)];

        Assert.True(rows.Length >= 20, $"{rows.Length} rows");
        Assert.All(rows, row =>
        {
            (double token, double first) = s_leftOut.Of("combination", row)!.Value;
            StepTimeParts parts = StepTimeModel.Predict(row.Case, without);
            Assert.InRange(parts.TimePerOutputToken / token, 0.99, 1.01);
            Assert.InRange(parts.TimeToFirstToken / first, 0.99, 1.01);
        });
    }

    /// <summary>The shipped coefficients are what the fit of all rows ends at: more steps hardly lower the objective.</summary>
    [Fact]
    public void Shipped_coefficients_are_those_of_the_fit()
    {
        StepTimeRow[] rows = [.. s_fitted.Select(row => row.ForFit())];
        StepTimeData plain = StepTimeData.Instance.WithoutGroups();
        double shipped = StepTimeFit.ObjectiveOf(rows, plain);
        StepTimeFitResult more = StepTimeFit.Fit(rows, plain, new StepTimeFitOptions { MaxIterations = 2 });

        Assert.InRange(more.Objective / shipped, 0.998, 1);
        StepTimeData corrected = StepTimeGroups.Correct(rows, plain);
        Assert.Equal(StepTimeData.Instance.TimePerOutputTokenGroups.Keys.Order(), corrected.TimePerOutputTokenGroups.Keys.Order());
        Assert.All(corrected.TimePerOutputTokenGroups, pair =>
            Assert.Equal(pair.Value, StepTimeData.Instance.TimePerOutputTokenGroups[pair.Key], 1e-3));
    }

    [Theory]
    [InlineData("known")]
    [InlineData("combination")]
    [InlineData("gpu")]
    [InlineData("engine")]
    [InlineData("family")]
    public void Shipped_bounds_are_those_of_the_stored_predictions(string kind)
    {
        ServingPoints points = s_leftOut.Points(kind);
        StepTimeBounds bounds = StepTimeData.Instance.BoundsWithout(kind);

        Close(points.Token, bounds.TimePerOutputToken);
        Close(points.First, bounds.TimeToFirstToken);
        Close(points.Rate, bounds.TokensPerSecond);
    }

    [Fact]
    public void Left_out_errors_are_within_the_aim()
    {
        ServingPoints points = s_leftOut.Points("combination");
        ErrorSummary token = ErrorSummary.Of(points.Token), first = ErrorSummary.Of(points.First), rate = ErrorSummary.Of(points.Rate);

        Assert.InRange(token.Median, 0, 12);
        Assert.InRange(token.Mean, 0, 15);
        Assert.InRange(first.Median, 0, 25);
        Assert.InRange(rate.Median, 0, 12);
    }

    private static void Close(IReadOnlyList<Point> points, ResidualBounds bounds)
    {
        // The stored predictions have five digits, and so a percentile may fall on the next row.
        (double low, double high) = StepTimeFile.Range(points);
        Assert.InRange(bounds.Low, low - 0.0021, low + 0.0021);
        Assert.InRange(bounds.High, high - 0.0021, high + 0.0021);
    }
}
