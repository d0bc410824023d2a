namespace LlmOps.Core.Models.Families;

/// <summary>Mixtures of experts over grouped attention: Mixtral, Qwen3-MoE, gpt-oss.</summary>
internal static class MixtureFamily
{
    public static ModelArchitecture Mixtral(ConfigFields fields)
    {
        GroupedAttention attention = LlamaFamily.Attention(fields, new LlamaFamily.Traits
        {
            Window = fields.OptionalWidth("sliding_window"),
            DefaultContext = 131072,
        });
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size"));
        return Build(fields, 131072, _ => attention, _ => experts);
    }

    /// <summary>Qwen3-MoE: dense layers where <c>mlp_only_layers</c> or <c>decoder_sparse_step</c> leave experts out.</summary>
    public static ModelArchitecture Qwen3(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        GroupedAttention attention = LlamaFamily.Attention(fields, new LlamaFamily.Traits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            HasQueryKeyNorm = true,
            DefaultContext = 32768,
        });
        MixtureOfExperts experts = Experts(fields, "num_experts", fields.Width("moe_intermediate_size"));
        DenseMlp dense = new() { IntermediateSize = fields.Width("intermediate_size"), IsGated = true };
        int step = fields.Width("decoder_sparse_step", 1);
        IReadOnlySet<int> withoutExperts = fields.LayerNumbers("mlp_only_layers");
        return Build(
            fields,
            32768,
            _ => attention,
            i => (i + 1) % step == 0 && !withoutExperts.Contains(i) ? experts : dense);
    }

    /// <summary>
    /// gpt-oss: biases everywhere, a sink logit a head, and a window on every other layer, the first included
    /// (transformers 4.57, models/gpt_oss/configuration_gpt_oss.py).
    /// </summary>
    public static ModelArchitecture GptOss(ConfigFields fields)
    {
        GroupedAttention full = LlamaFamily.Attention(fields, new LlamaFamily.Traits
        {
            QueryKeyValueBias = fields.Flag("attention_bias", true),
            OutputBias = fields.Flag("attention_bias", true),
            DefaultContext = 131072,
        }) with
        {
            HasSinks = true,
        };
        GroupedAttention windowed = full with { Window = fields.OptionalWidth("sliding_window") };
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size")) with
        {
            HasBias = true,
            HasRouterBias = true,
        };
        Func<int, bool> sliding = ModelFamilies.SlidingLayers(
            fields, fields.Layers("num_hidden_layers"), i => i % 2 == 0);
        return Build(fields, 131072, i => sliding(i) ? windowed : full, _ => experts);
    }

    /// <summary>Routed experts, with the number a token picks checked against the number there are.</summary>
    public static MixtureOfExperts Experts(ConfigFields fields, string countField, int expertWidth)
    {
        int count = fields.Width(countField);
        int picked = fields.Width("num_experts_per_tok");
        if (picked > count)
        {
            throw fields.Contradiction($"a token cannot pass through {picked} of {count} experts.");
        }

        return new MixtureOfExperts
        {
            ExpertCount = count,
            ExpertsPerToken = picked,
            ExpertIntermediateSize = expertWidth,
            IsGated = true,
        };
    }

    private static ModelArchitecture Build(
        ConfigFields fields, int defaultContext, Func<int, AttentionSpec> attention, Func<int, FeedForwardSpec> mlp)
    {
        int hidden = fields.Width("hidden_size");
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings", defaultContext),
            Layers = ModelFamilies.Layers(
                fields.Layers("num_hidden_layers"), i => new LayerSpec(attention(i), mlp(i), 2L * hidden)),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
        };
    }
}
