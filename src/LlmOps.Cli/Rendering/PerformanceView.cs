using LlmOps.Core.Performance;

namespace LlmOps.Cli.Rendering;

/// <summary>Performance estimates to read.</summary>
internal static class PerformanceView
{
    private static readonly Column<PerformanceEstimate>[] s_columns =
    [
        Column.Text<PerformanceEstimate>("Model", e => e.ModelName) with { IsContext = true },
        Column.Text<PerformanceEstimate>("Engine", e => e.Engine) with { IsContext = true },
        Column.Text<PerformanceEstimate>("Weights", e => e.Quantization) with { IsContext = true },
        Column.Text<PerformanceEstimate>("KV type", e => e.KvCacheDataType) with { IsContext = true, Usual = "Auto" },
        Column.Text<PerformanceEstimate>("GPU", e => e.Gpu) with { IsContext = true },
        Column.Whole<PerformanceEstimate>("GPUs", e => e.GpuCount) with { IsContext = true },
        Column.Whole<PerformanceEstimate>("TP", e => e.TensorParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<PerformanceEstimate>("PP", e => e.PipelineParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<PerformanceEstimate>("EP", e => e.ExpertParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<PerformanceEstimate>("DP", e => e.DataParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<PerformanceEstimate>("Input", e => e.InputLength) with { IsContext = true },
        Column.Whole<PerformanceEstimate>("Output", e => e.OutputLength) with { IsContext = true },
        Column.Whole<PerformanceEstimate>("Batch", e => e.BatchSize),
        Column.Number<PerformanceEstimate>("Running", "N1", e => e.RunningBatch) with { DropOrder = 2 },
        Column.Number<PerformanceEstimate>("TTFT ms", "N0", e => e.TimeToFirstTokenMs),
        Column.Number<PerformanceEstimate>("TPOT ms", "N1", e => e.TimePerOutputTokenMs),
        Column.Number<PerformanceEstimate>("Tokens/s", "N0", e => e.TokensPerSecond),
        Column.Number<PerformanceEstimate>("Low tok/s", "N0", e => e.TokensPerSecondLow) with { DropOrder = 3 },
        Column.Number<PerformanceEstimate>("High tok/s", "N0", e => e.TokensPerSecondHigh) with { DropOrder = 4 },
        Column.Text<PerformanceEstimate>("Bottleneck", e => e.Bottleneck?.ToString()) with { DropOrder = 1 },
        Column.YesNo<PerformanceEstimate>("Fits", e => e.Fits),
    ];

    private static readonly Column<PerformanceTerm>[] s_termColumns =
    [
        Column.Text<PerformanceTerm>("Phase", t => t.Phase.ToString()),
        Column.Text<PerformanceTerm>("Term", t => t.Name),
        Column.Number<PerformanceTerm>("ms", "N3", t => t.Milliseconds),
        Column.Text<PerformanceTerm>("Evidence", t => t.Evidence.ToString()),
    ];

    public static void Show(Terminal terminal, IReadOnlyList<PerformanceEstimate> estimates, bool explain)
    {
        Table.Show(terminal, estimates, s_columns);
        PerformanceEstimate[] tooLarge = [.. estimates.Where(e => e.Remedy is not null)];
        if (tooLarge.Length > 0)
        {
            terminal.Out.WriteLine();
            terminal.Out.WriteLine("What would fit:");
            foreach (PerformanceEstimate estimate in tooLarge)
            {
                Paragraph.Write(terminal, "  ", $"{Name(terminal, estimate)}: {Remedy.AsOption(estimate.Remedy!)}");
            }
        }

        foreach (PerformanceEstimate estimate in explain ? estimates.Where(e => e.Fits) : [])
        {
            Explain(terminal, estimate);
        }
    }

    private static void Explain(Terminal terminal, PerformanceEstimate estimate)
    {
        terminal.Out.WriteLine();
        Paragraph.Write(terminal, "", Name(terminal, estimate));
        Table.Show(terminal, estimate.Terms, s_termColumns);
        Bounds("Time to the first token", estimate.TimeToFirstTokenMs, estimate.TimeToFirstTokenLowMs, estimate.TimeToFirstTokenHighMs);
        Bounds("Time per output token", estimate.TimePerOutputTokenMs, estimate.TimePerOutputTokenLowMs, estimate.TimePerOutputTokenHighMs);
        terminal.Out.WriteLine();
        foreach (PerformanceTerm term in estimate.Terms)
        {
            Paragraph.Write(terminal, $"  {term.Phase} {term.Name}: ", term.Formula);
        }

        foreach (string source in estimate.Terms.Select(term => term.Source).Distinct())
        {
            Paragraph.Write(terminal, "  Source: ", source);
        }

        void Bounds(string what, double? value, double? low, double? high) => terminal.Out.WriteLine(string.Create(terminal.Culture,
            $"  {what}: {value:N2} ms, between {low:N2} and {high:N2}"));
    }

    private static string Name(Terminal terminal, PerformanceEstimate e) => string.Create(terminal.Culture,
        $"{e.ModelName} in {e.Quantization} on {e.GpuCount} x {e.Gpu}, batch {e.BatchSize:N0}, {e.InputLength:N0} + {e.OutputLength:N0} tokens");
}
