namespace LlmOps.Core.Models.Families;

/// <summary>
/// DeepSeek-V2 and V3 (R1 included): latent attention, dense first layers, shared and routed experts, and layers that
/// predict further tokens (DeepSeek-AI 2024, DeepSeek-V3, sections 2.1 and 2.2).
/// </summary>
internal static class DeepSeekFamily
{
    public static ModelArchitecture Build(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        LatentAttention attention = new()
        {
            HeadCount = fields.Width("num_attention_heads"),
            QueryRank = fields.OptionalWidth("q_lora_rank") ?? 0,
            KeyValueRank = fields.Width("kv_lora_rank"),
            NopeDimension = fields.Width("qk_nope_head_dim"),
            RopeDimension = fields.Width("qk_rope_head_dim"),
            ValueDimension = fields.Width("v_head_dim"),
        };
        int expertWidth = fields.Width("moe_intermediate_size");
        MixtureOfExperts experts = MixtureFamily.Experts(fields, "n_routed_experts", expertWidth) with
        {
            SharedIntermediateSize = fields.Count("n_shared_experts") * expertWidth,
            HasRouterBias = fields.Text("topk_method") == "noaux_tc",
        };
        DenseMlp dense = new() { IntermediateSize = fields.Width("intermediate_size"), IsGated = true };
        int firstRouted = fields.Count("first_k_dense_replace");
        int step = fields.Width("moe_layer_freq", 1);
        LayerSpec Layer(int i) =>
            new(attention, i >= firstRouted && i % step == 0 ? experts : dense, 2L * hidden);

        // A prediction layer is one more routed layer, a projection of two residual streams into one, their norms and
        // the norm before the head; embeddings and head are the model's own.
        LayerSpec routed = new(attention, experts, 2L * hidden);
        long predictionLayer = attention.Parameters(hidden).Total + experts.Parameters(hidden).Total + routed.NormParameters
            + (2L * hidden * hidden) + (3L * hidden);

        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings"),
            Layers = ModelFamilies.Layers(fields.Layers("num_hidden_layers"), Layer),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
            MultiTokenPredictionParameters = fields.Count("num_nextn_predict_layers") * predictionLayer,
        };
    }
}
