using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops gpus</c>: data sheets.</summary>
internal static class GpusCommand
{
    private static readonly Column<GpuSpec>[] s_columns =
    [
        Column.Text<GpuSpec>("GPU", g => g.Name),
        Column.Text<GpuSpec>("Architecture", g => g.Architecture) with { DropOrder = 2 },
        Column.Number<GpuSpec>("Usable GiB", "N2", g => g.MemoryGiB),
        Column.Number<GpuSpec>("GB/s", "N0", g => g.MemoryBandwidthGBps),
        Column.Number<GpuSpec>("FP16 TFLOPS", "N1", g => g.Fp16Tflops),
        Column.Number<GpuSpec>("FP8 TFLOPS", "N1", g => g.DenseTflops.Fp8) with { DropOrder = 3 },
        Column.Number<GpuSpec>("Host GB/s", "N0", g => g.HostLinkGBps) with { DropOrder = 1 },
        Column.Text<GpuSpec>("GPU link", g => g.GpuLink) with { DropOrder = 5 },
        Column.Number<GpuSpec>("Link GB/s", "N0", g => g.GpuLinkGBps) with { DropOrder = 4 },
        Column.Number<GpuSpec>("W", "N0", g => g.TdpWatts) with { DropOrder = 6 },
    ];

    public static Command Create(Terminal terminal)
    {
        Argument<string?> pattern = Options.Pattern("GPU");
        Option<string?> output = Options.Output();
        Command command = new("gpus", "Lists GPUs. Memory is what the driver reports; throughput is dense, without sparsity.")
        {
            pattern,
            output,
        };
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            string? wanted = parse.GetValue(pattern);
            IEnumerable<GpuSpec> found = wanted is not null && GpuCatalog.TryGet(wanted, out GpuSpec? exact)
                ? [exact]
                : GpuCatalog.Find(CatalogSearch.Wildcard(wanted));
            return CatalogSearch.Show(terminal, diagnostics, found, parse.Format(output), s_columns,
                $"no GPU matches '{wanted}'{Hint(wanted)}");
        }));
        return command;
    }

    private static string Hint(string? wanted) =>
        wanted is not null && NameMatcher.Nearest(wanted, GpuCatalog.All.Select(g => g.Name)) is { } nearest
            ? $"; did you mean {nearest}?"
            : "";
}
