namespace LlmOps.Core.Models.Families;

/// <summary>
/// Decoders before Llama, each with field names of its own. Defaults are those of the classes in Hugging Face transformers
/// 4.57, or of the code beside the weights.
/// </summary>
internal static class GptFamily
{
    public static ModelArchitecture Gpt2(ConfigFields fields)
    {
        int hidden = fields.Width("n_embd", 768);
        GroupedAttention attention = WithBiases(
            Decoder.Attention(fields, hidden, fields.Width("n_head", 12), fields.Width("n_head", 12)));
        int positions = fields.Length("n_positions", 1024);
        return Build(hidden, fields.Length("vocab_size", 50257), positions, fields.Layers("n_layer", 12), attention,
            Plain(fields.Width("n_inner", 4 * hidden), bias: true), layerNorms: 4) with
        {
            LearnedPositionCount = positions,
        };
    }

    /// <summary>StarCoder 1: GPT-2 with one KV head.</summary>
    public static ModelArchitecture GptBigCode(ConfigFields fields)
    {
        int hidden = fields.Width("n_embd", 768);
        int heads = fields.Width("n_head", 12);
        GroupedAttention attention = WithBiases(
            Decoder.Attention(fields, hidden, heads, fields.Flag("multi_query", true) ? 1 : heads));
        int positions = fields.Length("n_positions", 1024);
        return Build(hidden, fields.Length("vocab_size", 50257), positions, fields.Layers("n_layer", 12), attention,
            Plain(fields.Width("n_inner", 4 * hidden), bias: true), layerNorms: 4) with
        {
            LearnedPositionCount = positions,
        };
    }

    /// <summary>GPT-J: rotary positions, attention and MLP side by side behind one norm, a head of its own with a bias.</summary>
    public static ModelArchitecture GptJ(ConfigFields fields)
    {
        int hidden = fields.Width("n_embd", 4096);
        int heads = fields.Width("n_head", 16);
        return Build(hidden, fields.Length("vocab_size", 50400), fields.Length("n_positions", 2048),
            fields.Layers("n_layer", 28), Decoder.Attention(fields, hidden, heads, heads),
            Plain(fields.Width("n_inner", 4 * hidden), bias: true), layerNorms: 2) with
        {
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            HasHeadBias = true,
        };
    }

    /// <summary>BLOOM: a norm on the embeddings, no positions to learn.</summary>
    public static ModelArchitecture Bloom(ConfigFields fields)
    {
        int hidden = fields.OptionalWidth("hidden_size") ?? fields.OptionalWidth("n_embed") ?? fields.Width("n_embd", 64);
        int heads = fields.OptionalWidth("n_head") ?? fields.Width("num_attention_heads");
        int layers = fields.Layers("n_layer", "num_hidden_layers");
        ModelArchitecture built = Build(hidden, fields.Length("vocab_size"), fields.Length("seq_length", 2048), layers,
            WithBiases(Decoder.Attention(fields, hidden, heads, heads)),
            Plain(fields.Width("n_inner", 4 * hidden), bias: true), layerNorms: 4);
        return built with { OuterNormParameters = built.OuterNormParameters + (2L * hidden) };
    }

    /// <summary>Falcon: one KV head (7B) or groups (40B, 180B), attention and MLP side by side.</summary>
    public static ModelArchitecture Falcon(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.OptionalWidth("num_attention_heads") ?? fields.Width("n_head");
        bool grouped = fields.Flag("new_decoder_architecture", false);
        int keyValueHeads = grouped
            ? fields.OptionalWidth("num_kv_heads") ?? fields.Width("n_head_kv")
            : fields.Flag("multi_query", true) ? 1 : heads;
        bool bias = fields.Flag("bias", false);
        GroupedAttention attention = Decoder.Attention(fields, hidden, heads, keyValueHeads);
        if (bias)
        {
            attention = WithBiases(attention);
        }

        // Two norms before the two parts in the new architecture or one after the other, one before both otherwise.
        int norms = grouped || !fields.Flag("parallel_attn", true) ? 4 : 2;
        return Build(hidden, fields.Length("vocab_size"), fields.Length("max_position_embeddings", 2048),
            fields.Layers("num_hidden_layers", "n_layer"), attention,
            Plain(fields.Width("ffn_hidden_size", 4 * hidden), bias), norms);
    }

    /// <summary>MPT: ALiBi, no biases, norms without biases.</summary>
    public static ModelArchitecture Mpt(ConfigFields fields)
    {
        int hidden = fields.Width("d_model");
        int heads = fields.Width("n_heads");
        int keyValueHeads = fields.Object("attn_config")?.Width("kv_n_heads", heads) ?? heads;
        bool bias = !fields.Flag("no_bias", true);
        GroupedAttention attention = Decoder.Attention(fields, hidden, heads, keyValueHeads);
        int norm = bias ? 2 : 1;
        int context = fields.Length("max_seq_len", 2048);
        bool alibi = fields.Object("attn_config")?.Flag("alibi", false) ?? false;
        return Build(hidden, fields.Length("vocab_size"), context, fields.Layers("n_layers"),
            bias ? WithBiases(attention) : attention,
            Plain(hidden * fields.Width("expansion_ratio", 4), bias), 2 * norm) with
        {
            OuterNormParameters = norm * (long)hidden,
            LearnedPositionCount = alibi ? 0 : context,
        };
    }

    /// <summary>ChatGLM 2 and 3, GLM-4-9B: fused grouped attention with biases on queries, keys and values.</summary>
    public static ModelArchitecture ChatGlm(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        int keyValueHeads = fields.Flag("multi_query_attention", false) ? fields.Width("multi_query_group_num") : heads;
        bool bias = fields.Flag("add_bias_linear", false);
        bool inputBias = bias || fields.Flag("add_qkv_bias", false);
        GroupedAttention attention = Decoder.Attention(
            fields, hidden, heads, keyValueHeads, fields.OptionalWidth("kv_channels")) with
        {
            HasQueryBias = inputBias,
            HasKeyValueBias = inputBias,
            HasOutputBias = bias,
        };
        DenseMlp mlp = new() { IntermediateSize = fields.Width("ffn_hidden_size"), IsGated = true, HasBias = bias };
        int norm = fields.Flag("rmsnorm", true) ? 1 : 2;
        return Build(hidden, fields.Length("padded_vocab_size"), fields.Length("seq_length"), fields.Layers("num_layers"),
            attention, mlp, 2 * norm) with
        {
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = norm * (long)hidden,
        };
    }

    /// <summary>EXAONE 3 and 3.5: Llama with other field names.</summary>
    public static ModelArchitecture Exaone(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        GroupedAttention attention = Decoder.Attention(
            fields, hidden, heads, fields.Width("num_key_value_heads", heads), fields.OptionalWidth("head_dim"));
        DenseMlp mlp = new() { IntermediateSize = fields.Width("intermediate_size"), IsGated = true };
        return Build(hidden, fields.Length("vocab_size"), fields.Length("max_position_embeddings", 2048),
            fields.Layers("num_layers", "num_hidden_layers"), attention, mlp, layerNorms: 2) with
        {
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>Equal layers, a tied head and a final layer norm with bias.</summary>
    /// <param name="hidden">Width of the residual stream.</param>
    /// <param name="vocabulary">Rows of the embedding.</param>
    /// <param name="context">Tokens of context.</param>
    /// <param name="layers">Number of layers.</param>
    /// <param name="attention">Of every layer.</param>
    /// <param name="mlp">Of every layer.</param>
    /// <param name="layerNorms">Norm parameters of a layer in units of <paramref name="hidden"/>.</param>
    private static ModelArchitecture Build(
        int hidden, int vocabulary, int context, int layers, GroupedAttention attention, DenseMlp mlp, int layerNorms)
    {
        LayerSpec layer = new(attention, mlp, (long)layerNorms * hidden);
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = vocabulary,
            ContextLength = context,
            Layers = ModelFamilies.Layers(layers, _ => layer),
            HasTiedHead = true,
            OuterNormParameters = 2L * hidden,
        };
    }

    private static DenseMlp Plain(int width, bool bias) => new() { IntermediateSize = width, IsGated = false, HasBias = bias };

    private static GroupedAttention WithBiases(GroupedAttention attention) => attention with
    {
        HasQueryBias = true,
        HasKeyValueBias = true,
        HasOutputBias = true,
    };
}
