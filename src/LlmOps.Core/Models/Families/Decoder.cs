namespace LlmOps.Core.Models.Families;

/// <summary>What decoders that are configured with Llama's field names differ in.</summary>
internal readonly record struct DecoderTraits()
{
    public bool QueryKeyValueBias { get; init; } = false;

    public bool OutputBias { get; init; } = false;

    public bool MlpBias { get; init; } = false;

    /// <summary>Whether the MLP has three matrices.</summary>
    public bool IsGated { get; init; } = true;

    public QueryKeyNorm QueryKeyNorm { get; init; } = QueryKeyNorm.None;

    /// <summary>The query projection makes a gate for the attention's output too (Qwen3-Next).</summary>
    public bool HasOutputGate { get; init; } = false;

    /// <summary>Norm parameters of a layer in units of the hidden size: 1 for an RMS norm, 2 for a layer norm with bias.</summary>
    public int LayerNormVectors { get; init; } = 2;

    /// <summary>The same, of the norms outside the layers.</summary>
    public int OuterNormVectors { get; init; } = 1;

    /// <summary>What an absent <c>tie_word_embeddings</c> means.</summary>
    public bool IsTiedByDefault { get; init; } = false;

    public bool HasHeadBias { get; init; } = false;

    public int? DefaultHeadDimension { get; init; } = null;

    /// <summary>Tokens that windowed layers look back on; null where no layer has a window.</summary>
    public int? Window { get; init; } = null;

    /// <summary>Which layers have the window where the configuration has no <c>layer_types</c>; null for all.</summary>
    public Func<int, bool>? IsWindowed { get; init; } = null;

    public int DefaultContext { get; init; } = 2048;
}

/// <summary>
/// Builds decoders that are configured with Llama's field names. Defaults that the families pass are those of the classes
/// in Hugging Face transformers 4.57 (<c>models/*/configuration_*.py</c>), or of the code beside the weights.
/// </summary>
internal static class Decoder
{
    /// <param name="fields">The configuration.</param>
    /// <param name="traits">What the family differs in.</param>
    /// <param name="feedForward">The feed-forward part of each layer; null for one dense MLP in all.</param>
    public static ModelArchitecture Build(
        ConfigFields fields, DecoderTraits traits, Func<int, FeedForwardSpec>? feedForward = null)
    {
        GroupedAttention full = Attention(fields, traits with { Window = null });
        int layerCount = fields.Layers("num_hidden_layers");
        GroupedAttention windowed = full with { Window = traits.Window };
        Func<int, bool> isWindowed = traits.Window is null
            ? _ => false
            : ModelFamilies.SlidingLayers(fields, layerCount, traits.IsWindowed ?? (_ => true));
        return Build(fields, traits, i => isWindowed(i) ? windowed : full, feedForward);
    }

    /// <summary>The same, for layers whose attention is not all of one kind.</summary>
    public static ModelArchitecture Build(
        ConfigFields fields,
        DecoderTraits traits,
        Func<int, AttentionSpec> attention,
        Func<int, FeedForwardSpec>? feedForward = null)
    {
        long hidden = fields.Width("hidden_size");
        if (feedForward is null)
        {
            DenseMlp mlp = Mlp(fields, traits);
            feedForward = _ => mlp;
        }

        return new ModelArchitecture
        {
            HiddenSize = (int)hidden,
            VocabularySize = fields.Length("vocab_size"),
            ContextLength = fields.Length("max_position_embeddings", traits.DefaultContext),
            Layers = ModelFamilies.Layers(
                fields.Layers("num_hidden_layers"),
                i => new LayerSpec(attention(i), feedForward(i), traits.LayerNormVectors * hidden)),
            HasTiedHead = fields.Flag("tie_word_embeddings", traits.IsTiedByDefault),
            HasHeadBias = traits.HasHeadBias,
            OuterNormParameters = traits.OuterNormVectors * hidden,
        };
    }

    public static DenseMlp Mlp(ConfigFields fields, DecoderTraits traits) => new()
    {
        IntermediateSize = fields.Width("intermediate_size"),
        IsGated = traits.IsGated,
        HasBias = traits.MlpBias,
    };

    /// <summary>Grouped attention as these families configure it, without looking at single layers.</summary>
    public static GroupedAttention Attention(ConfigFields fields, DecoderTraits traits)
    {
        int hidden = fields.Width("hidden_size");
        int heads = fields.Width("num_attention_heads");
        int keyValueHeads = fields.Width("num_key_value_heads", heads);
        int? headDimension = fields.OptionalWidth("head_dim") ?? traits.DefaultHeadDimension;
        return Attention(fields, hidden, heads, keyValueHeads, headDimension) with
        {
            HasQueryBias = traits.QueryKeyValueBias,
            HasKeyValueBias = traits.QueryKeyValueBias,
            HasOutputBias = traits.OutputBias,
            HasOutputGate = traits.HasOutputGate,
            Window = traits.Window,
            QueryKeyNorm = traits.QueryKeyNorm,
        };
    }

    /// <summary>Grouped attention of these sizes, checked to go together.</summary>
    public static GroupedAttention Attention(
        ConfigFields fields, int hidden, int heads, int keyValueHeads, int? headDimension = null)
    {
        if (heads % keyValueHeads != 0)
        {
            throw fields.Contradiction(
                $"{heads} attention heads cannot be shared evenly by {keyValueHeads} key/value heads.");
        }

        if (headDimension is null && hidden % heads != 0)
        {
            throw fields.Contradiction($"a hidden size of {hidden} does not divide by {heads} heads, "
                + "and 'head_dim' does not say otherwise.");
        }

        return new GroupedAttention
        {
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadDimension = headDimension ?? hidden / heads,
        };
    }
}
