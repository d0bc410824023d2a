using LlmOps.Core.Hardware;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Planning;

/// <summary>The published program (CostPerformanceOptimizer) gave these figures.</summary>
public sealed class SimpleConfigurationTests
{
    private static List<ConfigurationCandidate> Ranked(double requests, double target, double? budget = null, string? gpu = null) =>
        [.. Evaluate(requests, target, budget, gpu).Where(c => c.Rank is not null)];

    private static IReadOnlyList<ConfigurationCandidate> Evaluate(
        double requests, double target, double? budget = null, string? gpu = null) =>
        SimpleConfigurations.Evaluate(new ConfigurationRequest(requests, target)
        {
            BudgetUsdPerMonth = budget,
            Gpus = gpu is null ? null : [GpuCatalog.Get(gpu)],
        });

    [Theory]
    [InlineData(1, "INT4", 1, 50, 18.229166666666664)]
    [InlineData(2, "INT4", 2, 55, 17.968749999999996)]
    [InlineData(3, "INT4", 4, 65, 17.447916666666664)]
    [InlineData(4, "INT8", 1, 66.666666666666667, 17.361111111111107)]
    [InlineData(5, "INT8", 2, 73.333333333333333, 17.013888888888886)]
    public void The_first_five_for_100_000_requests_a_day_are_the_published_ones(
        int rank, string quantization, long batch, double latency, double score)
    {
        ConfigurationCandidate c = Ranked(100_000, 200, 5000)[rank - 1];

        Assert.Equal(rank, c.Rank);
        Assert.Equal(("T4", quantization, batch), (c.Gpu, c.Quantization, c.BatchSize));
        Assert.Equal(latency, c.EstimatedLatencyMs!.Value, 1e-9);
        Assert.Equal(1, c.GpusNeeded);
        Assert.Equal(288, c.UsdPerMonth!.Value, 1e-9);
        Assert.Equal(9.6e-5, c.UsdPerRequest!.Value, 1e-15);
        Assert.Equal(score, c.Score, 1e-9);
        Assert.True(c.MeetsSla);
        Assert.Equal(Evidence.Assumed, c.Evidence);
    }

    [Fact]
    public void As_many_are_ranked_as_the_program_keeps()
    {
        Assert.Equal(44, Ranked(100_000, 200, 5000).Count);
        Assert.Equal(29, Ranked(20_000_000, 60).Count);
        Assert.Equal(9, Ranked(20_000_000, 60, 10_000).Count);
        Assert.Equal(45, Ranked(1, 1000).Count);
        Assert.Empty(Ranked(100_000, 5));
        Assert.Equal(45, Evaluate(100_000, 5).Count);
    }

    [Fact]
    public void Parts_of_GPUs_are_rented_as_published()
    {
        ConfigurationCandidate first = Ranked(20_000_000, 60)[0], second = Ranked(20_000_000, 60)[1];

        Assert.Equal(("A10G", "INT4", 16), (first.Gpu, first.Quantization, first.BatchSize));
        Assert.Equal(2.8935185185185186, first.GpusNeeded!.Value, 1e-12);
        Assert.Equal(2500, first.UsdPerMonth!.Value, 1e-9);
        Assert.Equal(279.99999999999994, first.Score, 1e-9);
        Assert.Equal(("A100-40GB", 260.5714285714286), (second.Gpu, Math.Round(second.Score, 13)));
    }

    [Fact]
    public void A_budget_that_is_met_exactly_is_met()
    {
        Assert.Equal("A10G", Ranked(20_000_000, 60, 2500)[0].Gpu);
        Assert.DoesNotContain(Ranked(20_000_000, 60, 2499.99), c => c.Gpu == "A10G");
    }

    [Fact]
    public void The_fourth_GPU_is_tried_where_it_is_named()
    {
        Assert.DoesNotContain(Evaluate(100_000, 200), c => c.Gpu == "A100-80GB");

        ConfigurationCandidate c = Ranked(50_000_000, 100, gpu: "A100-80GB")[0];
        Assert.Equal(("A100-80GB", "INT4", 16), (c.Gpu, c.Quantization, c.BatchSize));
        Assert.Equal(11837.12, c.UsdPerMonth!.Value, 0.005);
        Assert.Equal(224.64, c.Score, 1e-9);
    }

    [Fact]
    public void What_is_not_ranked_says_why()
    {
        ConfigurationCandidate slow = Evaluate(100_000, 120).First(c => c.Gpu == "T4" && c.Quantization == "FP16" && c.BatchSize == 4);
        Assert.Equal("130 ms are more than the target of 120 ms", slow.RejectionReason);
        Assert.Equal((false, 0.0, null), (slow.MeetsSla, slow.Score, slow.Rank));

        ConfigurationCandidate dear = Evaluate(100_000, 200, 1000).First(c => c.Gpu == "A100-40GB");
        Assert.Equal("2520.00 USD a month are more than the budget of 1000.00", dear.RejectionReason);
        Assert.True(dear.MeetsSla);
        Assert.Null(dear.Rank);
    }

    [Fact]
    public void GPUs_and_precisions_without_a_factor_are_refused_by_name()
    {
        LlmOpsException gpu = Assert.Throws<LlmOpsException>(() => Evaluate(1000, 100, gpu: "H100-80GB"));
        Assert.Equal(("GpuNotSupported", "H100-80GB"), (gpu.ErrorId, gpu.Target));
        Assert.Contains("A100-80GB", gpu.Message, StringComparison.Ordinal);

        LlmOpsException precision = Assert.Throws<LlmOpsException>(() => SimpleConfigurations.Evaluate(
            new ConfigurationRequest(1000, 100) { Quantizations = [Quantization.Parse("BF16")] }));
        Assert.Equal(("QuantizationNotSupported", "BF16"), (precision.ErrorId, precision.Target));
        Assert.Contains("FP16", precision.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 100, null, 1, 1, "RequestsPerDay")]
    [InlineData(double.NaN, 100, null, 1, 1, "RequestsPerDay")]
    [InlineData(double.PositiveInfinity, 100, null, 1, 1, "RequestsPerDay")]
    [InlineData(1, 0, null, 1, 1, "TargetLatencyMs")]
    [InlineData(1, double.NaN, null, 1, 1, "TargetLatencyMs")]
    [InlineData(1, 100, 0.0, 1, 1, "BudgetUsdPerMonth")]
    [InlineData(1, 100, -5.0, 1, 1, "BudgetUsdPerMonth")]
    [InlineData(1, 100, null, 0.9, 1, "PeakFactor")]
    [InlineData(1, 100, null, 1, 0, "TargetUtilization")]
    [InlineData(1, 100, null, 1, 1.01, "TargetUtilization")]
    public void A_number_out_of_bounds_is_refused_by_name(
        double requests, double target, double? budget, double peak, double utilization, string name)
    {
        LlmOpsException error = Assert.Throws<LlmOpsException>(() => SimpleConfigurations.Evaluate(
            new ConfigurationRequest(requests, target) { BudgetUsdPerMonth = budget, PeakFactor = peak, TargetUtilization = utilization }));

        Assert.Equal("ValueOutOfRange", error.ErrorId);
        Assert.StartsWith(name + " is ", error.Message, StringComparison.Ordinal);
    }
}
