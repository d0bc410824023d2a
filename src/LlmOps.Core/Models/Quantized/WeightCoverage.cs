using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Quantized;

/// <summary>Matrices of a model's layers, by what formats treat alike.</summary>
[Flags]
internal enum WeightParts
{
    None = 0,
    RoutedExperts = 1,
    SharedExperts = 2,

    /// <summary>MLPs that each token passes through: of dense models, or of the first layers of mixtures.</summary>
    DenseMlp = 4,

    /// <summary>The projection of attention back into the residual stream.</summary>
    AttentionOutput = 8,

    /// <summary>All its other projections.</summary>
    AttentionInput = 16,
    Attention = AttentionOutput | AttentionInput,

    /// <summary>State-space layers and linear attention.</summary>
    StateSpace = 32,

    /// <summary>All that formats of linear layers touch.</summary>
    Linear = RoutedExperts | SharedExperts | DenseMlp | Attention | StateSpace,

    /// <summary>Matrices that checkpoints keep out of such formats.</summary>
    Kept = 64,
    All = Linear | Kept,
}

/// <summary>
/// Which matrices a format that is chosen by its name stores in its own precision, as published checkpoints in that format do it.
/// A checkpoint that is read has its own list of modules instead (<see cref="QuantizationScheme"/>).
/// </summary>
/// <remarks>
/// <para>
/// FP8, INT8, AWQ, GPTQ, INT4 and NF4: all linear layers but routers, also of mixtures (deepseek-ai/DeepSeek-V3, Qwen/Qwen3-30B-A3B-FP8,
/// MiniMaxAI/MiniMax-M2.5, zai-org/GLM-5-FP8; nvidia/Llama-3.1-70B-Instruct-FP8 leaves out lm_head alone). Vision towers, embeddings and
/// heads stay in 16 bits.
/// </para>
/// <para>
/// NVFP4, by the lists exclude_modules of NVIDIA's checkpoints (hf_quant_config.json, collected by ai-dynamo/aiconfigurator at 095f58a5):
/// </para>
/// <list type="bullet">
/// <item>Qwen3-235B-A22B: routers and lm_head alone; likewise Llama-4-Scout, as vLLM's tests of fused quantization take it.</item>
/// <item>DeepSeek-V3.1 and V3.2: all of attention but its output. R1-FP4-v2 and R1-0528-NVFP4-v2 the same by their cards; the first
/// R1-FP4, R1-0528-FP4 and V3-0324-FP4 leave the output in 16 bits too.</item>
/// <item>GLM-5, Kimi-K2.5, MiniMax-M2.5 and M2.7: attention. GLM-5.1 and 5.2, Kimi-K2.6 and K2.7-Code also leave shared experts and dense
/// layers.</item>
/// <item>Qwen3.5-122B-A10B and 397B-A17B: linear attention, shared experts and softmax attention.</item>
/// <item>Gemma-4-26B-A4B: attention and the MLP beside the experts; Gemma-4-31B, which has no experts: attention.</item>
/// <item>Nemotron-3-Nano: softmax attention and a quarter of the Mamba layers, here all of them.</item>
/// </list>
/// <para>
/// MXFP4: gpt-oss, which is published in it, has its own list; for other mixtures AMD Quark's documentation leaves out *self_attn*.
/// </para>
/// </remarks>
internal static class WeightCoverage
{
    private const WeightParts Feeding = WeightParts.RoutedExperts | WeightParts.SharedExperts | WeightParts.DenseMlp;

    /// <summary>What the format covers of the model.</summary>
    public static WeightParts Of(LlmModel model, Quantization quantization) => quantization.Scope switch
    {
        QuantizationScope.RoutedExperts => WeightParts.RoutedExperts,
        QuantizationScope.LinearLayers when !Differs(model, quantization) => WeightParts.Linear,
        QuantizationScope.LinearLayers when quantization.Name == "MXFP4" => Feeding,
        QuantizationScope.LinearLayers => OfNvFp4(model),
        _ => WeightParts.All,
    };

    public static bool Includes(this WeightParts parts, in WeightMatrix matrix) => parts.HasFlag(PartOf(matrix));

    /// <summary>
    /// Whether checkpoints in the format cover different parts, so that its name alone does not say which: from all linear layers to the
    /// routed experts, or the MLPs, alone.
    /// </summary>
    public static bool Differs(LlmModel model, Quantization quantization) =>
        quantization.Name is "NVFP4" or "MXFP4" && quantization.Scope == QuantizationScope.LinearLayers
        && (model.ExpertCount > 0 || (IsGemma4(model) && quantization.Name == "NVFP4"));

    /// <summary>The least that such checkpoints cover.</summary>
    public static WeightParts Least(LlmModel model) =>
        model.ExpertCount > 0 ? WeightParts.RoutedExperts : WeightParts.DenseMlp;

    /// <summary>What of the model stays in 16 bits, in words.</summary>
    public static string Describe(LlmModel model, WeightParts parts)
    {
        bool hasStateSpace = model.Parameters.StateSpace > 0;
        List<string> kept = [];
        if (!parts.HasFlag(WeightParts.AttentionInput))
        {
            kept.Add(parts.HasFlag(WeightParts.AttentionOutput) ? "attention but its output" : "attention");
        }

        if (!parts.HasFlag(WeightParts.StateSpace) && hasStateSpace)
        {
            kept.Add("linear attention and state-space layers");
        }

        if (!parts.HasFlag(WeightParts.SharedExperts) && model.Parameters.SharedExperts > 0)
        {
            kept.Add("shared experts");
        }

        if (!parts.HasFlag(WeightParts.DenseMlp) && model.Parameters.DenseMlp > 0)
        {
            kept.Add("dense layers");
        }

        return kept.Count == 0 ? "routers, embeddings and head" : string.Join(", ", kept) + ", routers, embeddings and head";
    }

    private static WeightParts OfNvFp4(LlmModel model)
    {
        string family = model.Family;
        return family switch
        {
            "qwen3_moe" or "llama4" or "llama4_text" => WeightParts.Linear,
            _ when IsGemma4(model) => Least(model),
            _ when family.StartsWith("qwen3_5", StringComparison.Ordinal) => WeightParts.RoutedExperts,
            _ when family.StartsWith("deepseek", StringComparison.Ordinal) => Feeding | WeightParts.AttentionOutput,
            _ => Feeding,
        };
    }

    private static bool IsGemma4(LlmModel model) => model.Family.StartsWith("gemma4", StringComparison.Ordinal);

    private static WeightParts PartOf(in WeightMatrix matrix) => !matrix.IsQuantizable ? WeightParts.Kept : matrix.Component switch
    {
        ModelComponent.RoutedExperts => WeightParts.RoutedExperts,
        ModelComponent.SharedExperts => WeightParts.SharedExperts,
        ModelComponent.DenseMlp => WeightParts.DenseMlp,
        ModelComponent.StateSpace => WeightParts.StateSpace,
        _ => matrix.Name.EndsWith("o_proj", StringComparison.Ordinal) ? WeightParts.AttentionOutput : WeightParts.AttentionInput,
    };
}
