namespace LlmOps.Core.Hardware;

/// <summary>A price that was read anew, beside the one that it replaces.</summary>
public sealed record GpuInstancePriceChange
{
    public required string Provider { get; init; }

    public required string Instance { get; init; }

    public required string Region { get; init; }

    /// <summary>What the catalogue had until now; null where it had none.</summary>
    public double? OldUsdPerHour { get; init; }

    public required double NewUsdPerHour { get; init; }

    /// <summary>By how many percent the price rose; null where there was none.</summary>
    public double? ChangePercent => OldUsdPerHour is { } old ? 100 * (NewUsdPerHour / old - 1) : null;

    public required bool Spot { get; init; }

    /// <summary>The day of the new price.</summary>
    public required DateOnly Date { get; init; }

    public required string Source { get; init; }

    public override string ToString() => FormattableString.Invariant(
        $"{Provider} {Instance} ({Region}){(Spot ? " spot" : "")}: {NewUsdPerHour:0.######} USD/h");
}
