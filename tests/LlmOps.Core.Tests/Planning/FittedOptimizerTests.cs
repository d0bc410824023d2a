using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Planning;

public sealed class FittedOptimizerTests
{
    [Fact]
    public void A_batch_takes_what_the_performance_estimate_of_its_layout_says()
    {
        InstanceEvaluation best = Evaluate(Job("Llama-3.1-70B", 64, 1024, 512, "FP8"), "H100-80GB").First(e => e.GpuCount == 8);
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Llama-3.1-70B"))
            {
                Quantization = Quantization.Parse("FP8"),
                Gpu = GpuCatalog.Get("H100-80GB"),
                Parallelism = new Parallelism(best.TensorParallelSize, best.PipelineParallelSize, Data: best.DataParallelSize),
                BatchSize = 64 / best.DataParallelSize,
            },
            1024,
            512));

        Assert.Equal(estimate.TimeToFirstTokenMs!.Value, best.TimeToFirstTokenMs!.Value, 1e-6);
        Assert.Equal(estimate.TimePerOutputTokenMs!.Value, best.TimePerOutputTokenMs!.Value, 1e-6);
        Assert.Equal(estimate.TokensPerSecond!.Value, best.TokensPerSecond!.Value, 1e-6);
        Assert.Equal(estimate.TokensPerSecondLow!.Value, best.TokensPerSecondLow!.Value, 1e-6);
        Assert.Equal(best.UsdPerHour!.Value / best.TokensPerSecond.Value / 3600 * 1e6, best.UsdPerMillionTokens!.Value, 1e-9);
    }

    /// <summary>What is not known of an instance that cannot run the job is no number: a price of 0 would win every comparison.</summary>
    [Theory]
    [InlineData(PerformanceModelName.Fitted)]
    [InlineData(PerformanceModelName.Roofline)]
    [InlineData(PerformanceModelName.InferSave)]
    public void No_figure_of_a_rejected_instance_is_zero(PerformanceModelName performanceModel)
    {
        OptimizationRequest job = new(new Workload(ModelCatalog.Get("Llama-3.1-405B"), 32, 512, 256)) { PerformanceModel = performanceModel };
        List<InstanceEvaluation> rejected = [.. InstanceOptimizer
            .Evaluate(job, [.. InstanceCatalog.All.Where(i => i.Gpu.Name is "T4" or "L4")], TestContext.Current.CancellationToken)
            .Where(e => !e.Feasible)];

        Assert.NotEmpty(rejected);
        Assert.All(rejected, e =>
        {
            Assert.NotNull(e.RejectionReason);
            Assert.Null(e.Rank);
            Assert.Null(e.UsdPerMillionTokens);
            Assert.Null(e.TokensPerSecond);
            Assert.Null(e.TotalSeconds);
            Assert.All(typeof(InstanceEvaluation).GetProperties().Where(p => p.PropertyType == typeof(double) || p.PropertyType == typeof(double?)),
                p => Assert.False(p.GetValue(e) is double and (0 or double.NaN), $"{p.Name} is {p.GetValue(e)}"));
        });
    }

    /// <summary>The layout is the best of those that there are, each tried by itself.</summary>
    [Theory]
    [InlineData("Llama-3.1-8B", 256)]
    [InlineData("Mixtral-8x7B", 64)]
    [InlineData("DeepSeek-V3", 256)]
    public void No_other_layout_of_the_machine_is_faster(string model, long batch)
    {
        InstanceEvaluation best = Evaluate(Job(model, batch, 1024, 512), "H200").First(e => e.GpuCount == 8);
        foreach (ParallelLayout layout in ParallelLayout.Of(ModelCatalog.Get(model), 8, Engine.vLLM))
        {
            long ofRank = batch / (layout.Copies * layout.AttentionRanks);
            PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
                new MemoryRequest(ModelCatalog.Get(model))
                {
                    Gpu = GpuCatalog.Get("H200"),
                    Parallelism = layout.Parallelism,
                    BatchSize = ofRank,
                },
                1024,
                512));
            Assert.True(layout.Pipeline > 1 || !(estimate.TokensPerSecond > best.TokensPerSecond * (1 + 1e-9)), layout.ToString());
        }
    }

    [Fact]
    public void What_would_do_names_no_parameter_that_instances_have_not()
    {
        IReadOnlyList<InstanceEvaluation> all = Evaluate(Job("Llama-3.1-405B", 1, 512, 256), "L4");

        Assert.NotEmpty(all);
        Assert.All(all, e => Assert.EndsWith("what would: instances with more GPUs, or with larger ones", e.RejectionReason, StringComparison.Ordinal));
    }

    /// <summary>Who gets a class or a score waits for no second token.</summary>
    [Theory]
    [InlineData(null, true)]
    [InlineData(5.0, false)]
    public void Answers_of_one_token_have_no_time_per_output_token_to_keep(double? rate, bool saturate)
    {
        OptimizationRequest job = Job("Llama-3.1-8B", 1, 1000, 1) with { RequestsPerSecond = rate, Saturate = saturate };
        ServiceObjectives objectives = new() { TimePerOutputTokenMs = 0.01 };

        InstanceEvaluation free = Evaluate(job, "H100-80GB")[0], held = Evaluate(job with { Objectives = objectives }, "H100-80GB")[0];
        Assert.True(held.MeetsSlo, held.RejectionReason);
        Assert.Equal((free.Instance, free.InstanceCount, free.BatchSize), (held.Instance, held.InstanceCount, held.BatchSize));

        OptimizationRequest two = job with { Workload = job.Workload with { OutputLength = 2 }, Objectives = objectives };
        Assert.False(Evaluate(two, "H100-80GB")[0].MeetsSlo);
    }

    [Fact]
    public void A_rate_is_served_by_as_few_machines_as_keep_the_objectives()
    {
        OptimizationRequest request = Job("Llama-3.1-8B", 1, 1024, 256) with
        {
            RequestsPerSecond = 60,
            Objectives = new ServiceObjectives { TimeToFirstTokenMs = 500, TimePerOutputTokenMs = 40 },
        };
        InstanceEvaluation[] ranked = [.. Evaluate(request).Where(e => e.Rank is not null)];

        Assert.True(ranked.Length > 20);
        Assert.All(ranked, e =>
        {
            Assert.True(e.TimeToFirstTokenP95Ms <= 500 && e.TimePerOutputTokenP95Ms <= 40, $"{e.Instance}");
            Assert.True(e.TimeToFirstTokenMs <= e.TimeToFirstTokenP95Ms && e.EndToEndMs <= e.EndToEndP95Ms);
            Assert.InRange(e.UtilizationPercent!.Value, 0, 90);
            Assert.Equal(60 * 256, e.TokensPerSecond!.Value, 1e-9);
            Assert.True(e.InstanceCount * e.MaxRequestsPerSecond >= 60 * (1 - 1e-9));
            Assert.True(e.InstanceCount == 1 || (e.InstanceCount - 1) * e.MaxRequestsPerSecond < 60 * 1.002, $"{e.Instance}");
            Assert.Equal(e.InstanceCount * e.UsdPerHour!.Value, e.UsdPerHourTotal!.Value, 5e-7);
            Assert.Equal(e.InstanceCount * e.UsdPerHour.Value * 730, e.UsdPerMonth!.Value, 1e-6);
        });
        Assert.Equal(ranked.Select(e => e.UsdPerMonth).Order(), ranked.Select(e => e.UsdPerMonth));
    }

    /// <summary>The bounds of an estimate are those of Get-LlmPerformanceEstimate.</summary>
    [Fact]
    public void Objectives_that_hold_at_the_slow_bound_are_marked()
    {
        OptimizationRequest job = Job("Llama-3.1-8B", 16, 1024, 256);
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Gpu = GpuCatalog.Get("H100-80GB"), BatchSize = 16 }, 1024, 256));
        double slow = estimate.TimePerOutputTokenHighMs!.Value;

        Assert.True(Meets(slow * 1.001).MeetsSloWithinBounds);
        Assert.True(Meets(slow * 0.999) is { MeetsSlo: true, MeetsSloWithinBounds: false });
        Assert.True(Meets(estimate.TimePerOutputTokenMs!.Value * 0.999) is { MeetsSlo: false, MeetsSloWithinBounds: false });

        InstanceEvaluation Meets(double ms) => Evaluate(
            job with { Objectives = new ServiceObjectives { TimePerOutputTokenMs = ms } }, "H100-80GB").First(e => e.GpuCount == 1);
    }

    [Fact]
    public void Objectives_that_no_request_alone_keeps_are_said()
    {
        OptimizationRequest request = Job("Llama-3.1-70B", 1, 1024, 256) with
        {
            RequestsPerSecond = 1,
            Objectives = new ServiceObjectives { TimePerOutputTokenMs = 1 },
        };
        IReadOnlyList<InstanceEvaluation> all = Evaluate(request);

        Assert.DoesNotContain(all, e => e.Rank is not null);
        Assert.Contains(all, e => e.RejectionReason!.Contains("time per output token of a request alone"));
        Assert.Contains(all, e => e.RejectionReason!.Contains("do not fit; what would:"));
    }

    [Fact]
    public void A_budget_rejects_what_costs_more_in_a_month()
    {
        OptimizationRequest request = Job("Llama-3.1-8B", 8, 512, 128) with { BudgetUsdPerMonth = 600 };
        IReadOnlyList<InstanceEvaluation> all = Evaluate(request);

        Assert.All(all.Where(e => e.Rank is not null), e => Assert.True(e.UsdPerMonth <= 600));
        Assert.Contains(all, e => e.RejectionReason?.Contains("exceed the budget of 600") == true);
    }

    [Fact]
    public void An_allowed_precision_is_taken_where_it_is_cheaper_and_never_makes_it_dearer()
    {
        OptimizationRequest alone = Job("Llama-3.1-70B", 32, 1024, 512) with { AllowedQuantizations = [] };
        OptimizationRequest free = alone with { AllowedQuantizations = [Quantization.Parse("FP8"), Quantization.Parse("AWQ")] };
        Dictionary<string, InstanceEvaluation> before = Evaluate(alone).ToDictionary(Key);
        IReadOnlyList<InstanceEvaluation> after = Evaluate(free);

        Assert.Contains(after, e => e.Quantization != "BF16" && e.Rank is not null);
        Assert.All(after.Where(e => before[Key(e)].Rank is not null), e =>
            Assert.True(e.UsdPerMillionTokens <= before[Key(e)].UsdPerMillionTokens * (1 + 1e-9)));

        static string Key(InstanceEvaluation e) => $"{e.Provider} {e.Instance} {e.Region}";
    }

    [Fact]
    public void Nothing_on_the_front_is_beaten_and_everything_off_it_is()
    {
        OptimizationRequest request = Job("Llama-3.1-8B", 1, 1024, 256) with { Saturate = true, Pareto = true };
        InstanceEvaluation[] front = [.. Evaluate(request).Where(e => e.Rank is not null)];
        InstanceEvaluation[] best = [.. Evaluate(request with { Pareto = false }).Where(e => e.Rank is not null)];

        Assert.True(front.Length > 10);
        Assert.All(front, e => Assert.DoesNotContain(front, other => Beats(other, e)));
        Assert.All(best, e => Assert.Contains(front, other => Beats(other, e) || Same(other, e)));

        static bool Same(InstanceEvaluation a, InstanceEvaluation b) =>
            a.UsdPerMillionTokens == b.UsdPerMillionTokens && a.PrefillSeconds == b.PrefillSeconds && a.DecodeSeconds == b.DecodeSeconds;

        static bool Beats(InstanceEvaluation a, InstanceEvaluation b) => !Same(a, b) && a.UsdPerMillionTokens <= b.UsdPerMillionTokens
            && a.PrefillSeconds <= b.PrefillSeconds && a.DecodeSeconds <= b.DecodeSeconds;
    }

    [Fact]
    public void The_first_says_why_it_is_before_the_second()
    {
        IReadOnlyList<InstanceEvaluation> all = Evaluate(Job("Llama-3.1-8B", 32, 512, 128));

        Assert.StartsWith($"before {all[1].Instance}: ", all[0].Explanation, StringComparison.Ordinal);
        Assert.Contains("% more tokens for a USD", all[0].Explanation, StringComparison.Ordinal);
        Assert.StartsWith($"behind {all[0].Instance}: ", all[1].Explanation, StringComparison.Ordinal);
    }

    /// <summary>
    /// What InferSave found, at the prices of the catalogue: while little throughput is asked for, the cheap GPU with most of the
    /// cache in host memory is the best buy; when more is asked for, a larger one without offloading.
    /// </summary>
    [Theory]
    [InlineData(PerformanceModelName.InferSave, "OPT-2.7B", 50, "T4", true)]
    [InlineData(PerformanceModelName.InferSave, "OPT-2.7B", 100, "L4", false)]
    [InlineData(PerformanceModelName.InferSave, "OPT-6.7B", 20, "L4", true)]
    [InlineData(PerformanceModelName.InferSave, "OPT-6.7B", 50, "A10G", true)]
    [InlineData(PerformanceModelName.InferSave, "OPT-6.7B", 200, "L40S", false)]
    [InlineData(PerformanceModelName.Roofline, "OPT-2.7B", 100, "T4", true)]
    [InlineData(PerformanceModelName.Roofline, "OPT-2.7B", 400, "L4", false)]
    [InlineData(PerformanceModelName.Roofline, "OPT-6.7B", 50, "L4", true)]
    [InlineData(PerformanceModelName.Roofline, "OPT-6.7B", 100, "A10G", true)]
    [InlineData(PerformanceModelName.Roofline, "OPT-6.7B", 200, "L40S", false)]
    public void Offloading_on_a_small_GPU_beats_a_larger_one_while_little_is_asked_for(
        PerformanceModelName model, string name, double slo, string gpu, bool offloads)
    {
        OptimizationRequest request = Job(name, 32, 512, 512, "FP16") with
        {
            PerformanceModel = model,
            Objectives = new ServiceObjectives { TokensPerSecond = slo },
        };
        InstanceEvaluation best = InstanceOptimizer.Evaluate(
            request, InstanceOptimizer.Candidates(model, PriceType.OnDemand, new InstanceFilter(["AWS"])))[0];

        Assert.Equal((gpu, offloads), (best.Gpu, best.OffloadRatio > 0));
    }

    /// <summary>
    /// An engine that pages lets requests queue, which is faster than to fetch their cache at every step; what is left to
    /// offloading is a request that has no room alone, and that only where hardly any throughput is asked for.
    /// </summary>
    [Fact]
    public void Where_requests_can_queue_offloading_is_left_to_what_does_not_fit_alone()
    {
        InstanceEvaluation queued = Evaluate(Job("OPT-6.7B", 32, 512, 512, "FP16"), "L4").First(e => e.GpuCount == 1);
        Assert.Equal(0, queued.OffloadRatio);
        Assert.True(queued.KvCacheGB + queued.WeightsGB > 24, "all of it does not fit at once");

        OptimizationRequest large = Job("Llama-3.1-8B", 1, 100_000, 2000);
        Assert.Equal(("L4", true), Best(large, 1));
        Assert.Equal(("H100-80GB", false), Best(large, 20));
        Assert.False(Evaluate(large with { Offloading = KvCacheOffloading.Never }, "L4").First(e => e.GpuCount == 1).Feasible);
        Assert.Equal(0.7, Evaluate(large with { Offloading = KvCacheOffloading.Tenths }, "L4").First(e => e.GpuCount == 1).OffloadRatio!.Value, 1e-9);

        static (string Gpu, bool Offloads) Best(OptimizationRequest request, double slo)
        {
            string[] gpus = ["L4", "A10G", "L40S", "A100-80GB", "H100-80GB"];
            InstanceEvaluation best = Evaluate(
                request with { Objectives = new ServiceObjectives { TokensPerSecond = slo } }, gpus)[0];
            return (best.Gpu, best.OffloadRatio > 0);
        }
    }

    /// <summary>As <see cref="WeightKernels"/> has it; formats and vendors that were not measured rest on an assumption.</summary>
    [Theory]
    [InlineData("T4", "FP8", true)]
    [InlineData("T4", "MXFP4", false)]
    [InlineData("V100-16GB", "AWQ", false)]
    [InlineData("A100-80GB", "FP8", true)]
    [InlineData("A100-80GB", "NF4", false)]
    [InlineData("H100-80GB", "INT8", true)]
    [InlineData("H100-80GB", "FP8", true)]
    [InlineData("B200", "INT8", false)]
    [InlineData("MI300X", "FP8", true)]
    [InlineData("MI300X", "AWQ", false)]
    public void A_format_without_kernels_is_refused(string gpu, string format, bool runs)
    {
        GpuInstance machine = new()
        {
            Provider = "Test",
            Name = "machine",
            Region = "here",
            Gpu = GpuCatalog.Get(gpu),
            GpuCount = 8,
            UsdPerHour = 1,
            PriceSource = "none",
        };
        InstanceEvaluation e = InstanceOptimizer.Evaluate(Job("Llama-3.1-8B", 1, 128, 128, format), [machine]).Single();

        Assert.Equal(runs, e.Feasible);
        Assert.Equal(!runs, e.RejectionReason?.Contains($"kernels for {format}", StringComparison.Ordinal) == true);
        Assert.Equal((gpu, format) == ("H100-80GB", "FP8") ? Evidence.Fitted : Evidence.Assumed, e.Evidence);
    }

    /// <summary>vLLM refuses bfloat16 below compute capability 8.0 and says to use half.</summary>
    [Fact]
    public void GPUs_without_bfloat16_serve_in_FP16()
    {
        Assert.All(Evaluate(Job("Llama-3.1-8B", 4, 512, 128), "T4", "V100-16GB").Where(e => e.Feasible), e => Assert.Equal("FP16", e.Quantization));
        Assert.All(Evaluate(Job("Llama-3.1-8B", 4, 512, 128), "L4").Where(e => e.Feasible), e => Assert.Equal("BF16", e.Quantization));
    }

    [Fact]
    public void What_only_the_fitted_model_knows_is_refused_with_the_others()
    {
        foreach (OptimizationRequest request in new[]
        {
            Job("OPT-2.7B", 1, 128, 128) with { RequestsPerSecond = 1 },
            Job("OPT-2.7B", 1, 128, 128) with { Saturate = true },
            Job("OPT-2.7B", 1, 128, 128) with { Objectives = new ServiceObjectives { EndToEndMs = 1 } },
            Job("OPT-2.7B", 1, 128, 128) with { Engine = Engine.SGLang },
        })
        {
            LlmOpsException e = Assert.Throws<LlmOpsException>(() =>
                InstanceOptimizer.Evaluate(request with { PerformanceModel = PerformanceModelName.Roofline }));
            Assert.Equal("SettingNotSupported", e.ErrorId);
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.PositiveInfinity)]
    public void Rates_objectives_and_budgets_are_checked(double value)
    {
        OptimizationRequest job = Job("OPT-2.7B", 1, 128, 128);
        foreach (OptimizationRequest request in new[]
        {
            job with { RequestsPerSecond = value },
            job with { BudgetUsdPerMonth = value },
            job with { Objectives = new ServiceObjectives { EndToEndMs = value } },
            job with { Objectives = new ServiceObjectives { TimeToFirstTokenMs = value } },
            job with { Objectives = new ServiceObjectives { TimePerOutputTokenMs = value } },
            job with { Objectives = new ServiceObjectives { Percentile = value } },
        })
        {
            Assert.Equal(Guard.OutOfRangeId, Assert.Throws<LlmOpsException>(() => InstanceOptimizer.Evaluate(request)).ErrorId);
        }
    }

    private static OptimizationRequest Job(string model, long batch, long input, long output, string? quantization = null) =>
        new(new Workload(ModelCatalog.Get(model), batch, input, output)
        {
            Quantization = quantization is null ? null : Quantization.Parse(quantization),
        });

    private static IReadOnlyList<InstanceEvaluation> Evaluate(in OptimizationRequest request, params string[] gpus) =>
        InstanceOptimizer.Evaluate(request, InstanceOptimizer.Candidates(request.PerformanceModel, PriceType.OnDemand,
            gpus.Length == 0 ? null : new InstanceFilter(gpus: [.. gpus.Select(GpuCatalog.Get)])));
}
