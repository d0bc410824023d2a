using System.Globalization;
using LlmOps.Core.Memory;

namespace LlmOps.Cli.Rendering;

/// <summary>Memory estimates to read.</summary>
internal static class MemoryView
{
    private static readonly Column<MemoryEstimate>[] s_columns =
    [
        Column.Text<MemoryEstimate>("Model", e => e.ModelName) with { IsContext = true },
        Column.Text<MemoryEstimate>("Engine", e => e.EngineVersion is { } v ? $"{e.Engine} {v}" : e.Engine)
            with { IsContext = true },
        Column.Text<MemoryEstimate>("Task", e => e.Training ? "training" : "inference")
            with { IsContext = true, Usual = "inference" },
        Column.Text<MemoryEstimate>("Weights", e => e.Quantization) with { IsContext = true },
        Column.Text<MemoryEstimate>("KV type", e => e.Training ? null : e.KvCacheDataType)
            with { IsContext = true, Usual = "Auto" },
        Column.Text<MemoryEstimate>("ZeRO", e => e.ZeroStage?.ToString(CultureInfo.InvariantCulture)) with { IsContext = true },
        Column.Text<MemoryEstimate>("Offload", e => e.OffloadOptimizer?.ToString()) with { IsContext = true, Usual = "None" },
        Column.Text<MemoryEstimate>("Optimizer", e => e.Optimizer?.ToString()) with { IsContext = true, Usual = "AdamW" },
        Column.Text<MemoryEstimate>("Checkpoints", e => e.ActivationCheckpointing?.ToString()) with { IsContext = true },
        Column.Text<MemoryEstimate>("LoRA", e => e.LoraRank?.ToString(CultureInfo.InvariantCulture)) with { IsContext = true },
        Column.Text<MemoryEstimate>("Attention", e => e.AttentionImplementation?.ToString()) with { IsContext = true },
        Column.Text<MemoryEstimate>("Cache", e => e.CacheImplementation?.ToString()) with { IsContext = true },
        Column.Text<MemoryEstimate>("GPU", e => e.Gpu) with { IsContext = true },
        Column.Whole<MemoryEstimate>("TP", e => e.TensorParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<MemoryEstimate>("PP", e => e.PipelineParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<MemoryEstimate>("EP", e => e.ExpertParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<MemoryEstimate>("SP", e => e.SequenceParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<MemoryEstimate>("DP", e => e.DataParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<MemoryEstimate>("GPU layers", e => e.GpuLayers) with { IsContext = true },
        Column.Whole<MemoryEstimate>("Batch", e => e.BatchSize) with { IsContext = true },
        Column.Whole<MemoryEstimate>("Tokens", e => e.SequenceLength) with { IsContext = true },
        Column.Number<MemoryEstimate>("Weights GiB", "N2", e => e.ModelWeightsGiB),
        Column.Number<MemoryEstimate>("KV GiB", "N2", e => e.Training ? null : e.KvCacheGiB) with { DropOrder = 1 },
        Column.Number<MemoryEstimate>("Training GiB", "N2", e => e.Training ? e.GradientsGiB + e.OptimizerStatesGiB : null)
            with { DropOrder = 1 },
        Column.Number<MemoryEstimate>("Activ. GiB", "N2", e => e.ActivationsGiB) with { DropOrder = 4 },
        Column.Number<MemoryEstimate>("Other GiB", "N2", e => e.CudaGraphsGiB + e.CompilationOverheadGiB
            + e.FragmentationOverheadGiB + e.SafetyMarginGiB) with { DropOrder = 3 },
        Column.Number<MemoryEstimate>("Total GiB", "N2", e => e.TotalGiB),
        Column.Number<MemoryEstimate>("Host GiB", "N2", e => e.HostGiB) with { DropOrder = 1 },
        Column.Number<MemoryEstimate>("Disk GiB", "N2", e => e.DiskGiB) with { DropOrder = 1 },
        Column.Number<MemoryEstimate>("Budget GiB", "N2", e => e.BudgetGiB) with { DropOrder = 2 },
        Column.YesNo<MemoryEstimate>("Fits", e => e.Fits),
    ];

    private static readonly Column<MemoryTerm>[] s_termColumns =
    [
        Column.Text<MemoryTerm>("Term", t => t.Name),
        Column.Number<MemoryTerm>("GiB", "N3", t => t.GiB),
        Column.Number<MemoryTerm>("Low GiB", "N3", t => t.LowGiB),
        Column.Number<MemoryTerm>("High GiB", "N3", t => t.HighGiB),
        Column.Text<MemoryTerm>("Evidence", t => t.Evidence.ToString()),
        Column.Text<MemoryTerm>("Place", t => t.Place.ToString()) with { IsContext = true, Usual = nameof(MemoryPlace.Gpu) },
    ];

    public static void Show(Terminal terminal, IReadOnlyList<MemoryEstimate> estimates, bool explain)
    {
        // What does not apply to any row needs no column of dashes.
        bool withGpu = estimates.Any(e => e.Gpu is not null);
        bool training = estimates.Any(e => e.Training);
        bool inference = estimates.Any(e => !e.Training);
        bool onHost = estimates.Any(e => e.HostGiB > 0);
        bool onDisk = estimates.Any(e => e.DiskGiB > 0);
        Table.Show(terminal, estimates, [.. s_columns.Where(c => c.Header switch
        {
            "Budget GiB" or "Fits" => withGpu,
            "Training GiB" => training,
            "KV GiB" => inference,
            "Host GiB" => onHost,
            "Disk GiB" => onDisk,
            "GPU layers" => estimates.Any(e => e.GpuLayers is not null),
            _ => true,
        })]);
        ShowRemedies(terminal, estimates);
        if (explain)
        {
            foreach (MemoryEstimate estimate in estimates)
            {
                Explain(terminal, estimate);
            }
        }
    }

    private static void ShowRemedies(Terminal terminal, IReadOnlyList<MemoryEstimate> estimates)
    {
        MemoryEstimate[] tooLarge = [.. estimates.Where(e => e.Remedy is not null)];
        if (tooLarge.Length == 0)
        {
            return;
        }

        terminal.Out.WriteLine();
        terminal.Out.WriteLine("What would fit:");
        foreach (MemoryEstimate estimate in tooLarge)
        {
            Paragraph.Write(terminal, $"  {Name(terminal, estimate)}: ", Remedy.AsOption(estimate.Remedy!));
        }
    }

    private static void Explain(Terminal terminal, MemoryEstimate estimate)
    {
        terminal.Out.WriteLine();
        terminal.Out.WriteLine(Name(terminal, estimate));
        Table.Show(terminal, estimate.Terms, s_termColumns);
        terminal.Out.WriteLine(string.Create(terminal.Culture,
            $"  Total: {estimate.TotalGiB:N3} GiB, between {estimate.TotalLowGiB:N3} and {estimate.TotalHighGiB:N3}"));
        terminal.Out.WriteLine();
        foreach (MemoryTerm term in estimate.Terms)
        {
            Paragraph.Write(terminal, $"  {term.Name}: ", term.Formula);
            Paragraph.Write(terminal, "    Source: ", term.Source);
        }
    }

    private static string Name(Terminal terminal, MemoryEstimate e) => string.Create(terminal.Culture,
        $"{e.ModelName} in {e.Quantization}, {e.BatchSize:N0} x {e.SequenceLength:N0} tokens")
        + (e.GpuCount > 1 ? string.Create(CultureInfo.InvariantCulture, $", one of {e.GpuCount} GPUs") : "")
        + (e.Gpu is null ? "" : $", {e.Gpu}");
}
