namespace LlmOps.Core.Models.Families;

/// <summary>
/// Gemma. From 2 on: norms before and after both parts of a layer, most layers with a window, tied embeddings. Defaults are
/// those of the classes in Hugging Face transformers 4.57, which the published Gemma 3 configurations rely on.
/// </summary>
internal static class GemmaFamily
{
    /// <summary>Gemma 1: Llama with wide heads and tied embeddings.</summary>
    public static ModelArchitecture Gemma(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            IsTiedByDefault = true,
            DefaultHeadDimension = 256,
            DefaultContext = 8192,
        });
    }

    /// <summary>Every other layer has a window, the first one included.</summary>
    public static ModelArchitecture Gemma2(ConfigFields fields) =>
        Build(fields, defaultContext: 8192, hasQueryKeyNorm: false, defaultWindow: 4096, i => i % 2 == 0, 0, default);

    public static ModelArchitecture Gemma3Text(ConfigFields fields) => Gemma3(fields, 0);

    /// <summary>Gemma 3 from 4B on: the text model, a SigLIP vision tower and a projector.</summary>
    public static ModelArchitecture Gemma3(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config")
            ?? throw fields.Contradiction("the field 'text_config' is missing.");
        return fields.Object("vision_config") is { } vision
            ? Gemma3(text, SiglipParameters(vision) + ProjectorParameters(vision, text)) with
            {
                VisionInput = SquareImage(fields.Width("mm_tokens_per_image", 256), vision.Width("image_size")),
            }
            : Gemma3(text, 0);
    }

    /// <summary>
    /// Gemma 4 (transformers 5.5, models/gemma4/modeling_gemma4.py): layers without a window have wider heads, fewer of
    /// them for keys, and one projection for keys and values; experts stand beside an MLP, not in its place.
    /// </summary>
    public static ModelArchitecture Gemma4(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config")
            ?? throw fields.Contradiction("the field 'text_config' is missing.");
        if (fields.Object("audio_config") is not null)
        {
            throw fields.Contradiction("the audio tower of 'audio_config' is not known in this family.");
        }

        ModelArchitecture model = Gemma4Text(text) with { HasTiedHead = fields.Flag("tie_word_embeddings", true) };
        return fields.Object("vision_config") is { } vision
            ? model with { VisionParameters = Gemma4Tower(vision, model.HiddenSize) }
            : model;
    }

    public static ModelArchitecture Gemma4Text(ConfigFields text)
    {
        foreach (string field in (string[])["hidden_size_per_layer_input", "num_kv_shared_layers"])
        {
            if (text.Count(field) > 0)
            {
                throw text.Contradiction($"'{field}' is not 0, and what it adds to a layer is not known in this family.");
            }
        }

        int hidden = text.Width("hidden_size");
        int heads = text.Width("num_attention_heads"), keyValueHeads = text.Width("num_key_value_heads");
        int headDimension = text.Width("head_dim");
        bool bias = text.Flag("attention_bias", false);
        GroupedAttention windowed = Decoder.Attention(text, hidden, heads, keyValueHeads, headDimension) with
        {
            HasQueryBias = bias,
            HasKeyValueBias = bias,
            HasOutputBias = bias,
            QueryKeyNorm = QueryKeyNorm.Head,
            Window = text.Width("sliding_window"),
        };
        bool keysAsValues = text.Flag("attention_k_eq_v", false);
        GroupedAttention full = windowed with
        {
            Window = null,
            HeadDimension = text.Width("global_head_dim", headDimension),
            KeyValueHeadCount = keysAsValues
                ? text.Width("num_global_key_value_heads", keyValueHeads)
                : keyValueHeads,
            HasKeysAsValues = keysAsValues,
        };
        if (heads % full.KeyValueHeadCount != 0)
        {
            throw text.Contradiction(
                $"{heads} attention heads cannot be shared evenly by {full.KeyValueHeadCount} global key/value heads.");
        }

        int width = text.Width("intermediate_size");
        bool hasExperts = text.Flag("enable_moe_block", false);
        FeedForwardSpec feedForward = hasExperts
            ? MixtureFamily.Experts(text, "num_experts", text.Width("moe_intermediate_size"), "top_k_experts") with
            {
                SharedIntermediateSize = width,
                HasRouterBias = true,
            }
            : new DenseMlp { IntermediateSize = width, IsGated = true };
        int layers = text.Layers("num_hidden_layers");
        if (text.Texts("layer_types") is null)
        {
            throw text.Contradiction("the field 'layer_types' is missing.");
        }

        Func<int, bool> sliding = ModelFamilies.SlidingLayers(text, layers, _ => false);

        // Beside the four norms of a layer, three around the experts, and the scale of the router's input.
        long norms = (hasExperts ? 8L : 4L) * hidden;
        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = text.Length("vocab_size"),
            ContextLength = text.Length("max_position_embeddings"),
            Layers = ModelFamilies.Layers(layers, i => new LayerSpec(sliding(i) ? windowed : full, feedForward, norms)),
            HasTiedHead = text.Flag("tie_word_embeddings", true),
            OuterNormParameters = hidden,
        };
    }

    /// <summary>Five layers with a window, then one without.</summary>
    private static ModelArchitecture Gemma3(ConfigFields fields, long visionParameters)
    {
        int pattern = fields.Width("sliding_window_pattern", 6);
        return Build(fields, defaultContext: 131072, hasQueryKeyNorm: true, defaultWindow: 4096,
            i => (i + 1) % pattern != 0, visionParameters, new Defaults(2304, 9216, 26, 8, 4, 262208));
    }

    private static ModelArchitecture Build(
        ConfigFields fields,
        int defaultContext,
        bool hasQueryKeyNorm,
        int defaultWindow,
        Func<int, bool> slidingByDefault,
        long visionParameters,
        Defaults defaults)
    {
        int hidden = WidthOr(fields, "hidden_size", defaults.HiddenSize);
        int layerCount = fields.Layers("num_hidden_layers", defaults.LayerCount == 0 ? null : defaults.LayerCount);
        int headDimension = fields.Width("head_dim", 256);
        int heads = WidthOr(fields, "num_attention_heads", defaults.HeadCount);
        int keyValueHeads = WidthOr(fields, "num_key_value_heads", defaults.KeyValueHeadCount);
        bool bias = fields.Flag("attention_bias", false);
        GroupedAttention full = Decoder.Attention(fields, hidden, heads, keyValueHeads, headDimension) with
        {
            HasQueryBias = bias,
            HasKeyValueBias = bias,
            HasOutputBias = bias,
            QueryKeyNorm = hasQueryKeyNorm ? QueryKeyNorm.Head : QueryKeyNorm.None,
        };
        GroupedAttention windowed = full with { Window = fields.Width("sliding_window", defaultWindow) };
        DenseMlp mlp = new()
        {
            IntermediateSize = WidthOr(fields, "intermediate_size", defaults.IntermediateSize),
            IsGated = true,
        };
        Func<int, bool> sliding = ModelFamilies.SlidingLayers(fields, layerCount, slidingByDefault);

        return new ModelArchitecture
        {
            HiddenSize = hidden,
            VocabularySize = fields.Length("vocab_size", defaults.VocabularySize == 0 ? null : defaults.VocabularySize),
            ContextLength = fields.Length("max_position_embeddings", defaultContext),
            Layers = ModelFamilies.Layers(
                layerCount, i => new LayerSpec(sliding(i) ? windowed : full, mlp, 4L * hidden)),
            HasTiedHead = fields.Flag("tie_word_embeddings", true),
            OuterNormParameters = hidden,
            VisionParameters = visionParameters,
        };
    }

    /// <summary>
    /// A SigLIP tower (Zhai et al. 2023) without pooling head: patch projection, learned positions, pre-norm layers with
    /// biases, a final norm.
    /// </summary>
    private static long SiglipParameters(ConfigFields vision)
    {
        long hidden = vision.Width("hidden_size");
        long intermediate = vision.Width("intermediate_size");
        long patch = vision.Width("patch_size");
        long side = vision.Width("image_size") / patch;
        long channels = vision.Width("num_channels", 3);
        long layer = (4 * (hidden + 1) * hidden) + (2 * hidden * intermediate) + intermediate + hidden + (4 * hidden);
        return (((channels * patch * patch) + 1) * hidden)
            + (side * side * hidden)
            + (vision.Layers("num_hidden_layers") * layer)
            + (2 * hidden);
    }

    /// <summary>Gated MLPs, four norms a layer, norms on queries and keys, and two tables of positions.</summary>
    private static long Gemma4Tower(ConfigFields vision, long textHidden)
    {
        long hidden = vision.Width("hidden_size"), intermediate = vision.Width("intermediate_size");
        long patch = vision.Width("patch_size"), headDimension = vision.Width("head_dim");
        long queries = vision.Width("num_attention_heads") * headDimension;
        long keys = vision.Width("num_key_value_heads") * headDimension;
        long layer = (2 * hidden * queries) + (2 * hidden * keys) + (2 * headDimension)
            + (3 * hidden * intermediate) + (4 * hidden);
        return (3 * patch * patch * hidden) + (2L * vision.Width("position_embedding_size") * hidden)
            + (vision.Layers("num_hidden_layers") * layer)
            + (hidden * textHidden);
    }

    private static VisionInput SquareImage(int tokens, long side) => new(tokens, tokens, 3 * side * side);

    private static long ProjectorParameters(ConfigFields vision, ConfigFields text)
    {
        long hidden = vision.Width("hidden_size");
        return (hidden * text.Width("hidden_size")) + hidden;
    }

    private static int WidthOr(ConfigFields fields, string name, int otherwise) =>
        otherwise == 0 ? fields.Width(name) : fields.Width(name, otherwise);

    /// <summary>What the class gives for absent fields; 0 where the field must be there.</summary>
    private readonly record struct Defaults(
        int HiddenSize,
        int IntermediateSize,
        int LayerCount,
        int HeadCount,
        int KeyValueHeadCount,
        int VocabularySize);
}
