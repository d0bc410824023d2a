using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Properties;

public sealed class PerformancePropertyTests
{
    /// <summary>Rounding in the last digits of two long sums.</summary>
    private const double Rounding = 1 + 1e-9;

    private static PerformancePrediction Predict(in PerformanceRequest request) => RooflineModel.Instance.Predict(request);

    [Fact]
    public void Every_prediction_is_finite_and_none_is_below_the_physical_floor()
    {
        int feasible = 0;
        Always.Holds(Samples.Performance, 20_000, request =>
        {
            PerformancePrediction p = Predict(request);
            Assert.True(double.IsFinite(p.WeightBytes) && p.WeightBytes > 0 && double.IsFinite(p.KvCacheBytes) && p.KvCacheBytes > 0);
            if (p.RejectionReason is not null)
            {
                return;
            }

            feasible++;
            PhysicalFloor floor = PhysicalFloor.Of(request.Workload, request.Gpu, request.GpuCount);
            Assert.Equal(floor, p.Floor);
            Assert.True(double.IsFinite(p.TotalSeconds) && floor.PrefillSeconds > 0 && floor.DecodeSeconds >= 0);
            Assert.True(p.PrefillSeconds >= floor.PrefillSeconds && p.DecodeSeconds >= floor.DecodeSeconds);
            Assert.Equal(request.Workload.OutputLength == 1, floor.DecodeSeconds == 0);
            Assert.False(p.BreaksPhysicalFloor);
            Assert.InRange(p.OffloadRatio, 0, 1);
            Assert.Contains(p.Bottleneck, new[] { "Compute", "MemoryBandwidth", "HostLink", "Communication" });
        });
        Assert.True(feasible > 5000, $"only {feasible} cases could run");
    }

    /// <summary>Even where a calibration asks for a hundredth of the computed time.</summary>
    [Fact]
    public void No_calibration_undercuts_the_physical_floor()
    {
        Always.Holds(Samples.Performance, 2000, request =>
        {
            PerformancePrediction p = Predict(request with { Prefill = new PhaseCalibration(0.01, 0), Decode = new PhaseCalibration(0.01, 0) });
            Assert.False(p.BreaksPhysicalFloor);
        });
    }

    [Fact]
    public void More_output_tokens_never_take_less_time()
    {
        Longer((w, more) => w with { OutputLength = w.OutputLength + more }, (before, after) =>
        {
            Assert.True(after.TotalSeconds * Rounding >= before.TotalSeconds, $"{after.TotalSeconds} < {before.TotalSeconds}");
            Assert.True(after.DecodeSeconds * Rounding >= before.DecodeSeconds);
        });
    }

    [Fact]
    public void Longer_prompts_never_take_less_time()
    {
        Longer((w, more) => w with { InputLength = w.InputLength + more }, (before, after) =>
        {
            Assert.True(after.PrefillSeconds * Rounding >= before.PrefillSeconds, $"{after.PrefillSeconds} < {before.PrefillSeconds}");
            Assert.True(after.DecodeSeconds * Rounding >= before.DecodeSeconds, $"{after.DecodeSeconds} < {before.DecodeSeconds}");
        });
    }

    [Fact]
    public void Larger_batches_never_take_less_time()
    {
        Longer((w, more) => w with { BatchSize = w.BatchSize + more }, (before, after) =>
            Assert.True(after.TotalSeconds * Rounding >= before.TotalSeconds, $"{after.TotalSeconds} < {before.TotalSeconds}"));
    }

    [Fact]
    public void A_ranking_is_sorted_and_does_not_depend_on_the_order_of_the_instances()
    {
        var cases =
            from model in Gen.Elements("OPT-2.7B", "Llama-3.1-8B", "Mixtral-8x7B", "Llama-3.1-70B", "DeepSeek-V3")
            from quantization in Gen.Elements("BF16", "FP8", "AWQ")
            from batch in Samples.Length(6)
            from slo in Gen.Elements<double?>(null, 50, 1000)
            from price in Gen.Elements(Enum.GetValues<PriceType>())
            from instances in Gen.Shuffle(InstanceCatalog.All.ToArray())
            select (new OptimizationRequest(new Workload(ModelCatalog.Get(model), batch, 512, 256)
            {
                Quantization = Quantization.Parse(quantization),
            })
            {
                Objectives = new ServiceObjectives { TokensPerSecond = slo },
                PriceType = price,
            }, instances);
        Always.Holds(cases, 25, c =>
        {
            (OptimizationRequest request, GpuInstance[] shuffled) = c;
            IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(request, shuffled);
            InstanceEvaluation[] ranked = [.. all.TakeWhile(e => e.Rank is not null)];

            Assert.Equal(shuffled.Length, all.Count);
            Assert.Equal(Enumerable.Range(1, ranked.Length), ranked.Select(e => e.Rank!.Value));
            Assert.All(all.Skip(ranked.Length), e => Assert.True(e.Rank is null && e.RejectionReason is not null));
            Assert.All(ranked, e => Assert.True(e.Feasible && e.MeetsSlo && e.RejectionReason is null && !e.BreaksPhysicalFloor
                && e.TokensPerSecond >= (request.Objectives.TokensPerSecond ?? 0)
                && e.CostEfficiency is > 0 and < double.PositiveInfinity && e.UsdPerMillionTokens is > 0 and < double.PositiveInfinity));
            Assert.Equal(ranked.OrderByDescending(e => e.CostEfficiency).ThenByDescending(e => e.TokensPerSecond)
                .Select(e => e.CostEfficiency), ranked.Select(e => e.CostEfficiency));

            static (string?, string, string?) Key(InstanceEvaluation e) => (e.Provider, e.Instance, e.Region);
            Assert.Equal(
                InstanceOptimizer.Evaluate(request, InstanceCatalog.All).Where(e => e.Rank is not null).Select(Key),
                ranked.Select(Key));
        });
    }

    private static void Longer(
        Func<Workload, long, Workload> with, Action<PerformancePrediction, PerformancePrediction> holds)
    {
        int compared = 0;
        var cases =
            from request in Samples.Performance
            from more in Samples.Length(12)
            select (request, more);
        Always.Holds(cases, 5000, c =>
        {
            PerformancePrediction before = Predict(c.request);
            PerformancePrediction after = Predict(c.request with { Workload = with(c.request.Workload, c.more) });
            if (after.RejectionReason is null)
            {
                Assert.Null(before.RejectionReason);
                compared++;
                holds(before, after);
            }
        });
        Assert.True(compared > 1000, $"only {compared} cases could be compared");
    }
}
