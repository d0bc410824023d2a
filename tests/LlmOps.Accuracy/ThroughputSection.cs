using System.Globalization;
using System.Text;

namespace LlmOps.Accuracy;

/// <summary>The step-time model against published throughputs that had no part in its fit.</summary>
internal sealed class ThroughputSection : IReportSection
{
    private const string Rate = "throughput", Token = "TPOT";

    /// <summary>What the KV pool of Meta's checkpoint on eight H100 is taken to have held: the length that its runs were limited to.</summary>
    private const long PoolOfMetasCheckpoint = 91_680;

    private static readonly (string Reason, string Why)[] s_reasons =
    [
        ("chose pcieHopMs", "single users of cloudrift, Qwen3-Coder-480B on four and GLM-4.6 FP8 on eight RTX PRO 6000: the coefficient of all-reduces over PCIe was chosen by them"),
        ("chose expandedDense", "cloudrift, Llama-3.3-70B in AWQ on L40S, RTX 4090, RTX 5090 and RTX PRO 6000: the speed of products with weights that are expanded to 16 bits was chosen by them"),
        ("chose pipelineBubble", "TensorRT-LLM, Llama-3.3-70B on two, four and eight RTX PRO 6000: the coefficient of what pipeline stages wait for each other was chosen by them"),
        ("doubled", "dstack, two copies of four MI300X each: by the source's own note the rows of one copy, counted twice"),
    ];

    public string Text()
    {
        ThroughputRow[] rows = [.. ThroughputRow.Compared.Where(row => row.Estimate.Fits)];
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            ## Throughput that had no part in the fit

            `Get-LlmPerformanceEstimate` as it ships against {ThroughputRow.All.Count} published rows of three collections, to none of which the step-time model was
            fitted; {ThroughputRow.Compared.Count()} are compared. Other rows of both engines and of H100, H200, B200 and GB200 are in the fit; L40S, the RTX cards and
            MI300X are in none. *Within* is the share of rows between the estimate's low and high bounds, which hold 80 % of the rows that
            they come from; those of more than 512 running requests come from the rows of TensorRT-LLM themselves. How each row's settings were found is said in `tests/LlmOps.Accuracy/Data/README.md`.

            - **TensorRT-LLM** (perf-overview of release 1.0, Apache-2.0): the most output tokens a second of a whole deployment, with 1,000 to
              30,000 requests queued at once; as many are taken to run as the KV pool holds, 2,048 at most. No row had part in the fit. Weak: which
              mixtures of experts ran with expert parallelism or data-parallel attention, and where the share of memory was below 0.95, is not said.
            - **cloudrift** (server-benchmark, Apache-2.0): servers of vLLM with 1 to 512 users over one to eight copies, October 2025, each with
              its settings. No row had part in the fit; those that chose a coefficient are left out below. Weak: the release is the latest of its day, runs
              of three to six requests a user count their start and end, and the single user of Qwen3-Coder-480B on H200 was looked at when it was
              chosen how expanded weights are timed.
            - **dstack** (benchmarks, Apache-2.0): batches of Llama-3.1-405B in FP8 on vLLM 0.6.3 and 0.6.4 of November 2024, prompts counted with the
              answers. No row had part in the fit. Weak: releases from before all that were fitted (0.11 to 0.19), on MI300X without captured graphs;
              nothing of AMD was fitted, and the estimates' evidence is `Assumed`; the weights of Meta's checkpoint of that time, with 16 KV heads,
              took 56.8 GiB of each H100 (published), and what is predicted has 8 heads and 47.8 GiB, as much faster to read.

            ### By collection and GPU

            | Collection | GPU | Engine | Quantity | Rows | Median % | Mean % | Worst % | Bias % | Within % | Worst row |
            |---|---|---|---|--:|--:|--:|--:|--:|--:|---|

            """);
        foreach (IGrouping<string, ThroughputRow> collection in rows.GroupBy(row => row.Collection))
        {
            ThroughputRow[] own = [.. collection];
            Lines(text, "all", own);
            foreach (IGrouping<string, ThroughputRow> setup in own.GroupBy(row => row.Setup).OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                Lines(text, setup.Key, [.. setup]);
            }
        }

        ThroughputRow[] held = [.. HeldByThePool(rows)];
        Lines(text, $"{held[0].Setup}, all held", held);
        text.Append(CultureInfo.InvariantCulture, $"""

            *All held*: the requests come to at most {PoolOfMetasCheckpoint:#,0} tokens together. The runs were limited to contexts of that length, a multiple of
            a block of 16, and from there on times grow with the requests: it is taken for what the KV pool held. The estimate has room for more.

            ![Published and predicted throughput](accuracy-throughput.svg)

            ### By model and layout

            Throughput; median and mean error and bias in percent.

            | Collection | Model and layout | Rows | Median | Mean | Bias |
            |---|---|--:|--:|--:|--:|

            """);
        foreach (IGrouping<(string Collection, string Layout, string Variant), ThroughputRow> group in
            rows.GroupBy(row => (row.Collection, row.Layout, row.Variant))
                .OrderBy(group => $"{group.Key.Collection}|{group.Key.Layout}|{group.Key.Variant}", StringComparer.Ordinal))
        {
            ErrorSummary e = ErrorSummary.Of([.. group.Select(row => row.Rate)]);
            string layout = group.Key.Variant.Length > 0 ? $"{group.Key.Layout}, {group.Key.Variant}" : group.Key.Layout;
            text.Append(CultureInfo.InvariantCulture,
                $"| {group.Key.Collection} | {layout} | {e.Rows} | {e.Median:0.0} | {e.Mean:0.0} | {e.Bias:+0.0;-0.0;0.0} |\n");
        }

        text.Append("\n### Rows that are not compared\n\n| Reason | Rows | What they are |\n|---|--:|---|\n");
        foreach ((string reason, string why) in s_reasons)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {reason} | {ThroughputRow.All.Count(row => row.Excluded == reason)} | {why} |\n");
        }

        ThroughputRow[] misfits = [.. ThroughputRow.Compared.Where(row => !row.Estimate.Fits)];
        text.Append(CultureInfo.InvariantCulture,
            $"| said not to fit | {misfits.Length} | {(misfits.Length == 0 ? "every row that ran is said to fit" : string.Join("; ", misfits.Select(row => row.ToString())))} |\n");
        return text.ToString();
    }

    public IEnumerable<(string FileName, string Svg)> Figures()
    {
        Point[] points = [.. ThroughputRow.Compared.Where(row => row.Estimate.Fits).Select(row => row.Rate)];
        yield return ("accuracy-throughput.svg", ScatterPlot.Draw("Throughput that had no part in the fit", "tokens a second", points, 0.25));
    }

    /// <summary>Rows of Meta's checkpoint on H100 whose requests its KV pool held at once.</summary>
    internal static IEnumerable<ThroughputRow> HeldByThePool(IEnumerable<ThroughputRow> rows) =>
        rows.Where(row => row.Collection == "dstack" && row.Gpu == "H100-80GB" && row.TokensAtOnce <= PoolOfMetasCheckpoint);

    private static void Lines(StringBuilder text, string setup, ThroughputRow[] rows)
    {
        string within = (100.0 * rows.Count(row => row.IsWithinBounds) / rows.Length).ToString("0", CultureInfo.InvariantCulture);
        Line(text, rows[0], setup, Rate, within, [.. rows.Select(row => row.Rate)]);
        if (rows.All(row => row.TimePerOutputTokenMs is not null))
        {
            Line(text, rows[0], setup, Token, "", [.. rows.Select(row => row.Token)]);
        }
    }

    private static void Line(StringBuilder text, ThroughputRow row, string setup, string quantity, string within, Point[] points)
    {
        ErrorSummary e = ErrorSummary.Of(points);
        text.Append(CultureInfo.InvariantCulture,
            $"| {row.Collection} | {setup} | {row.Engine} | {quantity} | {e.Rows} | {e.Median:0.0} | {e.Mean:0.0} | {e.Worst:0} | {e.Bias:+0.0;-0.0;0.0} | {within} | {e.WorstLabel} |\n");
    }
}
