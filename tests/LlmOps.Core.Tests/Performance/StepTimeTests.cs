using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Tests.Performance;

public sealed class StepTimeTests
{
    /// <summary>
    /// In sample: the coefficients were fitted to these rows among others. <see cref="ServingReportTests"/> is about what is predicted
    /// with groups left out.
    /// </summary>
    [Theory]
    [InlineData("vLLM", 0.07, 0.20)]
    [InlineData("SGLang", 0.08, 0.20)]
    [InlineData("TensorRT-LLM", 0.09, 0.24)]
    public void Measurements_of_the_fit_are_met(string engine, double tokenMedian, double firstMedian)
    {
        ServingMeasurement[] rows = [.. ServingMeasurement.All.Where(m => m.Case.Engine == engine)];
        Assert.True(rows.Length >= 25, $"{rows.Length} rows");
        Assert.InRange(
            Median(rows.Select(m => Math.Abs((StepTimeModel.Predict(m.Case).TimePerOutputToken / m.TimePerOutputTokenMs) - 1))),
            0, tokenMedian);
        Assert.InRange(
            Median(rows.Where(m => m.TimeToFirstTokenMs is not null)
                .Select(m => Math.Abs((StepTimeModel.Predict(m.Case).TimeToFirstToken / m.TimeToFirstTokenMs!.Value) - 1))),
            0, firstMedian);
    }

    [Fact]
    public void Sample_covers_what_was_fitted()
    {
        Assert.Equal(3, ServingMeasurement.All.Select(m => m.Case.Engine).Distinct().Count());
        Assert.Equal(5, ServingMeasurement.All.Select(m => m.Case.Gpu.Name).Distinct().Count());
        Assert.Equal(10, ServingMeasurement.All.Select(m => m.Case.Model.Name).Distinct().Count());
        Assert.All(ServingMeasurement.All, m => Assert.NotNull(StepTimeData.Instance.FamilyOf(m.Case.Model.Name)));
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }
}
