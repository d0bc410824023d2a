using System.Globalization;
using System.Text.Json;

namespace LlmOps.Core.Hardware;

/// <summary>Cloud machines with GPUs, one entry for each region that a price is known for.</summary>
public static class InstanceCatalog
{
    private static readonly Lazy<IReadOnlyList<GpuInstance>> s_all = new(Read);

    public static IReadOnlyList<GpuInstance> All => s_all.Value;

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

    private static IReadOnlyList<GpuInstance> Read()
    {
        using JsonDocument document = DataFile.Open("instances.json");
        JsonElement sources = document.RootElement.GetProperty("sources");
        List<GpuInstance> instances = [];
        foreach (JsonElement row in document.RootElement.GetProperty("instances").EnumerateArray())
        {
            foreach (JsonElement price in row.GetProperty("prices").EnumerateArray())
            {
                string source = price.GetProperty("source").GetString()!;
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
                    SpotUsdPerHour = price.OptionalNumber("spotUsdPerHour"),
                    ReservedUsdPerHour = price.OptionalNumber("reservedUsdPerHour"),
                    PriceDate = price.OptionalText("date") is { } date
                        ? DateOnly.ParseExact(date, "yyyy-MM-dd", CultureInfo.InvariantCulture)
                        : null,
                    PriceSource = sources.TryGetProperty(source, out JsonElement where) ? where.GetString()! : source,
                });
            }
        }

        return instances;
    }
}
