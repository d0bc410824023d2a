using System.CommandLine;
using System.Text.Json;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops performance</c>: what users of a served model wait for, and what its GPUs deliver.</summary>
internal static class PerformanceCommand
{
    public static Command Create(Terminal terminal)
    {
        PerformanceRequestOptions request = new();
        Option<bool> explain = Options.Switch("--explain", "Show what both times are made of, with formulas, evidence and sources");
        Option<string?> output = Options.Output();
        Command command = new("performance",
            "Estimates the time to the first token (TTFT), the time per output token (TPOT) and the throughput under a steady load. "
            + "Lists are swept: every combination is estimated.");
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
        Terminal terminal, Diagnostics diagnostics, IEnumerable<PerformanceEstimateRequest> requests, OutputFormat format, bool explain)
    {
        if (explain && format == OutputFormat.Csv)
        {
            RecordWriter<TermRow> terms = new CsvRecordWriter<TermRow>(terminal.Out);
            return Run(terminal, diagnostics, requests, estimate =>
            {
                foreach (PerformanceTerm term in estimate.Terms)
                {
                    terms.Write(new TermRow(estimate, term));
                }
            }, terms.Complete);
        }

        RecordWriter<PerformanceEstimate> writer = format == OutputFormat.Json
            ? new JsonRecordWriter<PerformanceEstimate>(terminal.Out) { Append = explain ? WriteTerms : null }
            : RecordWriter<PerformanceEstimate>.Create(format, terminal, rows => PerformanceView.Show(terminal, rows, explain));
        return Run(terminal, diagnostics, requests, writer.Write, writer.Complete);
    }

    private static int Run(
        Terminal terminal,
        Diagnostics diagnostics,
        IEnumerable<PerformanceEstimateRequest> requests,
        Action<PerformanceEstimate> write,
        Action<bool> complete)
    {
        bool anyFits = false;
        foreach (PerformanceEstimateRequest request in requests)
        {
            terminal.Cancellation.ThrowIfCancellationRequested();
            diagnostics.Try(() =>
            {
                PerformanceEstimate estimate = PerformanceEstimator.Estimate(request);
                WarnOfContext(diagnostics, request);
                if (estimate.KernelWarning is { } warning)
                {
                    diagnostics.Warning(warning);
                }

                anyFits |= estimate.Fits;
                write(estimate);
            });
        }

        complete(!diagnostics.HasErrors);
        return diagnostics.ExitCodeFor(anyFits);
    }

    private static void WarnOfContext(Diagnostics diagnostics, in PerformanceEstimateRequest request)
    {
        LlmModel model = request.Deployment.Model;
        if (request.InputLength + request.OutputLength > model.ContextLength)
        {
            diagnostics.Warning(FormattableString.Invariant(
                $"{model.Name} was made for {model.ContextLength} tokens of context; {request.InputLength + request.OutputLength} are more."));
        }
    }

    private static void WriteTerms(Utf8JsonWriter json, PerformanceEstimate estimate)
    {
        json.WriteStartArray(nameof(PerformanceEstimate.Terms));
        foreach (PerformanceTerm term in estimate.Terms)
        {
            JsonRecordWriter<PerformanceTerm>.WriteObject(json, term);
        }

        json.WriteEndArray();
    }

    /// <summary>A term with what it belongs to: a row of a CSV file, which has no nested tables.</summary>
    private sealed class TermRow(PerformanceEstimate estimate, PerformanceTerm term)
    {
        public string ModelName => estimate.ModelName;

        public string Engine => estimate.Engine;

        public string Gpu => estimate.Gpu;

        public int GpuCount => estimate.GpuCount;

        public string Quantization => estimate.Quantization;

        public string KvCacheDataType => estimate.KvCacheDataType;

        public long BatchSize => estimate.BatchSize;

        public long InputLength => estimate.InputLength;

        public long OutputLength => estimate.OutputLength;

        public int TensorParallelSize => estimate.TensorParallelSize;

        public int PipelineParallelSize => estimate.PipelineParallelSize;

        public int ExpertParallelSize => estimate.ExpertParallelSize;

        public int DataParallelSize => estimate.DataParallelSize;

        public PerformancePhase Phase => term.Phase;

        public string Term => term.Name;

        public double Milliseconds => term.Milliseconds;

        public Evidence Evidence => term.Evidence;

        public string Formula => term.Formula;

        public string Source => term.Source;
    }
}
