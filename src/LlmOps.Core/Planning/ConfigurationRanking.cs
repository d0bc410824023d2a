using static System.FormattableString;


namespace LlmOps.Core.Planning;

/// <summary>What both ways to find configurations share: score, reasons of rejection, and order.</summary>
internal static class ConfigurationRanking
{
    /// <summary>Cheap requests count, and those with time to spare up to twice as much; what misses the target scores 0.</summary>
    public static double Score(in ConfigurationRequest request, double latencyMs, double usdPerRequest)
    {
        double margin = (request.TargetLatencyMs - latencyMs) / request.TargetLatencyMs;
        return latencyMs <= request.TargetLatencyMs ? 1 / (usdPerRequest * 1000) * (1 + margin) : 0;
    }

    public static string? Rejection(in ConfigurationRequest request, double latencyMs, double usdPerMonth)
    {
        List<string> reasons = [];
        if (!(latencyMs <= request.TargetLatencyMs))
        {
            reasons.Add(Invariant($"{latencyMs:0.##} ms are more than the target of {request.TargetLatencyMs:0.###} ms"));
        }

        // To the cent, so that a budget that is met exactly is not missed by the last digit of a sum.
        if (Math.Round(usdPerMonth, 2) > request.BudgetUsdPerMonth)
        {
            reasons.Add(Invariant($"{usdPerMonth:0.00} USD a month are more than the budget of {request.BudgetUsdPerMonth:0.00}"));
        }

        return reasons.Count == 0 ? null : string.Join("; ", reasons);
    }

    /// <summary>Those without a reason of rejection by score, in their order where scores are equal; then the others, fastest first.</summary>
    public static IReadOnlyList<ConfigurationCandidate> Rank(IReadOnlyList<ConfigurationCandidate> candidates)
    {
        List<ConfigurationCandidate> ranked =
            [.. candidates.Where(c => c.RejectionReason is null).OrderByDescending(c => c.Score)];
        for (int i = 0; i < ranked.Count; i++)
        {
            ranked[i].Rank = i + 1;
        }

        ranked.AddRange(candidates.Where(c => c.RejectionReason is not null)
            .OrderBy(c => c.EstimatedLatencyMs ?? double.PositiveInfinity));
        return ranked;
    }
}
