using System.CommandLine;
using System.Text.Json;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Memory;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops memory</c>: memory of one GPU, term by term.</summary>
internal static class MemoryCommand
{
    public static Command Create(Terminal terminal)
    {
        MemoryRequestOptions request = new(withTraining: true);
        Option<bool> explain = Options.Switch("--explain", "Show each term with its formula, evidence and source");
        Option<string?> output = Options.Output();
        Command command = new("memory",
            "Estimates what a model needs on one GPU, in GiB (1024^3 bytes). Lists are swept: every combination is estimated.");
        request.AddTo(command);
        command.Add(explain);
        command.Add(output);
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            OutputFormat format = parse.Format(output);
            return Run(terminal, diagnostics, request.Requests(parse, diagnostics), format, parse.GetValue(explain));
        }));
        return command;
    }

    private static int Run(
        Terminal terminal, Diagnostics diagnostics, IEnumerable<MemoryRequest> requests, OutputFormat format, bool explain)
    {
        if (explain && format == OutputFormat.Csv)
        {
            RecordWriter<MemoryTermRow> terms = new CsvRecordWriter<MemoryTermRow>(terminal.Out);
            return Run(terminal, diagnostics, requests, estimate =>
            {
                foreach (MemoryTerm term in estimate.Terms)
                {
                    terms.Write(new MemoryTermRow(estimate, term));
                }
            }, terms.Complete);
        }

        RecordWriter<MemoryEstimate> writer = format == OutputFormat.Json
            ? new JsonRecordWriter<MemoryEstimate>(terminal.Out) { Append = explain ? WriteTerms : null }
            : RecordWriter<MemoryEstimate>.Create(format, terminal, rows => MemoryView.Show(terminal, rows, explain));
        return Run(terminal, diagnostics, requests, writer.Write, writer.Complete);
    }

    private static int Run(
        Terminal terminal,
        Diagnostics diagnostics,
        IEnumerable<MemoryRequest> requests,
        Action<MemoryEstimate> write,
        Action<bool> complete)
    {
        bool anyFits = false;
        foreach (MemoryRequest request in requests)
        {
            terminal.Cancellation.ThrowIfCancellationRequested();
            diagnostics.Try(() =>
            {
                MemoryEstimate estimate = MemoryEstimator.Estimate(request);
                anyFits |= estimate.Fits != false;
                write(estimate);
            });
        }

        complete(!diagnostics.HasErrors);
        return diagnostics.ExitCodeFor(anyFits);
    }

    private static void WriteTerms(Utf8JsonWriter json, MemoryEstimate estimate)
    {
        json.WriteStartArray(nameof(MemoryEstimate.Terms));
        foreach (MemoryTerm term in estimate.Terms)
        {
            JsonRecordWriter<MemoryTerm>.WriteObject(json, term);
        }

        json.WriteEndArray();
    }

    /// <summary>A term with what it belongs to: a row of a CSV file, which has no nested tables.</summary>
    private sealed class MemoryTermRow(MemoryEstimate estimate, MemoryTerm term)
    {
        public string ModelName => estimate.ModelName;

        public string Engine => estimate.Engine;

        public string Quantization => estimate.Quantization;

        public string KvCacheDataType => estimate.KvCacheDataType;

        public long BatchSize => estimate.BatchSize;

        public long SequenceLength => estimate.SequenceLength;

        public int TensorParallelSize => estimate.TensorParallelSize;

        public int PipelineParallelSize => estimate.PipelineParallelSize;

        public int ExpertParallelSize => estimate.ExpertParallelSize;

        public int DataParallelSize => estimate.DataParallelSize;

        public string? Gpu => estimate.Gpu;

        public string Term => term.Name;

        public double GiB => term.GiB;

        public double LowGiB => term.LowGiB;

        public double HighGiB => term.HighGiB;

        public Evidence Evidence => term.Evidence;

        public string Formula => term.Formula;

        public string Source => term.Source;

        public MemoryPlace Place => term.Place;
    }
}
