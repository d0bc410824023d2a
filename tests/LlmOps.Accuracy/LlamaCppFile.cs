using System.Text;
using System.Text.Json.Nodes;
using LlmOps.Core.Hardware;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Writes what the fit of llama.cpp found into its block of the data file that the core embeds; the rest stays as it is.</summary>
internal static class LlamaCppFile
{
    public static void Update(LlamaCppLeftOut leftOut)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllText(StepTimeFile.Path))!;
        JsonNode block = root["llamaCpp"]!;
        block["source"] = Source();
        foreach ((string name, bool isPrefill) in new[] { ("decode", false), ("prefill", true) })
        {
            block[name] = Phase(isPrefill, leftOut);
        }

        File.WriteAllText(StepTimeFile.Path, StepTimeFile.Text(root, 0) + "\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    private static JsonObject Phase(bool isPrefill, LlamaCppLeftOut leftOut)
    {
        LlamaCppRow[] rows = [.. LlamaCppRow.Fitted(isPrefill)];
        LlamaCppPhase phase = LlamaCppFit.Phase(isPrefill, rows);
        LlamaCppCoefficients fitted = LlamaCppFit.With(isPrefill, phase);
        JsonObject node = new()
        {
            ["efficiency16"] = StepTimeFile.Rounded(phase.Efficiency16),
            ["efficiencyQuantized"] = StepTimeFile.Rounded(phase.EfficiencyQuantized),
            ["layerMs"] = StepTimeFile.Rounded(phase.LayerMs),
        };
        if (isPrefill)
        {
            node["pipelineExponent"] = StepTimeFile.Rounded(phase.PipelineExponent);
        }
        else
        {
            node["hopMs"] = StepTimeFile.Rounded(phase.HopMs);
            node["stepMs"] = StepTimeFile.Rounded(phase.StepMs);
        }

        node["byFamily"] = StepTimeFile.Numbers(phase.ByFamily);

        // Nobody can name a card that the catalogue lacks.
        node["byGpu"] = StepTimeFile.Numbers(phase.ByGpu.Where(pair => GpuCatalog.All.Any(gpu => gpu.Name == pair.Key)));
        node["inSample"] = StepTimeFile.Residuals([.. rows.Select(row => row.PointOf(row.Predict(fitted)))]);
        node["gpuLeftOut"] = StepTimeFile.Residuals(leftOut.Points("gpu", rows));
        return node;
    }

    private static string Source()
    {
        LlamaCppRow[] used = [.. LlamaCppRow.All.Where(row => row.Excluded.Length == 0)];
        int gpus = used.Select(row => row.Gpu.Name).Distinct().Count(), decode = used.Count(row => !row.IsPrefill);
        return FormattableString.Invariant(
            $"fitted to generation and prompt speeds of llama.cpp on {gpus} NVIDIA GPUs (XiongjieDai/GPU-Benchmarks-on-LLM-Inference, mlc-ai/llm-perf-bench, ggml-org/llama.cpp pull 4812; {decode} and {used.Length - decode} rows); left out are prompts of Llama-3-8B in F16 on A100 SXM and L40S (2 to 12 times slower than in 4 bits) and runs that divided rows of matrices");
    }
}
