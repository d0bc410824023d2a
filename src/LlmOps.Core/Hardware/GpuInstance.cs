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

    /// <summary>The day for which the price on demand was published; null where the source is not dated.</summary>
    public DateOnly? PriceDate { get; init; }

    /// <summary>Days since <see cref="PriceDate"/>, now.</summary>
    public int? PriceAgeDays => PriceAge.Days(PriceDate);

    /// <summary>Where the price on demand was published.</summary>
    public required string PriceSource { get; init; }

    /// <summary>The day of the spot price; null where there is none, or its source is not dated.</summary>
    public DateOnly? SpotPriceDate { get; init; }

    /// <summary>Where the spot price was published; null where there is none.</summary>
    public string? SpotPriceSource { get; init; }

    public double UsdPerGpuHour => UsdPerHour / GpuCount;

    /// <summary>The day of the reserved price, which comes with the catalogue and is not updated.</summary>
    internal DateOnly? ReservedPriceDate { get; init; }

    internal string? ReservedPriceSource { get; init; }

    /// <summary>The price of that kind for an hour of the whole machine; null where none is known.</summary>
    public double? Price(PriceType type) => type switch
    {
        PriceType.Spot => SpotUsdPerHour,
        PriceType.Reserved => ReservedUsdPerHour,
        _ => UsdPerHour,
    };

    /// <summary>The day of that price; null where its source is not dated.</summary>
    public DateOnly? DateOf(PriceType type) => type switch
    {
        PriceType.Spot => SpotPriceDate,
        PriceType.Reserved => ReservedPriceDate,
        _ => PriceDate,
    };

    /// <summary>Where that price was published; where there is none, of that on demand.</summary>
    public string SourceOf(PriceType type) => type switch
    {
        PriceType.Spot => SpotPriceSource ?? PriceSource,
        PriceType.Reserved => ReservedPriceSource ?? PriceSource,
        _ => PriceSource,
    };

    /// <summary>The same machine at other prices; null leaves the price as it is.</summary>
    internal GpuInstance At(InstancePrice? onDemand, InstancePrice? spot) => new()
    {
        Provider = Provider,
        Name = Name,
        Region = Region,
        Gpu = Gpu,
        GpuCount = GpuCount,
        VcpuCount = VcpuCount,
        MemoryGiB = MemoryGiB,
        UsdPerHour = onDemand?.UsdPerHour ?? UsdPerHour,
        PriceDate = onDemand?.Date ?? PriceDate,
        PriceSource = onDemand?.Source ?? PriceSource,
        SpotUsdPerHour = spot?.UsdPerHour ?? SpotUsdPerHour,
        SpotPriceDate = spot?.Date ?? SpotPriceDate,
        SpotPriceSource = spot?.Source ?? SpotPriceSource,
        ReservedUsdPerHour = ReservedUsdPerHour,
        ReservedPriceDate = ReservedPriceDate,
        ReservedPriceSource = ReservedPriceSource,
    };

    /// <summary>The same machine in a region that the catalogue has no price for.</summary>
    internal GpuInstance In(InstancePrice onDemand, InstancePrice? spot) => new()
    {
        Provider = Provider,
        Name = Name,
        Region = onDemand.Region,
        Gpu = Gpu,
        GpuCount = GpuCount,
        VcpuCount = VcpuCount,
        MemoryGiB = MemoryGiB,
        UsdPerHour = onDemand.UsdPerHour,
        PriceDate = onDemand.Date,
        PriceSource = onDemand.Source,
        SpotUsdPerHour = spot?.UsdPerHour,
        SpotPriceDate = spot?.Date,
        SpotPriceSource = spot?.Source,
    };

    public override string ToString() => $"{Provider} {Name} ({Region})";
}
