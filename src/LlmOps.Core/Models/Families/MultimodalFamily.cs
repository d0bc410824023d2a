namespace LlmOps.Core.Models.Families;

/// <summary>Text models behind a vision tower; the tower and its projector are counted apart.</summary>
internal static class MultimodalFamily
{
    /// <summary>Qwen2.5-VL: text fields at the top or in <c>text_config</c>, a tower with gated MLPs.</summary>
    public static ModelArchitecture Qwen25Vl(ConfigFields fields)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        long vision = fields.Object("vision_config") is { } tower ? Qwen25Tower(tower, text.Width("hidden_size")) : 0;
        return LlamaFamily.Qwen2(text) with { VisionParameters = vision, HasTiedHead = IsTied(fields, text) };
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

    /// <summary>Kimi K2.5: Kimi K2 behind a tower whose sizes its configuration does not give.</summary>
    public static ModelArchitecture KimiK25(ConfigFields fields) => DeepSeekFamily.Build(
        fields.Object("text_config") ?? throw fields.Contradiction("the field 'text_config' is missing."));

    private static ModelArchitecture WithQwen3Tower(ConfigFields fields, Func<ConfigFields, ModelArchitecture> build)
    {
        ConfigFields text = fields.Object("text_config") ?? fields;
        return build(text) with
        {
            HasTiedHead = IsTied(fields, text),
            VisionParameters = fields.Object("vision_config") is { } tower ? Qwen3Tower(tower) : 0,
        };
    }

    /// <summary>The outer configuration decides; where it says nothing, the inner one.</summary>
    private static bool IsTied(ConfigFields fields, ConfigFields text) =>
        fields.Flag("tie_word_embeddings", text.Flag("tie_word_embeddings", false));

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
