using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Tests.Performance;

namespace LlmOps.Core.Tests.Calibration;

public sealed class TimeCalibrationTests
{
    private static readonly long[] s_batches = [1, 4, 16, 64, 128];

    [Fact]
    public void A_server_that_is_slower_by_a_line_is_estimated_by_it()
    {
        TimeCalibration calibration = Slower(1.25, 0.5, 1.6, 20);

        Assert.Equal(1.25, calibration.TimePerOutputToken!.Alpha, 1e-6);
        Assert.Equal(0.5, calibration.TimePerOutputToken.BetaMs, 1e-5);
        Assert.Equal(1.6, calibration.TimeToFirstToken!.Alpha, 1e-6);
        Assert.Equal(20, calibration.TimeToFirstToken.BetaMs, 1e-3);
        Assert.Equal(5, calibration.Residuals.Count);

        // A batch that was not measured.
        PerformanceEstimateRequest request = Request(32);
        PerformanceEstimate plain = PerformanceEstimator.Estimate(request);
        PerformanceEstimate calibrated = PerformanceEstimator.Estimate(request with { Calibration = calibration });
        Assert.Equal((1.25 * plain.TimePerOutputTokenMs!.Value) + 0.5, calibrated.TimePerOutputTokenMs!.Value, 1e-4);
        Assert.Equal((1.6 * plain.TimeToFirstTokenMs!.Value) + 20, calibrated.TimeToFirstTokenMs!.Value, 1e-2);
        Assert.Equal("slower", calibrated.Calibration);
        Assert.Null(plain.Calibration);
        Assert.Equal(Evidence.Fitted, calibrated.Evidence);
    }

    [Fact]
    public void Terms_say_what_the_calibration_adds_and_still_add_up()
    {
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(Request(32) with { Calibration = Slower(1.25, 0.5, 1.6, 20) });

        foreach ((PerformancePhase phase, double whole) in new[]
        {
            (PerformancePhase.OutputToken, estimate.TimePerOutputTokenMs!.Value), (PerformancePhase.FirstToken, estimate.TimeToFirstTokenMs!.Value),
        })
        {
            PerformanceTerm[] terms = [.. estimate.Terms.Where(term => term.Phase == phase)];
            Assert.Equal(whole, terms.Sum(term => term.Milliseconds), 1e-9 * whole);
            PerformanceTerm own = Assert.Single(terms, term => term.Name == "Calibration");
            Assert.Equal(Evidence.Fitted, own.Evidence);
            Assert.Contains("'slower', 5 measured", own.Source, StringComparison.Ordinal);
            Assert.DoesNotContain(terms, term => term.Name == "PhysicalFloor");
        }
    }

    [Fact]
    public void Nothing_becomes_faster_than_the_hardware()
    {
        TimeCalibration calibration = Slower(1.25, 0, 1.6, 0) with { TimePerOutputToken = Phase(0.001), TimeToFirstToken = Phase(0.001) };
        PerformanceEstimateRequest request = Request(32);

        PerformanceEstimate estimate = PerformanceEstimator.Estimate(request with { Calibration = calibration });

        PhysicalFloor floor = PhysicalFloor.Of(new Workload(request.Deployment.Model, 32, 1024, 1024), request.Deployment.Gpu!, 1);
        Assert.True(estimate.DecodeSeconds >= floor.DecodeSeconds);
        Assert.True(estimate.TimePerOutputTokenMs > 0.3 * PerformanceEstimator.Estimate(request).TimePerOutputTokenMs);
        Assert.Contains(estimate.Terms, term => term.Name == "PhysicalFloor" && term.Phase == PerformancePhase.OutputToken);
        Assert.Equal(estimate.TimePerOutputTokenMs!.Value,
            estimate.Terms.Where(term => term.Phase == PerformancePhase.OutputToken).Sum(term => term.Milliseconds), 1e-9);
    }

    [Fact]
    public void Bounds_are_those_of_what_was_measured_and_the_models_own_elsewhere()
    {
        TimeCalibration calibration = Slower(1.25, 0.5, 1.6, 20);
        PerformanceEstimate here = Estimate(Request(32));
        Assert.InRange(here.TimePerOutputTokenHighMs!.Value / here.TimePerOutputTokenLowMs!.Value, 1, 1.001);
        Assert.InRange(here.TokensPerSecondHigh!.Value / here.TokensPerSecondLow!.Value, 1, 1.001);

        MemoryRequest deployment = Request(32).Deployment;
        Wide(Request(32) with { Deployment = deployment with { Gpu = GpuCatalog.Get("H200") } });
        Wide(Request(32) with { Deployment = deployment with { Engine = Engine.SGLang } });
        Wide(Request(32) with { Deployment = deployment with { Parallelism = new Parallelism(2, 1, 1, 1) } });
        Wide(Request(32) with { Deployment = deployment with { Model = ModelCatalog.Get("Qwen3-8B") } });
        Wide(Request(32) with { InputLength = 100_000 });

        PerformanceEstimate Estimate(PerformanceEstimateRequest request) =>
            PerformanceEstimator.Estimate(request with { Calibration = calibration });

        void Wide(PerformanceEstimateRequest request)
        {
            PerformanceEstimate there = Estimate(request), plain = PerformanceEstimator.Estimate(request);
            double own = plain.TimePerOutputTokenHighMs!.Value / plain.TimePerOutputTokenLowMs!.Value;
            Assert.Equal(own, there.TimePerOutputTokenHighMs!.Value / there.TimePerOutputTokenLowMs!.Value, 1e-3);
            Assert.True(there.TokensPerSecondHigh / there.TokensPerSecondLow > 1.05);
        }
    }

    [Fact]
    public void Two_measurements_leave_the_models_bounds_in_force()
    {
        TimeCalibration calibration = TimeCalibration.Fit("two", [Measured(1, 1.2, 0, 1, 0), Measured(64, 1.2, 0, 1, 0)]);

        PerformanceEstimate estimate = PerformanceEstimator.Estimate(Request(32) with { Calibration = calibration });

        Assert.True(estimate.TimePerOutputTokenHighMs / estimate.TimePerOutputTokenLowMs > 1.05);
    }

    [Fact]
    public void One_time_alone_leaves_the_other_as_it_is()
    {
        MeasurementRow row = TimeMeasurementTests.Row(("TtftMs", null));
        TimeCalibration calibration = TimeCalibration.Fit("tpot", [TimeMeasurement.Of(row)]);
        PerformanceEstimateRequest request = Request(8);

        PerformanceEstimate estimate = PerformanceEstimator.Estimate(request with { Calibration = calibration });

        Assert.Null(calibration.TimeToFirstToken);
        Assert.Equal(PerformanceEstimator.Estimate(request).TimeToFirstTokenMs, estimate.TimeToFirstTokenMs);
        Assert.Equal(PerformanceEstimator.Estimate(request).TimeToFirstTokenHighMs, estimate.TimeToFirstTokenHighMs);
    }

    [Fact]
    public void Another_engine_or_GPU_and_far_other_times_are_warned_of()
    {
        TimeCalibration calibration = Slower(1.25, 0.5, 1.6, 20);
        MemoryRequest deployment = Request(1).Deployment;

        Assert.Empty(Warnings(Request(1)));
        Assert.Contains("H100-80GB, not H200", Assert.Single(Warnings(Request(1) with { Deployment = deployment with { Gpu = GpuCatalog.Get("H200") } })),
            StringComparison.Ordinal);
        Assert.Contains("vLLM, not SGLang", Assert.Single(Warnings(Request(1) with { Deployment = deployment with { Engine = Engine.SGLang } })),
            StringComparison.Ordinal);
        Assert.Contains("to the first token", Assert.Single(Warnings(Request(1) with { InputLength = 30_000 })), StringComparison.Ordinal);

        List<string> Warnings(PerformanceEstimateRequest request) =>
            [.. calibration.WarningsOf(PerformanceEstimator.Estimate(request with { Calibration = calibration }))];
    }

    [Fact]
    public void Nothing_to_fit_and_too_much_are_refused()
    {
        Assert.Equal("NothingToCalibrate", Assert.Throws<LlmOpsException>(() => TimeCalibration.Fit("x", [])).ErrorId);
        Assert.Equal("CalibrationNameInvalid", Assert.Throws<LlmOpsException>(() => TimeCalibration.Fit("../x", [])).ErrorId);
        TimeMeasurement one = Measured(1, 1, 0, 1, 0);
        Assert.Equal("ValueOutOfRange", Assert.Throws<LlmOpsException>(
            () => TimeCalibration.Fit("x", [.. Enumerable.Repeat(one, TimeCalibration.MostMeasurements + 1)])).ErrorId);
    }

    /// <summary>
    /// Published measurements of servers, for an engine that the model is given no coefficients of: as if they were of Hugging Face
    /// transformers. What was left out must be met better than without calibration.
    /// </summary>
    [Fact]
    public void Measured_servers_of_an_engine_that_was_not_fitted_are_met_better_with_rows_left_out()
    {
        List<TimeMeasurement> rows = Published("TensorRT-LLM", "Transformers");

        PhaseTimeCalibration fit = TimeCalibration.Fit("engine", rows).TimePerOutputToken!;

        Assert.True(rows.Count >= 10, $"{rows.Count} rows");
        Assert.True(fit.LeftOut!.MedianPercent < fit.Before.MedianPercent, $"{rows.Count} rows: {fit}: before {fit.Before}, left out {fit.LeftOut}");
    }

    /// <summary>
    /// A server whose layers cost 60 % more and whose memory is 15 % slower: no factor on the whole time, as batches and models differ
    /// in what their time goes to.
    /// </summary>
    [Fact]
    public void Refined_coefficients_meet_what_a_factor_cannot()
    {
        StepTimeData shipped = StepTimeData.Instance;
        StepTimeData truth = shipped.With(
        [
            ("layerMs", "vLLM", shipped["layerMs", "vLLM"] * 1.6), ("memoryEfficiency", null, shipped["memoryEfficiency"] * 0.85),
        ]);
        List<TimeMeasurement> rows = Published("vLLM", "vLLM", m => StepTimeModel.Predict(m.Case, truth).TimePerOutputToken);

        TimeCalibration linear = TimeCalibration.Fit("linear", rows), refined = TimeCalibration.FitCoefficients("refined", rows);

        double before = linear.TimePerOutputToken!.Before.MedianPercent;
        double factor = linear.TimePerOutputToken.LeftOut!.MedianPercent, coefficients = refined.TimePerOutputToken!.LeftOut!.MedianPercent;
        Assert.True(rows.Count >= 20 && before > 10 && coefficients < 0.5 * factor, $"{rows.Count} rows: {before}, {factor}, {coefficients}");
        Assert.Equal((1, 0), (refined.TimePerOutputToken.Alpha, refined.TimePerOutputToken.BetaMs));
        Assert.Contains(refined.Coefficients!.Changes, change => change is { Name: "layerMs", Key: "vLLM" } && change.After > 1.2 * change.Before);

        TimeMeasurement first = rows[0];
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(first.Request with { Calibration = refined });
        Assert.Equal(refined.Residuals[0].CalibratedTimePerOutputTokenMs!.Value, estimate.TimePerOutputTokenMs!.Value, 1e-9);
        Assert.Equal("refined", estimate.Calibration);
        Assert.DoesNotContain(estimate.Terms, term => term.Name == "Calibration");
        Assert.All(estimate.Terms.Where(term => term.Name == "KernelLaunches"),
            term => Assert.StartsWith("calibration 'refined': ", term.Source, StringComparison.Ordinal));
        Assert.Equal(estimate.TimePerOutputTokenMs.Value,
            estimate.Terms.Where(term => term.Phase == PerformancePhase.OutputToken).Sum(term => term.Milliseconds), 1e-9);
    }

    [Fact]
    public void Engines_without_coefficients_are_not_refined()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => TimeCalibration.FitCoefficients("x", Published("TensorRT-LLM", "Transformers")));

        Assert.Equal("CalibrationMethodNotSupported", e.ErrorId);
        Assert.Contains("Transformers", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Published measurements of an engine, as if they were of another one; those that the rows cannot say are left out.</summary>
    private static List<TimeMeasurement> Published(string engine, string asIfOf, Func<ServingMeasurement, double>? token = null)
    {
        List<TimeMeasurement> rows = [];
        foreach (ServingMeasurement m in ServingMeasurement.All.Where(m =>
            m.Case is { AttentionRanks: 1, PredictsAhead: false, DividesExperts: false } && m.Case.Engine == engine && m.Case.Running == m.Case.Users))
        {
            try
            {
                rows.Add(TimeMeasurement.Of(new MeasurementRow($"row {m.Row}", new Dictionary<string, object?>
                {
                    ["Model"] = m.Case.Model, ["Gpu"] = m.Case.Gpu, ["Engine"] = asIfOf, ["Quantization"] = m.Case.Quantization.Name,
                    ["KvCacheDataType"] = m.KvCacheDataType, ["TensorParallelSize"] = m.Case.TensorRanks, ["BatchSize"] = m.Case.Users,
                    ["InputLength"] = Math.Round(m.Case.InputLength), ["OutputLength"] = Math.Round(m.Case.OutputLength),
                    ["TpotMs"] = token?.Invoke(m) ?? m.TimePerOutputTokenMs,
                })));
            }
            catch (LlmOpsException)
            {
            }
        }

        return rows;
    }

    private static PhaseTimeCalibration Phase(double alpha) => new()
    {
        Alpha = alpha, BetaMs = 0, Count = 3, Before = new TimeErrors(0, 0, 0), After = new TimeErrors(0, 0, 0),
    };

    private static TimeCalibration Slower(double tokenAlpha, double tokenBeta, double firstAlpha, double firstBeta) => TimeCalibration.Fit(
        "slower", [.. s_batches.Select(batch => Measured(batch, tokenAlpha, tokenBeta, firstAlpha, firstBeta))]);

    private static PerformanceEstimateRequest Request(long batch) => new(
        new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Gpu = GpuCatalog.Get("H100"), BatchSize = batch }, 1024, 1024);

    private static TimeMeasurement Measured(long batch, double tokenAlpha, double tokenBeta, double firstAlpha, double firstBeta)
    {
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(Request(batch));
        return TimeMeasurement.Of(TimeMeasurementTests.Row(
            ("BatchSize", batch), ("OutputLength", 1024),
            ("TpotMs", (tokenAlpha * estimate.TimePerOutputTokenMs) + tokenBeta),
            ("TtftMs", (firstAlpha * estimate.TimeToFirstTokenMs) + firstBeta)));
    }
}
