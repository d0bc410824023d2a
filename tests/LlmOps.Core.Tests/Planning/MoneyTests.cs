using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Planning.Fleets;

namespace LlmOps.Core.Tests.Planning;

/// <summary>What is shown of money has the digits of prices, and totals are of all that is rented.</summary>
public sealed class MoneyTests
{
    private const double Price = 1.3232;
    private const double Month = 965.936;

    private static readonly GpuInstance s_machine = new()
    {
        Provider = "Test", Name = "machine", Region = "here", Gpu = GpuCatalog.Get("L40S"), GpuCount = 1, UsdPerHour = Price, PriceSource = "none",
    };

    [Fact]
    public void Amounts_are_without_the_noise_of_sums_and_products()
    {
        Assert.NotEqual(Month, Price * 730);
        Assert.Equal(Month, Units.Money(Price * 730));
        Assert.Equal(0.3, Units.Money(0.1 + 0.2));
        Assert.Equal(0.000001, Units.Money(0.000001));
    }

    [Fact]
    public void Instances_for_a_batch_and_for_a_rate()
    {
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-8B"), 8, 512, 256));
        InstanceEvaluation one = Assert.Single(InstanceOptimizer.Evaluate(request, [s_machine]));
        Assert.Equal((1, Price, Price, Month), (one.InstanceCount, one.UsdPerHour, one.UsdPerHourTotal, one.UsdPerMonth));

        InstanceEvaluation many = Assert.Single(InstanceOptimizer.Evaluate(request with { RequestsPerSecond = 300 }, [s_machine]));
        Assert.True(many.InstanceCount > 10);
        AssertTotals(many.InstanceCount, many.UsdPerHour, many.UsdPerHourTotal, many.UsdPerMonth, 730);
    }

    /// <summary>1.1 x 730 is computed as 803.0000000000001.</summary>
    [Fact]
    public void What_a_result_costs_is_a_budget_that_it_keeps()
    {
        GpuInstance machine = new()
        {
            Provider = "Test", Name = "machine", Region = "here", Gpu = GpuCatalog.Get("L40S"), GpuCount = 1, UsdPerHour = 1.1, PriceSource = "none",
        };
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-8B"), 8, 512, 256));
        InstanceEvaluation free = Assert.Single(InstanceOptimizer.Evaluate(request, [machine]));
        Assert.Equal(803, free.UsdPerMonth);
        Assert.Equal(1, Assert.Single(InstanceOptimizer.Evaluate(request with { BudgetUsdPerMonth = free.UsdPerMonth }, [machine])).Rank);
        Assert.Null(Assert.Single(InstanceOptimizer.Evaluate(request with { BudgetUsdPerMonth = free.UsdPerMonth - 0.00001 }, [machine])).Rank);
    }

    [Fact]
    public void Configurations()
    {
        ConfigurationRequest request = new(20_000_000, 30_000) { Deployment = new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) };
        IReadOnlyList<ConfigurationCandidate> found = ConfigurationFinder.Evaluate(request, [s_machine]);
        Assert.Contains(found, c => c.InstanceCount > 3);
        Assert.All(found.Where(c => c.InstanceCount is not null), c =>
            AssertTotals((int)c.InstanceCount!.Value, c.UsdPerHour, c.UsdPerHourTotal, c.UsdPerMonth, 730));

        Assert.All(SimpleConfigurations.Evaluate(request), c =>
            Assert.Equal(Math.Round(c.GpusNeeded!.Value * c.UsdPerHour!.Value, 6), c.UsdPerHourTotal));
    }

    [Fact]
    public void Fleets()
    {
        GpuFleet fleet = FleetPlanner.Plan(
            new FleetRequest(new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")), [new RequestSize(512, 256, 1)], 100), [s_machine]);
        Assert.True(fleet.InstanceCount > 3);
        Assert.Equal(Price, Assert.Single(fleet.Members).UsdPerInstanceHour);
        AssertTotals(fleet.InstanceCount, Price, fleet.UsdPerHour, fleet.UsdPerMonth, 730);
        AssertTotals(fleet.InstanceCount, Price, fleet.Members[0].UsdPerHour, fleet.Members[0].UsdPerMonth, 730);
        Assert.Equal(fleet.UsdPerHour, fleet.LowerBoundUsdPerHour);
    }

    /// <summary>In decimals, which have no such noise.</summary>
    private static void AssertTotals(int count, double? price, double? total, double? month, decimal hours)
    {
        Assert.Equal(Price, price);
        Assert.Equal((double)(count * (decimal)Price), total);
        Assert.Equal((double)(count * (decimal)Price * hours), month);
    }
}
