using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Planning;

public sealed class ConfigurationFinderTests
{
    private static ConfigurationRequest Request(string model, double requests, double target) =>
        new(requests, target) { Deployment = new MemoryRequest(ModelCatalog.Get(model)) };

    private static GpuInstance Machine(string gpu, int count, double usdPerHour, double? spot = null) => new()
    {
        Provider = "Test",
        Name = FormattableString.Invariant($"{count}x{gpu}"),
        Region = "here",
        Gpu = GpuCatalog.Get(gpu),
        GpuCount = count,
        UsdPerHour = usdPerHour,
        SpotUsdPerHour = spot,
        PriceDate = new DateOnly(2026, 1, 21),
        PriceSource = "test",
    };

    /// <summary>
    /// A mixture's latent cache is copied to every tensor rank, so that groups with requests of their own carry more; with tensor
    /// parallelism alone several times as many machines were proposed as by the optimizer.
    /// </summary>
    [Fact]
    public void Mixtures_are_divided_in_every_way_that_the_optimizer_knows()
    {
        GpuInstance machine = Machine("H200", 8, 28);
        ConfigurationRequest request = Request("DeepSeek-V3", 1_000_000, 16_000) with { BatchSizes = [4, 256] };
        ConfigurationCandidate c = ConfigurationFinder.Evaluate(request, [machine]).First(c => c is { BatchSize: 256, Quantization: "FP8" });

        Assert.Equal((8, 1.0), (c.GpusOfCopy!.Value, c.InstanceCount!.Value));
        Assert.True(c is { ExpertParallelSize: 8, DataParallelSize: > 1, UserCount: 256 }, c.Layout);
        PerformanceEstimate times = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            request.Deployment with
            {
                Gpu = machine.Gpu,
                Parallelism = new Parallelism(c.TensorParallelSize!.Value, 1, 8),
                BatchSize = 256 / c.DataParallelSize!.Value,
            },
            512,
            256));
        Assert.Equal(times.RequestsPerSecond!.Value, c.RequestsPerSecondOfCopy!.Value, 1e-9);

        InstanceEvaluation optimal = InstanceOptimizer.Evaluate(
            new OptimizationRequest(new Workload(request.Deployment.Model, 1, 512, 256))
            {
                RequestsPerSecond = 1_000_000 / 86_400.0,
                Objectives = new ServiceObjectives { EndToEndMs = 16_000 },
            },
            [machine])[0];
        Assert.Equal(1, optimal.InstanceCount);
        Assert.True(optimal is { ExpertParallelSize: 8, MeetsSlo: true });
    }

    [Fact]
    public void Figures_follow_from_the_estimated_times_and_the_price()
    {
        ConfigurationRequest request = Request("Llama-3.1-8B", 2_000_000, 10_000) with
        {
            Quantizations = [Quantization.Parse("FP8")],
            BatchSizes = [16],
            InputLength = 300,
            OutputLength = 100,
            PeakFactor = 2,
            TargetUtilization = 0.5,
        };
        ConfigurationCandidate c = Assert.Single(ConfigurationFinder.Evaluate(request, [Machine("L40S", 1, 2)]));

        PerformanceEstimate times = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            request.Deployment with { Gpu = GpuCatalog.Get("L40S"), Quantization = Quantization.Parse("FP8"), BatchSize = 16 }, 300, 100));
        Assert.Equal(times.TimeToFirstTokenMs!.Value + (99 * times.TimePerOutputTokenMs!.Value), c.EstimatedLatencyMs!.Value, 1e-6);
        Assert.Equal(16 / times.TotalSeconds!.Value, c.RequestsPerSecondOfCopy!.Value, 1e-9);
        double copies = Math.Ceiling(2_000_000 / 86400.0 * 2 / (0.5 * c.RequestsPerSecondOfCopy!.Value));
        Assert.True(copies > 1);
        Assert.Equal(copies, c.CopyCount);
        Assert.Equal(copies, c.GpusNeeded);
        Assert.Equal(copies * 2 * 730, c.UsdPerMonth!.Value, 1e-6);
        Assert.Equal(c.UsdPerMonth!.Value / (2_000_000 * 365.0 / 12), c.UsdPerRequest!.Value, 1e-12);
        Assert.Equal((1 + ((10_000 - c.EstimatedLatencyMs!.Value) / 10_000)) / (1000 * c.UsdPerRequest!.Value), c.Score, 1e-9);
        Assert.Equal((1, true, "TP1", "1xL40S", new DateOnly(2026, 1, 21)), (c.Rank!.Value, c.MeetsSla, c.Layout, c.Instance, c.PriceDate));
        Assert.True(c.EstimatedLatencyLowMs < c.EstimatedLatencyMs && c.EstimatedLatencyMs < c.EstimatedLatencyHighMs);
    }

    [Fact]
    public void Whole_instances_are_rented_those_that_cost_least_for_the_load()
    {
        GpuInstance[] machines = [Machine("L40S", 1, 2), Machine("L40S", 8, 8)];
        ConfigurationRequest request = Request("Llama-3.1-8B", 1000, 60_000) with { BatchSizes = [8], Quantizations = [Quantization.Parse("FP8")] };

        // An hour of a GPU costs half as much in the large machine, but one GPU is enough.
        ConfigurationCandidate small = ConfigurationFinder.Evaluate(request, machines)[0];
        Assert.Equal(("1xL40S", 1, 1, 1460), (small.Instance, small.InstanceCount, small.GpusNeeded, small.UsdPerMonth));

        ConfigurationCandidate large = ConfigurationFinder.Evaluate(request with { RequestsPerDay = 30_000_000 }, machines)[0];
        Assert.Equal("8xL40S", large.Instance);
        Assert.Equal(Math.Ceiling(large.GpusNeeded!.Value / 8), large.InstanceCount);
        Assert.True(large.InstanceCount * 8 >= large.GpusNeeded);
        Assert.Equal(large.InstanceCount * 8 * 730, large.UsdPerMonth);
    }

    [Fact]
    public void A_model_that_one_GPU_does_not_hold_is_divided()
    {
        GpuInstance[] machines = [Machine("H100-80GB", 1, 4), Machine("H100-80GB", 8, 30)];
        ConfigurationRequest request = Request("Llama-3.3-70B", 1000, 60_000) with { BatchSizes = [4], Quantizations = [Quantization.Parse("BF16")] };
        ConfigurationCandidate c = ConfigurationFinder.Evaluate(request, machines)[0];

        Assert.True(c.GpusOfCopy >= 2);
        Assert.Equal("8xH100-80GB", c.Instance);
        Assert.Equal(c.GpusOfCopy, c.GpusNeeded);

        ConfigurationCandidate alone = Assert.Single(ConfigurationFinder.Evaluate(request, [machines[0]]));
        Assert.Null(alone.Rank);
        Assert.StartsWith("short by ", alone.RejectionReason, StringComparison.Ordinal);
        Assert.Null(alone.UsdPerMonth);
    }

    [Fact]
    public void What_comes_nearest_is_the_cheapest_where_the_budget_is_all_that_is_exceeded()
    {
        GpuInstance[] machines = [Machine("L40S", 1, 2), Machine("H100-80GB", 1, 4)];
        ConfigurationRequest request = Request("Llama-3.1-8B", 1000, 60_000) with { BudgetUsdPerMonth = 1 };
        IReadOnlyList<ConfigurationCandidate> dear = ConfigurationFinder.Evaluate(request, machines);
        ConfigurationCandidate cheapest = ConfigurationFinder.Closest(dear, out bool isCheapest)!;
        Assert.True(isCheapest);
        Assert.Equal(("L40S", 2.0 * 730), (cheapest.Gpu, cheapest.UsdPerMonth));
        Assert.Equal(dear.Where(c => c.Gpu == "L40S" && c.UsdPerMonth == cheapest.UsdPerMonth).Min(c => c.EstimatedLatencyMs), cheapest.EstimatedLatencyMs);

        IReadOnlyList<ConfigurationCandidate> slow = ConfigurationFinder.Evaluate(request with { TargetLatencyMs = 0.001 }, machines);
        ConfigurationCandidate fastest = ConfigurationFinder.Closest(slow, out isCheapest)!;
        Assert.False(isCheapest);
        Assert.Equal(slow.Min(c => c.EstimatedLatencyMs), fastest.EstimatedLatencyMs);
        Assert.Contains(" ms are more than the target of 0.001 ms", fastest.RejectionReason, StringComparison.Ordinal);

        Assert.Null(ConfigurationFinder.Closest(ConfigurationFinder.Evaluate(Request("Llama-3.1-405B", 1, 60_000), machines), out _));
    }

    [Fact]
    public void Spot_prices_count_where_they_are_asked_for()
    {
        GpuInstance[] machines = [Machine("L40S", 1, 2, spot: 0.5), Machine("A10G", 1, 1)];
        ConfigurationRequest request = Request("Llama-3.1-8B", 1000, 60_000) with { PriceType = PriceType.Spot };
        IReadOnlyList<ConfigurationCandidate> found = ConfigurationFinder.Evaluate(request, machines);

        Assert.All(found, c => Assert.Equal(("L40S", 0.5), (c.Gpu, c.UsdPerHour)));
        Assert.NotEmpty(found);
    }

    [Fact]
    public void The_models_own_precision_and_smaller_ones_are_tried()
    {
        GpuInstance[] machines = [Machine("L40S", 1, 2), Machine("A10G", 1, 1)];
        ILookup<string, string> tried = ConfigurationFinder.Evaluate(Request("Llama-3.1-8B", 1000, 60_000), machines)
            .ToLookup(c => c.Gpu, c => c.Quantization);

        Assert.Equal(["AWQ", "BF16", "FP8"], tried["L40S"].Distinct().Order());
        Assert.Equal(["AWQ", "BF16", "INT8"], tried["A10G"].Distinct().Order());
    }

    [Fact]
    public void Formats_that_no_time_can_be_given_for_are_not_ranked()
    {
        ConfigurationRequest request = Request("Llama-3.1-8B", 1000, 60_000) with { BatchSizes = [1] };
        ILookup<string, ConfigurationCandidate> found = ConfigurationFinder.Evaluate(
            request, [Machine("L40S", 1, 2), Machine("T4", 8, 4)]).ToLookup(c => c.Gpu);

        Assert.Equal("the kernels for AWQ on T4 were not measured", found["T4"].Single(c => c.Quantization == "AWQ").RejectionReason);
        Assert.Equal(Evidence.Fitted, found["L40S"].Single(c => c.Quantization == "FP8").Evidence);
        Assert.Equal(Evidence.Assumed, found["L40S"].Single(c => c.Quantization == "AWQ").Evidence);
    }

    [Fact]
    public void An_engine_that_can_serve_none_of_the_combinations_is_an_error()
    {
        ConfigurationRequest request = Request("Llama-3.1-8B", 1000, 60_000);
        LlmOpsException error = Assert.Throws<LlmOpsException>(() => ConfigurationFinder.Evaluate(
            request with { Deployment = request.Deployment with { Engine = Engine.DeepSpeed } }, [Machine("L40S", 1, 2)]));
        Assert.Equal("PerformanceNotSupported", error.ErrorId);

        // Of two precisions the one that the engine reads is found, and the other says why not.
        IReadOnlyList<ConfigurationCandidate> mixed = ConfigurationFinder.Evaluate(request with
        {
            Deployment = request.Deployment with { Engine = Engine.LlamaCpp },
            Quantizations = [Quantization.Parse("AWQ"), Quantization.Parse("Q4_K_M")],
            BatchSizes = [1],
        }, [Machine("L40S", 1, 2)]);
        Assert.Equal(["Q4_K_M", "AWQ"], mixed.Select(c => c.Quantization));
        Assert.Contains("AWQ", mixed[1].RejectionReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Rankings_hold_for_any_load()
    {
        IReadOnlyList<GpuInstance> machines = [.. InstanceCatalog.CheapestRegions(InstanceCatalog.BuiltIn)];
        Gen<ConfigurationRequest> requests =
            from model in Samples.Model
            from requestsPerDay in Gen.Choose(0, 9)
            from target in Gen.Choose(2, 6)
            from budget in Gen.Choose(2, 7)
            from batch in Gen.Choose(0, 8)
            select new ConfigurationRequest(Math.Pow(10, requestsPerDay), Math.Pow(10, target))
            {
                Deployment = new MemoryRequest(model),
                BudgetUsdPerMonth = Math.Pow(10, budget),
                BatchSizes = [1L << batch],
            };
        int ranked = 0;
        Always.Holds(requests, 60, request =>
        {
            double score = double.PositiveInfinity;
            foreach (ConfigurationCandidate c in ConfigurationFinder.Evaluate(request, machines))
            {
                Assert.Equal(c.Rank is null, c.RejectionReason is not null);
                if (c.UsdPerMonth is null)
                {
                    Assert.Equal((0, false), (c.Score, c.MeetsSla));
                    continue;
                }

                Assert.Equal(c.MeetsSla, c.Score > 0);
                Assert.True(c.InstanceCount * c.GpusOfInstance >= c.GpusNeeded);
                Assert.True(c.CopyCount * c.RequestsPerSecondOfCopy * 0.8 >= request.RequestsPerDay / 86400 * (1 - 1e-9));
                if (c.Rank is not null)
                {
                    ranked++;
                    Assert.True(c.Score <= score && c.EstimatedLatencyMs <= request.TargetLatencyMs);
                    Assert.True(c.UsdPerMonth <= request.BudgetUsdPerMonth + 0.005);
                    score = c.Score;
                }
            }
        });
        Assert.True(ranked > 100, $"{ranked}");
    }
}
