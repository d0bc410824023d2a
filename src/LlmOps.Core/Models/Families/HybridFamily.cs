namespace LlmOps.Core.Models.Families;

/// <summary>Models with recurrent layers, alone or among attention layers, and models whose layers were pruned one by one.</summary>
internal static class HybridFamily
{
    /// <summary>Mamba and Falcon-Mamba (Gu and Dao 2023): nothing but state-space layers.</summary>
    public static ModelArchitecture Mamba(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        RecurrentMixer mixer = Mamba1(
            hidden,
            fields.OptionalWidth("intermediate_size") ?? fields.Width("expand", 2) * hidden,
            TimeStepRank(fields, "time_step_rank", hidden),
            fields.Width("state_size", 16),
            fields.Width("conv_kernel", 4),
            fields.Flag("use_conv_bias", true),
            fields.Flag("use_bias", false));
        return Recurrent(fields, hidden, mixer, tiedByDefault: true);
    }

    /// <summary>Mamba-2 (Dao and Gu 2024) as Codestral-Mamba has it.</summary>
    public static ModelArchitecture Mamba2(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_heads");
        RecurrentMixer mixer = Mamba2Mixer(
            hidden, heads, fields.Width("head_dim"), fields.Width("n_groups", 8), fields.Width("state_size", 128),
            fields.Width("conv_kernel", 4), fields.Flag("use_conv_bias", true), fields.Flag("use_bias", false), 2);
        return Recurrent(fields, hidden, mixer, tiedByDefault: false);
    }

    /// <summary>Jamba (Lieber et al. 2024): attention on every eighth layer, experts on every second.</summary>
    public static ModelArchitecture Jamba(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        GroupedAttention attention = Decoder.Attention(fields, new DecoderTraits());
        int rank = TimeStepRank(fields, "mamba_dt_rank", hidden);
        int state = fields.Width("mamba_d_state", 16);
        RecurrentMixer mamba = Mamba1(hidden, fields.Width("mamba_expand", 2) * hidden, rank, state,
            fields.Width("mamba_d_conv", 4), fields.Flag("mamba_conv_bias", true), fields.Flag("mamba_proj_bias", false));

        // Jamba's own norms on the step, and on the input and output projections of the state.
        mamba = mamba with { VectorParameters = mamba.VectorParameters + rank + (2L * state) };
        int width = fields.Width("intermediate_size");
        MixtureOfExperts experts = MixtureFamily.Experts(fields, "num_experts", width);
        DenseMlp dense = new() { IntermediateSize = width, IsGated = true };
        int attentionPeriod = fields.Width("attn_layer_period", 8), attentionOffset = fields.Count("attn_layer_offset");
        int expertPeriod = fields.Width("expert_layer_period", 2), expertOffset = fields.Count("expert_layer_offset");
        return Decoder.Build(
            fields,
            new DecoderTraits { DefaultContext = 262144 },
            i => i % attentionPeriod == attentionOffset ? attention : mamba,
            i => i % expertPeriod == expertOffset ? experts : dense);
    }

    /// <summary>
    /// Nemotron-H and Nemotron 3: each layer is one part, as <c>hybrid_override_pattern</c> says: M a Mamba-2, * an
    /// attention, - an MLP, E a mixture of experts; or <c>layers_block_type</c>, in words.
    /// </summary>
    public static ModelArchitecture NemotronH(ConfigFields fields)
    {
        string pattern = fields.Text("hybrid_override_pattern") ?? Letters(fields, "layers_block_type")
            ?? throw fields.Contradiction(
                "the field 'hybrid_override_pattern' is missing, and so is 'layers_block_type' in its place.");
        int layers = fields.Layers("num_hidden_layers", pattern.Length is > 0 and <= 4096 ? pattern.Length : null);
        if (pattern.Length != layers)
        {
            throw fields.Contradiction($"'hybrid_override_pattern' has {pattern.Length} letters for {layers} layers.");
        }

        int hidden = fields.Width("hidden_size");
        bool bias = fields.Flag("mlp_bias", false);
        GroupedAttention attention = Decoder.Attention(
            fields, hidden, fields.Width("num_attention_heads"),
            fields.Width("num_key_value_heads", fields.Width("num_attention_heads")),
            fields.OptionalWidth("head_dim") ?? fields.OptionalWidth("attention_head_dim"));
        int heads = fields.Width("mamba_num_heads");
        RecurrentMixer mamba = Mamba2Mixer(
            hidden, heads, fields.Width("mamba_head_dim"), fields.Width("n_groups", 8), fields.Width("ssm_state_size", 128),
            fields.Width("conv_kernel", 4), fields.Flag("use_conv_bias", true), fields.Flag("mamba_proj_bias", false),
            fields.Text("mamba_ssm_cache_dtype") == "float32" ? sizeof(float) : 2);
        NoAttention none = new() { HeadCount = attention.HeadCount };
        NoFeedForward nothing = new() { IsGated = false };
        DenseMlp mlp = new() { IntermediateSize = fields.Width("intermediate_size"), IsGated = false, HasBias = bias };
        string predicted = Letters(fields, "mtp_layers_block_type") ?? "";
        MixtureOfExperts? experts = !(pattern + predicted).Contains('E', StringComparison.Ordinal)
            ? null
            : MixtureFamily.Experts(fields, "n_routed_experts", fields.Width("moe_intermediate_size")) with
            {
                IsGated = false,
                SharedIntermediateSize = fields.Count("moe_shared_expert_intermediate_size"),
                LatentSize = fields.Count("moe_latent_size"),
            };
        LayerSpec Layer(char part) => part switch
        {
            'M' => new LayerSpec(mamba, nothing, hidden),
            '*' => new LayerSpec(attention, nothing, hidden),
            '-' => new LayerSpec(none, mlp, hidden),
            'E' => new LayerSpec(none, experts!, hidden),
            char other => throw fields.Contradiction($"'hybrid_override_pattern' has '{other}'; known are M, *, - and E."),
        };
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings", 4096),
            Layers = ModelFamilies.Layers(layers, i => Layer(pattern[i])),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,

            // A run of further layers that predict, the projection of two residual streams into one, their norms and the
            // norm before the head.
            MultiTokenPredictionParameters = fields.PredictionLayers("num_nextn_predict_layers") * (predicted.Length == 0
                ? 0
                : predicted.Sum(part => Parameters(Layer(part))) + (2L * hidden * hidden) + (3L * hidden)),
        };

        long Parameters(LayerSpec layer) =>
            layer.Attention.Parameters(hidden).Total + layer.FeedForward.Parameters(hidden).Total + layer.NormParameters;
    }

    /// <summary>Layers in the letters of <c>hybrid_override_pattern</c>; null where the field is absent.</summary>
    private static string? Letters(ConfigFields fields, string name) => fields.Texts(name) is { } types
        ? string.Concat(types.Select(type => type switch
        {
            "mamba" => 'M',
            "attention" => '*',
            "mlp" => '-',
            "moe" => 'E',
            _ => throw fields.Contradiction($"'{name}' has '{type}'; known are mamba, attention, mlp and moe."),
        }))
        : null;

    /// <summary>Llama-3.1 and 3.3 Nemotron (Puzzle, Bercovich et al. 2024): Llama with layers replaced or left out one by one.</summary>
    public static ModelArchitecture NemotronNas(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        IReadOnlyList<ConfigFields> blocks = fields.Objects("block_configs")
            ?? throw fields.Contradiction("the field 'block_configs' is missing.");
        int layers = fields.Layers("num_hidden_layers");
        if (blocks.Count != layers)
        {
            throw fields.Contradiction($"'block_configs' has {blocks.Count} entries for {layers} layers.");
        }

        int Groups(int headsInGroup) => headsInGroup <= heads
            ? heads / headsInGroup
            : throw fields.Contradiction($"a group cannot have {headsInGroup} of {heads} attention heads.");

        LayerSpec Layer(int i)
        {
            ConfigFields attention = blocks[i].Object("attention") ?? throw fields.Contradiction($"layer {i} has no 'attention'.");
            ConfigFields mlp = blocks[i].Object("ffn") ?? throw fields.Contradiction($"layer {i} has no 'ffn'.");
            bool noAttention = attention.Flag("no_op", false), noMlp = mlp.Flag("no_op", false);
            AttentionSpec mixer = noAttention || attention.Flag("replace_with_linear", false)
                ? new NoAttention { HeadCount = heads, MatrixParameters = noAttention ? 0 : (long)hidden * hidden }
                : Decoder.Attention(fields, hidden, heads, Groups(attention.Width("n_heads_in_group")),
                    fields.OptionalWidth("head_dim"));
            FeedForwardSpec feedForward = noMlp || mlp.Flag("replace_with_linear", false)
                ? new NoFeedForward { IsGated = false, MatrixParameters = noMlp ? 0 : (long)hidden * hidden }
                : new DenseMlp { IntermediateSize = RoundedWidth(mlp.Number("ffn_mult"), hidden), IsGated = true };
            return new LayerSpec(mixer, feedForward, ((noAttention ? 0L : 1) + (noMlp ? 0 : 1)) * hidden);
        }

        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings", 131072),
            Layers = ModelFamilies.Layers(layers, Layer),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>
    /// Granite 4.0 (transformers 4.57, models/granitemoehybrid): Mamba-2 or attention, then an MLP that every token passes
    /// through, with or without routed experts beside it.
    /// </summary>
    public static ModelArchitecture GraniteHybrid(ConfigFields fields)
    {
        int hidden = fields.Width("hidden_size");
        int layers = fields.Layers("num_hidden_layers");
        int shared = fields.Width("shared_intermediate_size");
        FeedForwardSpec feedForward = fields.Count("num_local_experts") > 0
            ? MixtureFamily.Experts(fields, "num_local_experts", fields.Width("intermediate_size")) with
            {
                SharedIntermediateSize = shared,
            }
            : new DenseMlp { IntermediateSize = shared, IsGated = true };
        bool bias = fields.Flag("attention_bias", false);
        DecoderTraits traits = new() { QueryKeyValueBias = bias, OutputBias = bias, IsTiedByDefault = true };
        GroupedAttention attention = Decoder.Attention(fields, traits);
        if (fields.Texts("layer_types") is null)
        {
            throw fields.Contradiction("the field 'layer_types' is missing.");
        }

        Func<int, bool> isMamba = ModelFamilies.LayersOfType(fields, layers, "mamba", "attention", _ => false);
        AttentionSpec mixer = Enumerable.Range(0, layers).Any(isMamba) ? SplitMamba2(fields, hidden) : attention;
        return Decoder.Build(fields, traits, i => isMamba(i) ? mixer : attention, _ => feedForward);
    }

    /// <summary>Bamba (transformers 4.57, models/bamba): Mamba-2, with attention on the layers that are listed, and MLPs.</summary>
    public static ModelArchitecture Bamba(ConfigFields fields)
    {
        IReadOnlySet<int> attentionLayers = fields.LayerNumbers("attn_layer_indices");
        DecoderTraits traits = new() { DefaultContext = 262144 };
        GroupedAttention attention = Decoder.Attention(fields, traits);
        RecurrentMixer mamba = SplitMamba2(fields, fields.Width("hidden_size"));
        return Decoder.Build(fields, traits, i => attentionLayers.Contains(i) ? attention : mamba);
    }

    /// <summary>Mamba-2 under the field names of Bamba and Granite: the heads' width follows where it is <c>auto</c>.</summary>
    private static RecurrentMixer SplitMamba2(ConfigFields fields, int hidden)
    {
        int heads = fields.Width("mamba_n_heads");
        int inner = fields.Width("mamba_expand", 2) * hidden;
        int headDimension = fields.IsText("mamba_d_head") ? inner / heads : fields.Width("mamba_d_head", inner / heads);
        return (long)heads * headDimension == inner
            ? Mamba2Mixer(hidden, heads, headDimension, fields.Width("mamba_n_groups", 1), fields.Width("mamba_d_state", 256),
                fields.Width("mamba_d_conv", 4), fields.Flag("mamba_conv_bias", true), fields.Flag("mamba_proj_bias", false), 2)
            : throw fields.Contradiction($"{heads} state-space heads of {headDimension} do not make the inner width of {inner}.");
    }

    /// <summary>Qwen3-Next and the text models of Qwen3.5: gated delta nets on three of four layers (Yang et al. 2024).</summary>
    public static ModelArchitecture QwenNext(ConfigFields fields)
    {
        long hidden = fields.Width("hidden_size");
        int keyHeads = fields.Width("linear_num_key_heads"), valueHeads = fields.Width("linear_num_value_heads");
        int keyDimension = fields.Width("linear_key_head_dim"), valueDimension = fields.Width("linear_value_head_dim");
        int kernel = fields.Width("linear_conv_kernel_dim", 4);
        long keys = (long)keyHeads * keyDimension, values = (long)valueHeads * valueDimension;
        RecurrentMixer delta = new()
        {
            HeadCount = valueHeads,
            Kind = "Gated delta net",
            // Queries, keys, values and the output gate, two scalars a value head, and the output.
            MatrixParameters = (hidden * ((2 * keys) + (2 * values) + (2L * valueHeads))) + (values * hidden),
            Projections =
            [
                new("in_proj_qkvz", (2 * keys) + (2 * values), hidden),
                new("in_proj_ba", 2L * valueHeads, hidden),
                new("out_proj", hidden, values),
            ],

            // The convolution over queries, keys and values, a decay and a step a head, and the norm of a head.
            VectorParameters = (((2 * keys) + values) * kernel) + (2L * valueHeads) + valueDimension,
            StateBytes = ((long)valueHeads * keyDimension * valueDimension * sizeof(float))
                + (((2 * keys) + values) * (kernel - 1) * 2),
            StateElements = ((long)valueHeads * keyDimension * valueDimension) + (((2 * keys) + values) * (kernel - 1)),
            InnerElements = (2 * keys) + (3 * values),
        };
        bool bias = fields.Flag("attention_bias", false);
        DecoderTraits traits = new()
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            QueryKeyNorm = QueryKeyNorm.Head,
            HasOutputGate = fields.Flag("attn_output_gate", true),
            DefaultHeadDimension = 256,
            DefaultContext = 32768,
        };
        GroupedAttention full = Decoder.Attention(fields, traits);
        int interval = fields.Width("full_attention_interval", 4);
        int layers = fields.Layers("num_hidden_layers");
        Func<int, bool> isLinear = ModelFamilies.LayersOfType(
            fields, layers, "linear_attention", "full_attention", i => (i + 1) % interval != 0);
        Func<int, FeedForwardSpec>? feedForward = fields.Count("num_experts") > 0 ? MixtureFamily.QwenFeedForward(fields) : null;
        ModelArchitecture model = Decoder.Build(fields, traits, i => isLinear(i) ? delta : full, feedForward);

        // A prediction layer is one more layer of full attention, a projection of two residual streams into one, their
        // norms and the norm before the head.
        long predictionLayer = full.Parameters(hidden).Total + model.Layers[^1].FeedForward.Parameters(hidden).Total
            + (2 * hidden) + (2 * hidden * hidden) + (3 * hidden);
        return model with { MultiTokenPredictionParameters = fields.PredictionLayers("mtp_num_hidden_layers") * predictionLayer };
    }

    private static ModelArchitecture Recurrent(ConfigFields fields, int hidden, RecurrentMixer mixer, bool tiedByDefault)
    {
        LayerSpec layer = new(mixer, new NoFeedForward { IsGated = false }, hidden);
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),

            // The state does not grow, so nothing limits the context; what tools print for these models is 2^20.
            ContextLength = fields.Length("max_position_embeddings", 1 << 20),
            Layers = ModelFamilies.Layers(fields.Layers("num_hidden_layers"), _ => layer),
            HasTiedHead = fields.Flag("tie_word_embeddings", tiedByDefault),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>Input and gate, a convolution, projections to step, input and output of the state, and the output.</summary>
    private static RecurrentMixer Mamba1(
        long hidden, long inner, long rank, long state, int kernel, bool convolutionBias, bool bias) => new()
        {
            HeadCount = 1,
            Kind = "Mamba",
            MatrixParameters = (hidden * 2 * inner) + (inner * (rank + (2 * state))) + (rank * inner) + (inner * hidden),
            Projections =
            [
                new("in_proj", 2 * inner, hidden),
                new("x_proj", rank + (2 * state), inner),
                new("dt_proj", inner, rank),
                new("out_proj", hidden, inner),
            ],
            VectorParameters = (inner * kernel) + (convolutionBias ? inner : 0) + inner + (inner * state) + inner
                + (bias ? (2 * inner) + hidden : 0),
            StateBytes = (inner * state * sizeof(float)) + (inner * (kernel - 1) * 2),
            StateElements = (inner * state) + (inner * (kernel - 1)),
            InnerElements = 3 * inner,
        };

    /// <summary>Gate, input, groups and steps in one projection, a convolution, decays, a gated norm, and the output.</summary>
    private static RecurrentMixer Mamba2Mixer(
        long hidden, int heads, long headDimension, long groups, long state, int kernel, bool convolutionBias, bool bias,
        int stateElementBytes)
    {
        long inner = heads * headDimension;
        long convolved = inner + (2 * groups * state);
        long projected = inner + convolved + heads;
        return new RecurrentMixer
        {
            HeadCount = heads,
            Kind = "Mamba-2",
            MatrixParameters = (hidden * projected) + (inner * hidden),
            Projections = [new("in_proj", projected, hidden), new("out_proj", hidden, inner)],
            VectorParameters = (convolved * kernel) + (convolutionBias ? convolved : 0) + (3L * heads) + inner
                + (bias ? projected + hidden : 0),
            StateBytes = (inner * state * stateElementBytes) + (convolved * (kernel - 1) * 2),
            StateElements = (inner * state) + (convolved * (kernel - 1)),
            InnerElements = projected + inner,
        };
    }

    /// <summary>The rank of the step's projection; <c>auto</c> or absent is a sixteenth of the hidden size.</summary>
    private static int TimeStepRank(ConfigFields fields, string name, int hidden) =>
        fields.IsText(name) ? (hidden + 15) / 16 : fields.Width(name, (hidden + 15) / 16);

    /// <summary>The MLP's width as Nemotron's code computes it: two thirds of the multiple, rounded up to 256.</summary>
    private static int RoundedWidth(double multiple, int hidden)
    {
        int width = (int)(2 * multiple * hidden / 3);
        return (width + 255) / 256 * 256;
    }
}
