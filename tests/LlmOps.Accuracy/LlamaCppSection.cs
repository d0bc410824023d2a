using System.Globalization;
using System.Text;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Speeds of llama.cpp, with GPUs and models left out of the fit.</summary>
internal sealed class LlamaCppSection : IReportSection
{
    private static readonly (string Reason, string Why)[] s_reasons =
    [
        ("rows divided", "decoding of Llama-2-70B on 2 to 8 GPUs, 2023: before layers were divided by default (llama.cpp pull 4766) each GPU had part of every matrix; on 8 A10G in F16 faster than GPUs in turn can read the weights"),
        ("slower than its twin", "prompts of Llama-3-8B in F16 on A100 SXM and L40S: 2 to 12 times slower than in Q4_K_M on the same cards; told by that comparison"),
    ];

    private readonly LlamaCppLeftOut _leftOut = LlamaCppLeftOut.Read();

    public string Text()
    {
        LlamaCppRow[] decode = [.. LlamaCppRow.Fitted(isPrefill: false)], prefill = [.. LlamaCppRow.Fitted(isPrefill: true)];
        string[] gpus = [.. decode.Concat(prefill).Select(row => row.Gpu.Name).Distinct().Order(StringComparer.Ordinal)];
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"""
            ## llama.cpp

            The time model of llama.cpp (`Get-LlmPerformanceEstimate -Engine LlamaCpp`) against published speeds of one sequence with all
            layers on one to eight GPUs: {decode.Length} of decoding, {prefill.Length} of reading a prompt, on {gpus.Length} NVIDIA GPUs, with Llama 2 and 3 of 7 to 70 billion
            parameters in F16, Q4_0 and Q4_K_M (XiongjieDai/GPU-Benchmarks-on-LLM-Inference, mlc-ai/llm-perf-bench, ggml-org/llama.cpp pull
            4812; 2023 and 2024). Errors are those of milliseconds a token. Each row and its source stands in
            `tests/LlmOps.Accuracy/Data/llama-cpp.csv`; `README.md` there says what was left out.

            `dotnet run --project tests/LlmOps.Accuracy -c Release -- fit-llama-cpp` fits the coefficients, writes them into the core's data
            file, then leaves out each GPU and each model in turn, fits again and keeps what it predicts of it in
            `Data/llama-cpp-left-out.csv`; a test does so again for one GPU and one model. A GPU that is left out is as its family
            (Ampere, Ampere of data centres, Ada, Hopper) is, and where the family has no other, as the mean. Formulas, priors and
            the settings of the fit were chosen with all rows in view, so that these figures are weaker than a blind test.

            ### By what is left out

            | Phase | Left out | Rows | Median % | Mean % | Worst % | Bias % | Worst row |
            |---|---|--:|--:|--:|--:|--:|---|

            """);
        LlamaCppCoefficients shipped = StepTimeData.Instance.LlamaCpp;
        foreach ((string name, LlamaCppRow[] rows) in new[] { ("decode", decode), ("prompt", prefill) })
        {
            Line(text, name, "each GPU", _leftOut.Points("gpu", rows));
            Line(text, name, "each model", _leftOut.Points("model", rows));
            Line(text, name, "nothing (in sample, says little)", [.. rows.Select(row => row.PointOf(row.Predict(shipped)))]);
            Line(text, name, "not fitted: data sheet alone", [.. rows.Select(row => row.PointOf(row.Roofline(shipped)))]);
        }

        text.Append("""

            *Data sheet alone* divides the bytes that a token reads (weights and cache) by the bandwidth and the operations of a prompt by the
            peak, GPUs one after another: what a calculator without measurements says, and a bound that no run with divided layers can be faster than.
            *Nothing* has no multipliers of the cards that the GPU catalogue lacks, as the product has none.

            ### By GPU, each left out

            Median and mean error and bias in percent.

            | GPU | Decode rows | median | mean | bias | Prompt rows | median | mean | bias |
            |---|--:|--:|--:|--:|--:|--:|--:|--:|

            """);
        Groups(text, "gpu", gpus, row => row.Gpu.Name, decode, prefill);
        text.Append("""

            ### By model, each left out

            | Model | Decode rows | median | mean | bias | Prompt rows | median | mean | bias |
            |---|--:|--:|--:|--:|--:|--:|--:|--:|

            """);
        string[] models = [.. decode.Select(row => row.Model.Name).Distinct().Order(StringComparer.Ordinal)];
        Groups(text, "model", models, row => row.Model.Name, decode, prefill);
        text.Append("""

            ### Rows left out of the fit

            | Reason | Rows | What they are |
            |---|--:|---|

            """);
        foreach ((string reason, string why) in s_reasons)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {reason} | {LlamaCppRow.All.Count(row => row.Excluded == reason)} | {why} |\n");
        }

        text.Append(s_tried);
        return text.ToString();
    }

    public IEnumerable<(string FileName, string Svg)> Figures() => [];

    private static readonly string s_tried = """

        ### What was tried with all rows in view

        The coefficients before these came from a fit that was not kept, of the same structure. On these rows they err by 2.7 % median
        and 4.3 % mean (decode), 9.8 % and 13.5 % (prompt), in sample and without multipliers for the cards that the catalogue lacks;
        their own figures with each GPU left out, on rows that are in part others, were 7.2 % and 11.3 %, 16.9 % and 20.4 %.

        Errors with each GPU left out and each model left out, by the scale of single rows' errors (decode and prompt) and the widths of the
        priors of families and GPUs, as logarithms:

        | Scales | Families | GPUs | Decode: GPU median, mean % | model | Prompt: GPU | model |
        |---|--:|--:|---|---|---|---|
        | 0.05, 0.15 (chosen) | 0.3 | 0.1 | 5.0, 6.7 | 4.0, 5.8 | 16.7, 19.4 | 20.2, 21.7 |
        | 0.05, 0.15 | 0.15 | 0.1 | 4.9, 7.0 | 4.0, 5.2 | 18.1, 19.3 | 21.3, 21.4 |
        | 0.05, 0.15 | 0.15 | 0.2 | 6.4, 8.8 | 4.3, 5.8 | 16.7, 18.8 | 22.8, 22.2 |
        | 0.05, 0.15 | 0.3 | 0.2 | 4.8, 6.9 | 4.3, 5.9 | 17.8, 19.4 | 22.1, 22.3 |
        | 0.03, 0.1 | 0.15 | 0.1 | 4.9, 6.9 | 4.1, 5.5 | 16.4, 19.2 | 20.9, 21.3 |
        | 0.03, 0.1 | 0.3 | 0.1 | 4.9, 6.6 | 4.0, 6.0 | 17.8, 19.4 | 21.0, 21.6 |
        | 0.1, 0.2 | 0.15 | 0.1 | 5.3, 7.3 | 3.4, 5.1 | 18.0, 19.7 | 20.3, 21.6 |

        With the rows of Llama-2-70B, whose GPUs each multiply part of all rows of a matrix, the chosen settings gave 6.2, 10.1 for
        decoding (GPU) and 4.6, 9.3 (model) on 91 rows, at worst 89 %.

        What is known to be missing: all rows are of 2023 and 2024, and nearly all of one collection; kernels have changed since. Prompts on
        several GPUs scatter (70B in Q4_K_M takes twice as long on four A40 as on four RTX A6000, which have the same chip).
        Several sequences at once, mixtures of experts, architectures other than Llama and GPUs of other vendors have no row.

        """.ReplaceLineEndings("\n");

    private static void Line(StringBuilder text, string name, string what, IReadOnlyCollection<Point> points)
    {
        ErrorSummary e = ErrorSummary.Of(points);
        text.Append(CultureInfo.InvariantCulture,
            $"| {name} | {what} | {e.Rows} | {e.Median:0.0} | {e.Mean:0.0} | {e.Worst:0} | {e.Bias:+0.0;-0.0;0.0} | {e.WorstLabel} |\n");
    }

    private void Groups(
        StringBuilder text, string kind, string[] names, Func<LlamaCppRow, string> groupOf, LlamaCppRow[] decode, LlamaCppRow[] prefill)
    {
        foreach (string name in names)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {name} |");
            foreach (LlamaCppRow[] rows in new[] { decode, prefill })
            {
                Point[] points = _leftOut.Points(kind, rows.Where(row => groupOf(row) == name));
                if (points.Length == 0)
                {
                    text.Append(" 0 | | | |");
                    continue;
                }

                ErrorSummary e = ErrorSummary.Of(points);
                text.Append(CultureInfo.InvariantCulture, $" {e.Rows} | {e.Median:0.0} | {e.Mean:0.0} | {e.Bias:+0.0;-0.0;0.0} |");
            }

            text.Append('\n');
        }
    }
}
