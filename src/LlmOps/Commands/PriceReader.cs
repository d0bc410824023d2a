using System.Management.Automation;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Commands;

/// <summary>Reads a price feed for a cmdlet: waits on the pipeline thread, which alone may show progress.</summary>
internal static class PriceReader
{
    private const int ProgressId = 2;

    // What takes less than that needs no progress.
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    public static PriceReading ReadAzure(
        Cmdlet cmdlet, PriceFeedOptions options, IReadOnlyList<string>? regions, CancellationToken stop)
    {
        string[] instances = [.. InstanceCatalog.BuiltIn.Where(i => i.Provider == AzureRetailPrices.Provider).Select(i => i.Name).Distinct()];
        PriceProgress[] latest = [new(0, instances.Length, "")];
        object sync = new();
        using AzureRetailPrices feed = new(options);
        Task<PriceReading> reading = Task.Run(
            () => feed.ReadAsync(instances, regions, progress =>
            {
                lock (sync)
                {
                    latest[0] = progress;
                }
            }, stop),
            CancellationToken.None);
        string activity = $"Reading prices from {options.Endpoint.Authority}";
        bool shown = false;
        while (!((IAsyncResult)reading).AsyncWaitHandle.WaitOne(s_tick))
        {
            if (!stop.IsCancellationRequested)
            {
                lock (sync)
                {
                    Show(cmdlet, activity, latest[0]);
                }

                shown = true;
            }
        }

        if (shown && !stop.IsCancellationRequested)
        {
            cmdlet.WriteProgress(new ProgressRecord(ProgressId, activity, "Done") { RecordType = ProgressRecordType.Completed });
        }

        return reading.GetAwaiter().GetResult();
    }

    private static void Show(Cmdlet cmdlet, string activity, PriceProgress progress) =>
        cmdlet.WriteProgress(new ProgressRecord(ProgressId, activity,
            FormattableString.Invariant($"{progress.Done}/{progress.Total} machines"))
        {
            CurrentOperation = progress.Current,
            PercentComplete = 100 * progress.Done / Math.Max(1, progress.Total),
        });
}
