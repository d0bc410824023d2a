namespace LlmOps.Core.Models.Families;

/// <summary>Mixtures of experts over grouped attention.</summary>
internal static class MixtureFamily
{
    public static ModelArchitecture Mixtral(ConfigFields fields)
    {
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size"));
        return Decoder.Build(
            fields,
            new DecoderTraits { Window = fields.OptionalWidth("sliding_window"), DefaultContext = 131072 },
            _ => experts);
    }

    /// <summary>Phi-3.5-MoE: layer norms and biases, also on the head.</summary>
    public static ModelArchitecture PhiMoe(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size"));
        return Decoder.Build(
            fields,
            new DecoderTraits
            {
                QueryKeyValueBias = bias,
                OutputBias = bias,
                LayerNormVectors = 4,
                OuterNormVectors = 2,
                HasHeadBias = fields.Flag("lm_head_bias", false),
                Window = fields.OptionalWidth("sliding_window"),
            },
            _ => experts);
    }

    /// <summary>Qwen1.5-MoE and Qwen2-MoE: a gated shared expert beside the routed ones.</summary>
    public static ModelArchitecture Qwen2(ConfigFields fields) =>
        Decoder.Build(fields, LlamaFamily.Qwen2Traits(fields), QwenFeedForward(fields));

    public static ModelArchitecture Qwen3(ConfigFields fields) => Decoder.Build(
        fields, LlamaFamily.Qwen3Traits(fields) with { DefaultHeadDimension = null }, QwenFeedForward(fields));

    /// <summary>
    /// gpt-oss: biases everywhere, a sink logit a head, and a window on every other layer, the first included
    /// (transformers 4.57, models/gpt_oss/configuration_gpt_oss.py).
    /// </summary>
    public static ModelArchitecture GptOss(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", true);
        DecoderTraits traits = new() { QueryKeyValueBias = bias, OutputBias = bias, DefaultContext = 131072 };
        GroupedAttention full = Decoder.Attention(fields, traits) with { HasSinks = true };
        GroupedAttention windowed = full with { Window = fields.OptionalWidth("sliding_window") };
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size")) with
        {
            HasBias = true,
            HasRouterBias = true,
        };
        Func<int, bool> sliding = ModelFamilies.SlidingLayers(
            fields, fields.Layers("num_hidden_layers"), i => i % 2 == 0);
        return Decoder.Build(fields, traits, i => sliding(i) ? windowed : full, _ => experts);
    }

    /// <summary>MiniMax-M2: norms on all queries and keys together, and a correction bias in the router.</summary>
    public static ModelArchitecture MiniMaxM2(ConfigFields fields)
    {
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size")) with
        {
            HasRouterBias = fields.Flag("use_routing_bias", true),
        };
        return Decoder.Build(
            fields,
            new DecoderTraits
            {
                QueryKeyNorm = fields.Flag("use_qk_norm", true) ? QueryKeyNorm.AllHeads : QueryKeyNorm.None,
                DefaultContext = 196608,
            },
            _ => experts);
    }

    /// <summary>OLMoE: norms on all queries and keys together.</summary>
    public static ModelArchitecture Olmoe(ConfigFields fields)
    {
        MixtureOfExperts experts = Experts(fields, "num_experts", fields.Width("intermediate_size"));
        return Decoder.Build(
            fields, new DecoderTraits { QueryKeyNorm = QueryKeyNorm.AllHeads, DefaultContext = 4096 }, _ => experts);
    }

    /// <summary>Granite MoE.</summary>
    public static ModelArchitecture Granite(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size"));
        return Decoder.Build(fields, new DecoderTraits { QueryKeyValueBias = bias, OutputBias = bias }, _ => experts);
    }

    /// <summary>ERNIE 4.5 with experts from a given layer on, shared ones among them.</summary>
    public static ModelArchitecture Ernie(ConfigFields fields)
    {
        int width = fields.Width("moe_intermediate_size");
        MixtureOfExperts experts = Experts(fields, "moe_num_experts", width, "moe_k") with
        {
            SharedIntermediateSize = fields.Count("moe_num_shared_experts") * width,
            HasRouterBias = fields.Flag("moe_use_aux_free", true),
        };
        bool bias = fields.Flag("use_bias", false);
        DecoderTraits traits = new()
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = bias,
            IsTiedByDefault = true,
            DefaultContext = 131072,
        };
        DenseMlp dense = Decoder.Mlp(fields, traits);
        int first = fields.Count("moe_layer_start_index");
        int last = fields.OptionalWidth("moe_layer_end_index") ?? int.MaxValue;
        int step = fields.Width("moe_layer_interval", 1);
        return Decoder.Build(fields, traits, i => i >= first && i <= last && (i + 1) % step == 0 ? experts : dense);
    }

    /// <summary>Hunyuan-A13B and Hunyuan-Large: one shared expert, and in the large model layers that reuse keys and values.</summary>
    public static ModelArchitecture Hunyuan(ConfigFields fields)
    {
        int width = fields.OptionalWidth("moe_intermediate_size") ?? fields.Width("intermediate_size");
        MixtureOfExperts experts = Experts(fields, "num_experts", width, "moe_topk") with
        {
            SharedIntermediateSize = fields.Count("num_shared_expert") * width,
        };
        bool bias = fields.Flag("attention_bias", false);
        DecoderTraits traits = new()
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            QueryKeyNorm = fields.Flag("use_qk_norm", false) ? QueryKeyNorm.Head : QueryKeyNorm.None,
        };
        GroupedAttention own = Decoder.Attention(fields, traits);
        GroupedAttention shared = own with { SharesKeyValue = true };
        int share = fields.Flag("use_cla", false) ? fields.Width("cla_share_factor", 2) : 1;
        return Decoder.Build(fields, traits, i => i % share == 0 ? own : shared, _ => experts);
    }

    /// <summary>DBRX: fields in two nested objects.</summary>
    public static ModelArchitecture Dbrx(ConfigFields fields)
    {
        ConfigFields attention = fields.Object("attn_config") ?? throw fields.Contradiction("'attn_config' is missing.");
        ConfigFields experts = fields.Object("ffn_config") ?? throw fields.Contradiction("'ffn_config' is missing.");
        int hidden = fields.Width("d_model");
        int heads = fields.Width("n_heads");
        GroupedAttention grouped = Decoder.Attention(fields, hidden, heads, attention.Width("kv_n_heads"));
        MixtureOfExperts mixture = Experts(experts, "moe_num_experts", experts.Width("ffn_hidden_size"), "moe_top_k");
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_seq_len"),
            Layers = ModelFamilies.Layers(
                fields.Layers("n_layers"), _ => new LayerSpec(grouped, mixture, 2L * hidden)),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>MiniMax-Text-01: lightning attention on seven of eight layers (MiniMax 2025, section 2.2).</summary>
    public static ModelArchitecture MiniMaxText(ConfigFields fields)
    {
        MixtureOfExperts experts = Experts(fields, "num_local_experts", fields.Width("intermediate_size")) with
        {
            SharedIntermediateSize = fields.Count("shared_intermediate_size"),
        };
        DecoderTraits traits = new() { DefaultContext = 10240000 };
        GroupedAttention softmax = Decoder.Attention(fields, traits);
        long hidden = fields.Width("hidden_size");
        long width = (long)softmax.HeadCount * softmax.HeadDimension;
        RecurrentMixer lightning = new()
        {
            HeadCount = softmax.HeadCount,
            Kind = "Lightning attention",
            // Queries, keys and values together, the output gate and the output.
            MatrixParameters = hidden * (3 + 1 + 1) * width,
            Projections =
            [
                new("qkv_proj", 3 * width, hidden),
                new("output_gate", width, hidden),
                new("out_proj", hidden, width),
            ],
            VectorParameters = width,
            StateBytes = (long)softmax.HeadCount * softmax.HeadDimension * softmax.HeadDimension * sizeof(float),
            StateElements = (long)softmax.HeadCount * softmax.HeadDimension * softmax.HeadDimension,
            InnerElements = 5 * width,
        };
        int layers = fields.Layers("num_hidden_layers");
        if (fields.Texts("layer_types") is not null)
        {
            Func<int, bool> isLinear = ModelFamilies.LayersOfType(
                fields, layers, "linear_attention", "full_attention", _ => false);
            return Decoder.Build(fields, traits, i => isLinear(i) ? lightning : softmax, _ => experts);
        }

        IReadOnlyList<int> kinds = fields.Integers("attn_type_list")
            ?? throw fields.Contradiction("'attn_type_list' is missing.");
        if (kinds.Count != layers)
        {
            throw fields.Contradiction($"'attn_type_list' has {kinds.Count} entries for {layers} layers.");
        }

        return Decoder.Build(fields, traits, i => kinds[i] == 0 ? lightning : softmax, _ => experts);
    }

    /// <summary>Routed experts, with the number a token picks checked against the number there are.</summary>
    public static MixtureOfExperts Experts(
        ConfigFields fields, string countField, int expertWidth, string pickedField = "num_experts_per_tok")
    {
        int count = fields.Width(countField);
        int picked = fields.WidthOrFirst(pickedField);
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

    /// <summary>
    /// Experts as all Qwen mixtures configure them: dense layers where <c>mlp_only_layers</c> or
    /// <c>decoder_sparse_step</c> leave experts out, and a gated shared expert where it has a width.
    /// </summary>
    public static Func<int, FeedForwardSpec> QwenFeedForward(ConfigFields fields)
    {
        int shared = fields.Count("shared_expert_intermediate_size");
        MixtureOfExperts experts = Experts(fields, "num_experts", fields.Width("moe_intermediate_size")) with
        {
            SharedIntermediateSize = shared,
            HasSharedGate = shared > 0,
        };
        IReadOnlySet<int> withoutExperts = fields.LayerNumbers("mlp_only_layers");
        int step = fields.Width("decoder_sparse_step", 1);
        DenseMlp? dense = step > 1 || withoutExperts.Count > 0
            ? new DenseMlp { IntermediateSize = fields.Width("intermediate_size"), IsGated = true }
            : null;
        return i => (i + 1) % step == 0 && !withoutExperts.Contains(i) ? experts : dense!;
    }
}
