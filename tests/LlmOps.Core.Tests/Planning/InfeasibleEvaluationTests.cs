using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;

namespace LlmOps.Core.Tests.Planning;

/// <summary>What cannot run has no price of a token and no times: zeros would read as free and at once.</summary>
public sealed class InfeasibleEvaluationTests
{
    [Theory]
    [InlineData(PerformanceModelName.Fitted)]
    [InlineData(PerformanceModelName.Roofline)]
    public void What_does_not_fit_has_no_times_and_no_price_of_a_token(PerformanceModelName model)
    {
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-405B"), 1, 512, 256)) { PerformanceModel = model };
        IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(request, InstanceOptimizer.Candidates(
            model, PriceType.OnDemand, new InstanceFilter(gpus: [GpuCatalog.Get("T4"), GpuCatalog.Get("H200")])));

        Assert.Contains(all, e => e.Feasible);
        Assert.Contains(all, e => !e.Feasible);
        Assert.All(all, e => Assert.Equal(
            (e.Feasible, e.Feasible, e.Feasible, e.Feasible),
            (e.UsdPerMillionTokens > 0, e.PrefillSeconds > 0, e.DecodeSeconds > 0, e.TotalSeconds > 0)));
        Assert.All(all.Where(e => !e.Feasible), e => Assert.Null(e.UsdPerMillionTokens ?? e.PrefillSeconds ?? e.DecodeSeconds ?? e.TotalSeconds));
    }
}
