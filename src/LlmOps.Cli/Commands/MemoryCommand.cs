using System.CommandLine;
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
            bool isExplained = parse.GetValue(explain);
            RecordWriter<MemoryEstimate> writer = ExplainedWriter.Create<MemoryEstimate, MemoryTerm, TermRow>(
                parse.Format(output), terminal, isExplained, estimate => estimate.Terms,
                (estimate, term) => new TermRow(estimate, term), rows => MemoryView.Show(terminal, rows, isExplained));
            return SweptCommand.Run(
                terminal, diagnostics, request.Requests(parse, diagnostics), r => MemoryEstimator.Estimate(r), e => e.Fits != false, writer);
        }));
        return command;
    }

    /// <summary>A row of a CSV file.</summary>
    private sealed class TermRow(MemoryEstimate estimate, MemoryTerm term)
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
