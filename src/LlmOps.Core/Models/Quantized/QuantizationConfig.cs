using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// Reads <c>quantization_config</c> of a <c>config.json</c>, and the <c>hf_quant_config.json</c> that ModelOpt writes beside
/// one. What each method stores was read from its own code: AutoGPTQ and AutoAWQ (qweight, qzeros, scales, g_idx),
/// bitsandbytes (functional.py, QuantState), compressed-tensors (compressors/*), ModelOpt (export/quant_utils.py) and the
/// fp8 methods of transformers and vLLM.
/// </summary>
internal static class QuantizationConfig
{
    private const int HalfBytes = 2;

    private const string Known =
        "gptq, awq, bitsandbytes, fp8, fbgemm_fp8, compressed-tensors, modelopt and mxfp4";

    /// <summary>Null where the configuration has no quantization.</summary>
    public static QuantizationScheme? Read(ConfigFields fields)
    {
        ConfigFields? text = fields.Object("text_config");
        ConfigFields? found = fields.Object("quantization_config") ?? fields.Object("compression_config")
            ?? text?.Object("quantization_config") ?? text?.Object("compression_config");
        return found is { } quantization ? ReadMethod(quantization) : null;
    }

    /// <summary>A <c>hf_quant_config.json</c>; null where it says that nothing is quantized.</summary>
    public static QuantizationScheme ReadModelOpt(ConfigFields fields)
    {
        ConfigFields inner = fields.Object("quantization") ?? fields;
        IReadOnlyList<string> excluded = inner.Texts("exclude_modules") ?? inner.Texts("ignore") ?? [];
        string? algorithm = inner.Text("quant_algo")?.ToUpperInvariant();
        List<QuantizationRule> rules = ListedLayers(inner);
        if (algorithm is not ("MIXED_PRECISION" or null or "NONE" or "NO_QUANT"))
        {
            rules.Add(new QuantizationRule(null, ModelOptFormat(inner, algorithm, inner.GroupSize("group_size"))));
        }
        else if (algorithm is null && inner.Members("config_groups") is not null)
        {
            return CompressedTensors(inner, "modelopt", excluded);
        }

        return new QuantizationScheme
        {
            Method = "modelopt",
            Rules = rules,
            Excluded = new ModulePatterns(inner, excluded),
            KvCacheDataType = CacheType(inner),
        };
    }

    private static QuantizationScheme? ReadMethod(ConfigFields q)
    {
        string? method = q.Text("quant_method");
        if (method is null)
        {
            // What ModelOpt wrote before it named itself.
            return q.Object("quantization") is not null || q.Text("quant_algo") is not null ? ReadModelOpt(q)
                : q.Members("config_groups") is not null ? CompressedTensors(q)
                : q.Flag("load_in_4bit", false) || q.Flag("load_in_8bit", false) ? BitsAndBytes(q)
                : null;
        }

        return method switch
        {
            "gptq" => Gptq(q),
            "awq" => Awq(q),
            "bitsandbytes" => BitsAndBytes(q),
            "fp8" => Fp8(q),
            "fbgemm_fp8" => FbgemmFp8(q),
            "compressed-tensors" => CompressedTensors(q),
            "modelopt" or "modelopt_fp4" or "modelopt_mixed" or "nvfp4" => ReadModelOpt(q),
            "mxfp4" => Mxfp4(q),
            _ => throw q.Contradiction($"the quantization method '{method}' is not known; known are {Known}. "
                + "Remove 'quantization_config' to read the architecture alone."),
        };
    }

    private static QuantizationScheme Gptq(ConfigFields q)
    {
        int bits = Bits(q, "bits", 4, 2, 3, 4, 8);
        int? group = q.GroupSize("group_size");

        // Symmetric or not, the packed zero points are stored; so is the group of each column, in the order or not.
        WeightFormat Format(int b, int? g) => Grouped("GPTQ", b, g ?? 128, hasZeroPoints: true) with
        {
            ColumnBytes = sizeof(int),
        };
        List<QuantizationRule> rules = [];
        List<string> excluded = [];
        foreach ((string pattern, ConfigFields fields) in q.Members("dynamic") ?? [])
        {
            if (pattern.StartsWith("-:", StringComparison.Ordinal))
            {
                excluded.Add("re:" + pattern[2..]);
            }
            else
            {
                string included = pattern.StartsWith("+:", StringComparison.Ordinal) ? pattern[2..] : pattern;
                rules.Add(new QuantizationRule(
                    new ModulePatterns(q, ["re:" + included]),
                    Format(Bits(fields, "bits", bits, 2, 3, 4, 8), fields.GroupSize("group_size") ?? group)));
            }
        }

        rules.Add(new QuantizationRule(null, Format(bits, group)));
        return new QuantizationScheme
        {
            Method = "gptq",
            Rules = rules,
            Excluded = new ModulePatterns(q, excluded.Concat(NotConverted(q))),
            IsForLayersOnly = true,
            HasQuantizedHead = q.Flag("lm_head", false),
        };
    }

    private static QuantizationScheme Awq(ConfigFields q)
    {
        int bits = Bits(q, q.Has("bits") ? "bits" : "w_bit", 4, 3, 4, 8);
        int group = q.GroupSize("group_size") ?? q.GroupSize("q_group_size") ?? 128;
        return new QuantizationScheme
        {
            Method = "awq",
            Rules = [new QuantizationRule(null, Grouped("AWQ", bits, group, q.Flag("zero_point", true)))],
            Excluded = new ModulePatterns(q, NotConverted(q)),
            IsForLayersOnly = true,
        };
    }

    /// <summary>The lookup tables and the few hundred bytes of a matrix's state are not counted.</summary>
    private static QuantizationScheme BitsAndBytes(ConfigFields q)
    {
        bool isDouble = q.Flag("bnb_4bit_use_double_quant", q.Text("bnb_4bit_quant_type") is null);
        string type = q.Text("bnb_4bit_quant_type") ?? "nf4";
        if (type is not ("nf4" or "fp4"))
        {
            throw q.Contradiction($"the field 'bnb_4bit_quant_type' is '{type}', but must be nf4 or fp4.");
        }

        WeightFormat format = q.Flag("load_in_8bit", false)
            ? Channel("INT8", 8, sizeof(float), computeBytes: 1) with { Layout = "LLM.int8(): 8-bit integers, an FP32 scale a row" }
            : new WeightFormat
            {
                Name = "NF4",
                Layout = $"4-bit {type}, blocks of 64 with "
                    + (isDouble ? "an 8-bit scale and an FP32 scale for 256 of those" : "an FP32 scale"),
                ElementBits = 4,
                ComputeBytes = 2,
                BlockColumns = 64,
                IsFlat = true,
                ScaleBytes = isDouble ? 1 : sizeof(float),
                ScalesPerSecondScale = isDouble ? 256 : 0,
            };
        return new QuantizationScheme
        {
            Method = "bitsandbytes",
            Rules = [new QuantizationRule(null, format)],
            Excluded = new ModulePatterns(q, q.Texts("llm_int8_skip_modules") ?? []),
        };
    }

    /// <summary>
    /// Block scales are FP32 in the files, also where <c>scale_fmt</c> says that their values are powers of two
    /// (DeepSeek-V3.1 and V3.2).
    /// </summary>
    private static QuantizationScheme Fp8(ConfigFields q)
    {
        bool isStatic = q.Text("activation_scheme") == "static";
        WeightFormat format;
        if (q.Integers("weight_block_size") is { } block)
        {
            if (block.Count != 2 || block[0] < 1 || block[1] < 1)
            {
                throw q.Contradiction("the field 'weight_block_size' must be a list of two sizes.");
            }

            format = Fp8Block(block[0], block[1], sizeof(float));
        }
        else
        {
            format = Fp8Tensor(sizeof(float) * (isStatic ? 2 : 1));
        }

        List<QuantizationRule> rules = ListedLayers(q);
        bool isMixed = rules.Count > 0;
        rules.Add(new QuantizationRule(null, format));
        return new QuantizationScheme
        {
            Method = "fp8",
            Rules = rules,

            // Beside listed layers, the list of exceptions is one to those, and the rest is FP8.
            Excluded = new ModulePatterns(q, isMixed ? NotConverted(q) : NotConverted(q).Concat(q.Texts("ignore") ?? [])),
        };
    }

    private static QuantizationScheme FbgemmFp8(ConfigFields q) => new()
    {
        Method = "fbgemm_fp8",
        Rules =
        [
            new QuantizationRule(null, Channel("FP8", 8, sizeof(float), 1) with { MatrixBytes = sizeof(float) }),
        ],
        Excluded = new ModulePatterns(q, NotConverted(q)),
    };

    /// <summary>Experts alone are touched, whatever the list says beyond that (transformers and vLLM, mxfp4).</summary>
    private static QuantizationScheme Mxfp4(ConfigFields q) => new()
    {
        Method = "mxfp4",
        Rules = [new QuantizationRule(null, MxFp4)],
        Excluded = new ModulePatterns(q, NotConverted(q)),
        IsForExpertsOnly = true,
    };

    private static QuantizationScheme CompressedTensors(
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

            WeightFormat format = CompressedFormat(weights, group, group.Text("format") ?? outerFormat ?? "");
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
            KvCacheDataType = CacheType(q),
        };
    }

    private static WeightFormat CompressedFormat(ConfigFields weights, ConfigFields group, string storage)
    {
        if (storage.StartsWith("marlin", StringComparison.Ordinal) || storage.StartsWith("sparse", StringComparison.Ordinal))
        {
            throw weights.Contradiction($"the storage format '{storage}' of compressed-tensors is not supported.");
        }

        int bits = Bits(weights, "num_bits", 8, 2, 3, 4, 5, 6, 7, 8);
        bool isFloat = weights.Text("type") == "float";
        int? groupSize = weights.GroupSize("group_size");
        string strategy = weights.Text("strategy") ?? (groupSize > 0 ? "group" : "tensor");
        ConfigFields? activations = group.Object("input_activations");
        double compute = activations is { } a ? Bits(a, "num_bits", 8, 4, 8, 16) / 8.0 : 2;
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

    /// <summary>Layers that a mixed scheme of ModelOpt lists one by one, a rule for each algorithm among them.</summary>
    private static List<QuantizationRule> ListedLayers(ConfigFields q) =>
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
                ModelOptFormat(q, group.Key.Algorithm, group.Key.Group))),
    ];

    private static WeightFormat ModelOptFormat(ConfigFields q, string algorithm, int? group)
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

    /// <summary>
    /// What <c>auto</c> stands for in vLLM: ModelOpt's and compressed-tensors' own statement (utils/torch_utils.py,
    /// resolve_kv_cache_dtype_string; layers/attention). A four-bit cache, which few engines have, is no such statement here.
    /// </summary>
    private static KvCacheDataType CacheType(ConfigFields q)
    {
        string? name = q.IsText("kv_cache_scheme") ? q.Text("kv_cache_scheme") : q.Text("kv_cache_quant_algo");
        if (name is null && q.Object("kv_cache_scheme") is { } scheme)
        {
            return (Bits(scheme, "num_bits", 8, 4, 8, 16), scheme.Text("type")) switch
            {
                (8, "float") => KvCacheDataType.FP8,
                (8, "int") => KvCacheDataType.INT8,
                _ => KvCacheDataType.Auto,
            };
        }

        return name?.ToUpperInvariant() switch
        {
            "FP8" or "FP8_E4M3" => KvCacheDataType.FP8,
            "INT8" => KvCacheDataType.INT8,
            _ => KvCacheDataType.Auto,
        };
    }

    private static IEnumerable<string> NotConverted(ConfigFields q) =>
        (q.Texts("modules_to_not_convert") ?? []).Concat(q.Texts("ignored_layers") ?? []);

    private static int Bits(ConfigFields fields, string name, int otherwise, params int[] allowed)
    {
        int bits = fields.Width(name, otherwise);
        return Array.IndexOf(allowed, bits) >= 0
            ? bits
            : throw fields.Contradiction($"the field '{name}' is {bits}, but must be one of {string.Join(", ", allowed)}.");
    }

    private static WeightFormat MxFp4 { get; } = new()
    {
        Name = "MXFP4",
        Layout = "E2M1, an E8M0 scale for 32 weights: OCP MX v1.0",
        ElementBits = 4,
        ComputeBytes = 0.5,
        BlockColumns = 32,
        ScaleBytes = 1,
    };

    private static WeightFormat NvFp4(int matrixBytes, double computeBytes) => new()
    {
        Name = "NVFP4",
        Layout = "E2M1, an FP8 scale for 16 weights, FP32 scales a matrix",
        ElementBits = 4,
        ComputeBytes = computeBytes,
        BlockColumns = 16,
        ScaleBytes = 1,
        MatrixBytes = matrixBytes,
    };

    private static WeightFormat Fp8Tensor(int matrixBytes) => new()
    {
        Name = "FP8",
        Layout = "E4M3, a scale a matrix",
        ElementBits = 8,
        ComputeBytes = 1,
        BlockRows = WeightFormat.Whole,
        MatrixBytes = matrixBytes,
    };

    private static WeightFormat Fp8Block(int rows, int columns, int scaleBytes) => new()
    {
        Name = "FP8",
        Layout = FormattableString.Invariant($"E4M3, a {8 * scaleBytes}-bit scale for {rows} x {columns} weights"),
        ElementBits = 8,
        ComputeBytes = 1,
        BlockRows = rows,
        BlockColumns = columns,
        ScaleBytes = scaleBytes,
    };

    private static WeightFormat Channel(string name, int bits, int scaleBytes, double computeBytes) => new()
    {
        Name = name,
        Layout = FormattableString.Invariant($"{Words(name, bits)}, a {8 * scaleBytes}-bit scale an output channel"),
        ElementBits = bits,
        ComputeBytes = computeBytes,
        ScaleBytes = scaleBytes,
    };

    private static WeightFormat Grouped(string name, int bits, int groupSize, bool hasZeroPoints) => new()
    {
        Name = name,
        Layout = FormattableString.Invariant($"{bits} bits, {(groupSize == 0 ? "a row" : $"group {groupSize}")}: a 16-bit scale")
            + (hasZeroPoints ? FormattableString.Invariant($" and a {bits}-bit zero point") : "") + " a group",
        ElementBits = bits,
        ComputeBytes = 2,
        BlockColumns = groupSize == 0 ? WeightFormat.Whole : groupSize,
        ScaleBytes = HalfBytes,
        ZeroPointBits = hasZeroPoints ? bits : 0,
    };

    private static string Words(string name, int bits) =>
        name == "FP8" ? "E4M3" : FormattableString.Invariant($"{bits}-bit integers");
}
