using System.Globalization;

namespace LlmOps.Core.Precision;

/// <summary>Which weights a format stores in its own precision; the rest stay in 16 (or 32) bits.</summary>
public enum QuantizationScope
{
    /// <summary>Every weight, norms and biases included (FP32, BF16, FP16).</summary>
    All,

    /// <summary>The matrices of attention and MLP layers; embeddings, head, norms, routers and biases stay.</summary>
    LinearLayers,

    /// <summary>Only the routed experts, as gpt-oss publishes its MXFP4 weights.</summary>
    RoutedExperts,

    /// <summary>Every matrix, embeddings and head included; norms and biases stay (GGUF files).</summary>
    AllMatrices,
}

/// <summary>
/// How a model's weights are stored: bits a weight in the quantized part, everything included that the format keeps
/// beside them (group scales, zero points).
/// </summary>
public sealed class Quantization
{
    private Quantization(
        string name, double bitsPerWeight, QuantizationScope scope, double computeBytes, string layout)
    {
        Name = name;
        BitsPerWeight = bitsPerWeight;
        Scope = scope;
        ComputeBytes = computeBytes;
        Layout = layout;
    }

    public string Name { get; }

    /// <summary>Bits a weight in the quantized part, scales and zero points included.</summary>
    public double BitsPerWeight { get; }

    /// <summary>
    /// Bits that the name stands for, of an element alone: 16 for BF16, 8 for W8A16 and Q8_0, 4 for NF4, AWQ and Q4_K_M.
    /// </summary>
    public int NominalBits
    {
        get
        {
            int start = Name.AsSpan().IndexOfAnyInRange('0', '9');
            if (start < 0)
            {
                // GPTQ and AWQ; what lies beside their elements is below a bit.
                return (int)BitsPerWeight;
            }

            ReadOnlySpan<char> digits = Name.AsSpan(start);
            int end = digits.IndexOfAnyExceptInRange('0', '9');
            return int.Parse(end < 0 ? digits : digits[..end], CultureInfo.InvariantCulture);
        }
    }

    public QuantizationScope Scope { get; }

    /// <summary>Whether it is a type of llama.cpp's files alone.</summary>
    public bool IsGguf => Scope == QuantizationScope.AllMatrices;

    /// <summary>
    /// Bytes of the type that the matrix units multiply in (2 for BF16, also for weight-only formats that are expanded
    /// before the multiplication; 1 for FP8 and INT8; 0.5 for FP4).
    /// </summary>
    public double ComputeBytes { get; }

    /// <summary>What a block holds, and its source.</summary>
    public string Layout { get; }

    /// <summary>True where the name says how many bits, but not what is kept beside them.</summary>
    public bool IsGeneric { get; private init; }

    public bool IsQuantized => Scope != QuantizationScope.All;

    /// <summary>Bits of every weight outside <see cref="Scope"/>.</summary>
    public int UnquantizedBits => Name == "FP32" ? 32 : 16;

    public static IReadOnlyList<Quantization> Known => Formats.Known;

    public static Quantization FP32 { get; } = new("FP32", 32, QuantizationScope.All, 4, "IEEE 754 binary32");

    public static Quantization BF16 { get; } = new("BF16", 16, QuantizationScope.All, 2, "bfloat16");

    public static Quantization FP16 { get; } = new("FP16", 16, QuantizationScope.All, 2, "IEEE 754 binary16");

    /// <summary>How one checkpoint stores its weights: an instance of its own, which no name leads to.</summary>
    internal static Quantization OfCheckpoint(
        string name, double bitsPerWeight, QuantizationScope scope, double computeBytes, string layout) =>
        new(name, bitsPerWeight, scope, computeBytes, layout);

    /// <summary>The same format with another scope, as published checkpoints need it.</summary>
    public Quantization WithScope(QuantizationScope scope) =>
        scope == Scope ? this : new Quantization(Name, BitsPerWeight, scope, ComputeBytes, Layout) { IsGeneric = IsGeneric };

    /// <exception cref="LlmOpsException">No format has that name.</exception>
    public static Quantization Parse(string name)
    {
        if (Formats.ByName.TryGetValue(NameMatcher.Canonical(name), out Quantization? found))
        {
            return found;
        }

        string[] names = [.. Known.Select(q => q.Name)];
        string hint = NameMatcher.Suggest(name, names);
        throw new LlmOpsException("QuantizationNotFound", ErrorKind.NotFound,
            $"There is no quantization '{name}'.{hint} Known are {string.Join(", ", names)}.", name);
    }

    public override string ToString() => Name;

    /// <summary>The table of all formats, apart from the element types: most processes read it for none other.</summary>
    private static class Formats
    {
        public static readonly Quantization[] Known =
        [
            FP32,
            BF16,
            FP16,
            new("FP8", 8, QuantizationScope.LinearLayers, 1, "E4M3, a scale a tensor or a 128 x 128 block (under 0.002 bits)"),
            new("INT8", 8, QuantizationScope.LinearLayers, 1, "8-bit integers, a scale an output channel"),
            new("INT4", 4, QuantizationScope.LinearLayers, 2, "4-bit integers, layout not specified") { IsGeneric = true },
            new("GPTQ", 4 + ((16 + 4) / 128.0), QuantizationScope.LinearLayers, 2,
                "4 bits, group 128: a 16-bit scale and a 4-bit zero point a group"),
            new("AWQ", 4 + ((16 + 4) / 128.0), QuantizationScope.LinearLayers, 2,
                "4 bits, group 128: a 16-bit scale and a 4-bit zero point a group"),
            new("NF4", 4 + (8 / 64.0) + (32 / (64 * 256.0)), QuantizationScope.LinearLayers, 2,
                "4-bit NormalFloat, block 64 with double quantization: QLoRA, Dettmers et al. 2023, section 3"),
            new("NVFP4", 4 + (8 / 16.0), QuantizationScope.LinearLayers, 0.5, "E2M1, an FP8 scale for 16 weights"),
            new("MXFP4", 4 + (8 / 32.0), QuantizationScope.LinearLayers, 0.5, "E2M1, an E8M0 scale for 32 weights: OCP MX v1.0"),
            new("W8A16", 8, QuantizationScope.LinearLayers, 2, "8-bit integers, a scale an output channel; activations stay in 16 bits"),
            Block("Q8_0"),
            Block("Q6_K"),
            Mix("Q5_K_M", 5.7036, "Q5_K and Q6_K"),
            Mix("Q5_K_S", 5.5704, "Q5_K and Q6_K"),
            Block("Q5_1"),
            Block("Q5_0"),
            Mix("Q4_K_M", 4.8944, "Q4_K and Q6_K"),
            Block("Q4_0"),
            Mix("Q4_K_S", 4.6672, "Q4_K, Q5_K and Q6_K"),
            Block("Q4_1"),
            Mix("IQ4_NL", 4.6818, "IQ4_NL, Q5_K and Q6_K"),
            Mix("IQ4_XS", 4.4597, "IQ4_XS, Q5_K and Q6_K"),
            Mix("Q3_K_L", 4.2979, "Q3_K, Q5_K and Q6_K"),

            // The README prints another row in the place of this one; from 4.02 GB for 8,030,261,248 weights.
            new("Q3_K_M", 4.0, QuantizationScope.AllMatrices, 2,
                "mix of Q3_K, Q4_K and Q6_K: 4.02 GB of Meta-Llama-3.1-8B-Instruct-GGUF, two digits"),
            Mix("Q3_K_S", 3.6429, "Q3_K and Q6_K"),
            Mix("IQ3_M", 3.7628, "IQ3_S, Q4_K and Q6_K"),
            Mix("IQ3_S", 3.6606, "IQ3_S and Q6_K"),
            Mix("IQ3_XS", 3.4977, "IQ3_XXS, IQ3_S and Q6_K"),
            Mix("IQ3_XXS", 3.2548, "IQ3_XXS, Q4_K and Q5_K"),
            Mix("Q2_K", 3.1593, "Q2_K, Q3_K and Q6_K"),
            Mix("Q2_K_S", 2.9697, "Q2_K, Q4_K and Q6_K"),
            Mix("IQ2_M", 2.9294, "IQ2_S, IQ3_S and Q5_K"),
            Mix("IQ2_S", 2.7403, "IQ2_XS, IQ3_S and Q5_K"),
            Mix("IQ2_XS", 2.5882, "IQ2_XS, Q4_K and Q5_K"),
            Mix("IQ2_XXS", 2.3824, "IQ2_XXS, Q2_K, Q4_K and Q5_K"),
            Block("TQ2_0"),
            Mix("IQ1_M", 2.1460, "IQ1_M, Q2_K, Q4_K and Q5_K"),
            Mix("IQ1_S", 2.0042, "IQ1_S, Q2_K, Q4_K and Q5_K"),
            Block("TQ1_0"),
        ];

        public static readonly Dictionary<string, Quantization> ByName = BuildIndex();

        /// <summary>A GGUF type that all matrices are stored in.</summary>
        private static Quantization Block(string name)
        {
            GgmlType type = GgmlType.Find(name)!;
            return new Quantization(name, type.BitsPerWeight, QuantizationScope.AllMatrices, 2, FormattableString.Invariant(
                $"ggml block of {type.BlockSize}: {type.BlockBytes} bytes (llama-quantize may keep the output matrix in Q6_K)"));
        }

        /// <summary>A GGUF file type that mixes tensor types by their place in the model.</summary>
        private static Quantization Mix(string name, double measuredBits, string types) =>
            new(name, measuredBits, QuantizationScope.AllMatrices, 2,
                $"mix of {types}, as measured on Llama-3.1-8B: llama.cpp tools/quantize/README.md");

        private static Dictionary<string, Quantization> BuildIndex()
        {
            Dictionary<string, Quantization> index = [];
            foreach (Quantization quantization in Known)
            {
                index.Add(NameMatcher.Canonical(quantization.Name), quantization);
            }

            foreach ((string alias, string name) in new[]
            {
                ("float32", "FP32"), ("float", "FP32"), ("bfloat16", "BF16"), ("float16", "FP16"), ("half", "FP16"),
                ("f32", "FP32"), ("f16", "FP16"),
                ("fp8_e4m3", "FP8"), ("float8_e4m3fn", "FP8"), ("fp8_dynamic", "FP8"), ("w8a8_fp8", "FP8"),
                ("w8a8", "INT8"), ("w8a8_int8", "INT8"), ("w4a16", "INT4"),
                ("fp4", "NVFP4"), ("modelopt_fp4", "NVFP4"),
                ("gptq_marlin", "GPTQ"), ("awq_marlin", "AWQ"), ("bitsandbytes", "NF4"), ("bnb_nf4", "NF4"),
            })
            {
                index.Add(NameMatcher.Canonical(alias), index[NameMatcher.Canonical(name)]);
            }

            return index;
        }
    }
}
