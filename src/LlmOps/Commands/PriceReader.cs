using System.Management.Automation;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Commands;

/// <summary>Reads a price feed for a cmdlet, and shows how far it is.</summary>
internal static class PriceReader
{
    private const int ProgressId = 2;

    public static PriceReading ReadAzure(
        Cmdlet cmdlet, PriceFeedOptions options, IReadOnlyList<string>? regions, CancellationToken stop)
    {
        string[] instances = [.. InstanceCatalog.BuiltIn.Where(i => i.Provider == AzureRetailPrices.Provider).Select(i => i.Name).Distinct()];
        PriceProgress latest = new(0, instances.Length, "");
        using AzureRetailPrices feed = new(options);
        Task<PriceReading> reading = Task.Run(
            () => feed.ReadAsync(instances, regions, progress => Volatile.Write(ref latest, progress), stop), CancellationToken.None);
        return ProgressWait.For(cmdlet, reading, () => Progress(options, Volatile.Read(ref latest)), stop);
    }

    private static ProgressRecord Progress(PriceFeedOptions options, PriceProgress progress) =>
        new(ProgressId, $"Reading prices from {options.Endpoint.Authority}", FormattableString.Invariant($"{progress.Done}/{progress.Total} machines"))
        {
            CurrentOperation = progress.Current,
            PercentComplete = 100 * progress.Done / Math.Max(1, progress.Total),
        };
}
