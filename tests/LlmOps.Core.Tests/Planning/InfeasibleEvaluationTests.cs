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

    /// <summary>An on-demand price in a column of spot prices would be taken for one.</summary>
    [Theory]
    [InlineData(PerformanceModelName.Fitted)]
    [InlineData(PerformanceModelName.Roofline)]
    public void Money_that_is_not_known_is_no_number_and_comes_last(PerformanceModelName model)
    {
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-70B"), 1, 512, 256))
        {
            PerformanceModel = model,
            PriceType = PriceType.Spot,
        };
        IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(
            request, [.. InstanceCatalog.CheapestRegions(InstanceCatalog.BuiltIn.Where(i => i.Provider == "AWS"), PriceType.Spot)]);
        List<InstanceEvaluation> unpriced = [.. all.Where(e => e.UsdPerHour is null)];

        Assert.NotEmpty(unpriced);
        Assert.Contains(unpriced, e => e.RejectionReason == "no Spot price is known");
        Assert.All(unpriced, e => Assert.Equal(
            (null, null, null, null, null, null, null),
            (e.UsdPerHourTotal, e.UsdPerMonth, e.UsdPerMillionTokens, e.CostEfficiency, e.PriceDate, e.PriceAgeDays, e.PriceSource)));
        Assert.Contains(all, e => e is { Feasible: false, UsdPerHour: not null, PriceSource: not null });
        Assert.Equal(all.TakeLast(unpriced.Count), unpriced);
        foreach (InstanceEvaluation e in all.Where(e => e.UsdPerHour is not null))
        {
            Assert.Contains(InstanceCatalog.BuiltIn, i => i.Name == e.Instance && i.Region == e.Region && i.SpotUsdPerHour == e.UsdPerHour);
        }
    }

    [Fact]
    public void What_comes_nearest_is_the_cheapest_where_the_budget_is_all_that_is_missed()
    {
        IReadOnlyList<InstanceEvaluation> all = Rejected(budget: 10, ttft: null);
        InstanceEvaluation nearest = InstanceOptimizer.Closest(all, out bool isCheapest)!;
        Assert.True(isCheapest);
        Assert.Equal(all.Where(e => e.Feasible).Min(e => e.UsdPerMonth), nearest.UsdPerMonth);

        // No budget helps what is too slow for the objective.
        all = Rejected(budget: 10, ttft: 0.001);
        nearest = InstanceOptimizer.Closest(all, out isCheapest)!;
        Assert.False(isCheapest);
        Assert.Equal(all.Max(e => e.TokensPerSecond), nearest.TokensPerSecond);
        Assert.EndsWith("exceeds the SLO of 0.001 ms", nearest.RejectionReason, StringComparison.Ordinal);
    }

    private static IReadOnlyList<InstanceEvaluation> Rejected(double budget, double? ttft)
    {
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-8B"), 8, 512, 256))
        {
            BudgetUsdPerMonth = budget,
            Objectives = new ServiceObjectives { TimeToFirstTokenMs = ttft },
        };
        IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(request, InstanceOptimizer.Candidates(
            request.PerformanceModel, PriceType.OnDemand, new InstanceFilter(gpus: [GpuCatalog.Get("L4"), GpuCatalog.Get("H100-80GB")])));
        Assert.All(all, e => Assert.Null(e.Rank));
        return all;
    }
}
