namespace LlmOps.Core.Models.Families;

/// <summary>
/// DeepSeek and what keeps its layout (Kimi K2, GLM-4.5 and 5): dense first layers, shared and routed experts, latent or
/// grouped attention, and layers that predict further tokens (DeepSeek-AI 2024, DeepSeek-V3, sections 2.1 and 2.2).
/// </summary>
internal static class DeepSeekFamily
{
    /// <summary>Families whose router always has a load-balancing correction, whether or not the configuration says so.</summary>
    private static readonly string[] s_corrected =
        ["deepseek_v3", "deepseek_v32", "kimi_k2", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa"];

    public static ModelArchitecture Build(ConfigFields fields)
    {
        AttentionSpec attention = fields.OptionalWidth("kv_lora_rank") is null
            ? GroupedAttention(fields)
            : LatentAttention(fields);
        long hidden = fields.Width("hidden_size");
        int expertWidth = fields.Width("moe_intermediate_size");
        MixtureOfExperts experts = MixtureFamily.Experts(fields, "n_routed_experts", expertWidth) with
        {
            SharedIntermediateSize = fields.Count("n_shared_experts") * expertWidth,
            HasRouterBias = fields.Text("topk_method") == "noaux_tc"
                || s_corrected.Contains(fields.Text("model_type"), StringComparer.Ordinal),
        };
        DenseMlp dense = new() { IntermediateSize = fields.Width("intermediate_size"), IsGated = true };
        int firstRouted = fields.Count("first_k_dense_replace");
        int step = fields.Width("moe_layer_freq", 1);

        // A prediction layer is one more routed layer, a projection of two residual streams into one, their norms and
        // the norm before the head; embeddings and head are the model's own.
        long predictionLayer = attention.Parameters(hidden).Total + experts.Parameters(hidden).Total
            + (2 * hidden) + (2 * hidden * hidden) + (3 * hidden);
        return Decoder.Build(
            fields,
            new DecoderTraits { DefaultContext = 4096 },
            _ => attention,
            i => i >= firstRouted && i % step == 0 ? experts : dense) with
        {
            MultiTokenPredictionParameters = fields.PredictionLayers("num_nextn_predict_layers") * predictionLayer,
            PredictionLayer = new LayerSpec(attention, experts, 5 * hidden),
            PredictionLayerCount = fields.PredictionLayers("num_nextn_predict_layers"),
        };
    }

    /// <summary>GLM-4.5 and DeepSeek-MoE: heads with keys and values of their own.</summary>
    private static GroupedAttention GroupedAttention(ConfigFields fields) => Decoder.Attention(fields, new DecoderTraits
    {
        // GLM's bias is on queries, keys and values only.
        QueryKeyValueBias = fields.Flag("attention_bias", false),
        QueryKeyNorm = fields.Flag("use_qk_norm", false) ? QueryKeyNorm.Head : QueryKeyNorm.None,
    });

    private static LatentAttention LatentAttention(ConfigFields fields) => new()
    {
        HeadCount = fields.Width("num_attention_heads"),
        QueryRank = fields.OptionalWidth("q_lora_rank") ?? 0,
        KeyValueRank = fields.Width("kv_lora_rank"),
        NopeDimension = fields.Width("qk_nope_head_dim"),
        RopeDimension = fields.Width("qk_rope_head_dim"),
        ValueDimension = fields.Width("v_head_dim"),
        IndexerHeadCount = fields.Count("index_n_heads"),
        IndexerDimension = fields.Count("index_head_dim"),
    };
}
