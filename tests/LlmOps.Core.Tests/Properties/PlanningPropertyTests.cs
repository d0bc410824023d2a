using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Properties;

public sealed class PlanningPropertyTests
{
    private const double Rounding = 1 + 1e-9;

    private static readonly Gen<OptimizationRequest> s_jobs =
        from model in Gen.Elements("Llama-3.1-8B", "Qwen2.5-7B", "Mixtral-8x7B", "Llama-3.1-70B", "DeepSeek-V3", "gpt-oss-20b", "Gemma-3-27B")
        from quantization in Gen.Elements("BF16", "FP8", "AWQ")
        from engine in Gen.Elements(Engine.vLLM, Engine.SGLang, Engine.TensorRtLlm)
        from batch in Samples.Length(9)
        from input in Samples.Length(13)
        from output in Samples.Length(11)
        select new OptimizationRequest(new Workload(ModelCatalog.Get(model), batch, input, output)
        {
            Quantization = Quantization.Parse(quantization),
        })
        {
            Engine = engine,
        };

    private static readonly Gen<ServiceObjectives> s_objectives =
        from first in Gen.Elements<double?>(null, 100, 500, 5000)
        from token in Gen.Elements<double?>(null, 10, 30, 100)
        from end in Gen.Elements<double?>(null, 5000, 60_000)
        from percentile in Gen.Elements(50, 90, 95, 99.0)
        select new ServiceObjectives { TimeToFirstTokenMs = first, TimePerOutputTokenMs = token, EndToEndMs = end, Percentile = percentile };

    private static readonly Gen<(OptimizationRequest Job, GpuInstance Instance)> s_cases =
        from job in s_jobs
        from objectives in s_objectives
        from load in Gen.Elements(0, 1, 2)
        from rate in Gen.Elements(0.01, 0.3, 2, 17, 150)
        from instance in Samples.Instance
        select (job with
        {
            Objectives = objectives,
            RequestsPerSecond = load == 1 ? rate : null,
            Saturate = load == 2,
        }, instance);

    [Fact]
    public void Every_evaluation_is_finite_in_order_and_not_below_the_physical_floor()
    {
        int good = 0;
        Always.Holds(s_cases, 2000, c =>
        {
            InstanceEvaluation e = Evaluate(c.Job, c.Instance);
            Assert.Equal(e.Rank is null, e.RejectionReason is not null);
            if (!e.Feasible)
            {
                return;
            }

            Assert.True(e.TotalSeconds * Rounding >= e.FloorSeconds && e.FloorSeconds > 0, $"{e.TotalSeconds} < {e.FloorSeconds}");
            Assert.True(e.TokensPerSecond is > 0 and < double.PositiveInfinity && e.UsdPerMillionTokens is > 0 and < double.PositiveInfinity);
            Assert.InRange(e.OffloadRatio!.Value, 0, 1);
            Assert.Equal(e.EndToEndMs!.Value, e.TimeToFirstTokenMs!.Value + (e.TimePerOutputTokenMs!.Value * (e.OutputLength - 1)), 1e-6 * e.EndToEndMs.Value);
            if (e.Rank is null)
            {
                return;
            }

            good++;
            if (c.Job.RequestsPerSecond is { } rate)
            {
                Assert.True(e.EndToEndMs <= e.EndToEndP95Ms * Rounding && e.TimeToFirstTokenMs <= e.TimeToFirstTokenP95Ms * Rounding);
                Assert.True(e.InstanceCount * e.MaxRequestsPerSecond * Rounding >= rate);
                Assert.InRange(e.UtilizationPercent!.Value, 0, 90 * Rounding);
            }
        });
        Assert.True(good > 300, $"only {good} were good enough");
    }

    [Fact]
    public void Tokens_are_never_cheaper_where_the_price_is_higher() => Compare(
        c => (c.Job, At(c.Instance, 1.37 * c.Instance.UsdPerHour)),
        (before, after) =>
        {
            Assert.True(after.UsdPerMillionTokens >= before.UsdPerMillionTokens);
            Assert.True(after.CostEfficiency <= before.CostEfficiency);
        });

    [Fact]
    public void More_requests_never_need_fewer_instances() => Compare(
        c => (c.Job.RequestsPerSecond is { } rate ? c.Job with { RequestsPerSecond = 1.7 * rate } : c.Job, c.Instance),
        (before, after) => Assert.True(after.InstanceCount >= before.InstanceCount, $"{after.InstanceCount} < {before.InstanceCount}"));

    [Fact]
    public void A_stricter_objective_never_gives_more_throughput_or_needs_fewer_instances() => Compare(
        c => (c.Job with
        {
            Objectives = c.Job.Objectives with
            {
                TimePerOutputTokenMs = 0.8 * (c.Job.Objectives.TimePerOutputTokenMs ?? 50),
                Percentile = Math.Min(99.5, c.Job.Objectives.Percentile + 3),
            },
        }, c.Instance),
        (before, after) =>
        {
            Assert.True(after.InstanceCount >= before.InstanceCount);
            Assert.True(after.TokensPerSecond <= before.TokensPerSecond * Rounding);
        });

    [Fact]
    public void Freedom_to_offload_never_makes_a_batch_slower() => Compare(
        c => (c.Job with { Offloading = KvCacheOffloading.Never }, c.Instance),
        (before, after) => Assert.True(after.TokensPerSecond <= before.TokensPerSecond * Rounding));

    /// <summary>Both good enough; the change may make it too weak, never good enough.</summary>
    private static void Compare(
        Func<(OptimizationRequest Job, GpuInstance Instance), (OptimizationRequest Job, GpuInstance Instance)> change,
        Action<InstanceEvaluation, InstanceEvaluation> holds)
    {
        int compared = 0;
        Always.Holds(s_cases, 1000, c =>
        {
            (OptimizationRequest Job, GpuInstance Instance) changed = change(c);
            InstanceEvaluation after = Evaluate(changed.Job, changed.Instance);
            if (after.Rank is not null)
            {
                InstanceEvaluation before = Evaluate(c.Job, c.Instance);
                Assert.NotNull(before.Rank);
                compared++;
                holds(before, after);
            }
        });
        Assert.True(compared > 100, $"only {compared} could be compared");
    }

    private static InstanceEvaluation Evaluate(OptimizationRequest job, GpuInstance instance) =>
        InstanceOptimizer.Evaluate(job, [instance]).Single();

    private static GpuInstance At(GpuInstance i, double usdPerHour) => new()
    {
        Provider = i.Provider,
        Name = i.Name,
        Region = i.Region,
        Gpu = i.Gpu,
        GpuCount = i.GpuCount,
        MemoryGiB = i.MemoryGiB,
        UsdPerHour = usdPerHour,
        PriceSource = i.PriceSource,
    };
}
