using LlmOps.Core.Hardware;

namespace LlmOps.Core.Tests.Hardware;

/// <summary>Prices that stand in place of the catalogue's own, and how old prices are spoken of.</summary>
public sealed class InstancePriceTests
{
    private static readonly DateOnly s_day = new(2026, 6, 15);

    private static InstancePrice Price(double usd, string region = "us-east-1", bool spot = false, string instance = "g5.xlarge") =>
        new("AWS", instance, region, spot, usd, s_day, "a list");

    private static GpuInstance Of(IReadOnlyList<GpuInstance> instances, string region = "us-east-1") =>
        Assert.Single(instances, i => (i.Provider, i.Name, i.Region) == ("AWS", "g5.xlarge", region));

    [Fact]
    public void A_price_replaces_that_of_its_kind_and_leaves_the_others()
    {
        GpuInstance before = Of(InstanceCatalog.BuiltIn);
        GpuInstance after = Of(InstanceCatalog.With([Price(2), Price(0.5, spot: true)]));

        Assert.Equal((2, s_day, "a list"), (after.UsdPerHour, after.PriceDate, after.PriceSource));
        Assert.Equal((0.5, s_day, "a list"), (after.SpotUsdPerHour, after.SpotPriceDate, after.SpotPriceSource));
        Assert.Equal(before.ReservedUsdPerHour, after.ReservedUsdPerHour);
        Assert.Equal((before.PriceDate, before.PriceSource), (after.DateOf(PriceType.Reserved), after.SourceOf(PriceType.Reserved)));
        Assert.Equal((before.Gpu, before.GpuCount, before.VcpuCount, before.MemoryGiB), (after.Gpu, after.GpuCount, after.VcpuCount, after.MemoryGiB));

        GpuInstance spot = Of(InstanceCatalog.With([Price(0.5, spot: true)]));
        Assert.Equal((before.UsdPerHour, before.PriceDate), (spot.UsdPerHour, spot.PriceDate));
        Assert.Equal((before.PriceDate, s_day), (spot.DateOf(PriceType.OnDemand), spot.DateOf(PriceType.Spot)));
    }

    [Fact]
    public void Another_region_is_added_and_nothing_else()
    {
        IReadOnlyList<GpuInstance> all = InstanceCatalog.With(
            [Price(3, "af-south-1"), Price(1, "af-south-1", spot: true), Price(1, "elsewhere", spot: true), Price(1, instance: "unknown")]);

        Assert.Equal(InstanceCatalog.BuiltIn.Count + 1, all.Count);
        GpuInstance added = Of(all, "af-south-1");
        Assert.Equal((3, 1, null), (added.UsdPerHour, added.SpotUsdPerHour, added.ReservedUsdPerHour));
        Assert.Equal(InstanceCatalog.BuiltIn.ToHashSet(), all.Where(i => i != added).ToHashSet());
    }

    [Fact]
    public void Case_does_not_matter_and_of_two_the_last_counts() =>
        Assert.Equal(4, Of(InstanceCatalog.With([Price(3), Price(4, "US-EAST-1", instance: "G5.XLARGE")])).UsdPerHour);

    [Fact]
    public void Without_prices_the_catalogue_is_as_it_came() => Assert.Same(InstanceCatalog.BuiltIn, InstanceCatalog.With([]));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_price_that_cannot_be_is_refused(double usd)
    {
        Assert.Equal(Guard.OutOfRangeId, Assert.Throws<LlmOpsException>(() => InstanceCatalog.With([Price(usd)])).ErrorId);
        Assert.False(InstancePrice.IsPlausible(usd));
    }

    [Fact]
    public void A_machine_without_a_spot_price_has_no_day_of_it() => Assert.All(InstanceCatalog.BuiltIn, instance =>
    {
        Assert.Equal(instance.SpotUsdPerHour is null, instance.SpotPriceSource is null);
        Assert.Equal(instance.SpotUsdPerHour is null ? null : instance.PriceDate, instance.SpotPriceDate);
    });

    [Fact]
    public void Old_and_undated_prices_are_spoken_of_once()
    {
        StalePriceNotice notice = new(new FixedClock());
        (string, DateOnly?, string) recent = ("AWS", new DateOnly(2026, 3, 17), "a"), old = ("AWS", new DateOnly(2026, 3, 16), "a");

        Assert.Null(notice.About([recent]));
        Assert.Contains("older than 90 days: AWS of 2026-03-16 (91 days).", notice.About([recent, old, old]), StringComparison.Ordinal);
        Assert.Null(notice.About([recent, old]));
        Assert.Contains("without a date: Azure, GCP.", notice.About([("GCP", null, "a"), ("Azure", null, "a"), old]), StringComparison.Ordinal);
        Assert.Null(notice.About([("GCP", null, "a")]));
        Assert.Contains("without a date: GCP.", notice.About([("GCP", null, "b")]), StringComparison.Ordinal);
        Assert.NotNull(new StalePriceNotice(new FixedClock()).About([old]));
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 6, 15, 12, 0, 0, TimeSpan.Zero);
    }
}
