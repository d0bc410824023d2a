using LlmOps.Core.Hardware;
using static System.FormattableString;

namespace LlmOps.Operations.Prices;

/// <summary>What prices that were read would change, and what is odd about them.</summary>
/// <param name="Prices">Those that can be used.</param>
/// <param name="Changes">One for each of <paramref name="Prices"/>, in the same order.</param>
/// <param name="Warnings">What a user should look at.</param>
public sealed record PricePlan(
    IReadOnlyList<InstancePrice> Prices, IReadOnlyList<GpuInstancePriceChange> Changes, IReadOnlyList<string> Warnings)
{
    /// <summary>Prices on demand change by a few percent, or fall by half when a generation ends.</summary>
    private const double AbsurdFactor = 3;

    /// <summary>Spot prices follow demand.</summary>
    private const double AbsurdSpotFactor = 10;

    /// <summary>Lists that are rounded apart may have spot a little above on demand.</summary>
    private const double RoundedApart = 1.1;

    private const int MostShown = 5;

    /// <param name="prices">What was read; each key once.</param>
    /// <param name="present">The machines at the prices that they have now.</param>
    public static PricePlan Make(IReadOnlyList<InstancePrice> prices, IReadOnlyList<GpuInstance> present)
    {
        Dictionary<InstancePriceKey, GpuInstance> known = present.ToDictionary(
            i => new InstancePriceKey(i.Provider, i.Name, i.Region, Spot: false));
        Dictionary<InstancePriceKey, InstancePrice> read = prices.ToDictionary(price => price.Key);
        List<InstancePrice> kept = [];
        List<GpuInstancePriceChange> changes = [];
        List<string> useless = [], absurd = [], dear = [], older = [];
        foreach (InstancePrice price in prices
            .OrderBy(p => p.Instance, StringComparer.Ordinal).ThenBy(p => p.Region, StringComparer.Ordinal).ThenBy(p => p.Spot))
        {
            InstancePriceKey place = price.Key with { Spot = false };
            GpuInstance? instance = known.GetValueOrDefault(place);
            double? onDemand = read.GetValueOrDefault(place)?.UsdPerHour ?? instance?.UsdPerHour;
            if (onDemand is null)
            {
                useless.Add($"{price.Instance} ({price.Region})");
                continue;
            }

            PriceType type = price.Spot ? PriceType.Spot : PriceType.OnDemand;
            GpuInstancePriceChange change = new()
            {
                Provider = price.Provider,
                Instance = price.Instance,
                Region = price.Region,
                OldUsdPerHour = instance?.Price(type),
                NewUsdPerHour = price.UsdPerHour,
                Spot = price.Spot,
                Date = price.Date,
                Source = price.Source,
            };
            kept.Add(price);
            changes.Add(change);
            double factor = price.Spot ? AbsurdSpotFactor : AbsurdFactor;
            if (change.OldUsdPerHour is { } old && (price.UsdPerHour > old * factor || price.UsdPerHour < old / factor))
            {
                absurd.Add(Invariant($"{price.Instance} ({price.Region}){(price.Spot ? " spot" : "")} from {old} to {price.UsdPerHour}"));
            }

            if (price.Spot && price.UsdPerHour > onDemand * RoundedApart)
            {
                dear.Add(Invariant($"{price.Instance} ({price.Region}) {price.UsdPerHour}, on demand {onDemand}"));
            }

            if (change.OldUsdPerHour is not null && instance?.DateOf(type) > price.Date)
            {
                older.Add(Invariant($"{price.Instance} ({price.Region}) of {instance.DateOf(type):yyyy-MM-dd}"));
            }
        }

        List<string> warnings = [];
        Warn(warnings, absurd, "Prices change more than is usual; check that they are those of the same machine, in USD an hour");
        Warn(warnings, dear, "Spot prices are above those on demand");
        Warn(warnings, older, "Newer prices are replaced by older ones");
        Warn(warnings, useless, "Spot prices are left out where no price on demand is known");
        return new PricePlan(kept, changes, warnings);
    }

    private static void Warn(List<string> warnings, List<string> cases, string what)
    {
        if (cases.Count > 0)
        {
            string more = cases.Count > MostShown ? Invariant($" and {cases.Count - MostShown} more") : "";
            warnings.Add($"{what}: {string.Join(", ", cases.Take(MostShown))}{more}.");
        }
    }
}
