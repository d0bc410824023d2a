using System.Globalization;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;

namespace LlmOps.Cli.Rendering;

/// <summary>The result of an optimization to read: the job, the best instance, how long it takes there, and the ranking.</summary>
internal static class OptimizationReport
{
    private static readonly Column<InstanceEvaluation>[] s_ranking =
    [
        Column.Whole<InstanceEvaluation>("#", e => e.Rank),
        Column.Text<InstanceEvaluation>("Instance", e => e.Instance),
        Column.Text<InstanceEvaluation>("Provider", e => e.Provider) with { IsContext = true, DropOrder = 2 },
        Column.Text<InstanceEvaluation>("Region", e => e.Region) with { IsContext = true, DropOrder = 4 },
        Column.Text<InstanceEvaluation>("GPUs", Gpus),
        Column.Number<InstanceEvaluation>("Offload %", "N1", e => 100 * e.OffloadRatio) with { DropOrder = 1 },
        Column.Number<InstanceEvaluation>("TPS", "N2", e => e.TokensPerSecond),
        Column.Number<InstanceEvaluation>("USD/h all", "N3", e => e.UsdPerHourTotal),
        Column.Number<InstanceEvaluation>("Tokens/USD", "N0", e => e.CostEfficiency),
        Column.Number<InstanceEvaluation>("USD/1M tokens", "N3", e => e.UsdPerMillionTokens) with { DropOrder = 3 },
    ];

    private static readonly Column<InstanceEvaluation> s_floor =
        Column.Text<InstanceEvaluation>("Floor", e => e.BreaksPhysicalFloor ? "BROKEN" : "kept");

    private static readonly Column<InstanceEvaluation>[] s_rejected =
    [
        Column.Text<InstanceEvaluation>("Instance", e => e.Instance),
        Column.Text<InstanceEvaluation>("GPUs", Gpus),
        Column.Number<InstanceEvaluation>("USD/h all", "N3", e => e.UsdPerHourTotal) with { DropOrder = 1 },
        Column.Text<InstanceEvaluation>("Rejected because", e => e.RejectionReason),
    ];

    /// <param name="terminal">Where it goes.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="all">Every evaluation, ranked ones first.</param>
    /// <param name="shown">Those that the tables list.</param>
    public static void Show(
        Terminal terminal,
        in OptimizationRequest request,
        IReadOnlyList<InstanceEvaluation> all,
        IReadOnlyList<InstanceEvaluation> shown)
    {
        WriteJob(terminal, request, all);
        if (all.Count > 0 && all[0].Rank == 1)
        {
            WriteBest(terminal, request, all[0]);
        }
        else
        {
            terminal.Out.WriteLine("Optimal instance: none");
        }

        WriteTables(terminal, request, all, shown);
    }

    /// <param name="terminal">Where it goes.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="all">Every evaluation, at least one.</param>
    public static string WhyNothing(
        Terminal terminal, in OptimizationRequest request, IReadOnlyList<InstanceEvaluation> all)
    {
        InstanceEvaluation? nearest = InstanceOptimizer.Closest(all, out bool isCheapest);
        return nearest is null
            ? $"no instance can run the job, mostly because: {InstanceOptimizer.MostCommonReason(all)}; --include-rejected shows all reasons."
            : isCheapest
                ? string.Create(terminal.Culture, $"no instance is within the budget; the cheapest, {nearest.Instance} ({Gpus(nearest)}), "
                    + $"reaches {nearest.TokensPerSecond:0.##} TPS: {nearest.RejectionReason}.")
                : string.Create(terminal.Culture, $"no instance keeps the SLO ({Objectives(terminal, request)}); the fastest, "
                    + $"{nearest.Instance} ({Gpus(nearest)}), reaches {nearest.TokensPerSecond:0.##} TPS: {nearest.RejectionReason}.");
    }

    public static string FloorWarning(Terminal terminal, InstanceEvaluation e) => string.Create(terminal.Culture,
        $"{e.Instance}: the predicted time of {e.TotalSeconds:0.0###} s breaks the hardware's physical floor (at least "
        + $"{e.FloorSeconds:0.0###} s in all), so {e.TokensPerSecond:0.00} TPS cannot be reached. "
        + $"Roofline predicts within the floor.");

    private static string Gpus(InstanceEvaluation e) =>
        e.GpuCount == 1 ? e.Gpu : string.Create(CultureInfo.InvariantCulture, $"{e.GpuCount} x {e.Gpu}");

    private static void WriteJob(
        Terminal terminal, in OptimizationRequest request, IReadOnlyList<InstanceEvaluation> all)
    {
        Workload w = request.Workload;
        Lines lines = new(terminal);
        lines.Add($"Model: {w.Model.Name}");
        lines.Add($"Layers: {w.Model.LayerCount}");
        lines.Add($"Hidden size: {w.Model.HiddenSize}");
        if (request.RequestsPerSecond is { } rate)
        {
            lines.Add($"Requests per second: {rate:0.######}");
        }
        else if (request.Saturate)
        {
            lines.Add($"Users: as many as can be");
        }
        else
        {
            lines.Add($"Batch size: {w.BatchSize}");
        }

        lines.Add($"Input length: {w.InputLength}");
        lines.Add($"Output length: {w.OutputLength}");
        if (request.SafetyFactor is { } factor)
        {
            lines.Add($"Safety factor: {factor:0.####}");
        }

        lines.Add($"SLO requirement: {Objectives(terminal, request)}");
        lines.Add($"Weights: {string.Join(" or ", request.AllowedQuantizations.Prepend(w.EffectiveQuantization).Select(q => q.Name).Distinct())}");
        lines.Add($"Performance model: {request.PerformanceModel} (TPS counts {Counted(request)} tokens)");
        lines.Add($"");
        if (request.RequestsPerSecond is null && !request.Saturate)
        {
            lines.Add($"Total KV Cache size: {KvCacheGB(request, all):0.00} GB");
            lines.Add($"");
        }
    }

    private static string Objectives(Terminal terminal, in OptimizationRequest request)
    {
        ServiceObjectives slo = request.Objectives;
        List<string> promises = [];
        Add(slo.TokensPerSecond, "Minimum ", " TPS");
        Add(slo.TimeToFirstTokenMs, "TTFT up to ", " ms");
        Add(slo.TimePerOutputTokenMs, "TPOT up to ", " ms");
        Add(slo.EndToEndMs, "end to end up to ", " ms");
        if (slo.HaveLatency && request.RequestsPerSecond is not null)
        {
            promises[^1] += string.Create(terminal.Culture, $" for {slo.Percentile:0.#} % of the requests");
        }

        return promises.Count == 0 ? "none" : string.Join(", ", promises);

        void Add(double? value, string before, string after)
        {
            if (value is { } given)
            {
                promises.Add(string.Create(terminal.Culture, $"{before}{given:0.###}{after}"));
            }
        }
    }

    private static string Counted(in OptimizationRequest request) =>
        request.PerformanceModel == PerformanceModelName.InferSave ? "prompt and generated" : "generated";

    /// <summary>What the batch takes on one copy of the model; InferSave's own figure where its program is followed.</summary>
    private static double KvCacheGB(in OptimizationRequest request, IReadOnlyList<InstanceEvaluation> all)
    {
        Workload w = request.Workload;
        return request.PerformanceModel == PerformanceModelName.InferSave && all.Count > 0 && all[0].KvCacheGB is > 0 and { } own
            ? own
            : (double)KvCacheCalculator.Measure(new MemoryRequest(w.Model)
            {
                Quantization = w.EffectiveQuantization,
                KvCacheDataType = w.KvCacheDataType,
                BatchSize = w.BatchSize,
                SequenceLength = w.InputLength + w.OutputLength,
            }).TotalBytes / Units.BytesPerGB;
    }

    private static void WriteBest(Terminal terminal, in OptimizationRequest request, InstanceEvaluation best)
    {
        Lines lines = new(terminal);
        lines.Add($"Optimal instance:");
        lines.Add($"GPU: {Gpus(best)}");
        lines.Add($"Instance: {best.Instance} ({best.Provider}, {best.Region})");
        if (best.GpuCount > 1)
        {
            lines.Add($"Layout: {best.Layout}");
        }

        if (best.InstanceCount > 1)
        {
            lines.Add($"Instances: {best.InstanceCount}");
        }

        if (request.AllowedQuantizations.Count > 0)
        {
            lines.Add($"Weights in: {best.Quantization}");
        }

        lines.Add($"KV Cache offloading ratio: {100 * best.OffloadRatio:0.0}%");
        lines.Add($"TPS: {best.TokensPerSecond:0.00} tokens/second");
        string machines = best.InstanceCount > 1 ? string.Create(terminal.Culture, $"; all {best.InstanceCount} instances ${best.UsdPerHourTotal:0.00##}") : "";
        lines.Add($"Hourly cost: ${best.UsdPerHour:0.00##}{Plan(request.PriceType)}{machines}");
        if (request.Objectives.TokensPerSecond is { } slo)
        {
            lines.Add($"Cost efficiency: {best.CostEfficiency:0.00} tokens/$ (at the SLO of {slo:0.###} TPS)");
        }
        else
        {
            lines.Add($"Cost efficiency: {best.CostEfficiency:0.00} tokens/$");
        }

        if (request.RequestsPerSecond is not null)
        {
            lines.Add($"Monthly cost: ${best.UsdPerMonth:0.00} (730 hours, all instances)");
        }

        lines.Add($"Price date: {PriceDate(terminal, best)}");
        Paragraph.Write(terminal, "Price source: ", best.PriceSource!);
        lines.Add($"");
        lines.Add($"Performance details:");
        lines.Add($"Prefill time: {best.PrefillSeconds:0.0000} seconds");
        lines.Add($"Decode time: {best.DecodeSeconds:0.0000} seconds");
        lines.Add($"Total processing time: {best.TotalSeconds:0.0000} seconds");
        if (best.TimePerOutputTokenMs is { } token)
        {
            lines.Add($"Time to first token: {best.TimeToFirstTokenMs:0.0} ms{HighShare(terminal, best.TimeToFirstTokenP95Ms)}");
            lines.Add($"Time per output token: {token:0.00} ms{HighShare(terminal, best.TimePerOutputTokenP95Ms)}");
        }

        lines.Add($"Decoding is bound by: {best.Bottleneck}");
        if (best.TokensPerSecondLow is { } low)
        {
            lines.Add($"TPS to expect: {low:0.00} to {best.TokensPerSecondHigh:0.00}");
        }

        if (best.Explanation is { } why)
        {
            Paragraph.Write(terminal, "Why: ", why);
        }

        if (best.BreaksPhysicalFloor)
        {
            lines.Add($"");
            Paragraph.Write(terminal, "WARNING: ", FloorWarning(terminal, best));
        }
    }

    private static string HighShare(Terminal terminal, double? ms) =>
        ms is { } high ? string.Create(terminal.Culture, $" (95 % within {high:0.0} ms)") : "";

    private static string Plan(PriceType type) => type switch
    {
        PriceType.Spot => " (spot)",
        PriceType.Reserved => " (reserved)",
        _ => " (on demand)",
    };

    private static string PriceDate(Terminal terminal, InstanceEvaluation best)
    {
        if (best.PriceDate is not { } date)
        {
            return "not given by the source; check the price before you decide";
        }

        string day = date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        return PriceAge.IsStale(date, terminal.Clock)
            ? string.Create(CultureInfo.InvariantCulture, $"{day} ({PriceAge.Days(date, terminal.Clock)} days old; check the price before you decide)")
            : day;
    }

    private static void WriteTables(
        Terminal terminal,
        in OptimizationRequest request,
        IReadOnlyList<InstanceEvaluation> all,
        IReadOnlyList<InstanceEvaluation> shown)
    {
        InstanceEvaluation[] ranked = [.. shown.Where(e => e.Rank is not null)];
        InstanceEvaluation[] rejected = [.. shown.Where(e => e.Rank is null)];
        int meeting = all.Count(e => e.Rank is not null);
        int missing = all.Count(e => e.Feasible && e.Rank is null);
        Lines lines = new(terminal);
        if (ranked.Length > 1)
        {
            lines.Add($"");
            lines.Add($"{(request.Pareto ? "What nothing beats" : "Ranking by " + OrderOf(request.RankBy))}:");
            Table.Show(terminal, ranked, ranked.Any(e => e.BreaksPhysicalFloor) ? [.. s_ranking, s_floor] : s_ranking);
        }

        lines.Add($"");
        string others = request.PriceType == PriceType.OnDemand
            ? "unable to run the job"
            : $"unable to run the job or without a {request.PriceType.ToString().ToLowerInvariant()} price";
        lines.Add($"{all.Count} instances: {meeting} ranked, {missing} below the SLO, {all.Count - meeting - missing} {others}.");
        if (rejected.Length > 0)
        {
            lines.Add($"");
            Table.Show(terminal, rejected, s_rejected);
        }
    }

    private static string OrderOf(RankingOrder order) => order switch
    {
        RankingOrder.UsdPerMillionTokens => "price of tokens",
        RankingOrder.TokensPerSecond => "throughput",
        RankingOrder.EndToEnd => "end-to-end time",
        _ => "cost efficiency",
    };

    /// <summary>Writes lines in the user's culture.</summary>
    private readonly struct Lines(Terminal terminal)
    {
        public void Add(FormattableString line) => terminal.Out.WriteLine(line.ToString(terminal.Culture));
    }
}
