using System.Collections.Immutable;

namespace LlmOps.Core.Models.Families;

/// <summary>
/// Rotary tables as vLLM sizes them (0.19, <c>model_executor/layers/rotary_embedding</c>): the scaling's kind says how many
/// rows a table has.
/// </summary>
internal static class RotaryFields
{
    private const long MostRows = 1L << 32;

    /// <summary>Layers that know no positions, or learned or relative ones.</summary>
    private static bool HasNone(string family) => family is "opt" or "gpt2" or "gpt_bigcode" or "bloom" or "mpt" or "mamba" or "mamba2"
        or "falcon_mamba" or "jamba" or "nemotron_h";

    /// <summary>Scaled tables that vLLM leaves in FP32 (DeepseekScalingRotaryEmbedding).</summary>
    private static bool IsFloat32(string family) =>
        family is "deepseek_v2" or "deepseek_v3" or "deepseek_v32" or "kimi_k2" or "kimi_k25" or "kimi_vl";

    /// <summary>Tables that reach four times as far, for the positions of images (MRotaryEmbedding).</summary>
    private static bool IsMultimodal(string family) =>
        family is "qwen2_vl" or "qwen2_5_vl" or "qwen3_vl" or "qwen3_vl_moe" or "qwen3_5" or "qwen3_5_moe";

    public static ImmutableArray<RotaryTable> Read(string family, ConfigFields fields, ModelArchitecture model)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        int width = 0;
        foreach (LayerSpec layer in model.Layers)
        {
            width = Math.Max(width, layer.Attention switch
            {
                LatentAttention latent => latent.RopeDimension,
                GroupedAttention grouped => grouped.HeadDimension,
                _ => 0,
            });
        }

        if (width == 0 || HasNone(family) || model.LearnedPositionCount > 0
            || (family == "falcon" && fields.Flag("alibi", false))
            || (family == "granitemoehybrid" && fields.Text("position_embedding_type") != "rope"))
        {
            return [];
        }

        bool isLatent = model.Layers[0].Attention is LatentAttention;
        int dimension = isLatent ? width : RotatedElements(text, width);
        long positions = model.ContextLength;
        ConfigFields? scaling = text.Object("rope_scaling") ?? text.Object("rope_parameters");
        long rows = Math.Min(MostRows, Rows(family, text, scaling, positions));
        RotaryTable table = new(rows, dimension, isLatent && IsFloat32(family));

        // Windowed layers of Gemma 3 turn by a base of their own, without scaling.
        return family is "gemma3" or "gemma3_text" ? [table, new RotaryTable(positions, dimension)] : [table];
    }

    /// <summary>The part of a head that is rotated.</summary>
    private static int RotatedElements(ConfigFields fields, int headDimension)
    {
        if (fields.OptionalWidth("rotary_dim") is { } stated)
        {
            return Math.Min(stated, headDimension);
        }

        string? field = fields.Has("partial_rotary_factor") ? "partial_rotary_factor" : fields.Has("rotary_pct") ? "rotary_pct" : null;
        return field is null ? headDimension : (int)Math.Min(headDimension, headDimension * fields.Number(field));
    }

    private static long Rows(string family, ConfigFields fields, ConfigFields? scaling, long positions)
    {
        string? kind = scaling is { } s ? s.Text("rope_type") ?? s.Text("type") : null;
        double factor = scaling is { } f && f.Has("factor") ? f.Number("factor") : 1;
        long? original = scaling?.OptionalWidth("original_max_position_embeddings")
            ?? fields.OptionalWidth("original_max_position_embeddings");
        if (IsMultimodal(family))
        {
            return 4 * positions;
        }

        return kind switch
        {
            "linear" or "dynamic" => (long)(positions * factor),
            "yarn" or "deepseek_yarn" => (long)((original ?? positions) * factor),

            // Phi's long contexts have a table for short prompts and one for long ones.
            "longrope" or "su" => (original ?? 0) + positions,
            null when family is "phi3" or "phimoe" && original < positions => original.Value + positions,
            _ => positions,
        };
    }
}
