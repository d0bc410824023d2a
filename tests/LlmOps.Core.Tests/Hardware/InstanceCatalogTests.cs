using LlmOps.Core.Hardware;

namespace LlmOps.Core.Tests.Hardware;

public sealed class InstanceCatalogTests
{
    /// <summary>USD an hour on demand: AWS as of 2026-01-21, Azure and GCP from SkyPilot's catalogue.</summary>
    [Theory]
    [InlineData("AWS", "g4dn.xlarge", "us-east-1", "T4", 1, 0.526)]
    [InlineData("AWS", "g5.xlarge", "us-east-1", "A10G", 1, 1.006)]
    [InlineData("AWS", "g6.xlarge", "us-east-1", "L4", 1, 0.8048)]
    [InlineData("AWS", "p4d.24xlarge", "us-east-1", "A100-40GB", 8, 21.957642)]
    [InlineData("AWS", "p4de.24xlarge", "us-east-1", "A100-80GB", 8, 27.44705)]
    [InlineData("AWS", "p5.48xlarge", "us-east-1", "H100-80GB", 8, 55.04)]
    [InlineData("Azure", "Standard_NC24ads_A100_v4", "eastus", "A100-PCIe-80GB", 1, 3.673)]
    [InlineData("Azure", "Standard_ND96isr_H100_v5", "eastus", "H100-80GB", 8, 98.32)]
    [InlineData("GCP", "g2-standard-4", "us-central1", "L4", 1, 0.70683)]
    [InlineData("GCP", "a2-highgpu-1g", "us-central1", "A100-40GB", 1, 3.6734)]
    public void An_instance_costs_what_was_published(
        string provider, string name, string region, string gpu, int count, double usdPerHour)
    {
        GpuInstance instance = Assert.Single(
            InstanceCatalog.All, i => (i.Provider, i.Name, i.Region) == (provider, name, region));

        Assert.Equal((gpu, count, usdPerHour), (instance.Gpu.Name, instance.GpuCount, instance.UsdPerHour));
        Assert.Equal(usdPerHour / count, instance.UsdPerGpuHour);
    }

    [Fact]
    public void Every_price_is_plausible_and_has_a_source()
    {
        Assert.NotEmpty(InstanceCatalog.All);
        Assert.All(InstanceCatalog.All, instance =>
        {
            Assert.True(double.IsFinite(instance.UsdPerHour));
            Assert.InRange(instance.UsdPerGpuHour, 0.05, 25);
            Assert.InRange(instance.GpuCount, 1, 16);
            Assert.NotEmpty(instance.PriceSource);
            Assert.NotEmpty(instance.Region);
            Assert.InRange(instance.SpotUsdPerHour ?? instance.UsdPerHour, 0.01, instance.UsdPerHour);
            Assert.InRange(instance.ReservedUsdPerHour ?? instance.UsdPerHour, 0.01, instance.UsdPerHour);
            Assert.InRange(instance.PriceDate ?? new DateOnly(2025, 1, 1), new DateOnly(2020, 1, 1), new DateOnly(2030, 1, 1));
        });
    }

    [Fact]
    public void An_instance_is_listed_once_for_each_region()
    {
        Assert.Equal(InstanceCatalog.All.Count, InstanceCatalog.All.DistinctBy(i => (i.Provider, i.Name, i.Region)).Count());
    }

    [Fact]
    public void A_machine_has_the_same_GPUs_in_every_region()
    {
        Assert.All(InstanceCatalog.All.GroupBy(i => (i.Provider, i.Name)), machine =>
            Assert.Single(machine.Select(i => (i.Gpu.Name, i.GpuCount)).Distinct()));
    }

    [Fact]
    public void The_cheapest_region_of_each_machine_is_found_whatever_the_order()
    {
        IReadOnlyList<GpuInstance> cheapest = [.. InstanceCatalog.CheapestRegions(InstanceCatalog.All)];

        Assert.Equal(InstanceCatalog.All.DistinctBy(i => (i.Provider, i.Name)).Count(), cheapest.Count);
        Assert.All(cheapest, best => Assert.DoesNotContain(
            InstanceCatalog.All, i => i.Provider == best.Provider && i.Name == best.Name && i.UsdPerHour < best.UsdPerHour));
        Assert.Equal(cheapest.ToHashSet(), InstanceCatalog.CheapestRegions(InstanceCatalog.All.Reverse()).ToHashSet());
    }

    [Fact]
    public void Conditions_that_none_meets_are_named_with_what_is_nearest()
    {
        LlmOpsException dear = new InstanceFilter(["AWS"], null, [GpuCatalog.Get("L4"), GpuCatalog.Get("T4")], 0.01).NoneMatches();
        Assert.Equal("NoInstanceMatches", dear.ErrorId);
        Assert.StartsWith(
            "No known instance meets all of the conditions: GPU L4 or T4; provider AWS; at most 0.01 USD an hour. The cheapest of the others is g4dn.xlarge at 0.526 USD",
            dear.Message, StringComparison.Ordinal);

        LlmOpsException noGpu = new InstanceFilter(gpus: [GpuCatalog.Get("MI300X")]).NoneMatches();
        Assert.Contains("GPU MI300X. Instances have A10, A100-40GB, ", noGpu.Message, StringComparison.Ordinal);

        LlmOpsException named = new InstanceFilter(gpus: [GpuCatalog.Get("L4")]).NoneMatches(["p5*"]);
        Assert.EndsWith("conditions: instance p5*; GPU L4. With the rest as it is there are: GPU H100-80GB, H200.", named.Message, StringComparison.Ordinal);

        LlmOpsException elsewhere = new InstanceFilter(["Azure"], ["us-east-1"], [GpuCatalog.Get("H200")]).NoneMatches();
        Assert.EndsWith("With the rest as it is there are: provider AWS.", elsewhere.Message, StringComparison.Ordinal);
    }
}
