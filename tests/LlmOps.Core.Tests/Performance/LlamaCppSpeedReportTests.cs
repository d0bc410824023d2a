using LlmOps.Accuracy;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Tests.Performance;

/// <summary>What the report on accuracy says of llama.cpp's speeds, against what the fit does.</summary>
public sealed class LlamaCppSpeedReportTests
{
    private static readonly LlamaCppLeftOut s_leftOut = LlamaCppLeftOut.Read();

    [Fact]
    public void Each_published_row_is_there_once()
    {
        Assert.Equal(Enumerable.Range(0, 170), LlamaCppRow.All.Select(row => row.Row));
        Assert.Equal(80, LlamaCppRow.Fitted(isPrefill: false).Count());
        Assert.Equal(75, LlamaCppRow.Fitted(isPrefill: true).Count());
        Assert.Equal(15, LlamaCppRow.All.Count(row => row.Excluded.Length > 0));
    }

    /// <summary>Published: 11.45 and 541.54 tokens a second of Llama-3-70B in Q4_K_M on four RTX 5000 Ada, and 151.1 of Llama-2-7B on one RTX 4090.</summary>
    [Theory]
    [InlineData("Llama-3-70B Q4_K_M on 4 x RTX-5000-Ada", false, 11.45)]
    [InlineData("Llama-3-70B Q4_K_M on 4 x RTX-5000-Ada", true, 541.54)]
    [InlineData("Llama-2-7B Q4_K_M on 1 x RTX-4090", false, 151.1)]
    public void Rows_are_as_published(string label, bool isPrefill, double tokensPerSecond) =>
        Assert.Equal(tokensPerSecond, LlamaCppRow.Fitted(isPrefill).Single(row => row.ToString() == label).TokensPerSecond);

    [Theory]
    [InlineData("gpu", "L40S", false)]
    [InlineData("gpu", "L40S", true)]
    [InlineData("model", "Llama-3-70B", false)]
    [InlineData("model", "Llama-3-70B", true)]
    public void Fitting_without_a_group_gives_the_stored_predictions(string kind, string group, bool isPrefill)
    {
        Func<LlamaCppRow, string> groupOf = LlamaCppFit.LeftOut.Single(l => l.Name == kind).Group;
        LlamaCppPhase phase = LlamaCppFit.Without(isPrefill, kind, group);
        LlamaCppRow[] rows = [.. LlamaCppRow.Fitted(isPrefill).Where(row => groupOf(row) == group)];

        Assert.Equal(kind == "model", phase.Knows("L40S"));
        Assert.True(rows.Length >= 5, $"{rows.Length} rows");
        Assert.All(rows, row =>
            Assert.InRange(row.Predict(LlamaCppFit.With(isPrefill, phase)) / s_leftOut.Of(kind, row), 0.9999, 1.0001));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shipped_coefficients_are_those_of_the_fit(bool isPrefill)
    {
        LlamaCppPhase shipped = isPrefill ? StepTimeData.Instance.LlamaCpp.Prefill : StepTimeData.Instance.LlamaCpp.Decode;
        LlamaCppPhase fitted = LlamaCppFit.Phase(isPrefill, LlamaCppRow.Fitted(isPrefill));

        // A flat direction of the objective stops a digit earlier on other machines.
        Assert.Equal(1, fitted.Efficiency16 / shipped.Efficiency16, 1e-4);
        Assert.Equal(1, fitted.EfficiencyQuantized / shipped.EfficiencyQuantized, 1e-4);
        Assert.Equal(1, fitted.LayerMs / shipped.LayerMs, 1e-4);
        Assert.Equal(shipped.HopMs, fitted.HopMs, 1e-4);
        Assert.Equal(shipped.StepMs, fitted.StepMs, 1e-4);
        Assert.Equal(shipped.PipelineExponent, fitted.PipelineExponent, 1e-4);
        Assert.Equal(fitted.ByFamily.Keys.Order(), shipped.ByFamily.Keys.Order());
        Assert.All(shipped.ByFamily, pair => Assert.Equal(pair.Value, fitted.ByFamily[pair.Key], 1e-4));
        Assert.All(shipped.ByGpu, pair => Assert.Equal(pair.Value, fitted.ByGpu[pair.Key], 1e-4));
        Assert.Equal(9, shipped.ByGpu.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shipped_bounds_are_those_of_the_predictions(bool isPrefill)
    {
        LlamaCppRow[] rows = [.. LlamaCppRow.Fitted(isPrefill)];
        LlamaCppPhase shipped = isPrefill ? StepTimeData.Instance.LlamaCpp.Prefill : StepTimeData.Instance.LlamaCpp.Decode;
        LlamaCppCoefficients fitted = LlamaCppFit.With(isPrefill, LlamaCppFit.Phase(isPrefill, rows));

        Close(s_leftOut.Points("gpu", rows), shipped.GpuLeftOut);
        Close([.. rows.Select(row => row.PointOf(row.Predict(fitted)))], shipped.InSample);
    }

    [Fact]
    public void Left_out_errors_are_within_the_aim()
    {
        LlamaCppRow[] decode = [.. LlamaCppRow.Fitted(isPrefill: false)], prefill = [.. LlamaCppRow.Fitted(isPrefill: true)];

        Assert.All(LlamaCppFit.LeftOut, kind =>
        {
            Assert.InRange(ErrorSummary.Of(s_leftOut.Points(kind.Name, decode)).Median, 0, 7);
            Assert.InRange(ErrorSummary.Of(s_leftOut.Points(kind.Name, decode)).Mean, 0, 9);
            Assert.InRange(ErrorSummary.Of(s_leftOut.Points(kind.Name, prefill)).Median, 0, 22);
            Assert.InRange(ErrorSummary.Of(s_leftOut.Points(kind.Name, prefill)).Mean, 0, 24);
        });
    }

    /// <summary>
    /// GPUs in turn cannot read weights faster than their bandwidth, nor multiply beyond their peak. A row that is faster divided
    /// its matrices instead, which is why those rows have no part.
    /// </summary>
    [Fact]
    public void No_fitted_row_is_faster_than_the_data_sheet_and_rows_divided_are()
    {
        LlamaCppCoefficients shipped = StepTimeData.Instance.LlamaCpp;
        Assert.All(LlamaCppRow.All.Where(row => row.Excluded.Length == 0), row =>
        {
            Assert.True(row.MillisecondsPerToken >= row.Roofline(shipped), row.ToString());
            Assert.True(row.Predict(shipped) >= row.Roofline(shipped), row.ToString());
        });
        LlamaCppRow divided = LlamaCppRow.All.Single(row => row.ToString() == "Llama-2-70B FP16 on 8 x A10G");
        Assert.Equal("rows divided", divided.Excluded);
        Assert.InRange(divided.MillisecondsPerToken / divided.Roofline(shipped), 0.5, 0.7);
    }

    private static void Close(IReadOnlyCollection<Point> points, ResidualBounds bounds)
    {
        // The stored predictions have five digits, and so a percentile may fall on the next row.
        (double low, double high) = StepTimeFile.Range(points);
        Assert.InRange(bounds.Low, low - 0.0021, low + 0.0021);
        Assert.InRange(bounds.High, high - 0.0021, high + 0.0021);
    }
}
