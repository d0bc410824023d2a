using System.Collections.Immutable;

namespace LlmOps.Core.Models.Families;

/// <summary>Which family reads which <c>model_type</c>. A new family is one builder and its rows here.</summary>
internal static class ModelFamilies
{
    private static readonly Dictionary<string, Func<ConfigFields, ModelArchitecture>> s_builders =
        new(StringComparer.Ordinal)
        {
            ["llama"] = LlamaFamily.Llama,
            ["Yi"] = LlamaFamily.Llama,
            ["mistral"] = LlamaFamily.Mistral,
            ["qwen2"] = LlamaFamily.Qwen2,
            ["qwen3"] = LlamaFamily.Qwen3,
            ["mimo"] = LlamaFamily.MiMo,
            ["phi"] = LlamaFamily.Phi,
            ["phi3"] = LlamaFamily.Phi3,
            ["phi3small"] = LlamaFamily.Phi3Small,
            ["granite"] = LlamaFamily.Llama,
            ["smollm3"] = LlamaFamily.Llama,
            ["seed_oss"] = LlamaFamily.SeedOss,
            ["internlm2"] = LlamaFamily.InternLm2,
            ["internlm"] = LlamaFamily.InternLm2,
            ["internlm3"] = LlamaFamily.InternLm3,
            ["baichuan"] = LlamaFamily.Baichuan,
            ["olmo"] = LlamaFamily.Olmo,
            ["olmo2"] = LlamaFamily.Olmo2,
            ["olmo3"] = LlamaFamily.Olmo3,
            ["cohere"] = LlamaFamily.Cohere,
            ["cohere2"] = LlamaFamily.Cohere2,
            ["exaone"] = GptFamily.Exaone,
            ["exaone4"] = LlamaFamily.Exaone4,
            ["glm4"] = LlamaFamily.Glm4,
            ["glm"] = LlamaFamily.Glm,
            ["hunyuan_v1_dense"] = LlamaFamily.HunyuanDense,
            ["ernie4_5"] = LlamaFamily.Ernie,
            ["starcoder2"] = LlamaFamily.StarCoder2,
            ["nemotron"] = LlamaFamily.Nemotron,
            ["stablelm"] = LlamaFamily.StableLm,
            ["gpt_neox"] = LlamaFamily.GptNeoX,
            ["gemma"] = GemmaFamily.Gemma,
            ["gemma2"] = GemmaFamily.Gemma2,
            ["gemma3_text"] = GemmaFamily.Gemma3Text,
            ["gemma3"] = GemmaFamily.Gemma3,
            ["gemma4"] = GemmaFamily.Gemma4,
            ["gemma4_text"] = GemmaFamily.Gemma4Text,
            ["opt"] = OptFamily.Build,
            ["gpt2"] = GptFamily.Gpt2,
            ["gpt_bigcode"] = GptFamily.GptBigCode,
            ["gptj"] = GptFamily.GptJ,
            ["bloom"] = GptFamily.Bloom,
            ["falcon"] = GptFamily.Falcon,
            ["mpt"] = GptFamily.Mpt,
            ["chatglm"] = GptFamily.ChatGlm,
            ["mixtral"] = MixtureFamily.Mixtral,
            ["phimoe"] = MixtureFamily.PhiMoe,
            ["qwen2_moe"] = MixtureFamily.Qwen2,
            ["qwen3_moe"] = MixtureFamily.Qwen3,
            ["gpt_oss"] = MixtureFamily.GptOss,
            ["dbrx"] = MixtureFamily.Dbrx,
            ["minimax_m2"] = MixtureFamily.MiniMaxM2,
            ["minimax_text_01"] = MixtureFamily.MiniMaxText,
            ["minimax"] = MixtureFamily.MiniMaxText,
            ["minimax_m1"] = MixtureFamily.MiniMaxText,
            ["olmoe"] = MixtureFamily.Olmoe,
            ["granitemoe"] = MixtureFamily.Granite,
            ["ernie4_5_moe"] = MixtureFamily.Ernie,
            ["hunyuan"] = MixtureFamily.Hunyuan,
            ["hunyuan_v1_moe"] = MixtureFamily.Hunyuan,
            ["deepseek"] = DeepSeekFamily.Build,
            ["deepseek_v2"] = DeepSeekFamily.Build,
            ["deepseek_v3"] = DeepSeekFamily.Build,
            ["deepseek_v32"] = DeepSeekFamily.Build,
            ["kimi_k2"] = DeepSeekFamily.Build,
            ["glm4_moe"] = DeepSeekFamily.Build,
            ["glm4_moe_lite"] = DeepSeekFamily.Build,
            ["glm_moe_dsa"] = DeepSeekFamily.Build,
            ["kimi_k25"] = MultimodalFamily.Kimi,
            ["kimi_vl"] = MultimodalFamily.Kimi,
            ["mistral3"] = MultimodalFamily.Mistral3,
            ["llama4"] = MultimodalFamily.Llama4,
            ["llama4_text"] = MultimodalFamily.Llama4,
            ["qwen2_5_vl"] = MultimodalFamily.Qwen25Vl,
            ["qwen2_vl"] = MultimodalFamily.Qwen2Vl,
            ["qwen2_vl_text"] = LlamaFamily.Qwen2,
            ["qwen2_5_vl_text"] = LlamaFamily.Qwen2,
            ["qwen3_vl"] = MultimodalFamily.Qwen3Vl,
            ["qwen3_vl_text"] = LlamaFamily.Qwen3,
            ["qwen3_vl_moe"] = MultimodalFamily.Qwen3VlMoe,
            ["qwen3_vl_moe_text"] = MixtureFamily.Qwen3,
            ["qwen3_next"] = HybridFamily.QwenNext,
            ["qwen3_5_text"] = HybridFamily.QwenNext,
            ["qwen3_5_moe_text"] = HybridFamily.QwenNext,
            ["qwen3_5"] = MultimodalFamily.Qwen35,
            ["qwen3_5_moe"] = MultimodalFamily.Qwen35,
            ["mamba"] = HybridFamily.Mamba,
            ["falcon_mamba"] = HybridFamily.Mamba,
            ["mamba2"] = HybridFamily.Mamba2,
            ["jamba"] = HybridFamily.Jamba,
            ["granitemoehybrid"] = HybridFamily.GraniteHybrid,
            ["bamba"] = HybridFamily.Bamba,
            ["nemotron_h"] = HybridFamily.NemotronH,
            ["nemotron-nas"] = HybridFamily.NemotronNas,
        };

    /// <param name="family">The <c>model_type</c>.</param>
    /// <param name="fields">The configuration.</param>
    /// <param name="notes">Takes what was assumed where the family is not known and was derived; else nothing.</param>
    /// <exception cref="LlmOpsException">The fields make no architecture of the family, or do not suffice to derive one.</exception>
    public static ModelArchitecture Build(string family, ConfigFields fields, List<string> notes)
    {
        if (s_builders.TryGetValue(family, out Func<ConfigFields, ModelArchitecture>? build))
        {
            ModelArchitecture known = build(fields);
            return known with { RotaryTables = RotaryFields.Read(family, fields, known) };
        }

        string? nearest = NameMatcher.Nearest(family, s_builders.Keys);
        string hint = nearest is null ? "" : $" The nearest known family is '{nearest}'.";
        ModelArchitecture derived = UnknownFamily.Build(family, fields, hint, notes);
        return derived with { RotaryTables = RotaryFields.Read(family, fields, derived) };
    }

    /// <summary>Layers made one by one; equal neighbours share an instance, so that comparisons are by reference first.</summary>
    public static ImmutableArray<LayerSpec> Layers(int count, Func<int, LayerSpec> make)
    {
        // Nearly all models have few kinds of layers, which are compared faster than hashed; pruned ones have many.
        const int few = 8;
        List<LayerSpec> kinds = [];
        Dictionary<LayerSpec, LayerSpec>? manyKinds = null;
        var layers = ImmutableArray.CreateBuilder<LayerSpec>(count);
        for (int i = 0; i < count; i++)
        {
            LayerSpec layer = make(i);
            LayerSpec? shared = null;
            if (manyKinds is not null)
            {
                manyKinds.TryGetValue(layer, out shared);
            }
            else
            {
                shared = kinds.Find(layer.Equals);
            }

            if (shared is null)
            {
                kinds.Add(shared = layer);
                manyKinds?.Add(layer, layer);
                if (kinds.Count == few)
                {
                    manyKinds = kinds.ToDictionary(kind => kind);
                }
            }

            layers.Add(shared);
        }

        return layers.MoveToImmutable();
    }

    /// <summary>Which layers look back on a window only.</summary>
    public static Func<int, bool> SlidingLayers(ConfigFields fields, int layerCount, Func<int, bool> otherwise) =>
        LayersOfType(fields, layerCount, "sliding_attention", "full_attention", otherwise);

    /// <summary>
    /// Which layers are of one type and not of the other: the configuration's own <c>layer_types</c> where it has them,
    /// else <paramref name="otherwise"/>, the rule of the family's class.
    /// </summary>
    public static Func<int, bool> LayersOfType(
        ConfigFields fields, int layerCount, string type, string otherType, Func<int, bool> otherwise)
    {
        if (fields.Texts("layer_types") is not { } types)
        {
            return otherwise;
        }

        if (types.Count != layerCount)
        {
            throw fields.Contradiction($"'layer_types' has {types.Count} entries for {layerCount} layers.");
        }

        return i => types[i] == type
            || (types[i] == otherType
                ? false
                : throw fields.Contradiction(
                    $"the layer type '{types[i]}' is not known in this family; known are {type} and {otherType}."));
    }
}
