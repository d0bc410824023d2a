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
            ["phi3"] = LlamaFamily.Phi3,
            ["mixtral"] = MixtureFamily.Mixtral,
            ["qwen3_moe"] = MixtureFamily.Qwen3,
            ["gpt_oss"] = MixtureFamily.GptOss,
            ["deepseek_v2"] = DeepSeekFamily.Build,
            ["deepseek_v3"] = DeepSeekFamily.Build,
            ["gemma2"] = GemmaFamily.Gemma2,
            ["gemma3_text"] = GemmaFamily.Gemma3Text,
            ["gemma3"] = GemmaFamily.Gemma3,
            ["opt"] = OptFamily.Build,
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

    /// <exception cref="LlmOpsException">Query heads cannot be grouped evenly over the KV heads.</exception>
    public static void CheckHeads(ConfigFields fields, int heads, int keyValueHeads)
    {
        if (heads % keyValueHeads != 0)
        {
            throw fields.Contradiction(
                $"{heads} attention heads cannot be shared evenly by {keyValueHeads} key/value heads.");
        }
    }

    /// <summary>
    /// Which layers look back on a window only: the configuration's own <c>layer_types</c> where it has them, else
    /// <paramref name="otherwise"/>, the rule of the family's class.
    /// </summary>
    public static Func<int, bool> SlidingLayers(ConfigFields fields, int layerCount, Func<int, bool> otherwise)
    {
        if (fields.Texts("layer_types") is not { } types)
        {
            return otherwise;
        }

        if (types.Count != layerCount)
        {
            throw fields.Contradiction($"'layer_types' has {types.Count} entries for {layerCount} layers.");
        }

        return i => types[i] switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            _ => throw fields.Contradiction($"the layer type '{types[i]}' is not known in this family."),
        };
    }
}
