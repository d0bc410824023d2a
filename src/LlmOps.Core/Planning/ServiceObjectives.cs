using System.Globalization;

namespace LlmOps.Core.Planning;

/// <summary>
/// What users are promised (service level objectives); null stands for no promise. With a rate of requests the latencies hold for
/// the share <see cref="Percentile"/> of them, with a steady number of users on average.
/// </summary>
public readonly record struct ServiceObjectives()
{
    /// <summary>Least throughput that is acceptable, in tokens as the performance model counts them.</summary>
    public double? TokensPerSecond { get; init; } = null;

    /// <summary>Longest time to the first token (TTFT), waiting included, in milliseconds.</summary>
    public double? TimeToFirstTokenMs { get; init; } = null;

    /// <summary>Longest time from one token of an answer to the next (TPOT), in milliseconds.</summary>
    public double? TimePerOutputTokenMs { get; init; } = null;

    /// <summary>Longest time from sending a request to the end of its answer, in milliseconds.</summary>
    public double? EndToEndMs { get; init; } = null;

    /// <summary>Percent of the requests that the latencies hold for, where they come at a rate; 1 to 99.9.</summary>
    public double Percentile { get; init; } = 95;

    /// <summary>Whether any latency is promised.</summary>
    public bool HaveLatency => TimeToFirstTokenMs is not null || TimePerOutputTokenMs is not null || EndToEndMs is not null;

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        Check(TokensPerSecond, 0.001, 1e9, "SloTokensPerSecond");
        Check(TimeToFirstTokenMs, 0.001, 1e9, "SloTimeToFirstTokenMs");
        Check(TimePerOutputTokenMs, 0.001, 1e9, "SloTimePerOutputTokenMs");
        Check(EndToEndMs, 0.001, 1e9, "SloEndToEndMs");
        Guard.InRange(Percentile, 1, 99.9, "SloPercentile");
    }

    /// <summary>The first latency that breaks its promise, in words; null where all are kept.</summary>
    internal string? Missed(in UserTimes times, string of = "") =>
        Missed("time to first token", times.TimeToFirstTokenMs, TimeToFirstTokenMs, of)
        ?? Missed("time per output token", times.LaterTokenMs, TimePerOutputTokenMs, of)
        ?? Missed("end-to-end time", times.EndToEndMs, EndToEndMs, of);

    /// <summary>Whether all latencies are kept.</summary>
    internal bool Allow(in UserTimes times) =>
        !(times.TimeToFirstTokenMs > TimeToFirstTokenMs)
        && !(times.LaterTokenMs > TimePerOutputTokenMs)
        && !(times.EndToEndMs > EndToEndMs);

    /// <summary>How many times longer than promised the worst of the latencies is; up to 1 where all are kept.</summary>
    internal double Excess(in UserTimes times) => Math.Max(
        Math.Max(times.TimeToFirstTokenMs / TimeToFirstTokenMs ?? 0, times.LaterTokenMs / TimePerOutputTokenMs ?? 0),
        times.EndToEndMs / EndToEndMs ?? 0);

    private static void Check(double? value, double least, double most, string name)
    {
        if (value is { } given)
        {
            Guard.InRange(given, least, most, name);
        }
    }

    private static string? Missed(string what, double? ms, double? most, string of) => ms > most
        ? string.Create(CultureInfo.InvariantCulture, $"the {what}{of} of {ms:0.###} ms exceeds the SLO of {most:0.###} ms")
        : null;
}
