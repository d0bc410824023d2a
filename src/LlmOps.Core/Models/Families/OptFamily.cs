namespace LlmOps.Core.Models.Families;

/// <summary>
/// OPT (Zhang et al. 2022): learned positions, biases, layer norms with biases, tied head. The 350M model alone embeds in
/// 512 dimensions, projects in and out, and has no final norm.
/// </summary>
internal static class OptFamily
{
    /// <summary>OPT's position table begins at 2 (transformers, models/opt/modeling_opt.py).</summary>
    private const int PositionOffset = 2;

    public static ModelArchitecture Build(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        bool bias = fields.Flag("enable_bias", true);
        GroupedAttention attention = Decoder.Attention(fields, hidden, heads, heads) with
        {
            HasQueryBias = bias,
            HasKeyValueBias = bias,
            HasOutputBias = bias,
        };
        DenseMlp mlp = new() { IntermediateSize = fields.Width("ffn_dim"), IsGated = false, HasBias = bias };
        long norm = fields.Flag("layer_norm_elementwise_affine", true) ? 2L * hidden : 0;
        bool hasFinalNorm = fields.Flag("do_layer_norm_before", true) && !fields.Flag("_remove_final_layer_norm", false);
        int context = fields.Length("max_position_embeddings");
        int embedding = fields.Width("word_embed_proj_dim", hidden);

        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = context,
            Layers = ModelFamilies.Layers(
                fields.Layers("num_hidden_layers"), _ => new LayerSpec(attention, mlp, 2 * norm)),
            HasTiedHead = fields.Flag("tie_word_embeddings", true),
            EmbeddingSize = embedding == hidden ? 0 : embedding,
            LearnedPositionCount = context + PositionOffset,
            OuterNormParameters = hasFinalNorm ? norm : 0,
        };
    }
}
