namespace LlmOps.Core.Hardware;

/// <summary>How old a price is, and when that is worth a second look.</summary>
public static class PriceAge
{
    /// <summary>Providers change prices a few times a year.</summary>
    public const int StaleAfterDays = 90;

    /// <summary>Whole days since the price was published; null where its source is not dated.</summary>
    public static int? Days(DateOnly? date, TimeProvider? clock = null) =>
        date is { } day ? Today(clock).DayNumber - day.DayNumber : null;

    public static bool IsStale(DateOnly? date, TimeProvider? clock = null) => Days(date, clock) is null or > StaleAfterDays;

    public static DateOnly Today(TimeProvider? clock = null) =>
        DateOnly.FromDateTime((clock ?? TimeProvider.System).GetUtcNow().UtcDateTime);
}
