using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>What a matrix is for, as far as it decides which type llama-quantize stores it in.</summary>
internal enum GgufMatrix
{
    Other,
    TokenEmbedding,
    Output,
    Query,
    Key,
    Value,
    QueryKeyValue,
    AttentionOutput,
    Gate,
    Up,
    Down,
}

/// <summary>What the choice of types depends on beside the matrix.</summary>
/// <param name="LayerCount">Layers of the model.</param>
/// <param name="ExpertCount">Routed experts of a layer; 0 for a dense model.</param>
/// <param name="QueriesPerKeyValue">Query heads that share a KV head.</param>
internal readonly record struct GgufTraits(int LayerCount, int ExpertCount, int QueriesPerKeyValue)
{
    /// <summary>
    /// Whether the checkpoint has its routed experts in MXFP4 (gpt-oss). The conversion copies them as they are
    /// (conversion/gpt_oss.py at 2984e6e, since pull request 15091 of August 2025), and llama-quantize refuses to quantize them once
    /// more unless told to (--allow-requantize), so that files of all types have them: 58.3 to 60.9 GiB for gpt-oss-120b from Q2_K to F16.
    /// </summary>
    public bool KeepsExperts { get; init; }

    /// <summary>Llama-2-70B and its like, where one value projection serves eight heads.</summary>
    public bool IsSeventyBillion => LayerCount == 80 && QueriesPerKeyValue > 1;

    public static GgufTraits Of(LlmModel model) => new(
        model.LayerCount, model.ExpertCount, model.AttentionHeadCount / Math.Max(1, model.KeyValueHeadCount))
    {
        KeepsExperts = model.HasMxfp4Experts,
    };
}

/// <summary>
/// The tensor type of each matrix under a GGUF file type, as llama-quantize chooses it (src/llama-quant.cpp at c392e50). Files
/// below 4.5 bits are taken to be made with an importance matrix, as published ones are.
/// </summary>
internal sealed class GgufRecipe
{
    private static readonly Dictionary<string, GgufRecipe> s_byName = Build();

    private readonly string _name;
    private readonly GgmlType _usual;

    private GgufRecipe(string name, string usual)
    {
        _name = name;
        _usual = Type(usual);
    }

    /// <summary>Names of the quantizations that a GGUF file can have.</summary>
    public static IEnumerable<string> Names => s_byName.Keys;

    /// <summary>Null where no GGUF file has that quantization.</summary>
    public static GgufRecipe? Find(Quantization quantization) => s_byName.GetValueOrDefault(quantization.Name);

    /// <summary>The type of a matrix, with what takes its place where its rows are no whole number of blocks.</summary>
    public GgmlType TypeOf(GgufMatrix matrix, bool isExpert, int layer, long columns, in GgufTraits traits)
    {
        if (isExpert && traits.KeepsExperts)
        {
            return Type("MXFP4");
        }

        if (_usual.BlockSize == 1)
        {
            return _usual;
        }

        GgmlType type = _name == "MXFP4" ? (isExpert ? _usual : Type("Q8_0")) : Type(Choose(matrix, layer, columns, traits));
        if (columns % type.BlockSize == 0)
        {
            return type;
        }

        GgmlType other = Type(type.Name switch
        {
            "TQ1_0" or "TQ2_0" or "Q2_K" or "Q3_K" => "Q4_0",
            "Q4_K" => "Q5_0",
            "Q5_K" => "Q5_1",
            "Q6_K" => "Q8_0",
            _ when type.BlockSize == 256 => "IQ4_NL",
            _ => "F16",
        });
        return columns % other.BlockSize == 0 ? other : Type("F16");
    }

    /// <summary>The type of a matrix of a layer; F32 for routers and others that are never quantized.</summary>
    public GgmlType TypeOf(in WeightMatrix matrix, int layer, in GgufTraits traits, bool isFused) => matrix.IsQuantizable
        ? TypeOf(Kind(matrix.Name, isFused), matrix.Sharding == WeightSharding.Experts, layer, matrix.Columns, traits)
        : Type("F32");

    /// <summary>The type of the token embeddings, which are the output matrix too where the head is tied.</summary>
    public GgmlType EmbeddingType(LlmModel model, in GgufTraits traits)
    {
        ModelArchitecture architecture = model.Architecture;
        return TypeOf(
            architecture.HasTiedHead ? GgufMatrix.Output : GgufMatrix.TokenEmbedding,
            false,
            0,
            architecture.EmbeddingSize == 0 ? architecture.HiddenSize : architecture.EmbeddingSize,
            traits);
    }

    /// <summary>The type of the output matrix.</summary>
    public GgmlType HeadType(LlmModel model, in GgufTraits traits) => model.Architecture.HasTiedHead
        ? EmbeddingType(model, traits)
        : TypeOf(GgufMatrix.Output, false, 0, model.HiddenSize, traits);

    /// <summary>Whether files of the family hold queries, keys and values as one matrix.</summary>
    public static bool IsFused(LlmModel model) => model.Family is "phi3";

    private string Choose(GgufMatrix matrix, int layer, long columns, in GgufTraits traits) => matrix switch
    {
        GgufMatrix.Output => Output(columns),
        GgufMatrix.TokenEmbedding => TokenEmbedding(),
        _ when IsBelowThreeBits => LowBits(matrix, layer, traits),
        GgufMatrix.Value => Value(layer, traits),
        GgufMatrix.Key when traits.ExpertCount == 8 => "Q8_0",
        GgufMatrix.Key or GgufMatrix.Query => _name switch { "IQ3_XS" => "IQ3_XXS", "IQ3_XXS" => "IQ2_S", _ => _usual.Name },
        GgufMatrix.AttentionOutput => AttentionOutput(traits),
        GgufMatrix.QueryKeyValue => _name switch
        {
            "Q3_K_M" or "Q3_K_L" or "IQ3_M" => "Q4_K",
            "Q4_K_M" => "Q5_K",
            "Q5_K_M" => "Q6_K",
            _ => _usual.Name,
        },
        GgufMatrix.Down => Down(layer, traits),
        GgufMatrix.Gate or GgufMatrix.Up when _name == "IQ3_XS" && !IsFirst(layer, traits) && layer < 7 * traits.LayerCount / 8 =>
            "IQ3_XXS",
        _ => _usual.Name,
    };

    private bool IsBelowThreeBits => _name is "IQ1_S" or "IQ1_M" or "IQ2_XXS" or "IQ2_XS" or "IQ2_S" or "IQ2_M";

    private bool IsTwoAndAHalfBits => _name is "IQ2_S" or "IQ2_M";

    private string Output(long columns) =>
        columns % _usual.BlockSize != 0 || _usual.Name == "Q8_0" ? "Q8_0"
        : IsBelowThreeBits || _name == "IQ3_XXS" ? "Q5_K"
        : "Q6_K";

    private string TokenEmbedding() => _name switch
    {
        "IQ2_XXS" or "IQ2_XS" or "IQ1_S" or "IQ1_M" => "Q2_K",
        "IQ2_S" or "IQ2_M" or "IQ3_XXS" => "IQ3_S",
        "TQ1_0" or "TQ2_0" => "Q4_K",
        _ => _usual.Name,
    };

    private string LowBits(GgufMatrix matrix, int layer, in GgufTraits traits) => matrix switch
    {
        GgufMatrix.Value => traits.QueriesPerKeyValue >= 4 || traits.ExpertCount >= 4 ? "Q4_K" : IsTwoAndAHalfBits ? "IQ3_S" : "Q2_K",
        GgufMatrix.Key when traits.ExpertCount == 8 => "Q4_K",
        GgufMatrix.Down when IsFirst(layer, traits) => IsTwoAndAHalfBits ? "IQ3_S" : "Q2_K",
        GgufMatrix.AttentionOutput when traits.ExpertCount == 8 => "Q5_K",
        GgufMatrix.AttentionOutput when _name is "IQ1_S" or "IQ1_M" => "IQ2_XXS",
        GgufMatrix.AttentionOutput when IsTwoAndAHalfBits => "IQ3_S",
        _ => _usual.Name,
    };

    private string Value(int layer, in GgufTraits traits)
    {
        bool shared = traits.QueriesPerKeyValue >= 4;
        string type = _name switch
        {
            "Q2_K" => shared ? "Q4_K" : "Q3_K",
            "Q2_K_S" or "IQ3_XXS" or "IQ3_XS" or "IQ3_S" when shared => "Q4_K",
            "IQ3_M" => "Q4_K",
            "Q3_K_M" => layer < 2 ? "Q5_K" : "Q4_K",
            "Q3_K_L" => "Q5_K",
            "IQ4_NL" or "IQ4_XS" when shared => "Q5_K",
            "Q4_K_M" or "Q5_K_M" when HasMoreBits(layer, traits) => "Q6_K",
            "Q4_K_S" when layer < 4 => "Q5_K",
            _ => _usual.Name,
        };
        return traits.ExpertCount == 8 ? "Q8_0"
            : traits.IsSeventyBillion && type is ("Q3_K" or "Q4_K") ? "Q5_K"
            : type;
    }

    private string AttentionOutput(in GgufTraits traits) => traits.ExpertCount == 8
        ? _name is "Q2_K" or "IQ3_XS" or "IQ3_XXS" or "Q3_K_S" or "Q3_K_M" or "IQ4_NL" or "Q4_K_S" or "Q4_K_M" or "IQ3_S" or "IQ3_M" or "IQ4_XS"
            ? "Q5_K"
            : _usual.Name
        : _name switch
        {
            "Q2_K" => "Q3_K",
            "IQ3_XXS" => "IQ3_S",
            "Q3_K_M" or "IQ3_M" => "Q4_K",
            "Q3_K_L" => "Q5_K",
            _ => _usual.Name,
        };

    private string Down(int layer, in GgufTraits traits) => _name switch
    {
        "Q2_K" => "Q3_K",
        "Q2_K_S" when IsFirst(layer, traits) => "Q4_K",
        "Q3_K_M" => layer < traits.LayerCount / 16 ? "Q5_K" : "Q4_K",
        "IQ3_M" when IsFirst(layer, traits) || (traits.ExpertCount == 8 && HasMoreBits(layer, traits)) => "Q4_K",
        "Q3_K_L" => "Q5_K",
        "Q4_K_M" or "Q5_K_M" when HasMoreBits(layer, traits) => "Q6_K",
        "Q4_K_S" when IsFirst(layer, traits) => "Q5_K",
        _ => _usual.Name,
    };

    private static bool IsFirst(int layer, in GgufTraits traits) => layer < traits.LayerCount / 8;

    /// <summary>The first and last eighth of the layers, and every third between.</summary>
    private static bool HasMoreBits(int layer, in GgufTraits traits)
    {
        int count = traits.LayerCount;
        return layer < count / 8 || layer >= 7 * count / 8 || (layer - (count / 8)) % 3 == 2;
    }

    private static GgufMatrix Kind(string name, bool isFused) => name[(name.LastIndexOf('.') + 1)..] switch
    {
        "q_proj" or "k_proj" or "v_proj" when isFused => GgufMatrix.QueryKeyValue,
        "q_proj" => GgufMatrix.Query,
        "k_proj" => GgufMatrix.Key,
        "v_proj" => GgufMatrix.Value,
        "o_proj" => GgufMatrix.AttentionOutput,
        "gate_proj" => GgufMatrix.Gate,
        "up_proj" => GgufMatrix.Up,
        "down_proj" => GgufMatrix.Down,
        _ => GgufMatrix.Other,
    };

    private static GgmlType Type(string name) => GgmlType.Find(name)!;

    private static Dictionary<string, GgufRecipe> Build()
    {
        Dictionary<string, GgufRecipe> recipes = [];
        foreach ((string name, string usual) in new[]
        {
            ("FP32", "F32"), ("BF16", "BF16"), ("FP16", "F16"), ("Q8_0", "Q8_0"), ("Q6_K", "Q6_K"),
            ("Q5_K_M", "Q5_K"), ("Q5_K_S", "Q5_K"), ("Q5_1", "Q5_1"), ("Q5_0", "Q5_0"),
            ("Q4_K_M", "Q4_K"), ("Q4_K_S", "Q4_K"), ("Q4_1", "Q4_1"), ("Q4_0", "Q4_0"),
            ("IQ4_NL", "IQ4_NL"), ("IQ4_XS", "IQ4_XS"), ("MXFP4", "MXFP4"),
            ("Q3_K_L", "Q3_K"), ("Q3_K_M", "Q3_K"), ("Q3_K_S", "Q3_K"),
            ("IQ3_M", "IQ3_S"), ("IQ3_S", "IQ3_S"), ("IQ3_XS", "IQ3_S"), ("IQ3_XXS", "IQ3_XXS"),
            ("Q2_K", "Q2_K"), ("Q2_K_S", "Q2_K"),
            ("IQ2_M", "IQ2_S"), ("IQ2_S", "IQ2_XS"), ("IQ2_XS", "IQ2_XS"), ("IQ2_XXS", "IQ2_XXS"),
            ("IQ1_M", "IQ1_M"), ("IQ1_S", "IQ1_S"), ("TQ2_0", "TQ2_0"), ("TQ1_0", "TQ1_0"),
        })
        {
            recipes.Add(name, new GgufRecipe(name, usual));
        }

        return recipes;
    }
}
