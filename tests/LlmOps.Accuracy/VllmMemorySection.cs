using System.Globalization;
using System.Text;
using LlmOps.Core.Memory;
using LlmOps.Core.Memory.Vllm;

namespace LlmOps.Accuracy;

/// <summary>Memory of vLLM, by term and release.</summary>
internal sealed class VllmMemorySection : IReportSection
{
    private const string FittedRelease = "0.19";

    private static readonly (string Column, string Name)[] s_terms =
    [
        ("weights_gib", "weights"), ("activations_gib", "activation peak"), ("non_torch_gib", "non-torch"),
        ("total_gib", "these three"), ("graphs_gib", "CUDA graphs"), ("pool_gib", "KV pool"), ("tokens", "KV capacity in tokens"),
        ("concurrency", "maximum concurrency"),
    ];

    /// <summary>Reports that were found and are not held against predictions.</summary>
    private static readonly (string What, string Why)[] s_excluded =
    [
        ("vLLM 0.19, Granite-vision-3.3-2B", "LLaVA-NeXT is no family that is read"),
        ("vLLM 0.11.0, gpt-oss-120b: pool", "its parts come to more than the utilization that is printed beside them"),
        ("vLLM 0.11.0, Llama-3.3-70B FP8 on one GPU: pool", "negative (-1.44 GiB); the prediction is negative too, and a relative error says nothing"),
        ("vLLM 0.11.0: CUDA graphs", "freed memory is counted in; four of seven are negative"),
        ("vLLM of December 2024, Llama-3-8B: non-torch and pool", "another definition, changed before the release"),
        ("vLLM of January 2025, Llama-3.2-11B-Vision", "36.6 GiB for cross-attention over images, of which no other report exists"),
        ("Llama-3.1-8B on L40S, 2025-04", "the utilization is not known"),
        ("Llama-2-7B, 2024", "the batched tokens are not known"),
        ("Llama-3.1-405B-FP8, 2024", "the checkpoint of that time had 16 KV heads, the catalogue's has 8"),
        ("Qwen2-0.5B on vLLM 0.11.0", "the GPU is not named"),
        ("vLLM under Unsloth, 0.7.1 to 0.8.5: weights and pool", "slots for LoRA adapters and mixed 4-bit weights are counted in"),
        ("vLLM 0.2 and older", "before the profiling run that is modelled"),
        ("builds of a fork on RTX PRO 6000", "not a release"),
    ];

    private readonly VllmReport[] _reports = [.. DataRows.Read("vllm-memory.csv").Select(row => new VllmReport(row))];

    /// <summary>Points of the release that the constants are fitted to, each with constants that its model had no part in.</summary>
    public Dictionary<string, List<Point>> OutOfSample()
    {
        VllmReport[] fitted = Fitted();
        Dictionary<string, VllmConstants> constants = fitted.Select(r => r.Model).Distinct().ToDictionary(
            model => model, model => VllmFit.Fit([.. fitted.Where(r => r.Model != model)]), StringComparer.Ordinal);
        return PointsOf(fitted, report => constants[report.Model]);
    }

    public Dictionary<string, List<Point>> InSample()
    {
        VllmReport[] fitted = Fitted();
        VllmConstants constants = VllmFit.Fit(fitted);
        return PointsOf(fitted, _ => constants);
    }

    /// <summary>With the constants as shipped.</summary>
    public Dictionary<string, List<Point>> Shipped(string version) =>
        PointsOf([.. _reports.Where(r => r.Version == version)], _ => null);

    public string Text()
    {
        StringBuilder text = new();
        VllmConstants constants = VllmFit.Fit(Fitted());
        text.Append(CultureInfo.InvariantCulture, $"""
            ## Memory of vLLM

            The formulas are those of the engine's sources, release by release; `Get-LlmMemoryEstimate` shows them with each term.
            The sources leave open what PyTorch, cuBLAS, the compiler and the driver take. Those constants are fitted to {Fitted().Length}
            start-up reports of vLLM {FittedRelease} on H100-80GB (accuracy runs of llm-d-planner, Apache-2.0), of {Fitted().Select(r => r.Model).Distinct().Count()} models.

            **Out of sample** means leave-one-model-out: all reports of a model, in every precision and on every number of GPUs, are
            left out, the constants are fitted again to the rest, and the model is predicted with them. **In sample** uses one fit to
            all reports. What was not fitted again: the structure of the formulas, which was derived with all these reports in
            view, and what the sources state (copies of the logits, padding, rounding, defaults). The out-of-sample figures are
            therefore weaker than a blind test of them; the releases further below had no part in the fits but where it is said.

            ### vLLM {FittedRelease}, H100-80GB


            """);
        Table(text, ("out of sample", OutOfSample()), ("in sample", InSample()));
        text.Append(CultureInfo.InvariantCulture, $"""

            Fitted to all reports: workspace {constants.HopperWorkspaceGiB:0.0000} GiB; copies of hidden states in a layer {constants.Layer.HiddenCopies:0.00}, in FP32 and without a
            head {constants.Layer.HiddenCopiesWide:0.00}; non-torch {constants.NonTorch[0].SingleGiB:0.000} GiB on one GPU, {constants.NonTorch[0].GroupGiB:0.000} + {constants.NonTorch[0].PerRankGiB:0.0000} x (ranks - 1) x hidden / 1024 on several,
            {constants.PipelineNonTorchGiB:0.00} in a pipeline, {constants.UnalignedVocabularyGiB:0.00} more where the vocabulary is no multiple of 4; CUDA graphs {constants.Graphs.BaseGiB:0.00} + {constants.Graphs.PerLayerGiB:0.0000} x layers,
            {constants.Graphs.LatentGiB:0.00} more with latent attention. The shipped constants are these, rounded. Only Llama-3.1-8B shows a layer in FP32 and
            a stage without a head, so that out of sample its peaks are predicted with the constant of compiled 16-bit layers: the worst
            activation peaks. Latent attention's graphs have one model, DeepSeek-V2-Lite, in the same way.

            Releases below are predicted with the shipped constants. Their non-torch memory was set from these very reports; the rest
            was not fitted to them but for the bytes of a logit, which the engine's source gives and these reports confirm.

            ![KV capacity, predicted out of sample against printed](accuracy-memory.svg)


            """);
        foreach (string version in _reports.Select(r => r.Version).Where(v => v != FittedRelease).Distinct().Order(StringComparer.Ordinal))
        {
            VllmReport[] reports = [.. _reports.Where(r => r.Version == version)];
            text.Append(CultureInfo.InvariantCulture,
                $"### vLLM {version.TrimStart('v')}, {string.Join(", ", reports.Select(r => r.Request.Gpu?.Name ?? "GPU not named").Distinct())}\n\n");
            Table(text, ("as shipped", Shipped(version)));
            text.Append('\n');
        }

        Coverage(text);
        text.Append("\n### Reports left out\n\n| Report | Why |\n|---|---|\n");
        foreach ((string what, string why) in s_excluded)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {what} | {why} |\n");
        }

        return text.ToString();
    }

    public IEnumerable<(string FileName, string Svg)> Figures()
    {
        yield return ("accuracy-memory.svg", ScatterPlot.Draw(
            "KV capacity of vLLM 0.19, out of sample", "tokens", OutOfSample()["tokens"], 0.03));
    }

    private VllmReport[] Fitted() => [.. _reports.Where(r => r.Version == FittedRelease)];

    private static Dictionary<string, List<Point>> PointsOf(
        IReadOnlyCollection<VllmReport> reports, Func<VllmReport, VllmConstants?> constants)
    {
        Dictionary<string, List<Point>> points = s_terms.ToDictionary(t => t.Column, _ => new List<Point>(), StringComparer.Ordinal);
        foreach (VllmReport report in reports)
        {
            Dictionary<string, double> predicted = report.Predict(constants(report));
            foreach ((string column, _) in s_terms)
            {
                double? measured = column == "total_gib" ? report.MeasuredTotal : report.Measured(column);
                if (measured is > 0)
                {
                    points[column].Add(new Point(report.Family, report.Label, predicted[column], measured.Value));
                }
            }
        }

        return points;
    }

    private static void Table(StringBuilder text, params (string Name, Dictionary<string, List<Point>> Points)[] kinds)
    {
        text.Append("| Term | Rows | Constants | Median % | Mean % | Worst % | Bias % | Worst row |\n|---|--:|---|--:|--:|--:|--:|---|\n");
        foreach ((string column, string name) in s_terms)
        {
            foreach ((string kind, Dictionary<string, List<Point>> points) in kinds)
            {
                if (points[column].Count == 0)
                {
                    continue;
                }

                ErrorSummary e = ErrorSummary.Of(points[column]);
                text.Append(CultureInfo.InvariantCulture,
                    $"| {name} | {e.Rows} | {kind} | {e.Median:0.00} | {e.Mean:0.00} | {e.Worst:0.00} | {e.Bias:+0.00;-0.00;0.00} | {e.WorstLabel} |\n");
            }
        }
    }

    /// <summary>How many printed figures are between the bounds that an estimate shows.</summary>
    private void Coverage(StringBuilder text)
    {
        text.Append("### Bounds\n\nPrinted figures within the low and high bounds that an estimate shows with them, to the last printed digit.\n\n");
        text.Append("| Term | Rows | Within |\n|---|--:|--:|\n");
        foreach ((string column, string term) in new[]
        {
            ("weights_gib", "ModelWeights"), ("activations_gib", "Activations"), ("non_torch_gib", "CompilationOverhead"), ("graphs_gib", "CudaGraphs"),
        })
        {
            (int rows, int within) = Covered(column, term);
            text.Append(CultureInfo.InvariantCulture, $"| {term} | {rows} | {within} |\n");
        }
    }

    internal (int Rows, int Within) Covered(string column, string term)
    {
        const double digit = 0.00501;
        int rows = 0, within = 0;
        foreach (VllmReport report in _reports)
        {
            if (report.Measured(column) is not { } measured)
            {
                continue;
            }

            // The printed figures of a pipeline are those of its first stage.
            MemoryBreakdown bytes = MemoryEstimator.ComputeStage(report.Request, report.Request.Model.Stages(report.Request.Parallelism.Pipeline)[0]);
            MemoryTerm bounds = new MemoryEstimate(report.Request, bytes, 0).Terms.Single(t => t.Name == term);
            rows++;
            within += measured >= bounds.LowGiB - digit && measured <= bounds.HighGiB + digit ? 1 : 0;
        }

        return (rows, within);
    }
}
