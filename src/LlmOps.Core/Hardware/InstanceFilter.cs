using System.Globalization;

namespace LlmOps.Core.Hardware;

/// <summary>Conditions on instances; null stands for none. Names of providers and regions may be wildcard patterns.</summary>
public sealed class InstanceFilter
{
    private readonly IReadOnlyList<string>? _providers;
    private readonly IReadOnlyList<string>? _regions;
    private readonly IReadOnlyList<GpuSpec>? _gpus;
    private readonly double? _maxUsdPerHour;
    private readonly PriceType _priceType;

    /// <exception cref="LlmOpsException">
    /// The price is no positive number, or a name or pattern matches no provider or region.
    /// </exception>
    public InstanceFilter(
        IReadOnlyList<string>? providers = null,
        IReadOnlyList<string>? regions = null,
        IReadOnlyList<GpuSpec>? gpus = null,
        double? maxUsdPerHour = null,
        PriceType priceType = PriceType.OnDemand)
    {
        _priceType = priceType;
        _providers = providers?.Select(CheckProvider).ToList();
        _regions = regions?.Select(CheckRegion).ToList();
        _gpus = gpus;
        _maxUsdPerHour = maxUsdPerHour is { } most ? Guard.InRange(most, 0.001, 1e6, "MaxUsdPerHour") : null;
    }

    /// <summary>Whether a provider or region is asked for, and not only a kind of machine.</summary>
    public bool NamesPlace => _providers is not null || _regions is not null;

    public bool NamesRegion => _regions is not null;

    /// <summary>Whether GPUs are asked for and none is given, so that no instance is accepted.</summary>
    public bool AcceptsNothing => _gpus is { Count: 0 };

    public bool Accepts(GpuInstance instance) =>
        Matches(_providers, instance.Provider)
        && Matches(_regions, instance.Region)
        && (_gpus is null || _gpus.Contains(instance.Gpu))
        && !(instance.Price(_priceType) > _maxUsdPerHour);

    /// <summary>The error that no known instance meets the conditions together: it names them, and what is nearest.</summary>
    /// <param name="names">Names or patterns of instances that were asked for beside them; null for none.</param>
    /// <param name="known">The instances that there were to choose from; null for all of the catalogue.</param>
    public LlmOpsException NoneMatches(IReadOnlyList<string>? names = null, IReadOnlyList<GpuInstance>? known = null)
    {
        List<string> conditions = [];
        Add("instance", names);
        Add("GPU", _gpus?.Select(gpu => gpu.Name));
        Add("provider", _providers);
        Add("region", _regions);
        if (_maxUsdPerHour is { } most)
        {
            conditions.Add(string.Create(CultureInfo.InvariantCulture, $"at most {most:0.####} USD an hour"));
        }

        return new LlmOpsException("NoInstanceMatches", ErrorKind.NotFound,
            $"No known instance meets all of the conditions: {string.Join("; ", conditions)}.{Nearest(names, known ?? InstanceCatalog.All)}", null);

        void Add(string what, IEnumerable<string>? values)
        {
            if (values is not null)
            {
                conditions.Add($"{what} {string.Join(" or ", values)}");
            }
        }
    }

    private string Nearest(IReadOnlyList<string>? names, IReadOnlyList<GpuInstance> known)
    {
        if (_gpus is not null && !known.Any(instance => _gpus.Contains(instance.Gpu)))
        {
            return $" Instances have {Names(known, instance => instance.Gpu.Name)}.";
        }

        InstanceFilter anyPrice = new(_providers, _regions, _gpus, null, _priceType);
        GpuInstance? cheapest = known
            .Where(instance => Matches(names, instance.Name) && anyPrice.Accepts(instance) && instance.Price(_priceType) is not null)
            .MinBy(instance => instance.Price(_priceType));
        return cheapest is null
            ? Others(names, known)
            : string.Create(CultureInfo.InvariantCulture, $" The cheapest of the others is {cheapest.Name} at {cheapest.Price(_priceType):0.####} USD an hour.");
    }

    /// <summary>What one condition could ask for instead, with the others as they are.</summary>
    private string Others(IReadOnlyList<string>? names, IReadOnlyList<GpuInstance> known)
    {
        List<string> others = [];
        Add(_gpus is not null, "GPU", i => i.Gpu.Name, new InstanceFilter(_providers, _regions, null, _maxUsdPerHour, _priceType));
        Add(_providers is not null, "provider", i => i.Provider, new InstanceFilter(null, _regions, _gpus, _maxUsdPerHour, _priceType));
        Add(_regions is not null, "region", i => i.Region, new InstanceFilter(_providers, null, _gpus, _maxUsdPerHour, _priceType));
        return others.Count == 0 ? "" : $" With the rest as it is there are: {string.Join("; ", others)}.";

        void Add(bool isAsked, string what, Func<GpuInstance, string> name, InstanceFilter rest)
        {
            List<GpuInstance> met = isAsked ? [.. known.Where(i => Matches(names, i.Name) && rest.Accepts(i))] : [];
            if (met.Count > 0)
            {
                others.Add($"{what} {Names(met, name)}");
            }
        }
    }

    private static string Names(IEnumerable<GpuInstance> instances, Func<GpuInstance, string> name) =>
        string.Join(", ", instances.Select(name).Distinct().Order(StringComparer.Ordinal));

    /// <summary>The name or pattern itself, known to match a provider.</summary>
    /// <exception cref="LlmOpsException">It matches none.</exception>
    public static string CheckProvider(string pattern) =>
        Check(pattern, InstanceCatalog.Providers, "provider", "ProviderNotFound");

    /// <summary>The name or pattern itself, known to match a region.</summary>
    /// <exception cref="LlmOpsException">It matches none.</exception>
    public static string CheckRegion(string pattern) => Check(pattern, InstanceCatalog.Regions, "region", "RegionNotFound");

    private static bool Matches(IReadOnlyList<string>? patterns, string name) =>
        patterns is null || patterns.Any(pattern => WildcardName.Matches(pattern, name));

    private static string Check(string pattern, IEnumerable<string> names, string what, string errorId)
    {
        if (names.Any(name => WildcardName.Matches(pattern, name)))
        {
            return pattern;
        }

        string hint = NameMatcher.Suggest(pattern, names);
        throw new LlmOpsException(errorId, ErrorKind.NotFound,
            $"No {what} is named '{pattern}'.{hint} Known are {string.Join(", ", names)}.", pattern);
    }
}
