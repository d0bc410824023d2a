using FsCheck.Fluent;
using LlmOps.Core.Calibration;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Calibration;

public sealed class TimeFitTests
{
    private static readonly double[] s_computed = [5, 7, 9, 14, 22, 30];

    [Fact]
    public void A_line_is_found_exactly_and_predicts_what_was_left_out()
    {
        (PhaseTimeCalibration fit, double[] leftOut) = TimeFit.Fit(Line(1.3, 2));

        Assert.Equal(1.3, fit.Alpha, 1e-9);
        Assert.Equal(2, fit.BetaMs, 1e-8);
        Assert.Equal(6, fit.Count);
        Assert.Null(fit.Note);
        Assert.InRange(fit.LeftOut!.WorstPercent, 0, 1e-6);
        Assert.Equal(1.3 * 30 + 2, leftOut[5], 1e-6);
        Assert.InRange(fit.Low, 1 - 1e-8, 1);
        Assert.InRange(fit.High, 1, 1 + 1e-8);

        // Before: |t / (1.3 t + 2) - 1| is largest for the shortest time: 5 of 8.5.
        Assert.Equal(100 * (1 - (5 / 8.5)), fit.Before.WorstPercent, 1e-9);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(0.4)]
    public void One_wrong_row_among_six_does_not_move_the_line(double wrong)
    {
        TimeFit.Pair[] pairs = Line(1.3, 2);
        pairs[2] = pairs[2] with { Measured = wrong * pairs[2].Measured };

        (PhaseTimeCalibration fit, double[] leftOut) = TimeFit.Fit(pairs);

        Assert.Equal(1.3, fit.Alpha, 1e-6);
        Assert.Equal(2, fit.BetaMs, 1e-5);

        // It is not hidden either: the errors and bounds say what it was.
        Assert.Equal(100 * Math.Abs((1 / wrong) - 1), fit.LeftOut!.WorstPercent, 0.01);
        Assert.Equal(wrong > 1 ? wrong : 1, fit.High, 1e-4);
        Assert.Equal(wrong < 1 ? wrong : 1, fit.Low, 1e-4);
        Assert.Equal(pairs[2].Measured / wrong, leftOut[2], 1e-4);
    }

    [Fact]
    public void One_row_gives_a_factor_and_no_error()
    {
        (PhaseTimeCalibration fit, _) = TimeFit.Fit([new TimeFit.Pair(10, 1, 12)]);

        Assert.Equal(1.2, fit.Alpha, 1e-12);
        Assert.Equal(0, fit.BetaMs);
        Assert.Null(fit.LeftOut);
        Assert.Contains("one measurement", fit.Note, StringComparison.Ordinal);
        Assert.True(fit.IsSound);
    }

    [Fact]
    public void Times_that_lie_close_together_give_a_factor_alone_and_say_so()
    {
        (PhaseTimeCalibration fit, _) = TimeFit.Fit([new(10, 1, 12), new(11, 1, 13.2), new(14, 1, 16.8)]);

        Assert.Equal(1.2, fit.Alpha, 1e-9);
        Assert.Equal(0, fit.BetaMs);
        Assert.Contains("1.4 times", fit.Note, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(19, 0)]
    [InlineData(20, 4)]
    public void Two_rows_need_twice_the_time_for_a_constant(double longer, double beta)
    {
        (PhaseTimeCalibration fit, _) = TimeFit.Fit([new(10, 1, 14), new(longer, 1, longer + 4)]);

        Assert.Equal(beta, fit.BetaMs, 1e-9);
        Assert.NotNull(fit.Note);
    }

    [Fact]
    public void A_constant_is_never_negative_nor_a_factor()
    {
        (PhaseTimeCalibration falling, _) = TimeFit.Fit([new(10, 1, 8), new(20, 1, 18), new(30, 1, 28)]);
        Assert.Equal(0, falling.BetaMs);
        Assert.InRange(falling.Alpha, 0.8, 28 / 30.0);

        (PhaseTimeCalibration flat, _) = TimeFit.Fit([new(10, 1, 40), new(20, 1, 40), new(30, 1, 40), new(40, 1, 40)]);
        Assert.Equal(0.001, flat.Alpha);
        Assert.InRange(flat.BetaMs, 39.9, 40);
        Assert.True(flat.IsSound);
    }

    /// <summary>A fit to the others would be further off than the estimate is.</summary>
    [Fact]
    public void What_no_line_meets_better_is_left_as_it_is_estimated()
    {
        (PhaseTimeCalibration fit, double[] leftOut) = TimeFit.Fit([new(10, 1, 30), new(20, 1, 20), new(30, 1, 10)]);

        Assert.Equal((1, 0), (fit.Alpha, fit.BetaMs));
        Assert.Equal([10, 20, 30], leftOut);
        Assert.Equal(fit.Before, fit.LeftOut);
        Assert.Contains("nothing is corrected", fit.Note, StringComparison.Ordinal);
    }

    /// <summary>
    /// Two servers in one table: the mean error falls with a factor between them, but the error of most rows grows.
    /// </summary>
    [Fact]
    public void What_is_right_for_most_rows_is_not_spoilt_for_the_few()
    {
        (PhaseTimeCalibration fit, _) = TimeFit.Fit(
            [.. Enumerable.Range(0, 40).Select(i => new TimeFit.Pair(10, 1, i % 5 < 2 ? 13 : 10.01))]);

        Assert.True(fit.LeftOut!.MedianPercent <= fit.Before.MedianPercent + 1e-9);
    }

    [Fact]
    public void Ratios_above_and_below_weigh_alike()
    {
        (PhaseTimeCalibration fit, _) = TimeFit.Fit([.. Enumerable.Range(0, 40).Select(i => new TimeFit.Pair(10, 1, 12 * Math.Pow(1.5, i / 39.0)))]);

        Assert.Equal(Math.Sqrt(1.8 * 1.2), fit.Alpha, 1e-6);
    }

    [Fact]
    public void Nothing_is_predicted_below_the_floor()
    {
        (PhaseTimeCalibration fit, double[] leftOut) = TimeFit.Fit([new(10, 9, 10), new(20, 18, 14), new(40, 36, 21)]);

        Assert.Equal(9, leftOut[0] < 9 ? leftOut[0] : 9);
        Assert.True(leftOut[2] >= 36);
        Assert.True(fit.After.WorstPercent >= 100 * ((36 / 21.0) - 1) - 1e-9);
    }

    [Fact]
    public void Many_rows_take_the_percentiles_as_bounds()
    {
        TimeFit.Pair[] pairs = [.. Enumerable.Range(0, 101).Select(i => new TimeFit.Pair(100, 1, 50 + i))];

        (PhaseTimeCalibration fit, _) = TimeFit.Fit(pairs);

        // Each row is predicted without itself, which moves the factor by less than half a percent.
        Assert.InRange(fit.High / fit.Low, 140 / 60.0 * 0.98, 140 / 60.0 * 1.02);
    }

    [Fact]
    public void Any_line_that_can_be_is_found_through_any_floor()
    {
        var cases =
            from alpha in Gen.Choose(1, 3000)
            from beta in Gen.Choose(0, 5000)
            from computed in Gen.ArrayOf(Gen.Choose(1, 100_000), 5)
            select (Alpha: alpha / 1000.0, Beta: beta / 100.0, Computed: computed);
        Always.Holds(cases, 300, c =>
        {
            double[] times = [1, 4, .. c.Computed.Select(t => t / 100.0)];
            (PhaseTimeCalibration fit, double[] leftOut) = TimeFit.Fit(
                [.. times.Select(t => new TimeFit.Pair(t, 0, (c.Alpha * t) + c.Beta))]);
            Assert.True(fit.IsSound);
            Assert.All(leftOut, t => Assert.True(t > 0 && double.IsFinite(t)));
            Assert.InRange(fit.After.WorstPercent, 0, 0.01);
        });
    }

    private static TimeFit.Pair[] Line(double alpha, double beta) =>
        [.. s_computed.Select(t => new TimeFit.Pair(t, 0.1 * t, (alpha * t) + beta))];
}
