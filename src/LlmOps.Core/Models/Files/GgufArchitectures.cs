using System.Collections.Frozen;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// What llama.cpp's name of an architecture says that neither metadata nor tensors do; for a file without tensors, also
/// what its layers are made of.
/// </summary>
/// <param name="Family">The family as configurations name it.</param>
internal sealed record GgufArchitecture(string Family)
{
    public bool IsGated { get; init; } = true;

    public bool QueryKeyValueBias { get; init; }

    public bool OutputBias { get; init; }

    public bool MlpBias { get; init; }

    public QueryKeyNorm QueryKeyNorm { get; init; }

    /// <summary>Norm parameters of a layer in units of the hidden size.</summary>
    public int LayerNormVectors { get; init; } = 2;

    public int OuterNormVectors { get; init; } = 1;

    /// <summary>The head is the embedding matrix in every published model, whatever the file holds.</summary>
    public bool IsAlwaysTied { get; init; }

    /// <summary>What is assumed of a file without tensors, where some published models are tied and some not.</summary>
    public bool IsTiedByDefault { get; init; }

    public bool HasHeadBias { get; init; }

    public bool HasLearnedPositions { get; init; }

    public bool HasSinks { get; init; }

    public bool HasRouterBias { get; init; }

    /// <summary>Of so many layers in a row the last has no window, and the others do; 0 where all have it.</summary>
    public int WindowPattern { get; init; }

    /// <summary>State-space layers, whose sizes only the tensors say.</summary>
    public bool NeedsTensors { get; init; }
}

/// <summary>The architectures that are read, by the names that llama.cpp gives them (src/llama-arch.cpp).</summary>
internal static class GgufArchitectures
{
    private static readonly GgufArchitecture s_plain = new("")
    {
        IsGated = false,
        QueryKeyValueBias = true,
        OutputBias = true,
        MlpBias = true,
        LayerNormVectors = 4,
        OuterNormVectors = 2,
    };

    private static readonly FrozenDictionary<string, GgufArchitecture> s_known = new Dictionary<string, GgufArchitecture>
    {
        ["llama"] = new("llama"),
        ["mistral3"] = new("mistral"),
        ["deci"] = new("nemotron-nas"),
        ["baichuan"] = new("baichuan"),
        ["internlm2"] = new("internlm2"),
        ["minicpm"] = new("minicpm"),
        ["xverse"] = new("xverse"),
        ["exaone"] = new("exaone"),
        ["exaone4"] = new("exaone4") { QueryKeyNorm = QueryKeyNorm.Head, WindowPattern = 4 },
        ["granite"] = new("granite"),
        ["granitemoe"] = new("granitemoe"),
        ["smollm3"] = new("smollm3"),
        ["refact"] = new("refact"),
        ["seed_oss"] = new("seed_oss") { QueryKeyValueBias = true },
        ["qwen2"] = new("qwen2") { QueryKeyValueBias = true },
        ["qwen2vl"] = new("qwen2_vl") { QueryKeyValueBias = true },
        ["qwen2moe"] = new("qwen2_moe") { QueryKeyValueBias = true },
        ["qwen3"] = new("qwen3") { QueryKeyNorm = QueryKeyNorm.Head },
        ["qwen3vl"] = new("qwen3_vl") { QueryKeyNorm = QueryKeyNorm.Head },
        ["qwen3moe"] = new("qwen3_moe") { QueryKeyNorm = QueryKeyNorm.Head },
        ["qwen3vlmoe"] = new("qwen3_vl_moe") { QueryKeyNorm = QueryKeyNorm.Head },
        ["gemma"] = new("gemma") { IsAlwaysTied = true },
        ["gemma2"] = new("gemma2") { IsAlwaysTied = true, LayerNormVectors = 4, WindowPattern = 2 },
        ["gemma3"] = new("gemma3")
        {
            IsAlwaysTied = true, LayerNormVectors = 4, WindowPattern = 6, QueryKeyNorm = QueryKeyNorm.Head,
        },
        ["phi2"] = s_plain with { Family = "phi", LayerNormVectors = 2, HasHeadBias = true },
        ["phi3"] = new("phi3"),
        ["phimoe"] = new("phimoe")
        {
            QueryKeyValueBias = true, OutputBias = true, LayerNormVectors = 4, OuterNormVectors = 2, HasHeadBias = true,
        },
        ["gpt2"] = s_plain with { Family = "gpt2", IsAlwaysTied = true, HasLearnedPositions = true },
        ["gptj"] = new("gptj")
        {
            IsGated = false, MlpBias = true, LayerNormVectors = 2, OuterNormVectors = 2, HasHeadBias = true,
        },
        ["gptneox"] = s_plain with { Family = "gpt_neox" },
        ["bloom"] = s_plain with { Family = "bloom", IsAlwaysTied = true, OuterNormVectors = 4 },
        ["starcoder"] = s_plain with { Family = "gpt_bigcode", IsAlwaysTied = true, HasLearnedPositions = true },
        ["starcoder2"] = s_plain with { Family = "starcoder2", IsTiedByDefault = true },
        ["mpt"] = new("mpt") { IsGated = false, IsAlwaysTied = true },

        // 7B has one norm a layer, the larger ones two; see GgufLayers.
        ["falcon"] = new("falcon") { IsGated = false, IsAlwaysTied = true, LayerNormVectors = 4, OuterNormVectors = 2 },
        ["command-r"] = new("cohere") { IsAlwaysTied = true, LayerNormVectors = 1 },
        ["cohere2"] = new("cohere2") { IsAlwaysTied = true, LayerNormVectors = 1, WindowPattern = 4 },
        ["olmo"] = new("olmo") { LayerNormVectors = 0, OuterNormVectors = 0 },
        ["olmo2"] = new("olmo2") { QueryKeyNorm = QueryKeyNorm.AllHeads, WindowPattern = 4 },
        ["olmoe"] = new("olmoe") { QueryKeyNorm = QueryKeyNorm.AllHeads },
        ["dbrx"] = new("dbrx"),
        ["deepseek"] = new("deepseek"),
        ["deepseek2"] = new("deepseek_v3") { HasRouterBias = true },
        ["glm4"] = new("glm4") { QueryKeyValueBias = true, LayerNormVectors = 4 },
        ["glm4moe"] = new("glm4_moe") { QueryKeyValueBias = true, HasRouterBias = true },
        ["gpt-oss"] = new("gpt_oss")
        {
            QueryKeyValueBias = true, OutputBias = true, MlpBias = true, HasSinks = true, HasRouterBias = true, WindowPattern = 2,
        },
        ["minimax-m2"] = new("minimax_m2") { QueryKeyNorm = QueryKeyNorm.AllHeads, HasRouterBias = true },
        ["mamba"] = new("mamba") { NeedsTensors = true },
        ["mamba2"] = new("mamba2") { NeedsTensors = true },
        ["jamba"] = new("jamba") { NeedsTensors = true },
        ["nemotron_h"] = new("nemotron_h") { NeedsTensors = true },
    }.ToFrozenDictionary();

    /// <exception cref="LlmOpsException">The architecture is not known.</exception>
    public static GgufArchitecture Get(string name, string origin)
    {
        if (s_known.TryGetValue(name, out GgufArchitecture? known))
        {
            return known;
        }

        string? nearest = NameMatcher.Nearest(name, s_known.Keys);
        string hint = nearest is null ? "" : $" The nearest known architecture is '{nearest}'.";
        throw new LlmOpsException("ModelFamilyNotSupported", ErrorKind.NotSupported,
            $"{FileErrors.Shown(origin)}: the architecture '{FileErrors.Shown(name)}' is not known.{hint} Known are "
            + $"{string.Join(", ", s_known.Keys.Order(StringComparer.Ordinal))}.", name);
    }
}
