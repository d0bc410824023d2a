using LlmOps.Core.Precision;
using static LlmOps.Core.Models.Quantized.WeightFormats;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// Configurations that NVIDIA's ModelOpt writes: one algorithm for all layers, or one for each that is listed. What each stores
/// is from its own code (export/quant_utils.py).
/// </summary>
internal static class ModelOpt
{
    /// <summary>A <c>hf_quant_config.json</c>, or what a <c>config.json</c> has of it; without rules where nothing is quantized.</summary>
    public static QuantizationScheme Read(ConfigFields fields)
    {
        ConfigFields inner = fields.Object("quantization") ?? fields;
        IReadOnlyList<string> excluded = inner.Texts("exclude_modules") ?? inner.Texts("ignore") ?? [];
        string? algorithm = inner.Text("quant_algo")?.ToUpperInvariant();
        List<QuantizationRule> rules = ListedLayers(inner);
        if (algorithm is not ("MIXED_PRECISION" or null or "NONE" or "NO_QUANT"))
        {
            rules.Add(new QuantizationRule(null, Format(inner, algorithm, inner.GroupSize("group_size"))));
        }
        else if (algorithm is null && inner.Members("config_groups") is not null)
        {
            return CompressedTensors.Read(inner, "modelopt", excluded);
        }

        return new QuantizationScheme
        {
            Method = "modelopt",
            Rules = rules,
            Excluded = new ModulePatterns(inner, excluded),
            KvCacheDataType = StatedKvCache.Of(inner),
        };
    }

    /// <summary>Layers that a mixed scheme of ModelOpt lists one by one, a rule for each algorithm among them.</summary>
    public static List<QuantizationRule> ListedLayers(ConfigFields q) =>
        q.Members("quantized_layers") is { } layers ? RulesOf(q, layers) : [];

    private static List<QuantizationRule> RulesOf(ConfigFields q, IReadOnlyList<(string Name, ConfigFields Fields)> layers) =>
    [
        .. layers
            .Select(member => (member.Name, member.Fields,
                Algorithm: member.Fields.Text("quant_algo")?.ToUpperInvariant() ?? "NONE",
                Group: member.Fields.GroupSize("group_size")))
            .Where(member => member.Algorithm is not ("NONE" or "NO_QUANT"))
            .GroupBy(member => (member.Algorithm, member.Group))
            .Select(group => new QuantizationRule(
                new ModulePatterns(q, group.Select(member => member.Name)),
                Format(q, group.Key.Algorithm, group.Key.Group))),
    ];

    private static WeightFormat Format(ConfigFields q, string algorithm, int? group)
    {
        const int twoScales = 2 * sizeof(float);
        return algorithm switch
        {
            "FP8" => Fp8Tensor(twoScales),
            "FP8_PER_CHANNEL_PER_TOKEN" or "FP8_PC_PT" => Channel("FP8", 8, sizeof(float), 1),
            "FP8_PB_WO" or "FP8_PB" or "FP8_BLOCK_SCALES" => Fp8Block(128, 128, sizeof(float)),
            "MXFP8" => Fp8Block(1, 32, 1),
            "NVFP4" => NvFp4(twoScales, 0.5),
            "NVFP4_AWQ" => NvFp4(twoScales, 0.5) with { ColumnBytes = HalfBytes },
            "W4A16_NVFP4" => NvFp4(sizeof(float), 2),
            "W4A8_NVFP4_FP8" => NvFp4(twoScales, 1),
            "W4A8_MXFP4_FP8" => MxFp4 with { ComputeBytes = 1 },
            "MXFP4" or "W4A16_MXFP4" => MxFp4,
            "W4A8_AWQ" => Grouped("INT4", 4, group ?? 128, false) with
            {
                ComputeBytes = 1,
                ColumnBytes = HalfBytes,
                MatrixBytes = twoScales,
            },
            "W4A16_AWQ" or "INT4_AWQ" => Grouped("INT4", 4, group ?? 128, false) with { ColumnBytes = HalfBytes },
            "W4A16" => Grouped("INT4", 4, group ?? 0, false),
            "W8A16" => Channel("W8A16", 8, sizeof(float), 2),
            "W8A8_SQ_PER_CHANNEL" or "W8A8_SQ_PER_CHANNEL_PER_TOKEN_PLUGIN" or "INT8_SQ" =>
                Channel("INT8", 8, sizeof(float), 1) with { ColumnBytes = HalfBytes },
            _ => throw q.Contradiction($"the algorithm '{algorithm}' of ModelOpt is not known; known are FP8, FP8_PB_WO, "
                + "FP8_PER_CHANNEL_PER_TOKEN, MXFP8, NVFP4, NVFP4_AWQ, W4A16_NVFP4, W4A8_NVFP4_FP8, MXFP4, W4A8_MXFP4_FP8, "
                + "W4A8_AWQ, W4A16_AWQ, W4A16, W8A16, W8A8_SQ_PER_CHANNEL and MIXED_PRECISION."),
        };
    }
}
