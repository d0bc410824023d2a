using System.Globalization;
using System.Text.Json;

namespace LlmOps.Core.Hardware;

/// <summary>Cloud machines with GPUs, one entry for each region that a price is known for.</summary>
public static class InstanceCatalog
{
    private static readonly Lazy<IReadOnlyList<GpuInstance>> s_builtIn = new(Read);
    private static volatile Lazy<IReadOnlyList<GpuInstance>> s_all = s_builtIn;

    /// <summary>The machines at the prices that are in use: those that the catalogue came with, until <see cref="Use"/>.</summary>
    public static IReadOnlyList<GpuInstance> All => s_all.Value;

    /// <summary>The machines at the prices that the catalogue came with.</summary>
    public static IReadOnlyList<GpuInstance> BuiltIn => s_builtIn.Value;

    /// <summary>Names of all instances, each once.</summary>
    public static IEnumerable<string> Names => All.Select(i => i.Name).Distinct(StringComparer.OrdinalIgnoreCase);

    public static IEnumerable<string> Providers => All.Select(i => i.Provider).Distinct(StringComparer.OrdinalIgnoreCase);

    public static IEnumerable<string> Regions => All.Select(i => i.Region).Distinct(StringComparer.OrdinalIgnoreCase);

    /// <summary>Instances whose name matches a wildcard pattern, in all regions.</summary>
    public static IEnumerable<GpuInstance> Find(string pattern) =>
        All.Where(instance => WildcardName.Matches(pattern, instance.Name));

    /// <summary>The instance of that name in each region that a price is known for.</summary>
    /// <exception cref="LlmOpsException">No instance has that name.</exception>
    public static IReadOnlyList<GpuInstance> Get(string name)
    {
        List<GpuInstance> found =
            [.. All.Where(instance => instance.Name.Equals(name, StringComparison.OrdinalIgnoreCase))];
        if (found.Count > 0)
        {
            return found;
        }

        string hint = NameMatcher.Suggest(name, Names);
        throw new LlmOpsException("InstanceNotFound", ErrorKind.NotFound,
            $"No instance is named '{name}'.{hint} Get-GpuInstance or 'llmops instances' lists the known ones.", name);
    }

    /// <summary>
    /// Of each machine the region with the lowest price of that kind only, so that a ranking compares machines and not
    /// postal addresses.
    /// </summary>
    public static IEnumerable<GpuInstance> CheapestRegions(
        IEnumerable<GpuInstance> instances, PriceType priceType = PriceType.OnDemand) =>
        instances.GroupBy(i => (i.Provider, i.Name)).Select(
            group => group.OrderBy(i => i.Price(priceType) ?? double.MaxValue).ThenBy(i => i.Region, StringComparer.Ordinal).First());

    /// <summary>
    /// Puts prices in place of those that the catalogue came with, for everybody, from any thread. Who reads
    /// <see cref="All"/> meanwhile sees all of the old prices or all of the new ones.
    /// </summary>
    /// <param name="prices">As for <see cref="With"/>; none for the catalogue's own.</param>
    public static void Use(IReadOnlyCollection<InstancePrice> prices) =>
        s_all = prices.Count == 0 ? s_builtIn : new Lazy<IReadOnlyList<GpuInstance>>(() => With(prices));

    /// <summary>
    /// The machines at other prices. A price replaces the one of the same provider, machine and region, on demand or spot; a
    /// price on demand in another region adds that region. Machines that the catalogue does not know are left out, and so
    /// are spot prices where none on demand is known.
    /// </summary>
    public static IReadOnlyList<GpuInstance> With(IEnumerable<InstancePrice> prices)
    {
        Dictionary<InstancePriceKey, InstancePrice> byKey = [];
        foreach (InstancePrice price in prices)
        {
            Guard.InRange(price.UsdPerHour, InstancePrice.Least, InstancePrice.Most, nameof(price.UsdPerHour));
            byKey[price.Key] = price;
        }

        if (byKey.Count == 0)
        {
            return BuiltIn;
        }

        // In the catalogue's order; a machine's further regions follow those that it came with.
        List<GpuInstance> instances = new(BuiltIn.Count);
        ILookup<(string, string), InstancePrice> byMachine = byKey.Values
            .Where(price => !price.Spot)
            .OrderBy(price => price.Region, StringComparer.Ordinal)
            .ToLookup(price => Machine(price.Provider, price.Instance));
        foreach (IGrouping<(string, string), GpuInstance> machine in BuiltIn.GroupBy(i => Machine(i.Provider, i.Name)))
        {
            foreach (GpuInstance instance in machine)
            {
                InstancePriceKey key = new(instance.Provider, instance.Name, instance.Region, Spot: false);
                InstancePrice? onDemand = byKey.GetValueOrDefault(key);
                InstancePrice? spot = byKey.GetValueOrDefault(key with { Spot = true });
                instances.Add(onDemand is null && spot is null ? instance : instance.At(onDemand, spot));
            }

            GpuInstance first = machine.First();
            instances.AddRange(byMachine[machine.Key]
                .Where(price => !machine.Any(i => i.Region.Equals(price.Region, StringComparison.OrdinalIgnoreCase)))
                .Select(price => first.In(price, byKey.GetValueOrDefault(price.Key with { Spot = true }))));
        }

        return instances;
    }

    private static (string, string) Machine(string provider, string name) =>
        (provider.ToUpperInvariant(), name.ToUpperInvariant());

    private static IReadOnlyList<GpuInstance> Read()
    {
        using JsonDocument document = DataFile.Open("instances.json");
        JsonElement sources = document.RootElement.GetProperty("sources");
        List<GpuInstance> instances = [];
        foreach (JsonElement row in document.RootElement.GetProperty("instances").EnumerateArray())
        {
            foreach (JsonElement price in row.GetProperty("prices").EnumerateArray())
            {
                string key = price.GetProperty("source").GetString()!;
                string source = sources.TryGetProperty(key, out JsonElement where) ? where.GetString()! : key;
                DateOnly? date = price.OptionalText("date") is { } day
                    ? DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture)
                    : null;
                double? spot = price.OptionalNumber("spotUsdPerHour");
                double? reserved = price.OptionalNumber("reservedUsdPerHour");
                instances.Add(new GpuInstance
                {
                    Provider = row.GetProperty("provider").GetString()!,
                    Name = row.GetProperty("name").GetString()!,
                    Region = price.GetProperty("region").GetString()!,
                    Gpu = GpuCatalog.Get(row.GetProperty("gpu").GetString()!),
                    GpuCount = row.GetProperty("gpuCount").GetInt32(),
                    VcpuCount = row.OptionalNumber("vcpuCount"),
                    MemoryGiB = row.OptionalNumber("memoryGiB"),
                    UsdPerHour = price.GetProperty("usdPerHour").GetDouble(),
                    PriceDate = date,
                    PriceSource = source,
                    SpotUsdPerHour = spot,
                    SpotPriceDate = spot is null ? null : date,
                    SpotPriceSource = spot is null ? null : source,
                    ReservedUsdPerHour = reserved,
                    ReservedPriceDate = reserved is null ? null : date,
                    ReservedPriceSource = reserved is null ? null : source,
                });
            }
        }

        return instances;
    }
}
