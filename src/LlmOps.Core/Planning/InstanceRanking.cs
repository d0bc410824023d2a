using System.Globalization;

namespace LlmOps.Core.Planning;

/// <summary>Puts evaluations in order, and says why they stand where they do.</summary>
internal static class InstanceRanking
{
    public static IReadOnlyList<InstanceEvaluation> Of(List<InstanceEvaluation> evaluations, in OptimizationRequest request)
    {
        RankingOrder order = request.RankBy;
        IEnumerable<InstanceEvaluation> good = evaluations.Where(e => e.Feasible && e.MeetsSlo);
        List<InstanceEvaluation> ranked =
        [
            .. (request.Pareto ? Front(good) : good)
                .OrderBy(e => Cost(e, order))
                .ThenByDescending(e => e.TokensPerSecond)
                .ThenBy(e => e.TotalSeconds)
                .ThenBy(e => e.Instance, StringComparer.Ordinal)
                .ThenBy(e => e.Provider, StringComparer.Ordinal)
                .ThenBy(e => e.Region, StringComparer.Ordinal),
        ];
        for (int i = 0; i < ranked.Count; i++)
        {
            ranked[i].Rank = i + 1;
        }

        Explain(ranked, request);
        ranked.AddRange(evaluations
            .Where(e => !(e.Feasible && e.MeetsSlo))
            .OrderByDescending(e => e.TokensPerSecond)
            .ThenBy(e => e.UsdPerHour is null)
            .ThenBy(e => e.Feasible ? null : e.RejectionReason, StringComparer.Ordinal)
            .ThenBy(e => e.Instance, StringComparer.Ordinal));
        return ranked;
    }

    /// <summary>The less, the better.</summary>
    private static double? Cost(InstanceEvaluation e, RankingOrder order) => order switch
    {
        RankingOrder.UsdPerMillionTokens => e.UsdPerMillionTokens!.Value,
        RankingOrder.TokensPerSecond => -e.TokensPerSecond,
        RankingOrder.EndToEnd => (e.EndToEndP95Ms / 1000) ?? e.TotalSeconds,
        _ => -e.CostEfficiency,
    };

    /// <summary>
    /// What nothing else beats: another costs no more a token and keeps users waiting no longer, for the first token and for the
    /// others, and does better in one of the three.
    /// </summary>
    private static IEnumerable<InstanceEvaluation> Front(IEnumerable<InstanceEvaluation> evaluations)
    {
        List<InstanceEvaluation> front = [];
        foreach (InstanceEvaluation e in evaluations
            .OrderBy(e => e.UsdPerMillionTokens).ThenBy(e => e.PrefillSeconds).ThenBy(e => e.DecodeSeconds)
            .ThenBy(e => e.Instance, StringComparer.Ordinal))
        {
            // Whatever comes later costs no less.
            if (!front.Exists(better => better.PrefillSeconds <= e.PrefillSeconds && better.DecodeSeconds <= e.DecodeSeconds))
            {
                front.Add(e);
            }
        }

        return front;
    }

    private static void Explain(List<InstanceEvaluation> ranked, in OptimizationRequest request)
    {
        if (ranked.Count == 0)
        {
            return;
        }

        if (request.Pareto)
        {
            foreach (InstanceEvaluation e in ranked)
            {
                e.Explanation = "no other way costs less a token without a longer wait for the first token or for the next ones";
            }

            return;
        }

        InstanceEvaluation first = ranked[0];
        first.Explanation = ranked.Count == 1
            ? "the only one that can do it"
            : $"before {Name(ranked[1])}: {Compare(first, ranked[1])}";
        foreach (InstanceEvaluation e in ranked.Skip(1))
        {
            e.Explanation = $"behind {Name(first)}: {Compare(e, first)}";
        }
    }

    private static string Name(InstanceEvaluation e) =>
        e.InstanceCount > 1 ? string.Create(CultureInfo.InvariantCulture, $"{e.InstanceCount} x {e.Instance}") : e.Instance;

    private static double Wait(InstanceEvaluation e) => (e.EndToEndP95Ms ?? e.EndToEndMs ?? e.TotalSeconds)!.Value;

    /// <summary>How one differs from the other in what the ranking weighs.</summary>
    private static string Compare(InstanceEvaluation a, InstanceEvaluation b)
    {
        List<string> parts = [];
        Add(a.CostEfficiency, b.CostEfficiency, "more tokens for a USD", "fewer tokens for a USD");
        Add(a.Cost, b.Cost, "more an hour", "less an hour");
        Add(a.TokensPerSecond, b.TokensPerSecond, "more throughput", "less throughput");
        Add(Wait(a), Wait(b), "slower answers", "faster answers");
        if (a.OffloadRatio > 0 != b.OffloadRatio > 0)
        {
            InstanceEvaluation offloads = a.OffloadRatio > 0 ? a : b;
            parts.Add(string.Create(CultureInfo.InvariantCulture,
                $"{offloads.Instance} keeps {100 * offloads.OffloadRatio:0.#} % of the KV cache in host memory"));
        }

        if (a.Quantization != b.Quantization)
        {
            parts.Add($"{a.Quantization} instead of {b.Quantization}");
        }

        return parts.Count == 0 ? "the same in cost and speed; by name" : string.Join(", ", parts);

        void Add(double? mine, double? theirs, string more, string less)
        {
            if (100 * ((mine / theirs) - 1) is { } percent && Math.Abs(percent) >= 0.05 && double.IsFinite(percent))
            {
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(percent):0.#} % {(percent > 0 ? more : less)}"));
            }
        }
    }
}
