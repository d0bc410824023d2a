using LlmOps.Core.Hardware;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>The cheapest instances found that carry a load of requests within its objectives.</summary>
public sealed class GpuFleet
{
    private readonly FleetRequest _request;
    private readonly double _lowerBound;

    internal GpuFleet(FleetRequest request, IReadOnlyList<GpuFleetMember> members, double lowerBound)
    {
        _request = request;
        Members = members;
        _lowerBound = lowerBound;
    }

    public string ModelName => _request.Deployment.Model.Name;

    /// <summary>The engine's name as users write it.</summary>
    public string Engine => EnumNames.Of(_request.Deployment.Engine);

    /// <summary>Requests of all sizes in a second that were asked for.</summary>
    public double RequestsPerSecond => _request.RequestsPerSecond;

    /// <summary>Their sizes, with weights that come to 1.</summary>
    public IReadOnlyList<RequestSize> RequestSizes => _request.Sizes;

    /// <summary>Mean time to the first token that was promised; null for none.</summary>
    public double? SloTimeToFirstTokenMs => _request.Objectives.TimeToFirstTokenMs;

    /// <summary>Mean time per output token that was promised; null for none.</summary>
    public double? SloTimePerOutputTokenMs => _request.Objectives.TimePerOutputTokenMs;

    /// <summary>Mean time to the end of an answer that was promised; null for none.</summary>
    public double? SloEndToEndMs => _request.Objectives.EndToEndMs;

    /// <summary>Share of what an instance can answer that may be asked of it.</summary>
    public double TargetUtilization => _request.TargetUtilization;

    /// <summary>Instances, whichever they are, that can be lost while the others carry the load.</summary>
    public int SpareInstance => _request.SpareInstance;

    public PriceType PriceType => _request.PriceType;

    /// <summary>The instances by type; the dearest part first.</summary>
    public IReadOnlyList<GpuFleetMember> Members { get; }

    /// <summary>The fleet in a line: <c>3x g6e.xlarge + 1x p5.4xlarge</c>.</summary>
    public string Fleet => string.Join(" + ", Members
        .GroupBy(member => member.Instance)
        .Select(type => FormattableString.Invariant($"{type.Sum(member => member.InstanceCount)}x {type.Key}")));

    public int InstanceCount => Members.Sum(member => member.InstanceCount);

    public int GpuCount => Members.Sum(member => member.InstanceCount * member.GpuCount);

    /// <summary>Output tokens that the requests come to in a second.</summary>
    public double TokensPerSecond => Members.Sum(member => member.TokensPerSecond);

    /// <summary>For all instances of the fleet.</summary>
    public double UsdPerHour => Units.Money(Cost);

    /// <summary>For all instances of the fleet, 730 hours.</summary>
    public double UsdPerMonth => Units.Money(Cost * Units.HoursPerMonth);

    /// <summary>USD for a million output tokens at the requests that were asked for.</summary>
    public double UsdPerMillionTokens => Cost / (TokensPerSecond * Units.SecondsPerHour) * Units.TokensPerMillion;

    /// <summary>
    /// How many percent more requests of the same sizes the fleet carries within <see cref="TargetUtilization"/>, with all of its
    /// instances.
    /// </summary>
    public required double HeadroomPercent { get; init; }

    /// <summary>The greatest utilization of a type, by requests within the objectives.</summary>
    public double UtilizationPercent => Members.Max(member => member.UtilizationPercent);

    /// <summary>
    /// The same where servers turn out as slow as the estimates' lower bound; above 100 they would not keep up.
    /// </summary>
    public double UtilizationHighPercent => Members.Max(member => member.UtilizationHighPercent);

    /// <summary>The cheapest fleet of one type of instance, run in one way; null where no type carries all requests.</summary>
    public required GpuFleetMember? CheapestSingleType { get; init; }

    /// <summary>What the fleet saves against it; null where there is none.</summary>
    public double? SavingPercent => CheapestSingleType is { } single ? 100 * (1 - (Cost / single.Cost)) : null;

    /// <summary>Whether it is proved that no fleet of these instances is cheaper.</summary>
    public required bool IsOptimal { get; init; }

    /// <summary>What is proved that no fleet costs less than, all instances together; the cost itself where that is proved.</summary>
    public double LowerBoundUsdPerHour => Units.Money(_lowerBound);

    /// <summary>How much cheaper a fleet could be at most.</summary>
    public double GapPercent => IsOptimal ? 0 : 100 * (1 - (_lowerBound / Cost));

    /// <summary>Where the times come from, the weakest of them.</summary>
    public Evidence Evidence => Members.Max(member => member.Evidence);

    /// <summary><see cref="UsdPerHour"/> as it is computed.</summary>
    private double Cost => Members.Sum(member => member.Cost);

    public override string ToString() => FormattableString.Invariant($"{Fleet}: {UsdPerHour:0.00} USD/h");
}
