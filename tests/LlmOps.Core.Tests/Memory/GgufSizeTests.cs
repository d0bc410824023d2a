using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>Sizes of published GGUF files, which hold the weights and a few MB of vocabulary.</summary>
public sealed class GgufSizeTests(ITestOutputHelper output)
{
    private const double GB = 1e9;

    /// <summary>Bits a weight of Llama-3.1-8B: llama.cpp, tools/quantize/README.md.</summary>
    [Theory]
    [InlineData("IQ1_S", 2.0042)]
    [InlineData("IQ1_M", 2.1460)]
    [InlineData("IQ2_XXS", 2.3824)]
    [InlineData("IQ2_XS", 2.5882)]
    [InlineData("IQ2_S", 2.7403)]
    [InlineData("IQ2_M", 2.9294)]
    [InlineData("IQ3_XXS", 3.2548)]
    [InlineData("IQ3_XS", 3.4977)]
    [InlineData("IQ3_S", 3.6606)]
    [InlineData("IQ3_M", 3.7628)]
    [InlineData("IQ4_XS", 4.4597)]
    [InlineData("IQ4_NL", 4.6818)]
    [InlineData("Q2_K_S", 2.9697)]
    [InlineData("Q2_K", 3.1593)]
    [InlineData("Q3_K_S", 3.6429)]
    [InlineData("Q3_K_L", 4.2979)]
    [InlineData("Q4_K_S", 4.6672)]
    [InlineData("Q4_K_M", 4.8944)]
    [InlineData("Q5_K_S", 5.5704)]
    [InlineData("Q5_K_M", 5.7036)]
    [InlineData("Q6_K", 6.5633)]
    [InlineData("Q8_0", 8.5008)]
    [InlineData("FP16", 16.0005)]
    public void Llama_3_1_8B_has_the_bits_that_llama_quantize_prints(string quantization, double bits)
    {
        double computed = 8.0 * Bytes("Llama-3.1-8B", quantization) / 8_030_261_248;
        output.WriteLine(FormattableString.Invariant($"{quantization}: {computed:0.0000} for {bits:0.0000}, {(computed / bits) - 1:+0.00%;-0.00%}"));
        Assert.InRange(computed / bits, 0.985, 1.015);
    }

    /// <summary>
    /// llama.cpp's quantize/README.md for Llama-3.1-405B (2.4 % below it: the figure may be of its first release, with 16 KV
    /// heads); XiongjieDai/GPU-Benchmarks-on-LLM-Inference (GiB) for Llama-3-70B; mradermacher's and TheBloke's repositories (GB) for
    /// the others; three digits each.
    /// </summary>
    [Theory]
    [InlineData("Llama-3-70B", "Q4_K_M", 39.59 * 1.073741824)]
    [InlineData("Llama-3-70B", "Q3_K_M", 31.91 * 1.073741824)]
    [InlineData("Llama-3-70B", "Q3_K_L", 34.59 * 1.073741824)]
    [InlineData("Llama-3-70B", "Q3_K_S", 28.79 * 1.073741824)]
    [InlineData("Llama-3-70B", "Q2_K", 24.56 * 1.073741824)]
    [InlineData("Llama-3-70B", "IQ2_M", 22.46 * 1.073741824)]
    [InlineData("Llama-3-70B", "IQ3_XS", 27.29 * 1.073741824)]
    [InlineData("Llama-3-70B", "FP16", 131.42 * 1.073741824)]
    [InlineData("Qwen2.5-32B", "Q4_K_M", 19.9)]
    [InlineData("Qwen2.5-32B", "Q5_K_M", 23.3)]
    [InlineData("Qwen2.5-32B", "Q6_K", 26.9)]
    [InlineData("Qwen2.5-32B", "Q8_0", 34.8)]
    [InlineData("Qwen2.5-32B", "Q2_K", 12.3)]
    [InlineData("Qwen2.5-32B", "IQ4_XS", 17.9)]
    [InlineData("Qwen2.5-32B", "Q3_K_M", 15.9)]
    [InlineData("Mistral-7B", "Q4_K_M", 4.37)]
    [InlineData("Mistral-7B", "Q3_K_M", 3.52)]
    [InlineData("Mistral-7B", "Q5_K_S", 5.0)]
    [InlineData("Mistral-7B", "IQ4_XS", 3.94)]
    [InlineData("Mixtral-8x7B", "Q6_K", 38.4)]
    [InlineData("Mixtral-8x7B", "Q5_0", 32.2)]
    [InlineData("Mixtral-8x7B", "Q4_0", 26.4)]
    [InlineData("Qwen2-72B", "Q2_K", 29.9)]
    [InlineData("Llama-3.1-405B", "Q4_K_M", 249.1)]
    public void Published_files_have_the_size_of_their_types(string model, string quantization, double gigabytes)
    {
        double computed = Bytes(model, quantization) / GB;
        output.WriteLine(FormattableString.Invariant($"{model} {quantization}: {computed:0.00} for {gigabytes:0.00}, {(computed / gigabytes) - 1:+0.0%;-0.0%}"));
        Assert.InRange(computed / gigabytes, 0.975, 1.02);
    }

    /// <summary>
    /// Experts stay in MXFP4, and the hidden size of 2,880 is no multiple of 256, so that attention and embeddings take what stands in for
    /// k-quants. GiB of the files of unsloth/gpt-oss-120b-GGUF (ailocalcheck.com, two decimals): the weights and at most 20 MB of vocabulary.
    /// </summary>
    [Theory]
    [InlineData("Q2_K", 58.27)]
    [InlineData("Q3_K_S", 58.27)]
    [InlineData("Q3_K_M", 58.33)]
    [InlineData("Q4_0", 58.32)]
    [InlineData("Q4_1", 58.41)]
    [InlineData("Q4_K_S", 58.45)]
    [InlineData("Q4_K_M", 58.46)]
    [InlineData("Q5_K_S", 58.56)]
    [InlineData("Q5_K_M", 58.57)]
    [InlineData("Q6_K", 58.94)]
    [InlineData("Q8_0", 59.03)]
    [InlineData("FP16", 60.88)]
    public void Files_of_gpt_oss_keep_their_experts_in_MXFP4(string quantization, double gibibytes)
    {
        double computed = Bytes("gpt-oss-120b", quantization) / Units.BytesPerGiB;
        output.WriteLine(FormattableString.Invariant($"gpt-oss-120b {quantization}: {computed:0.000} GiB for {gibibytes:0.00}"));
        Assert.InRange(gibibytes - computed, -0.005, 0.025);
    }

    /// <summary>
    /// Weights alone, as llama-bench prints them: 59.02 GiB of ggml-org's file and 60.87 GiB of unsloth's F16 (community.frame.work,
    /// thread 73280); bartowski/openai_gpt-oss-20b-GGUF: 12.1 and 12.04 GB with the vocabulary (llama.cpp b6096).
    /// </summary>
    [Theory]
    [InlineData("gpt-oss-120b", "MXFP4", 59.02 * 1.073741824, 0.005)]
    [InlineData("gpt-oss-120b", "FP16", 60.87 * 1.073741824, 0.005)]
    [InlineData("gpt-oss-20b", "MXFP4", 12.1, 0.05)]
    [InlineData("gpt-oss-20b", "Q6_K", 12.04, 0.02)]
    public void Files_of_gpt_oss_have_the_size_that_is_printed(string model, string quantization, double gigabytes, double digits) =>
        Assert.Equal(gigabytes, Bytes(model, quantization) / GB, digits + 0.002);

    /// <summary>Other engines that read the file read the same tensors.</summary>
    [Theory]
    [InlineData(Engine.vLLM, "gpt-oss-120b", "Q4_K_M")]
    [InlineData(Engine.SGLang, "gpt-oss-120b", "Q2_K")]
    [InlineData(Engine.Transformers, "gpt-oss-20b", "Q8_0")]
    [InlineData(Engine.vLLM, "Qwen2-72B", "Q4_K_M")]
    [InlineData(Engine.SGLang, "Llama-3.1-8B", "Q3_K_M")]
    [InlineData(Engine.vLLM, "Mixtral-8x7B", "Q5_K_M")]
    public void All_engines_read_the_same_tensors(Engine engine, string model, string quantization)
    {
        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get(model))
        {
            Engine = engine, Quantization = Quantization.Parse(quantization), SequenceLength = 256,
        });

        // Norms, biases and routers in 16 bits instead of 32; rotary tables and rounding of allocations beside them.
        Assert.InRange(estimate.ModelWeightsGiB * Units.BytesPerGiB / Bytes(model, quantization), 0.985, 1.01);
    }

    private static double Bytes(string model, string quantization)
    {
        LlmModel found = ModelCatalog.Get(model);
        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(found)
        {
            Engine = Engine.LlamaCpp, Quantization = Quantization.Parse(quantization), SequenceLength = 256, GpuLayers = found.LayerCount,
        });

        // One layer is left to the host, so that a tied head is a copy; none of the models here has one.
        return (estimate.Terms.Single(term => term.Name == "ModelWeights").GiB
            + estimate.Terms.Single(term => term.Name == "HostWeights").GiB) * Units.BytesPerGiB;
    }
}
