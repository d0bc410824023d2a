using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>The regions that are asked for; a price list knows others than the catalogue.</summary>
internal sealed class RegionPatterns(IReadOnlyList<string>? patterns)
{
    public const int LongestName = 64;

    private readonly HashSet<string> _seen = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Their names as providers write them, where none is a pattern; else null.</summary>
    public IReadOnlyList<string>? Exact { get; } = patterns is { Count: > 0 } && !patterns.Any(WildcardName.HasWildcard)
        ? [.. patterns.Select(pattern => pattern.ToLowerInvariant())]
        : null;

    public bool Accept(string region)
    {
        _seen.Add(region);
        return patterns is null || patterns.Any(pattern => WildcardName.Matches(pattern, region));
    }

    /// <summary>An error for each name or pattern that nothing was found for.</summary>
    public IEnumerable<LlmOpsException> WithoutPrice(IReadOnlyList<InstancePrice> prices) =>
        (patterns ?? []).Where(pattern => !prices.Any(price => WildcardName.Matches(pattern, price.Region)))
            .Select(pattern => PriceErrors.NoSuchRegion(pattern, _seen.Concat(InstanceCatalog.Regions)));
}
