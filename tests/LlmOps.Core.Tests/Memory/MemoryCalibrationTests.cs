using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Memory;

public sealed class MemoryCalibrationTests
{
    /// <summary>As vLLM 0.19 printed it on H100-80GB with max_num_batched_tokens 8192 and max_num_seqs 1024 (llm-d-planner).</summary>
    private static ServerLogMeasurement Start(string model = "meta-llama/Llama-3.1-8B-Instruct", double activations = 1.89) => new()
    {
        ModelName = model,
        EngineVersion = "0.19",
        MaxModelLength = 8192,
        GpuMemoryUtilization = 0.95,
        DeviceMemoryGiB = 79.19,
        ModelWeightsGiB = 14.99,
        ActivationsGiB = activations,
        NonTorchGiB = 0.25,
        CudaGraphsGiB = 0.91,
        KvCacheGiB = 58.11,
        KvCacheTokens = 476_016,
        MaxConcurrency = 58.11,
        MaxConcurrencyTokens = 8192,
    };

    private static MeasuredStart Measured(ServerLogMeasurement start, GpuSpec? gpu = null, MemoryCalibration? calibration = null) =>
        MeasuredStart.Of(start, ModelCatalog.Get(start.ModelName!), gpu, calibration);

    [Fact]
    public void Every_figure_of_a_published_start_is_within_a_tenth_of_a_percent_of_its_estimate_but_the_graphs()
    {
        IReadOnlyList<TermComparison> terms = Measured(Start(), GpuCatalog.Get("H100-80GB")).Compare();

        Assert.Equal(
            ["ModelWeights", "Activations", "CompilationOverhead", "CudaGraphs", "KvCachePool", "KvCacheTokens", "MaxConcurrency"],
            terms.Select(term => term.Term));
        Assert.All(terms.Where(term => term.Term != "CudaGraphs"), term =>
            Assert.InRange(term.ErrorPercent!.Value, -0.35, 0.35));
        Assert.All(terms.Where(term => term.PredictedLow is not null), term => Assert.True(term.WithinBounds, term.ToString()));
    }

    [Fact]
    public void Without_a_GPU_the_pool_follows_from_the_memory_that_the_log_prints()
    {
        IReadOnlyList<TermComparison> terms = Measured(Start() with { DeviceMemoryGiB = 60 }).Compare();

        Assert.DoesNotContain(terms, term => term.Term == "KvCacheTokens");
        TermComparison pool = Assert.Single(terms, term => term.Term == "KvCachePool");
        Assert.InRange(pool.Predicted, (60 * 0.95) - 17.2, (60 * 0.95) - 17.0);
    }

    [Fact]
    public void The_factor_is_the_median_of_measured_over_estimated_and_the_bounds_hold_every_measurement()
    {
        MeasuredStart[] starts = [Measured(Start(activations: 2.0)), Measured(Start(activations: 2.2)), Measured(Start(activations: 3.0))];
        double predicted = starts[0].Compare().Single(term => term.Term == "Activations").Predicted;

        MemoryCalibration fitted = MemoryCalibration.Fit("three", starts);

        Assert.Equal(2.2 / predicted, fitted.Activations.Factor, 1e-12);
        Assert.Equal(3, fitted.Activations.Count);
        TermComparison[] after =
            [.. new[] { 2.0, 2.2, 3.0 }.Select(gib => Measured(Start(activations: gib), calibration: fitted).Compare()
                .Single(term => term.Term == "Activations"))];
        Assert.All(after, term => Assert.Equal(2.2, term.Predicted, 1e-6));
        Assert.All(after, term => Assert.True(term.WithinBounds, term.ToString()));
        Assert.InRange(after[0].PredictedHigh!.Value, 3.0, 3.01);
    }

    [Fact]
    public void A_calibrated_estimate_says_so_and_its_pool_shrinks_by_what_the_terms_grow()
    {
        MemoryCalibration fitted = MemoryCalibration.Fit("one", [Measured(Start(activations: 2.89))]);
        MemoryRequest plain = Measured(Start(), GpuCatalog.Get("H100-80GB")).Request;

        KvCacheMeasurement before = KvCacheCalculator.Measure(plain);
        KvCacheMeasurement after = KvCacheCalculator.Measure(plain with { Calibration = fitted });
        MemoryEstimate estimate = MemoryEstimator.Estimate(plain with { Calibration = fitted });

        Assert.Equal(1.0, before.PoolGiB!.Value - after.PoolGiB!.Value, 0.01);
        Assert.Equal("one", estimate.Calibration);
        MemoryTerm activations = estimate.Terms.Single(term => term.Name == "Activations");
        Assert.Contains("calibration 'one'", activations.Source, StringComparison.Ordinal);
        Assert.True(activations.LowGiB <= 2.89 && activations.HighGiB >= 2.89);
        Assert.InRange(estimate.TotalGiB, estimate.TotalLowGiB, estimate.TotalHighGiB);
    }

    [Fact]
    public void Negative_and_absent_figures_say_nothing()
    {
        MemoryCalibration fitted = MemoryCalibration.Fit(
            "graphs", [Measured(Start() with { CudaGraphsGiB = -0.42, ActivationsGiB = null, NonTorchGiB = 0 })]);

        Assert.Equal(TermCalibration.None, fitted.CudaGraphs);
        Assert.Equal(TermCalibration.None, fitted.Activations);
        Assert.Equal(TermCalibration.None, fitted.NonTorch);
        Assert.Equal(1, fitted.ModelWeights.Count);
    }

    [Fact]
    public void Nothing_to_fit_and_another_engine_are_refused()
    {
        Assert.Equal("NothingToCalibrate", Assert.Throws<LlmOpsException>(() => MemoryCalibration.Fit("x", [])).ErrorId);
        MemoryCalibration fitted = MemoryCalibration.Fit("x", [Measured(Start())]);
        MemoryRequest other = new(ModelCatalog.Get("Llama-3.1-8B")) { Engine = Engine.Transformers, Calibration = fitted };
        Assert.Equal("CalibrationNotSupported", Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(other)).ErrorId);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("naïve")]
    [InlineData("a\0b")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789")]
    public void A_name_that_could_leave_its_folder_is_refused(string name) =>
        Assert.Equal("CalibrationNameInvalid", Assert.Throws<LlmOpsException>(() => MemoryCalibration.ValidateName(name)).ErrorId);
}
