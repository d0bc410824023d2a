using System.Globalization;

namespace LlmOps.Core.Hardware;

/// <summary>
/// Says of old and of undated prices that they are, once for each provider and date, or source where there is no date: a
/// warning that comes with every command is soon read by nobody. One of these lives as long as a user's session.
/// </summary>
public sealed class StalePriceNotice(TimeProvider? clock)
{
    private readonly HashSet<(string Provider, DateOnly? Date, string Source)> _said = [];

    public StalePriceNotice()
        : this(null)
    {
    }

    /// <summary>What to warn of, for the prices that a result uses.</summary>
    /// <returns>Null where all are recent, or were spoken of before.</returns>
    public string? About(IEnumerable<(string Provider, DateOnly? Date, string Source)> prices)
    {
        SortedSet<string> old = new(StringComparer.Ordinal);
        SortedSet<string> undated = new(StringComparer.Ordinal);
        lock (_said)
        {
            foreach ((string provider, DateOnly? date, string source) in prices)
            {
                if (!PriceAge.IsStale(date, clock) || !_said.Add((provider, date, date is null ? source : "")))
                {
                    continue;
                }

                if (date is { } day)
                {
                    old.Add(string.Create(CultureInfo.InvariantCulture,
                        $"{provider} of {day:yyyy-MM-dd} ({PriceAge.Days(day, clock)} days)"));
                }
                else
                {
                    undated.Add(provider);
                }
            }
        }

        string[] parts =
        [
            .. old.Count > 0
                ? [FormattableString.Invariant($"prices older than {PriceAge.StaleAfterDays} days: {string.Join(", ", old)}")]
                : Array.Empty<string>(),
            .. undated.Count > 0 ? [$"prices without a date: {string.Join(", ", undated)}"] : Array.Empty<string>(),
        ];
        return parts.Length == 0
            ? null
            : $"Some prices may have changed; {string.Join("; ", parts)}. Check them before you decide, or read current ones with "
                + "Update-GpuInstancePrice or 'llmops prices update'.";
    }
}
