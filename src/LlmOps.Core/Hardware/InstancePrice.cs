namespace LlmOps.Core.Hardware;

/// <summary>A price of a machine in a region, read on a day from a source; it stands for the catalogue's own price.</summary>
/// <param name="Provider">As in the catalogue: <c>Azure</c>.</param>
/// <param name="Instance">The provider's name of the machine.</param>
/// <param name="Region">The provider's name of the region.</param>
/// <param name="Spot">Whether it holds for machines that may be taken away; else on demand.</param>
/// <param name="UsdPerHour">For an hour of the whole machine.</param>
/// <param name="Date">The day for which it was published.</param>
/// <param name="Source">Where it was published.</param>
public sealed record InstancePrice(
    string Provider, string Instance, string Region, bool Spot, double UsdPerHour, DateOnly Date, string Source)
{
    /// <summary>No machine is let for less, nor for more, USD an hour.</summary>
    public const double Least = 0.0001;

    /// <inheritdoc cref="Least"/>
    public const double Most = 1e6;

    /// <summary>What a price stands for: of two with the same key, one replaces the other.</summary>
    public InstancePriceKey Key => new(Provider, Instance, Region, Spot);

    public static bool IsPlausible(double usdPerHour) => usdPerHour is >= Least and <= Most;
}

/// <summary>A machine in a region, on demand or spot. Case does not matter in names.</summary>
public readonly record struct InstancePriceKey(string Provider, string Instance, string Region, bool Spot)
{
    public bool Equals(InstancePriceKey other) =>
        Spot == other.Spot && Same(Provider, other.Provider) && Same(Instance, other.Instance) && Same(Region, other.Region);

    public override int GetHashCode() => HashCode.Combine(
        Spot,
        StringComparer.OrdinalIgnoreCase.GetHashCode(Provider),
        StringComparer.OrdinalIgnoreCase.GetHashCode(Instance),
        StringComparer.OrdinalIgnoreCase.GetHashCode(Region));

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
