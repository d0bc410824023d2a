using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core.Memory;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops kv-cache</c>: size of KV caches, and what a GPU has room for.</summary>
internal static class KvCacheCommand
{
    private static readonly Column<KvCacheMeasurement>[] s_columns =
    [
        Column.Text<KvCacheMeasurement>("Model", m => m.ModelName) with { IsContext = true },
        Column.Text<KvCacheMeasurement>("Engine", m => m.Engine) with { IsContext = true },
        Column.Text<KvCacheMeasurement>("Weights", m => m.Quantization) with { IsContext = true },
        Column.Text<KvCacheMeasurement>("KV type", m => m.KvCacheDataType)
            with { IsContext = true, Usual = "Auto" },
        Column.Text<KvCacheMeasurement>("GPU", m => m.Gpu) with { IsContext = true },
        Column.Whole<KvCacheMeasurement>("TP", m => m.TensorParallelSize) with { IsContext = true, Usual = "1" },
        Column.Whole<KvCacheMeasurement>("PP", m => m.PipelineParallelSize) with { IsContext = true, Usual = "1" },
        Column.Text<KvCacheMeasurement>("GPU layers", m => m.GpuLayers is { } layers ? $"{layers}" : "all")
            with { IsContext = true, Usual = "all" },
        Column.Whole<KvCacheMeasurement>("Batch", m => m.BatchSize),
        Column.Whole<KvCacheMeasurement>("Tokens", m => m.SequenceLength),
        Column.Whole<KvCacheMeasurement>("Bytes/token", m => m.BytesPerToken) with { DropOrder = 2 },
        Column.Number<KvCacheMeasurement>("GiB/sequence", "N3", m => m.PerSequenceGiB) with { DropOrder = 1 },
        Column.Number<KvCacheMeasurement>("Total GiB", "N3", m => m.TotalGiB),
    ];

    private static readonly Column<KvCacheMeasurement>[] s_capacityColumns =
    [
        Column.Number<KvCacheMeasurement>("Pool GiB", "N2", m => m.PoolGiB),
        Column.Whole<KvCacheMeasurement>("Pool tokens", m => m.TokenCapacity) with { DropOrder = 3 },
        Column.Whole<KvCacheMeasurement>("Pool sequences", m => m.SequenceCapacity) with { DropOrder = 4 },
        Column.YesNo<KvCacheMeasurement>("Fits", m => m.Fits),
    ];

    public static Command Create(Terminal terminal)
    {
        MemoryRequestOptions request = new(withTraining: false);
        Option<string?> output = Options.Output();
        Command command = new("kv-cache",
            "Measures KV caches, in GiB (1024^3 bytes) over all GPUs of one copy of the model; with --gpu also what fits.");
        request.AddTo(command);
        command.Add(output);
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            RecordWriter<KvCacheMeasurement> writer = RecordWriter<KvCacheMeasurement>.Create(parse.Format(output), terminal, rows =>
                Table.Show(terminal, rows, rows.Any(m => m.Gpu is not null) ? [.. s_columns, .. s_capacityColumns] : s_columns));
            return SweptCommand.Run(
                terminal, diagnostics, request.Requests(parse, diagnostics), r => KvCacheCalculator.Measure(r), m => m.Fits != false, writer);
        }));
        return command;
    }
}
