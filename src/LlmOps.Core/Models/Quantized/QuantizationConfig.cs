using LlmOps.Core.Precision;
using static LlmOps.Core.Models.Quantized.WeightFormats;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// Reads <c>quantization_config</c> of a <c>config.json</c> by its method. What each method stores was read from its own code:
/// AutoGPTQ and AutoAWQ (qweight, qzeros, scales, g_idx), bitsandbytes (functional.py, QuantState) and the fp8 methods of
/// transformers and vLLM; <see cref="CompressedTensors"/> and <see cref="ModelOpt"/> are formats of their own.
/// </summary>
internal static class QuantizationConfig
{
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

    private static QuantizationScheme? ReadMethod(ConfigFields q)
    {
        string? method = q.Text("quant_method");
        if (method is null)
        {
            // What ModelOpt wrote before it named itself.
            return q.Object("quantization") is not null || q.Text("quant_algo") is not null ? ModelOpt.Read(q)
                : q.Members("config_groups") is not null ? CompressedTensors.Read(q)
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
            "compressed-tensors" => CompressedTensors.Read(q),
            "modelopt" or "modelopt_fp4" or "modelopt_mixed" or "nvfp4" => ModelOpt.Read(q),
            "mxfp4" => Mxfp4(q),
            _ => throw q.Contradiction($"the quantization method '{method}' is not known; known are {Known}. "
                + "Remove 'quantization_config' to read the architecture alone."),
        };
    }

    private static QuantizationScheme Gptq(ConfigFields q)
    {
        int bits = q.OneOf("bits", [2, 3, 4, 8], otherwise: 4);
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
                    Format(fields.OneOf("bits", [2, 3, 4, 8], otherwise: bits), fields.GroupSize("group_size") ?? group)));
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
        int bits = q.OneOf(q.Has("bits") ? "bits" : "w_bit", [3, 4, 8], otherwise: 4);
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

        List<QuantizationRule> rules = ModelOpt.ListedLayers(q);
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

    private static IEnumerable<string> NotConverted(ConfigFields q) =>
        (q.Texts("modules_to_not_convert") ?? []).Concat(q.Texts("ignored_layers") ?? []);
}
