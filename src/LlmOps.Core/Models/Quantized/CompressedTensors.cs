using LlmOps.Core.Precision;
using static LlmOps.Core.Models.Quantized.WeightFormats;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// Configurations of compressed-tensors, as llm-compressor writes them: formats by groups of modules. What each stores is from
/// its own code (compressors/*).
/// </summary>
internal static class CompressedTensors
{
    /// <param name="q">With <c>config_groups</c>.</param>
    /// <param name="method">Whose files these are: ModelOpt writes such configurations too.</param>
    /// <param name="excluded">Modules that stay as they are; null for those of <c>ignore</c>.</param>
    public static QuantizationScheme Read(
        ConfigFields q, string method = "compressed-tensors", IReadOnlyList<string>? excluded = null)
    {
        if (q.Object("sparsity_config")?.Text("format") is { } sparsity && sparsity is not ("dense" or ""))
        {
            throw q.Contradiction($"weights that are stored sparse ('{sparsity}') are not supported; only dense ones are.");
        }

        string? outerFormat = q.Text("format");
        List<QuantizationRule> named = [], general = [];
        foreach ((_, ConfigFields group) in q.Members("config_groups") ?? [])
        {
            if (group.Object("weights") is not { } weights)
            {
                continue;
            }

            WeightFormat format = Format(weights, group, group.Text("format") ?? outerFormat ?? "");
            IReadOnlyList<string> targets = group.Texts("targets") ?? ["Linear"];
            if (targets.Contains("Linear", StringComparer.Ordinal))
            {
                general.Add(new QuantizationRule(null, format));
            }

            string[] others = [.. targets.Where(target => target != "Linear")];
            if (others.Length > 0)
            {
                named.Add(new QuantizationRule(new ModulePatterns(q, others), format));
            }
        }

        return new QuantizationScheme
        {
            Method = method,

            // A target that names a layer goes before one that names a class.
            Rules = [.. named, .. general],
            Excluded = new ModulePatterns(q, excluded ?? q.Texts("ignore") ?? []),
            KvCacheDataType = StatedKvCache.Of(q),
        };
    }

    private static WeightFormat Format(ConfigFields weights, ConfigFields group, string storage)
    {
        if (storage.StartsWith("marlin", StringComparison.Ordinal) || storage.StartsWith("sparse", StringComparison.Ordinal))
        {
            throw weights.Contradiction($"the storage format '{storage}' of compressed-tensors is not supported.");
        }

        int bits = weights.OneOf("num_bits", [2, 3, 4, 5, 6, 7, 8], otherwise: 8);
        bool isFloat = weights.Text("type") == "float";
        int? groupSize = weights.GroupSize("group_size");
        string strategy = weights.Text("strategy") ?? (groupSize > 0 ? "group" : "tensor");
        ConfigFields? activations = group.Object("input_activations");
        double compute = activations is { } a ? a.OneOf("num_bits", [4, 8, 16], otherwise: 8) / 8.0 : 2;
        int staticBytes = activations is { } scaled && !scaled.IsText("dynamic") && !scaled.Flag("dynamic", false) ? HalfBytes : 0;
        if (isFloat && bits == 4)
        {
            return groupSize == 32 || storage.StartsWith("mxfp4", StringComparison.Ordinal)
                ? MxFp4 with { ComputeBytes = compute }
                : NvFp4(activations is null ? sizeof(float) : 2 * sizeof(float), compute);
        }

        string name = isFloat ? "FP8"
            : bits == 8 ? (activations is null ? "W8A16" : "INT8")
            : FormattableString.Invariant($"INT{bits}");
        bool isPacked = storage == "pack-quantized";
        WeightFormat format = strategy switch
        {
            "tensor" => Channel(name, bits, 0, compute) with
            {
                Layout = Words(name, bits) + ", a scale a matrix",
                MatrixBytes = HalfBytes,
            },
            "channel" or "token" => Channel(name, bits, HalfBytes, compute),
            "group" or "tensor_group" => Grouped(name, bits, groupSize ?? 128, hasZeroPoints: false) with { ComputeBytes = compute },
            "block" => weights.Integers("block_structure") is { Count: 2 } block && block[0] > 0 && block[1] > 0
                ? Fp8Block(block[0], block[1], HalfBytes) with { Name = name, ElementBits = bits, ComputeBytes = compute }
                : Fp8Block(128, 128, HalfBytes) with { Name = name, ElementBits = bits, ComputeBytes = compute },
            _ => throw weights.Contradiction(
                $"the strategy '{strategy}' of compressed-tensors is not known; known are tensor, channel, group and block."),
        };
        const int shapeBytes = 2 * sizeof(long);
        return format with
        {
            ZeroPointBits = !isFloat && !weights.Flag("symmetric", true) ? bits : 0,
            ColumnBytes = weights.IsText("actorder") && weights.Text("actorder") == "group" ? sizeof(int) : 0,
            MatrixBytes = format.MatrixBytes + staticBytes + (isPacked ? shapeBytes : 0),
        };
    }
}
