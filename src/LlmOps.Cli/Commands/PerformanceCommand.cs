using System.CommandLine;
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
            bool isExplained = parse.GetValue(explain);
            RecordWriter<PerformanceEstimate> writer = ExplainedWriter.Create<PerformanceEstimate, PerformanceTerm, TermRow>(
                parse.Format(output), terminal, isExplained, estimate => estimate.Terms,
                (estimate, term) => new TermRow(estimate, term), rows => PerformanceView.Show(terminal, rows, isExplained));
            return SweptCommand.Run(
                terminal, diagnostics, request.Requests(parse, diagnostics), r => Estimate(r, diagnostics), e => e.Fits, writer);
        }));
        return command;
    }

    private static PerformanceEstimate Estimate(in PerformanceEstimateRequest request, Diagnostics diagnostics)
    {
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(request);
        LlmModel model = request.Deployment.Model;
        if (request.InputLength + request.OutputLength > model.ContextLength)
        {
            diagnostics.Warning(FormattableString.Invariant(
                $"{model.Name} was made for {model.ContextLength} tokens of context; {request.InputLength + request.OutputLength} are more."));
        }

        if (WeightKernels.WarningOf(estimate) is { } warning)
        {
            diagnostics.Warning(warning);
        }

        return estimate;
    }

    /// <summary>A row of a CSV file.</summary>
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
