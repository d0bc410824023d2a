using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Operations.Tests.Prices;

/// <summary>What prices would change, and what is said of odd ones.</summary>
public sealed class PricePlanTests
{
    private static PricePlan Plan(params InstancePrice[] prices) => PricePlan.Make(prices, InstanceCatalog.BuiltIn);

    [Fact]
    public void A_change_names_the_old_and_the_new_price()
    {
        PricePlan plan = Plan(Some.Price(0.6), Some.Price(0.06, spot: true), Some.Price(0.7, "westeurope"));

        Assert.Equal(
            [("eastus", false, 0.526, 0.6), ("eastus", true, 0.062699, 0.06), ("westeurope", false, null, 0.7)],
            plan.Changes.Select(c => (c.Region, c.Spot, c.OldUsdPerHour, c.NewUsdPerHour)));
        Assert.Equal(100 * (0.6 / 0.526 - 1), plan.Changes[0].ChangePercent);
        Assert.Null(plan.Changes[2].ChangePercent);
        Assert.Empty(plan.Warnings);
    }

    [Theory]
    [InlineData(52.6, false)]
    [InlineData(0.0526, false)]
    [InlineData(0.0006, true)]
    public void An_absurd_change_is_kept_and_warned_of(double usd, bool spot)
    {
        PricePlan plan = Plan(Some.Price(usd, spot: spot));

        Assert.Single(plan.Prices);
        Assert.Contains($"{PriceServer.T4} (eastus)", Assert.Single(plan.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Many_absurd_changes_are_one_warning()
    {
        PricePlan plan = Plan([.. InstanceCatalog.BuiltIn.Where(i => i.Provider == "Azure")
            .Select(i => Some.Price(i.UsdPerHour * 100, i.Region, instance: i.Name))]);

        string warning = Assert.Single(plan.Warnings);
        Assert.EndsWith("and 104 more.", warning, StringComparison.Ordinal);
        Assert.True(warning.Length < 700);
    }

    [Fact]
    public void A_spot_price_without_one_on_demand_is_left_out()
    {
        PricePlan plan = Plan(Some.Price(0.1, "nowhere", spot: true), Some.Price(0.1, "somewhere", spot: true), Some.Price(0.5, "somewhere"));

        Assert.Equal(["somewhere", "somewhere"], plan.Prices.Select(p => p.Region));
        Assert.Contains("(nowhere)", Assert.Single(plan.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Spot_above_on_demand_and_older_over_newer_are_warned_of()
    {
        Assert.Contains("above those on demand", Assert.Single(Plan(Some.Price(0.6, spot: true)).Warnings), StringComparison.Ordinal);
        PricePlan older = Plan(new InstancePrice("AWS", "g5.xlarge", "us-east-1", false, 1.006, new DateOnly(2025, 1, 1), "a test"));
        Assert.Contains("of 2026-01-21", Assert.Single(older.Warnings), StringComparison.Ordinal);
    }
}
