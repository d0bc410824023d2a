using LlmOps.Core.Fitting;
using LlmOps.Core.Hardware;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Tests.Performance;

public sealed class StepTimeFitTests
{
    private static readonly StepTimeRow[] s_rows =
    [
        .. ServingMeasurement.All.Select(m => new StepTimeRow(m.Case, m.TimePerOutputTokenMs, m.TimeToFirstTokenMs)),
    ];

    [Fact]
    public void Other_values_change_the_predictions_of_their_own_instance_only()
    {
        StepTimeCase c = s_rows[0].Case;
        double before = StepTimeModel.Predict(c).TimePerOutputToken;
        StepTimeData slower = StepTimeData.Instance.With([("memoryEfficiency", null, 0.4)]);

        Assert.True(StepTimeModel.Predict(c, slower).TimePerOutputToken > before);
        Assert.Equal(before, StepTimeModel.Predict(c).TimePerOutputToken);
        Assert.Equal(before, StepTimeModel.Predict(c, StepTimeData.Instance.With([])).TimePerOutputToken, 1e-12);
    }

    /// <summary>A name has a value for each engine or one for all; an unknown engine gets their mean, an unknown GPU the shared one.</summary>
    [Fact]
    public void What_is_left_out_is_as_if_it_had_never_been_fitted()
    {
        StepTimeData without = StepTimeData.Instance.Without("SGLang").Without("B200");
        StepTimeData data = StepTimeData.Instance;

        Assert.Equal(Math.Sqrt(data["layerMs", "vLLM"] * data["layerMs", "TensorRT-LLM"]), without["layerMs", "SGLang"], 1e-12);
        Assert.Equal(1, without["overheadByGpu", "B200"]);
        Assert.Equal(1, without["overheadByClassAndEngine", "Dense|SGLang"]);
        Assert.Equal("", without.KeyOf(GpuCatalog.Get("B200")));
        Assert.Equal("H200", without.KeyOf(GpuCatalog.Get("H200")));
    }

    /// <summary>Nothing near the result is better: each coefficient is moved alone, up and down.</summary>
    [Fact]
    public void Fit_ends_at_the_least_objective()
    {
        StepTimeFitOptions options = new() { MaxIterations = 60, Tolerance = 1e-9 };
        StepTimeData plain = StepTimeData.Instance.WithGroups(new Dictionary<string, double>(), new Dictionary<string, double>());
        StepTimeFitResult fit = StepTimeFit.Fit(s_rows, plain, options);
        double least = StepTimeFit.ObjectiveOf(s_rows, fit.Data, options);

        Assert.Equal(fit.Objective, least, 1e-9);
        Assert.True(least < StepTimeFit.ObjectiveOf(s_rows, plain, options));
        Assert.All(fit.Data.Coefficients, pair =>
        {
            (string?, double)[] values = pair.Value.Shared is { } shared
                ? [(null, shared)]
                : [.. pair.Value.Values.Select(v => ((string?)v.Key, v.Value))];
            foreach ((string? key, double value) in values)
            {
                foreach (double factor in (double[])[0.98, 1.02])
                {
                    double moved = StepTimeFit.ObjectiveOf(s_rows, fit.Data.With([(pair.Key, key, value * factor)]), options);
                    Assert.True(moved > least - 1e-6, $"{pair.Key} {key} x {factor}: {moved} < {least}");
                }
            }
        });
    }

    /// <summary>Where the true coefficients are far from the start and the data say so, the fit finds their predictions.</summary>
    [Fact]
    public void Refining_to_made_up_measurements_predicts_them()
    {
        StepTimeData truth = StepTimeData.Instance.With(
        [
            ("layerMs", "vLLM", StepTimeData.Instance["layerMs", "vLLM"] * 1.6),
            ("memoryEfficiencyByGpu", "B200", StepTimeData.Instance["memoryEfficiencyByGpu", "B200"] * 0.94),
            ("promptLayerMs", "vLLM", StepTimeData.Instance["promptLayerMs", "vLLM"] * 2),
        ]);
        StepTimeRow[] rows =
        [
            .. s_rows.Where(row => row.Case is { Engine: "vLLM", Gpu.Name: "B200" }).Select(row =>
            {
                StepTimeParts parts = StepTimeModel.Predict(row.Case, truth);
                return new StepTimeRow(row.Case, parts.TimePerOutputToken, parts.TimeToFirstToken);
            }),
        ];
        Assert.True(rows.Length >= 15);
        double before = rows.Average(row => Error(row, StepTimeData.Instance));
        StepTimeFitResult refined = StepTimeFit.Refine(rows, StepTimeData.Instance);

        Assert.True(before > 0.1, $"{before}");
        Assert.InRange(rows.Average(row => Error(row, refined.Data)), 0, 0.03);
        Assert.Contains(refined.Changes, change => change is { Name: "layerMs", Key: "vLLM", LogChange: > 0.1 });
        Assert.DoesNotContain(refined.Changes, change => change.Key is "SGLang" or "H200");
    }

    /// <summary>Multipliers of a GPU that was not fitted are added, and those of the fitted ones stay.</summary>
    [Fact]
    public void Refining_on_an_unknown_GPU_gives_it_values_of_its_own()
    {
        StepTimeCase c = s_rows.First(row => row.Case.Gpu.Name == "H100-80GB").Case with { Gpu = GpuCatalog.Get("A100-80GB") };
        StepTimeParts parts = StepTimeModel.Predict(c);
        StepTimeFitResult refined = StepTimeFit.Refine([new StepTimeRow(c, parts.TimePerOutputToken * 1.5, null)], StepTimeData.Instance);

        Assert.Contains(refined.Changes, change => change.Key == "A100-80GB");
        Assert.Equal(1, parts.TimePerOutputToken / StepTimeModel.Predict(c, StepTimeData.Instance.WithGpu(c.Gpu)).TimePerOutputToken, 1e-9);
        Assert.InRange(StepTimeModel.Predict(c, refined.Data).TimePerOutputToken / parts.TimePerOutputToken, 1.1, 1.5);
        Assert.Equal(StepTimeData.Instance["overheadByGpu", "H100-80GB"], refined.Data["overheadByGpu", "H100-80GB"], 1e-9);
    }

    [Fact]
    public void Rows_without_any_time_move_nothing()
    {
        StepTimeFitResult refined = StepTimeFit.Refine([new StepTimeRow(s_rows[0].Case, null, null)], StepTimeData.Instance);

        Assert.Empty(refined.Changes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(200)]
    public void A_fit_ends_where_it_is_when_it_is_cancelled(int milliseconds)
    {
        // More than a minute's work, and a thread of its own: other tests may leave none to a timer.
        StepTimeRow[] many = [.. Enumerable.Repeat(s_rows, 200).SelectMany(rows => rows)];
        using CancellationTokenSource cancel = new();
        Thread canceller = new(() =>
        {
            Thread.Sleep(milliseconds);
            cancel.Cancel();
        });
        canceller.Start();

        Assert.ThrowsAny<OperationCanceledException>(() => StepTimeFit.Refine(many, StepTimeData.Instance, cancel: cancel.Token));
        canceller.Join();
    }

    [Fact]
    public void Groups_take_what_their_rows_have_in_common()
    {
        StepTimeRow[] rows = [.. s_rows.Where(row => row.Case.Engine == "vLLM").Select(row =>
        {
            StepTimeParts parts = StepTimeModel.Predict(row.Case, StepTimeData.Instance.WithGroups(s_none, s_none));
            double factor = row.Case.Model.Name.StartsWith("Kimi", StringComparison.Ordinal) ? 1.2 : 1;
            return new StepTimeRow(row.Case, parts.TimePerOutputToken * factor, null);
        })];
        StepTimeData corrected = StepTimeGroups.Correct(rows, StepTimeData.Instance, tokenShrinkage: 0.01);

        Assert.All(rows, row => Assert.InRange(
            StepTimeModel.Predict(row.Case, corrected).TimePerOutputToken / row.TimePerOutputTokenMs!.Value, 0.995, 1.005));
        Assert.Empty(corrected.TimeToFirstTokenGroups);
    }

    [Fact]
    public void Cholesky_solves_what_it_is_given_and_refuses_the_rest()
    {
        double[] x = Cholesky.Solve(new double[,] { { 4, 0, 0 }, { 2, 5, 0 }, { 2, 3, 6 } }, [2, 3, 1]);

        // 4x + 2y + 2z = 2, 2x + 5y + 3z = 3, 2x + 3y + 6z = 1
        Assert.Equal(2, (4 * x[0]) + (2 * x[1]) + (2 * x[2]), 1e-12);
        Assert.Equal(3, (2 * x[0]) + (5 * x[1]) + (3 * x[2]), 1e-12);
        Assert.Equal(1, (2 * x[0]) + (3 * x[1]) + (6 * x[2]), 1e-12);
        Assert.Throws<ArgumentException>(() => Cholesky.Solve(new double[,] { { 1, 0 }, { 2, 1 } }, [1, 1]));
    }

    private static readonly Dictionary<string, double> s_none = [];

    private static double Error(StepTimeRow row, StepTimeData data)
    {
        StepTimeParts parts = StepTimeModel.Predict(row.Case, data);
        return (Math.Abs(Math.Log(parts.TimePerOutputToken / row.TimePerOutputTokenMs!.Value))
            + Math.Abs(Math.Log(parts.TimeToFirstToken / row.TimeToFirstTokenMs!.Value))) / 2;
    }
}
