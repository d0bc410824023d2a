namespace LlmOps.Core.Models.Families;

/// <summary>
/// Llama and what descends from it: grouped attention without positions to learn, a gated MLP, RMS norms. Defaults are
/// those of the classes in Hugging Face transformers 4.57 (<c>models/*/configuration_*.py</c>).
/// </summary>
internal static class LlamaFamily
{
    public static ModelArchitecture Llama(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Build(fields, new Traits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = fields.Flag("mlp_bias", false),
            DefaultContext = 2048,
        });
    }

    /// <summary>Mistral: a window on every layer where <c>sliding_window</c> is set (v0.1).</summary>
    public static ModelArchitecture Mistral(ConfigFields fields) => Build(fields, new Traits
    {
        Window = fields.OptionalWidth("sliding_window"),
        DefaultContext = 131072,
    });

    /// <summary>Qwen1.5 to Qwen2.5: biases on queries, keys and values only.</summary>
    public static ModelArchitecture Qwen2(ConfigFields fields) =>
        Build(fields, QwenWindow(fields, new Traits { QueryKeyValueBias = true, DefaultContext = 32768 }));

    /// <summary>Qwen3: norms on queries and keys instead of biases.</summary>
    public static ModelArchitecture Qwen3(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Build(fields, QwenWindow(fields, new Traits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            HasQueryKeyNorm = true,
            DefaultHeadDimension = 128,
            DefaultContext = 32768,
        }));
    }

    /// <summary>Phi-3 and Phi-4: fused projections, which count the same as separate ones.</summary>
    public static ModelArchitecture Phi3(ConfigFields fields) => Build(fields, new Traits
    {
        Window = fields.OptionalWidth("sliding_window"),
        DefaultContext = 4096,
    });

    /// <summary>Attention of a layer as these families configure it.</summary>
    public static GroupedAttention Attention(ConfigFields fields, in Traits traits)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        int keyValueHeads = fields.Width("num_key_value_heads", heads);
        ModelFamilies.CheckHeads(fields, heads, keyValueHeads);
        int? headDimension = fields.OptionalWidth("head_dim") ?? traits.DefaultHeadDimension;
        if (headDimension is null && hidden % heads != 0)
        {
            throw fields.Contradiction($"a hidden size of {hidden} does not divide by {heads} heads, "
                + "and 'head_dim' does not say otherwise.");
        }

        int dimension = headDimension ?? hidden / heads;
        return new GroupedAttention
        {
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadDimension = dimension,
            HasQueryBias = traits.QueryKeyValueBias,
            HasKeyValueBias = traits.QueryKeyValueBias,
            HasOutputBias = traits.OutputBias,
            QueryKeyNormParameters = traits.HasQueryKeyNorm ? 2L * dimension : 0,
            Window = traits.Window,
        };
    }

    private static ModelArchitecture Build(ConfigFields fields, in Traits traits)
    {
        int hidden = fields.Width("hidden_size");
        int layerCount = fields.Layers("num_hidden_layers");
        GroupedAttention full = Attention(fields, traits with { Window = null });
        GroupedAttention windowed = full with { Window = traits.Window };
        DenseMlp mlp = new()
        {
            IntermediateSize = fields.Width("intermediate_size"),
            IsGated = true,
            HasBias = traits.MlpBias,
        };
        int firstWindowed = traits.FirstWindowedLayer;
        Func<int, bool> sliding = traits.Window is null
            ? _ => false
            : ModelFamilies.SlidingLayers(fields, layerCount, i => i >= firstWindowed);

        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings", traits.DefaultContext),
            Layers = ModelFamilies.Layers(
                layerCount, i => new LayerSpec(sliding(i) ? windowed : full, mlp, 2L * hidden)),
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>Qwen2 and Qwen3 slide from <c>max_window_layers</c> on, and only where <c>use_sliding_window</c> says so.</summary>
    private static Traits QwenWindow(ConfigFields fields, Traits traits) =>
        fields.Flag("use_sliding_window", false)
            ? traits with
            {
                Window = fields.OptionalWidth("sliding_window"),
                FirstWindowedLayer = fields.Count("max_window_layers"),
            }
            : traits;

    /// <summary>What the members of the family differ in.</summary>
    internal readonly record struct Traits
    {
        public bool QueryKeyValueBias { get; init; }

        public bool OutputBias { get; init; }

        public bool MlpBias { get; init; }

        public bool HasQueryKeyNorm { get; init; }

        public int? DefaultHeadDimension { get; init; }

        public int? Window { get; init; }

        public int FirstWindowedLayer { get; init; }

        public required int DefaultContext { get; init; }
    }
}
