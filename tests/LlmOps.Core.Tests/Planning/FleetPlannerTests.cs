using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning.Fleets;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Planning;

public sealed class FleetPlannerTests
{
    private static readonly RequestSize[] s_sizes = [new(100, 50, 5), new(1000, 200, 3), new(8000, 500, 1)];

    /// <summary>The prices that the catalogue came with, whatever the user's own are.</summary>
    private static readonly IReadOnlyList<GpuInstance> s_aws =
        [.. InstanceCatalog.CheapestRegions(InstanceCatalog.BuiltIn.Where(instance => instance.Provider == "AWS"))];

    private static FleetRequest Request(string model = "Llama-3.1-8B", double rate = 20) =>
        new(new MemoryRequest(ModelCatalog.Get(model)), s_sizes, rate);

    public static TheoryData<string, double, int> Loads { get; } = new()
    {
        { "Llama-3.1-8B", 0.5, 0 }, { "Llama-3.1-8B", 20, 0 }, { "Llama-3.1-8B", 60, 1 }, { "Llama-3.1-8B", 60, 2 },
        { "Llama-3.1-70B", 10, 0 }, { "Llama-3.1-70B", 10, 1 }, { "Mixtral-8x7B", 30, 1 },
    };

    [Fact]
    public void Answers_of_one_token_have_no_time_per_output_token_to_keep()
    {
        FleetRequest request = Request() with { Sizes = [new(1000, 1, 1)] };
        FleetRequest held = request with { Objectives = new() { TimePerOutputTokenMs = 0.01 } };

        Assert.Equal(FleetPlanner.Plan(request, s_aws).Fleet, FleetPlanner.Plan(held, s_aws).Fleet);
        LlmOpsException error = Assert.Throws<LlmOpsException>(
            () => FleetPlanner.Plan(held with { Sizes = [new(1000, 2, 1)] }, s_aws));
        Assert.Equal("RequestSizeNotServed", error.ErrorId);
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void A_fleet_carries_all_requests_within_its_objectives(string model, double rate, int spares)
    {
        GpuFleet fleet = FleetPlanner.Plan(
            Request(model, rate) with { SpareInstance = spares, Objectives = new() { TimeToFirstTokenMs = 2000, TimePerOutputTokenMs = 60 } }, s_aws);

        Assert.True(fleet.IsOptimal);
        Assert.Equal(0, fleet.GapPercent);
        Assert.Equal(fleet.UsdPerHour, fleet.LowerBoundUsdPerHour, 1e-6);
        Assert.Equal(rate, fleet.Members.Sum(member => member.RequestsPerSecond), 1e-6 * rate);
        foreach (RequestSize size in fleet.RequestSizes)
        {
            Assert.Equal(100, Of(size).Sum(share => share.SharePercent), 1e-4);
            Assert.Equal(rate * size.Weight, Of(size).Sum(share => share.RequestsPerSecond), 1e-5 * rate);
        }

        foreach (GpuFleetMember member in fleet.Members)
        {
            Assert.InRange(member.UtilizationPercent, 0, 90 + 1e-4);
            Assert.True(member.UtilizationHighPercent >= member.UtilizationPercent);
            Assert.Equal(member.Load, member.Shares.Sum(share => share.RequestsPerSecond / share.CapacityRequestsPerSecond), 1e-12);
            Assert.Equal(member.InstanceCount * s_aws.Single(i => i.Name == member.Instance).UsdPerHour, member.UsdPerHour, 1e-9);
            Assert.All(member.Shares, share =>
            {
                Assert.InRange(share.TimeToFirstTokenMs, 0, 2000);
                Assert.InRange(share.TimePerOutputTokenMs, 0, 60);
                Assert.True(share.CapacityLowRequestsPerSecond <= share.CapacityRequestsPerSecond);
                Assert.True(share.CapacityHighRequestsPerSecond >= share.CapacityRequestsPerSecond);
            });
        }

        Assert.Equal(730 * fleet.UsdPerHour, fleet.UsdPerMonth, 1e-6);
        double tokens = rate * fleet.RequestSizes.Sum(size => size.Weight * size.OutputLength);
        Assert.Equal(fleet.UsdPerHour / (3600 * tokens) * 1e6, fleet.UsdPerMillionTokens, 1e-6);
        Assert.True(fleet.HeadroomPercent >= -1e-4);
        Assert.True(fleet.SavingPercent is null or >= 0);
        Assert.True(fleet.CheapestSingleType is null || fleet.CheapestSingleType.UsdPerHour >= fleet.UsdPerHour - 1e-9);

        IEnumerable<GpuFleetShare> Of(RequestSize size) => fleet.Members.SelectMany(member => member.Shares)
            .Where(share => share.InputLength == size.InputLength && share.OutputLength == size.OutputLength);
    }

    [Fact]
    public void Capacity_is_what_the_estimator_gives_and_one_user_more_breaks_the_objective()
    {
        GpuInstance h100 = s_aws.Single(instance => instance.Name == "p5.4xlarge");
        RequestSize size = new(1000, 200);
        GpuFleet fleet = FleetPlanner.Plan(
            Request() with { Sizes = [size], Objectives = new() { TimePerOutputTokenMs = 20 } }, [h100]);

        GpuFleetShare share = fleet.Members.Single().Shares.Single();
        PerformanceEstimate At(double users) => PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Gpu = h100.Gpu, BatchSize = (long)users }, 1000, 200));
        Assert.Equal(At(share.BatchSize).RequestsPerSecond!.Value, share.CapacityRequestsPerSecond, 1e-12);
        Assert.Equal(At(share.BatchSize).TimePerOutputTokenMs!.Value, share.TimePerOutputTokenMs, 1e-12);
        Assert.True(At(share.BatchSize).TimePerOutputTokenMs <= 20);
        Assert.True(At(share.BatchSize + 1).TimePerOutputTokenMs > 20);
        Assert.Equal(Math.Ceiling(20 / share.CapacityRequestsPerSecond / 0.9), fleet.InstanceCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Without_any_spares_the_rest_still_carry_the_load(int spares)
    {
        // With one size, what is left is compared with what is asked for by adding up.
        GpuFleet fleet = FleetPlanner.Plan(Request(rate: 40) with { Sizes = [s_sizes[1]], SpareInstance = spares }, s_aws);
        List<double> capacities = [.. fleet.Members
            .SelectMany(member => Enumerable.Repeat(member, member.InstanceCount))
            .Select(member => member.Shares.Single().CapacityRequestsPerSecond)
            .OrderDescending()];
        Assert.True(0.9 * capacities.Skip(spares).Sum() >= 40 * (1 - 1e-6));
        Assert.True(fleet.UsdPerHour > FleetPlanner.Plan(Request(rate: 40) with { Sizes = [s_sizes[1]] }, s_aws).UsdPerHour);
    }

    [Fact]
    public void More_load_less_utilization_and_more_spares_are_never_cheaper_and_more_choice_never_dearer()
    {
        double Usd(FleetRequest request, IReadOnlyList<GpuInstance>? instances = null) =>
            FleetPlanner.Plan(request, instances ?? s_aws).UsdPerHour;

        double last = 0;
        foreach (double rate in new[] { 0.1, 3, 10, 30, 100, 300 })
        {
            double usd = Usd(Request(rate: rate));
            Assert.True(usd >= last);
            Assert.True(Usd(Request(rate: rate) with { TargetUtilization = 0.5 }) >= usd);
            Assert.True(Usd(Request(rate: rate) with { SpareInstance = 1 }) > usd);
            Assert.True(Usd(Request(rate: rate) with { MaxCount = 4 }) >= usd);
            Assert.True(Usd(Request(rate: rate) with { Objectives = new() { TimePerOutputTokenMs = 15 } }) >= usd);
            Assert.True(Usd(Request(rate: rate) with { Quantizations = [Quantization.Parse("BF16"), Quantization.Parse("FP8")] }) <= usd);
            Assert.True(Usd(Request(rate: rate), [.. s_aws.Where(i => i.GpuCount == 1)]) >= usd);
            last = usd;
        }
    }

    [Fact]
    public void What_comes_out_does_not_depend_on_the_order_of_what_goes_in()
    {
        GpuFleet a = FleetPlanner.Plan(Request("Llama-3.1-70B", 30), s_aws);
        GpuFleet b = FleetPlanner.Plan(
            Request("Llama-3.1-70B", 30) with { Sizes = [.. s_sizes.Reverse().Select(size => size with { Weight = 7 * size.Weight })] },
            [.. s_aws.Reverse()]);
        Assert.Equal(a.UsdPerHour, b.UsdPerHour, 1e-9);
        Assert.Equal(a.Fleet, b.Fleet);
    }

    [Fact]
    public void A_limit_holds_for_all_layouts_of_an_instance_together()
    {
        GpuFleet fleet = FleetPlanner.Plan(Request("Llama-3.1-70B", 60) with { MaxCount = 1 }, s_aws);
        Assert.True(fleet.InstanceCount > 1);
        Assert.All(fleet.Members.GroupBy(member => member.Instance), type => Assert.Equal(1, type.Sum(member => member.InstanceCount)));
    }

    [Fact]
    public void Prices_are_those_of_their_type_with_their_source()
    {
        GpuFleet fleet = FleetPlanner.Plan(Request() with { PriceType = PriceType.Spot }, InstanceCatalog.BuiltIn);
        foreach (GpuFleetMember member in fleet.Members)
        {
            GpuInstance instance = InstanceCatalog.BuiltIn.Single(i => i.Name == member.Instance && i.Region == member.Region && i.Provider == member.Provider);
            Assert.Equal(instance.SpotUsdPerHour, member.UsdPerInstanceHour);
            Assert.Equal(instance.SpotPriceSource, member.PriceSource);
            Assert.Equal(instance.SpotPriceDate, member.PriceDate);
        }
    }

    [Fact]
    public void A_size_that_nothing_answers_is_named_with_what_could_be_kept()
    {
        FleetRequest request = Request() with { Objectives = new() { TimeToFirstTokenMs = 5, TimePerOutputTokenMs = 100 } };
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(request, s_aws));
        Assert.Equal("RequestSizeNotServed", e.ErrorId);
        Assert.Equal(8000, Assert.IsType<RequestSize>(e.Target).InputLength);
        Assert.Contains("time to first token", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SloTimePerOutputTokenMs", e.Message, StringComparison.Ordinal);

        // What it names can be kept, and next to nothing less can.
        double named = double.Parse(
            e.Message[(e.Message.LastIndexOf("SloTimeToFirstTokenMs ", StringComparison.Ordinal) + 22)..^1],
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(FleetPlanner.Plan(request with { Objectives = request.Objectives with { TimeToFirstTokenMs = named } }, s_aws).UsdPerHour > 0);
        Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(request with { Objectives = request.Objectives with { TimeToFirstTokenMs = 0.98 * named } }, s_aws));
    }

    [Fact]
    public void A_model_that_fits_nowhere_has_a_remedy()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(
            Request("Llama-3.1-70B"), [.. s_aws.Where(instance => instance.Name is "g5.xlarge" or "g6e.xlarge")]));
        Assert.Equal("RequestSizeNotServed", e.ErrorId);
        Assert.Contains("fit none of them", e.Message, StringComparison.Ordinal);
        Assert.Contains("g6e.xlarge", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Too_few_instances_are_named_with_how_many_it_takes()
    {
        IReadOnlyList<GpuInstance> one = [s_aws.Single(instance => instance.Name == "g6e.xlarge")];
        int needed = FleetPlanner.Plan(Request(rate: 100), one).InstanceCount;
        Assert.Equal(needed, FleetPlanner.Plan(Request(rate: 100) with { MaxCount = needed }, one).InstanceCount);
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(Request(rate: 100) with { MaxCount = needed - 1 }, one));
        Assert.Equal("FleetTooSmall", e.ErrorId);
        Assert.Contains(FormattableString.Invariant($"has {needed} of g6e.xlarge"), e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<FleetRequest> Absurd { get; } =
    [
        Request(rate: 0), Request(rate: -1), Request(rate: double.NaN), Request(rate: double.PositiveInfinity), Request(rate: 1e9),
        Request() with { TargetUtilization = 0 }, Request() with { TargetUtilization = 1.01 }, Request() with { SpareInstance = -1 },
        Request() with { SpareInstance = 4 }, Request() with { MaxCount = 0 }, Request() with { Objectives = new() { TimeToFirstTokenMs = 0 } },
        Request() with { Objectives = new() { TimePerOutputTokenMs = double.NaN } }, Request() with { Objectives = new() { EndToEndMs = -5 } }, Request() with { Sizes = [] },
        Request() with { Sizes = [new(100, 100, 0)] }, Request() with { Sizes = [new(0, 100)] },
        Request() with { Sizes = [.. Enumerable.Range(1, 251).Select(input => new RequestSize(input, 1))] },
    ];

    [Theory]
    [MemberData(nameof(Absurd))]
    public void What_cannot_be_asked_is_refused(FleetRequest request) =>
        Assert.Equal("ValueOutOfRange", Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(request, s_aws)).ErrorId);

    [Fact]
    public void What_no_way_of_running_allows_is_refused_for_its_reason()
    {
        FleetRequest request = Request() with
        {
            Deployment = new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Engine = Engine.DeepSpeed },
        };
        Assert.Equal("PerformanceNotSupported", Assert.Throws<LlmOpsException>(() => FleetPlanner.Plan(request, s_aws)).ErrorId);
    }

    [Fact]
    public void Without_a_price_nothing_can_be_planned()
    {
        GpuInstance unpriced = InstanceCatalog.BuiltIn.First(instance => instance.SpotUsdPerHour is null);
        Assert.Equal("NoInstanceMatches", Assert.Throws<LlmOpsException>(() =>
            FleetPlanner.Plan(Request() with { PriceType = PriceType.Spot }, [unpriced])).ErrorId);
    }
}
