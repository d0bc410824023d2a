namespace LlmOps.Core.Hardware;

/// <summary>Which of an instance's prices counts.</summary>
public enum PriceType
{
    OnDemand,
    Spot,
    Reserved,
}

/// <summary>A machine with GPUs that can be rented in one region at a dated price.</summary>
public sealed class GpuInstance
{
    /// <summary><c>AWS</c>, <c>Azure</c>, <c>GCP</c> and others.</summary>
    public required string Provider { get; init; }

    /// <summary>The provider's name: <c>g5.xlarge</c>.</summary>
    public required string Name { get; init; }

    public required string Region { get; init; }

    public required GpuSpec Gpu { get; init; }

    public required int GpuCount { get; init; }

    public double? VcpuCount { get; init; }

    public double? MemoryGiB { get; init; }

    /// <summary>On demand, for the whole machine.</summary>
    public required double UsdPerHour { get; init; }

    public double? SpotUsdPerHour { get; init; }

    public double? ReservedUsdPerHour { get; init; }

    /// <summary>The day for which the price was published; null where the source is not dated.</summary>
    public DateOnly? PriceDate { get; init; }

    /// <summary>Where the price was published.</summary>
    public required string PriceSource { get; init; }

    public double UsdPerGpuHour => UsdPerHour / GpuCount;

    /// <summary>The price of that kind for an hour of the whole machine; null where none is known.</summary>
    public double? Price(PriceType type) => type switch
    {
        PriceType.Spot => SpotUsdPerHour,
        PriceType.Reserved => ReservedUsdPerHour,
        _ => UsdPerHour,
    };

    public override string ToString() => $"{Provider} {Name} ({Region})";
}
