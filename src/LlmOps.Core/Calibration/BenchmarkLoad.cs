using System.Globalization;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Calibration;

/// <summary>
/// The load that a benchmark program put on a server, from what it writes: vLLM's <c>bench serve</c> and SGLang's
/// <c>bench_serving</c> write totals and traffic settings in place of lengths and users.
/// </summary>
internal static class BenchmarkLoad
{
    /// <summary>Mean tokens of a prompt or an answer, over the requests that were answered; null where totals are absent.</summary>
    public static long? MeanLength(MeasurementRow row, MeasurementColumn length)
    {
        double? total = row.Number(
            length == MeasurementColumn.InputLength ? MeasurementColumn.TotalInputTokens : MeasurementColumn.TotalOutputTokens, 0, 1e15);
        if (total is null)
        {
            return null;
        }

        double requests = row.Number(MeasurementColumn.Completed, 0, 1e12) ?? row.Number(MeasurementColumn.PromptCount, 0, 1e12) ?? 0;
        double mean = requests > 0 ? total.Value / requests : throw row.Wrong("no request was completed.");
        return mean >= 0.5 ? (long)Math.Max(1, Math.Round(mean)) : throw row.Wrong($"the mean {length} is 0.");
    }

    /// <summary>
    /// Users of one copy: as the row says it; or the whole server's, over its copies. Requests that are sent at a rate are as many at
    /// once as rate times duration (Little's law).
    /// </summary>
    public static long BatchSize(MeasurementRow row, MeasurementRow? defaults, in PerformanceEstimateRequest request)
    {
        const long most = MemoryRequest.MaximumBatchSize;
        if (row.Whole(MeasurementColumn.BatchSize, 1, most) is { } batch)
        {
            return batch;
        }

        bool isBenchmark = row[MeasurementColumn.Completed] is not null || row[MeasurementColumn.PromptCount] is not null;
        bool isAtOnce = isBenchmark && RateOf(row) is null && !row.HasLimit;
        double? users = isAtOnce ? null : AtRate(row, request) ?? row.Number(MeasurementColumn.Concurrency, 1e-3, most);
        if (users is { } all)
        {
            return (long)Math.Max(1, Math.Round(all / ((double)request.AttentionRanks * request.Copies)));
        }

        return defaults?.Whole(MeasurementColumn.BatchSize, 1, most)
            ?? throw row.Lacks(
                isAtOnce
                    ? "there is no BatchSize: without a limit (max_concurrency) or a rate all requests were sent at once, which is no steady load. Repeat the benchmark with --max-concurrency, or give BatchSize."
                    : "there is no BatchSize (users of one copy) and no Concurrency (users of the server).",
                MeasurementColumn.BatchSize, MeasurementColumn.Concurrency);
    }

    /// <summary>Requests that were sent in a second; null where they were not sent at a rate.</summary>
    private static double? RateOf(MeasurementRow row) =>
        double.TryParse(row.Text(MeasurementColumn.RequestRate), NumberStyles.Float, CultureInfo.InvariantCulture, out double rate)
            && rate is > 0 and < double.PositiveInfinity ? rate : null;

    private static double? AtRate(MeasurementRow row, in PerformanceEstimateRequest request)
    {
        if (RateOf(row) is null)
        {
            return null;
        }

        double? duration = row.Number(MeasurementColumn.EndToEndMs, 1e-6, 1e9)
            ?? (row.Number(MeasurementColumn.TtftMs, 0, 1e9)
                + (row.Number(MeasurementColumn.TpotMs, 0, 1e9) * (request.OutputLength - 1)));
        return row.Number(MeasurementColumn.RequestsPerSecond, 1e-9, 1e9) * duration / 1000;
    }
}
