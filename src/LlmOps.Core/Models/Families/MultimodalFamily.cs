namespace LlmOps.Core.Models.Families;

/// <summary>Text models behind a vision tower; the tower and its projector are counted apart.</summary>
internal static class MultimodalFamily
{
    /// <summary>The largest image that Qwen's processors let through: 65,536 patches of 2 x 14 x 14 x 3, merged by four.</summary>
    private static readonly VisionInput s_qwenImage = new(16_384, 16_384, 65_536L * 1176);

    /// <summary>Qwen2.5-VL: text fields at the top or in <c>text_config</c>, a tower with gated MLPs.</summary>
    public static ModelArchitecture Qwen25Vl(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        long vision = fields.Object("vision_config") is { } tower ? Qwen25Tower(tower, text.Width("hidden_size")) : 0;
        return LlamaFamily.Qwen2(text) with
        {
            VisionParameters = vision,
            VisionInput = vision == 0 ? null : s_qwenImage,
            HasTiedHead = IsTied(fields, text),
        };
    }

    public static ModelArchitecture Qwen3Vl(ConfigFields fields) => WithQwen3Tower(fields, LlamaFamily.Qwen3);

    public static ModelArchitecture Qwen3VlMoe(ConfigFields fields) => WithQwen3Tower(fields, MixtureFamily.Qwen3);

    /// <summary>Qwen3.5, dense and with experts.</summary>
    public static ModelArchitecture Qwen35(ConfigFields fields) => WithQwen3Tower(fields, HybridFamily.QwenNext);

    /// <summary>
    /// Llama 4: attention in chunks on three of four layers, experts on each or every second layer, one of them shared.
    /// </summary>
    public static ModelArchitecture Llama4(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        DecoderTraits traits = new() { DefaultContext = 131072 };
        GroupedAttention full = Decoder.Attention(text, traits);
        GroupedAttention chunked = full with { Window = text.Width("attention_chunk_size", 8192) };
        int width = text.Width("intermediate_size");
        MixtureOfExperts experts = MixtureFamily.Experts(text, "num_local_experts", width) with
        {
            SharedIntermediateSize = width,
        };
        DenseMlp dense = new() { IntermediateSize = text.Width("intermediate_size_mlp", width), IsGated = true };
        int step = text.Width("interleave_moe_layer_step", 1);
        int interval = text.Width("no_rope_layer_interval", 4);
        int layers = text.Layers("num_hidden_layers");
        Func<int, bool> isChunked = ModelFamilies.LayersOfType(
            text, layers, "chunked_attention", "full_attention", i => (i + 1) % interval != 0);
        return Decoder.Build(
            text, traits, i => isChunked(i) ? chunked : full, i => (i + 1) % step == 0 ? experts : dense) with
        {
            HasTiedHead = fields.Flag("tie_word_embeddings", false),
            VisionParameters = text.Equals(fields) ? 0 : Llama4Tower(fields.Object("vision_config"), text.Width("hidden_size")),
        };
    }

    /// <summary>Kimi-VL and Kimi K2.5: DeepSeek-V3's layers behind a MoonViT tower.</summary>
    public static ModelArchitecture Kimi(ConfigFields fields)
    {
        ConfigFields text = Text(fields);
        ModelArchitecture model = DeepSeekFamily.Build(text);
        return fields.Object("vision_config") is { } tower
            ? model with { VisionParameters = MoonTower(tower, model.HiddenSize) }
            : model;
    }

    /// <summary>Qwen2-VL: text fields at the top, a tower with plain MLPs.</summary>
    public static ModelArchitecture Qwen2Vl(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        long vision = fields.Object("vision_config") is { } tower ? Qwen2Tower(tower, text.Width("hidden_size")) : 0;
        return LlamaFamily.Qwen2(text) with
        {
            VisionParameters = vision,
            VisionInput = vision == 0 ? null : s_qwenImage,
            HasTiedHead = IsTied(fields, text),
        };
    }

    /// <summary>Mistral Small 3.1 and later: Mistral behind a Pixtral tower.</summary>
    public static ModelArchitecture Mistral3(ConfigFields fields)
    {
        ConfigFields text = Text(fields);
        string family = text.Text("model_type") ?? "mistral";
        if (family != "mistral")
        {
            throw fields.Contradiction($"'text_config' is of the family '{family}'; this family has mistral there.");
        }

        ModelArchitecture model = LlamaFamily.Mistral(text) with { HasTiedHead = IsTied(fields, text) };
        return fields.Object("vision_config") is { } tower
            ? model with
            {
                VisionParameters = PixtralTower(tower) + Mistral3Projector(fields, tower, model.HiddenSize),
                VisionInput = PixtralImage(fields, tower),
            }
            : model;
    }

    /// <summary>Patches merged two by two, and a token after each row of them (vLLM 0.19, models/pixtral.py).</summary>
    private static VisionInput PixtralImage(ConfigFields fields, ConfigFields tower)
    {
        long side = tower.Width("image_size", 1540);
        long rows = side / ((long)tower.Width("patch_size", 16) * fields.Width("spatial_merge_size", 2));
        return new VisionInput(
            (int)Math.Min(int.MaxValue, (rows * rows) + rows), (int)Math.Min(int.MaxValue, rows * rows), 3 * side * side);
    }

    private static ModelArchitecture WithQwen3Tower(ConfigFields fields, Func<ConfigFields, ModelArchitecture> build)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        return build(text) with
        {
            HasTiedHead = IsTied(fields, text),
            VisionParameters = fields.Object("vision_config") is { } tower ? Qwen3Tower(tower) : 0,
            VisionInput = fields.Has("vision_config") ? s_qwenImage : null,
        };
    }

    private static ConfigFields Text(ConfigFields fields) =>
        fields.Object("text_config") ?? throw fields.Contradiction("the field 'text_config' is missing.");

    /// <summary>The outer configuration decides; where it says nothing, the inner one.</summary>
    private static bool IsTied(ConfigFields fields, ConfigFields text) =>
        fields.Flag("tie_word_embeddings", text.Flag("tie_word_embeddings", false));

    /// <summary>MoonViT (code beside the weights), under the field names of Kimi-VL or those of Kimi K2.5.</summary>
    private static long MoonTower(ConfigFields tower, long textHidden)
    {
        string prefix = tower.OptionalWidth("vt_hidden_size") is null ? "" : "vt_";
        long hidden = tower.Width(prefix + "hidden_size"), intermediate = tower.Width(prefix + "intermediate_size");
        long patch = tower.Width("patch_size", 14);
        IReadOnlyList<int> kernel = tower.Integers("merge_kernel_size") ?? [2, 2];
        long merged = kernel.Aggregate(hidden, (width, side) => width * side);
        long layer = (4 * hidden) + (4 * hidden * hidden) + (4 * hidden) + (2 * hidden * intermediate) + intermediate + hidden;
        return (3 * patch * patch * hidden) + hidden
            + ((long)tower.Width("init_pos_emb_height", 64) * tower.Width("init_pos_emb_width", 64) * hidden)
            + (tower.Layers(prefix + "num_hidden_layers") * layer) + (2 * hidden)
            + (2 * hidden) + (merged * merged) + merged + (merged * textHidden) + textHidden;
    }

    private static long Qwen2Tower(ConfigFields tower, long textHidden)
    {
        long hidden = tower.Width("embed_dim"), intermediate = hidden * tower.Width("mlp_ratio", 4);
        long side = tower.Width("spatial_merge_size", 2);
        long merged = side * side * hidden;
        long patch = (long)tower.Width("patch_size", 14) * tower.Width("patch_size", 14)
            * tower.Width("temporal_patch_size", 2) * tower.Width("in_channels", tower.Width("in_chans", 3));
        long layer = (4 * hidden * hidden) + (4 * hidden) + (2 * hidden * intermediate) + intermediate + hidden + (4 * hidden);
        long output = tower.Width("hidden_size", (int)textHidden);
        return (patch * hidden) + (tower.Layers("depth") * layer)
            + (2 * hidden) + (merged * merged) + merged + (merged * output) + output;
    }

    /// <summary>Gated MLPs, no biases, one norm before the layers and two in each.</summary>
    private static long PixtralTower(ConfigFields tower)
    {
        long hidden = tower.Width("hidden_size"), intermediate = tower.Width("intermediate_size");
        long patch = tower.Width("patch_size", 16);
        return (tower.Width("num_channels", 3) * patch * patch * hidden) + hidden
            + (tower.Layers("num_hidden_layers") * ((4 * hidden * hidden) + (3 * hidden * intermediate) + (2 * hidden)));
    }

    /// <summary>A norm, a merger of neighbouring patches, and two layers into the text model.</summary>
    private static long Mistral3Projector(ConfigFields fields, ConfigFields tower, long textHidden)
    {
        long hidden = tower.Width("hidden_size"), side = fields.Width("spatial_merge_size", 2);
        long bias = fields.Flag("multimodal_projector_bias", false) ? 2 * textHidden : 0;
        return hidden + (side * side * hidden * hidden) + (hidden * textHidden) + (textHidden * textHidden) + bias;
    }

    private static long Qwen25Tower(ConfigFields tower, long textHidden)
    {
        long hidden = tower.Width("hidden_size"), intermediate = tower.Width("intermediate_size");
        long merged = (long)tower.Width("spatial_merge_size", 2) * tower.Width("spatial_merge_size", 2) * hidden;
        long patch = (long)tower.Width("patch_size", 14) * tower.Width("patch_size", 14)
            * tower.Width("temporal_patch_size", 2) * tower.Width("in_chans", 3);
        long layer = (4 * hidden * hidden) + (4 * hidden) + (3 * hidden * intermediate) + (2 * intermediate) + hidden
            + (2 * hidden);
        long output = tower.Width("out_hidden_size", (int)textHidden);
        return (patch * hidden) + (tower.Layers("depth") * layer)
            + hidden + (merged * merged) + merged + (merged * output) + output;
    }

    private static long Qwen3Tower(ConfigFields tower)
    {
        long hidden = tower.Width("hidden_size"), intermediate = tower.Width("intermediate_size");
        long side = tower.Width("spatial_merge_size", 2);
        long merged = side * side * hidden;
        long patch = (long)tower.Width("patch_size", 16) * tower.Width("patch_size", 16)
            * tower.Width("temporal_patch_size", 2) * tower.Width("in_channels", 3);
        long layer = (4 * hidden * hidden) + (4 * hidden) + (2 * hidden * intermediate) + intermediate + hidden
            + (4 * hidden);
        long output = tower.Width("out_hidden_size");
        long merger = (merged * merged) + merged + (merged * output) + output;
        int deepStack = tower.LayerNumbers("deepstack_visual_indexes").Count;
        return (patch * hidden) + hidden + ((long)tower.Width("num_position_embeddings") * hidden)
            + (tower.Layers("depth") * layer)
            + (2 * hidden) + merger + (deepStack * ((2 * merged) + merger));
    }

    /// <summary>Defaults are those of <c>Llama4VisionConfig</c>, on which the published configurations rely.</summary>
    private static long Llama4Tower(ConfigFields? configured, long textHidden)
    {
        long Size(string name, int otherwise) => configured?.Width(name, otherwise) ?? otherwise;
        long hidden = Size("hidden_size", 1408), intermediate = Size("intermediate_size", 5632);
        long patch = Size("patch_size", 14), side = Size("image_size", 336) / patch;
        long layer = (4 * ((hidden * hidden) + hidden)) + (2 * hidden * intermediate) + intermediate + hidden + (4 * hidden);
        long projectorInput = Size("projector_input_dim", 4096), projectorOutput = Size("projector_output_dim", 4096);
        return (3 * patch * patch * hidden) + hidden + (((side * side) + 1) * hidden) + (4 * hidden)
            + (Size("num_hidden_layers", 34) * layer)
            + (intermediate * projectorInput) + (projectorOutput * projectorOutput)
            + (Size("vision_output_dim", 4096) * textHidden);
    }
}
