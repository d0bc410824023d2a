using System.Collections.Frozen;
using System.Collections.Immutable;

namespace LlmOps.Core.Models.Families;

/// <summary>Which family reads which <c>model_type</c>. A new family is one builder and its rows here.</summary>
internal static class ModelFamilies
{
    private static readonly FrozenDictionary<string, Func<ConfigFields, ModelArchitecture>> s_builders =
        new Dictionary<string, Func<ConfigFields, ModelArchitecture>>
        {
            ["llama"] = LlamaFamily.Llama,
            ["mistral"] = LlamaFamily.Mistral,
            ["qwen2"] = LlamaFamily.Qwen2,
            ["qwen3"] = LlamaFamily.Qwen3,
            ["mimo"] = LlamaFamily.MiMo,
            ["phi"] = LlamaFamily.Phi,
            ["phi3"] = LlamaFamily.Phi3,
            ["granite"] = LlamaFamily.Llama,
            ["smollm3"] = LlamaFamily.Llama,
            ["seed_oss"] = LlamaFamily.SeedOss,
            ["internlm2"] = LlamaFamily.InternLm2,
            ["baichuan"] = LlamaFamily.Baichuan,
            ["olmo"] = LlamaFamily.Olmo,
            ["olmo2"] = LlamaFamily.Olmo2,
            ["olmo3"] = LlamaFamily.Olmo3,
            ["cohere"] = LlamaFamily.Cohere,
            ["cohere2"] = LlamaFamily.Cohere2,
            ["exaone"] = GptFamily.Exaone,
            ["exaone4"] = LlamaFamily.Exaone4,
            ["glm4"] = LlamaFamily.Glm4,
            ["hunyuan_v1_dense"] = LlamaFamily.HunyuanDense,
            ["ernie4_5"] = LlamaFamily.Ernie,
            ["starcoder2"] = LlamaFamily.StarCoder2,
            ["gpt_neox"] = LlamaFamily.GptNeoX,
            ["gemma"] = GemmaFamily.Gemma,
            ["gemma2"] = GemmaFamily.Gemma2,
            ["gemma3_text"] = GemmaFamily.Gemma3Text,
            ["gemma3"] = GemmaFamily.Gemma3,
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
            ["glm_moe_dsa"] = DeepSeekFamily.Build,
            ["kimi_k25"] = MultimodalFamily.KimiK25,
            ["llama4"] = MultimodalFamily.Llama4,
            ["llama4_text"] = MultimodalFamily.Llama4,
            ["qwen2_5_vl"] = MultimodalFamily.Qwen25Vl,
            ["qwen3_vl"] = MultimodalFamily.Qwen3Vl,
            ["qwen3_vl_text"] = LlamaFamily.Qwen3,
            ["qwen3_vl_moe"] = MultimodalFamily.Qwen3VlMoe,
            ["qwen3_next"] = HybridFamily.QwenNext,
            ["qwen3_5"] = MultimodalFamily.Qwen35,
            ["qwen3_5_moe"] = MultimodalFamily.Qwen35,
            ["mamba"] = HybridFamily.Mamba,
            ["falcon_mamba"] = HybridFamily.Mamba,
            ["mamba2"] = HybridFamily.Mamba2,
            ["jamba"] = HybridFamily.Jamba,
            ["nemotron_h"] = HybridFamily.NemotronH,
            ["nemotron-nas"] = HybridFamily.NemotronNas,
        }.ToFrozenDictionary();

    /// <exception cref="LlmOpsException">The family is not known, or the fields make no architecture of it.</exception>
    public static ModelArchitecture Build(string family, ConfigFields fields, string origin)
    {
        if (s_builders.TryGetValue(family, out Func<ConfigFields, ModelArchitecture>? build))
        {
            return build(fields);
        }

        string? nearest = NameMatcher.Nearest(family, s_builders.Keys);
        string hint = nearest is null ? "" : $" The nearest known family is '{nearest}'.";
        string known = string.Join(", ", s_builders.Keys.Order(StringComparer.Ordinal));
        throw new LlmOpsException("ModelFamilyNotSupported", ErrorKind.NotSupported,
            $"{origin}: the family '{family}' is not known.{hint} Known are {known}.", family);
    }

    /// <summary>Layers made one by one; equal neighbours share an instance, so that comparisons are by reference first.</summary>
    public static ImmutableArray<LayerSpec> Layers(int count, Func<int, LayerSpec> make)
    {
        Dictionary<LayerSpec, LayerSpec> distinct = [];
        var layers = ImmutableArray.CreateBuilder<LayerSpec>(count);
        for (int i = 0; i < count; i++)
        {
            LayerSpec layer = make(i);
            if (!distinct.TryGetValue(layer, out LayerSpec? shared))
            {
                distinct.Add(layer, shared = layer);
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
