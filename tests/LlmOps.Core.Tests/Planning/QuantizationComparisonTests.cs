using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Models.Files;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Planning;

public sealed class QuantizationComparisonTests
{
    private static QuantizationComparison Compare(string model, string? from, string to, QuantizationComparisonRequest? other = null) =>
        QuantizationComparer.Compare((other ?? default) with
        {
            Model = ModelCatalog.Get(model),
            From = from is null ? null : Quantization.Parse(from),
            To = Quantization.Parse(to),
            Copies = other?.Copies ?? 1,
        });

    private static QuantizationComparison Count(double parameters, string? from, string to) =>
        QuantizationComparer.Compare(new QuantizationComparisonRequest(from is null ? null : Quantization.Parse(from), Quantization.Parse(to))
        {
            ParameterCount = parameters,
        });

    private static QuantizationComparisonRequest On(string gpu, Engine engine = Engine.vLLM, long batch = 1, int tensor = 1) =>
        new(null, Quantization.FP16)
        {
            Serving = new PerformanceEstimateRequest(
                new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B"))
                {
                    Gpu = GpuCatalog.Get(gpu), Engine = engine, BatchSize = batch, Parallelism = new Parallelism(tensor),
                },
                2048,
                128),
        };

    /// <summary>Bits of the published tables of savings: 4, 2, 2, 1 and 0.5 bytes a parameter.</summary>
    [Theory]
    [InlineData("FP16", "INT4", 140, 35, 4, 75)]
    [InlineData("BF16", "INT8", 140, 70, 2, 50)]
    [InlineData("FP32", "INT4", 280, 35, 8, 87.5)]
    [InlineData("FP32", "FP16", 280, 140, 2, 50)]
    [InlineData("INT8", "INT4", 70, 35, 2, 50)]
    [InlineData("INT4", "FP16", 35, 140, 0.25, -300)]
    [InlineData(null, "INT4", 140, 35, 4, 75)]
    public void Parameters_alone_are_counted_at_nominal_bits(
        string? from, string to, double original, double quantized, double factor, double percent)
    {
        QuantizationComparison c = Count(70e9, from, to);

        Assert.Equal(original, c.OriginalGB, 9);
        Assert.Equal(quantized, c.QuantizedGB, 9);
        Assert.Equal(original - quantized, c.SavedGB, 9);
        Assert.Equal(factor, c.ReductionFactor, 9);
        Assert.Equal(percent, c.SavedPercent, 9);
        Assert.Equal(c.NominalBitsPerWeight, c.BitsPerWeight, 9);
        Assert.Equal(original * 1e9 / (1L << 30), c.OriginalGiB, 9);
        Assert.Null(c.ModelName);
        Assert.Empty(c.Quality);
    }

    [Theory]
    [InlineData("FP32", 32)]
    [InlineData("BF16", 16)]
    [InlineData("W8A16", 8)]
    [InlineData("GPTQ", 4)]
    [InlineData("AWQ", 4)]
    [InlineData("NF4", 4)]
    [InlineData("NVFP4", 4)]
    [InlineData("MXFP4", 4)]
    [InlineData("Q8_0", 8)]
    [InlineData("Q4_K_M", 4)]
    [InlineData("Q3_K_L", 3)]
    [InlineData("IQ2_XXS", 2)]
    [InlineData("TQ1_0", 1)]
    public void Nominal_bits_are_those_of_the_name(string name, int bits) => Assert.Equal(bits, Quantization.Parse(name).NominalBits);

    /// <summary>Embeddings, head and norms in 16 bits, the rest in 4 with a scale and a zero point for 128.</summary>
    [Fact]
    public void Sizes_of_a_model_hold_what_stays_in_16_bits()
    {
        QuantizationComparison c = Compare("Llama-3.1-8B", null, "AWQ");
        const double outer = (2 * 128_256.0 * 4096) + (65 * 4096);
        const double linear = 8_030_261_248 - outer;

        Assert.Equal("BF16", c.From);
        Assert.Equal(16.060522496, c.OriginalGB, 9);
        Assert.Equal(((linear * (4 + (20 / 128.0))) + (outer * 16)) / 8e9, c.QuantizedGB, 8);
        Assert.Equal(8e9 * c.QuantizedGB / 8_030_261_248, c.BitsPerWeight, 9);
        Assert.Equal(8_030_261_248 / 2e9, c.NominalQuantizedGB, 9);
        Assert.Equal(4, c.NominalReductionFactor);
        Assert.Equal(75, c.NominalSavedPercent);
        Assert.Equal(Evidence.Exact, c.Evidence);
        Assert.Equal(Evidence.Assumed, Compare("Llama-3.1-8B", null, "INT4").Evidence);
    }

    /// <summary>Bits a weight: llama.cpp tools/quantize/README.md.</summary>
    [Theory]
    [InlineData("Q8_0", 8.5008)]
    [InlineData("Q6_K", 6.5633)]
    [InlineData("Q4_K_M", 4.8944)]
    [InlineData("Q3_K_L", 4.2979)]
    [InlineData("IQ2_M", 2.9294)]
    public void Gguf_types_have_the_bits_that_llama_quantize_prints(string type, double bits) =>
        Assert.Equal(bits, Compare("Llama-3.1-8B", null, type).BitsPerWeight, 4);

    /// <summary>A sample of 32-bit tensors: four bytes each, as they lie in the file.</summary>
    [Fact]
    public void A_GGUF_file_is_as_large_as_its_tensors()
    {
        (byte[] header, long length) = GgufSamples.Llama();
        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("Sample-F32.gguf", header, length));
        QuantizationComparison c = QuantizationComparer.Compare(
            new QuantizationComparisonRequest(null, Quantization.Parse("Q8_0")) { Model = model });

        Assert.Equal("FP32", c.From);
        Assert.Equal(4 * GgufSamples.LlamaParameters / 1e9, c.OriginalGB, 6);
        Assert.InRange(c.BitsPerWeight, 8.5, 8.6);
    }

    [Fact]
    public void A_checkpoint_is_what_its_format_s_name_stands_for()
    {
        LlmModel model = ModelCatalog.Get("DeepSeek-V3");
        QuantizationComparison c = Compare("DeepSeek-V3", "FP8", "NVFP4");

        Assert.Equal(model.WeightBytes / 1e9, c.OriginalGB, 9);
        Assert.Equal(c.OriginalGB, Compare("DeepSeek-V3", null, "NVFP4").OriginalGB);
        Assert.Equal(Evidence.Assumed, c.Evidence);
        Assert.Equal(1, Compare("DeepSeek-V3", null, "FP8").ReductionFactor);
    }

    [Fact]
    public void Usual_targets_are_not_wider_than_what_they_are_compared_with()
    {
        Assert.Equal(
            ["FP8", "INT8", "INT4", "GPTQ", "AWQ", "NF4", "NVFP4", "MXFP4", "Q8_0", "Q4_K_M"],
            QuantizationComparisonRequest.UsualTargets(Quantization.BF16).Select(q => q.Name));
        Assert.Equal(
            ["INT4", "GPTQ", "AWQ", "NF4", "NVFP4", "Q4_K_M"],
            QuantizationComparisonRequest.UsualTargets(Quantization.Parse("MXFP4")).Select(q => q.Name));
        Assert.Equal("QuantizationRequired", Assert.Throws<LlmOpsException>(
            () => QuantizationComparisonRequest.UsualTargets(Quantization.Parse("Q2_K"))).ErrorId);
    }

    /// <summary>
    /// Tokens a second of TensorRT-LLM 0.15 on an H200 with 2,048 + 128 tokens (NVIDIA TensorRT-Model-Optimizer, examples/benchmark.md
    /// at 1ef1d72a): Llama-3.1-8B gains 1.41, 1.31 and 1.30 with FP8. None of these was fitted.
    /// </summary>
    [Theory]
    [InlineData(1, 173.80, 245.03)]
    [InlineData(8, 803.11, 1051.17)]
    [InlineData(64, 1679.74, 2190.93)]
    public void The_gain_of_FP8_is_near_the_measured_one_and_within_its_bounds(long batch, double before, double after)
    {
        QuantizationComparison c = Compare("Llama-3.1-8B", null, "FP8", On("H200", Engine.TensorRtLlm, batch));

        Assert.InRange(c.ThroughputFactor!.Value / (after / before), 0.85, 1.1);
        Assert.InRange(after / before, c.DecodeSpeedupFactorLow!.Value, c.DecodeSpeedupFactorHigh!.Value);
        Assert.Equal(Evidence.Fitted, c.SpeedEvidence);
        Assert.Null(c.SpeedNote);
    }

    /// <summary>The same table: INT4 AWQ comes to 0.75 and 0.83 of BF16 at 8 and 64 sequences.</summary>
    [Fact]
    public void A_gain_that_measurements_contradict_is_not_claimed()
    {
        QuantizationComparison c = Compare("Llama-3.1-8B", null, "AWQ", On("H200", Engine.TensorRtLlm, 8));

        Assert.Null(c.DecodeSpeedupFactor);
        Assert.NotNull(c.OriginalTokensPerSecond);
        Assert.Contains("lose to 16 bits", c.SpeedNote, StringComparison.Ordinal);
        Assert.NotNull(Compare("Llama-3.1-8B", null, "AWQ", On("H200", Engine.TensorRtLlm, 1)).DecodeSpeedupFactor);
        Assert.Contains("no such loss", Compare("Llama-3.1-8B", null, "AWQ", On("H200", Engine.vLLM, 8)).SpeedNote, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("FP8", "A100-80GB", Engine.vLLM, WeightKernel.Expanded)]
    [InlineData("FP8", "A100-80GB", Engine.TensorRtLlm, WeightKernel.Missing)]
    [InlineData("FP8", "T4", Engine.vLLM, WeightKernel.Expanded)]
    [InlineData("FP8", "V100-32GB", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("FP8", "MI300X", Engine.vLLM, WeightKernel.Native)]
    [InlineData("NVFP4", "H100-80GB", Engine.vLLM, WeightKernel.Expanded)]
    [InlineData("NVFP4", "H100-80GB", Engine.TensorRtLlm, WeightKernel.Missing)]
    [InlineData("NVFP4", "B200", Engine.vLLM, WeightKernel.Native)]
    [InlineData("NVFP4", "MI355X", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("MXFP4", "MI355X", Engine.vLLM, WeightKernel.Native)]
    [InlineData("MXFP4", "H100-80GB", Engine.TensorRtLlm, WeightKernel.Expanded)]
    [InlineData("MXFP4", "T4", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("INT8", "H100-80GB", Engine.vLLM, WeightKernel.Native)]
    [InlineData("INT8", "B200", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("INT8", "V100-32GB", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("INT8", "MI300X", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("AWQ", "A10G", Engine.vLLM, WeightKernel.Native)]
    [InlineData("AWQ", "T4", Engine.vLLM, WeightKernel.NotMeasured)]
    [InlineData("AWQ", "V100-32GB", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("GPTQ", "V100-32GB", Engine.vLLM, WeightKernel.NotMeasured)]
    [InlineData("GPTQ", "MI300X", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("NF4", "H100-80GB", Engine.vLLM, WeightKernel.NotMeasured)]
    [InlineData("Q4_K_M", "H100-80GB", Engine.vLLM, WeightKernel.NotMeasured)]
    [InlineData("Q4_K_M", "H100-80GB", Engine.LlamaCpp, WeightKernel.Native)]
    [InlineData("FP8", "H100-80GB", Engine.LlamaCpp, WeightKernel.Missing)]
    [InlineData("BF16", "T4", Engine.vLLM, WeightKernel.Native)]
    [InlineData("FP16", "V100-32GB", Engine.vLLM, WeightKernel.Native)]
    [InlineData("FP16", "P100", Engine.vLLM, WeightKernel.Missing)]
    [InlineData("FP16", "P100", Engine.SGLang, WeightKernel.Missing)]
    [InlineData("FP16", "P100", Engine.TensorRtLlm, WeightKernel.Missing)]
    [InlineData("Q4_K_M", "P100", Engine.LlamaCpp, WeightKernel.Native)]
    [InlineData("FP16", "P100", Engine.Transformers, WeightKernel.Native)]
    [InlineData("BF16", "MI300X", Engine.vLLM, WeightKernel.Native)]
    public void A_format_runs_where_the_engine_has_kernels_for_it(string format, string gpu, Engine engine, WeightKernel kernel)
    {
        Assert.Equal(kernel, WeightKernels.Of(Quantization.Parse(format), GpuCatalog.Get(gpu), engine, out string? note));
        Assert.Equal(kernel == WeightKernel.Native, note is null);
    }

    [Theory]
    [InlineData("NF4", "H100-80GB", "not measured")]
    [InlineData("NVFP4", "MI300X", "no kernels")]
    [InlineData("Q4_K_M", "H100-80GB", "-Engine LlamaCpp")]
    public void Where_times_are_not_known_there_are_none(string format, string gpu, string saying)
    {
        QuantizationComparison c = Compare("Llama-3.1-8B", null, format, On(gpu));

        Assert.Null(c.QuantizedTimePerOutputTokenMs ?? c.DecodeSpeedupFactor ?? c.PrefillSpeedupFactor ?? c.ThroughputFactor ?? c.QuantizedTokensPerSecond);
        Assert.NotNull(c.OriginalTimePerOutputTokenMs);
        Assert.Contains(saying, c.SpeedNote, StringComparison.Ordinal);
        Assert.True(c.QuantizedGB < c.OriginalGB);
    }

    [Fact]
    public void What_does_not_fit_is_said_and_has_no_times()
    {
        QuantizationComparison c = Compare("Llama-3.1-70B", null, "AWQ", On("H100-80GB"));

        Assert.False(c.OriginalFits);
        Assert.True(c.QuantizedFits);
        Assert.Null(c.OriginalTokensPerSecond ?? c.DecodeSpeedupFactor);
        Assert.NotNull(c.QuantizedTokensPerSecond);
        Assert.Contains("BF16 does not fit H100-80GB", c.SpeedNote, StringComparison.Ordinal);
    }

    [Fact]
    public void Cost_is_the_price_over_the_tokens_of_all_copies()
    {
        QuantizationComparison c = Compare("Llama-3.1-8B", null, "FP8", On("H100-80GB", batch: 16) with { UsdPerHour = 36, Copies = 4 });

        Assert.Equal(36.0 / 3600 / (4 * c.QuantizedTokensPerSecond!.Value) * 1e6, c.QuantizedUsdPerMillionTokens!.Value, 9);
        Assert.Equal(c.OriginalUsdPerMillionTokens!.Value / c.QuantizedUsdPerMillionTokens.Value, c.ThroughputFactor!.Value, 9);
        Assert.Null(Compare("Llama-3.1-8B", null, "FP8", On("H100-80GB")).QuantizedUsdPerMillionTokens);
    }

    [Theory]
    [InlineData(0, "ParameterCount is 0,")]
    [InlineData(70, "70e9")]
    [InlineData(-7e9, "must be between")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "Infinity")]
    [InlineData(1e16, "must be between")]
    public void A_number_of_parameters_has_bounds(double parameters, string saying)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Count(parameters, null, "INT4"));

        Assert.Equal("ValueOutOfRange", e.ErrorId);
        Assert.Contains(saying, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    public void A_price_has_bounds(double price) => Assert.Equal("ValueOutOfRange", Assert.Throws<LlmOpsException>(
        () => Compare("Llama-3.1-8B", null, "FP8", On("H100-80GB") with { UsdPerHour = price })).ErrorId);

    [Fact]
    public void A_price_needs_a_GPU() => Assert.Equal("GpuRequired", Assert.Throws<LlmOpsException>(
        () => Compare("Llama-3.1-8B", null, "FP8", new QuantizationComparisonRequest(null, Quantization.FP16) { UsdPerHour = 1 })).ErrorId);

    /// <summary>Whatever the model and the formats: sizes are positive, agree with each other, and turn round with the formats.</summary>
    [Fact]
    public void Comparisons_agree_with_themselves()
    {
        var cases =
            from model in Gen.Elements(ModelCatalog.Names.ToArray())
            from before in Gen.Elements(Quantization.Known.ToArray())
            from after in Gen.Elements(Quantization.Known.ToArray())
            select (model, before, after);
        Always.Holds(cases, 5_000, pick =>
        {
            QuantizationComparison there = Compare(pick.model, pick.before.Name, pick.after.Name);
            QuantizationComparison back = Compare(pick.model, pick.after.Name, pick.before.Name);
            Assert.True(there.OriginalGB > 0 && there.QuantizedGB > 0);
            Assert.Equal(1, there.ReductionFactor * back.ReductionFactor, 9);
            Assert.Equal(there.OriginalGB - there.QuantizedGB, there.SavedGB, 9);
            Assert.InRange(there.SavedGiB - (there.SavedGB * 1e9 / (1L << 30)), -1e-6, 1e-6);
            Assert.Equal(1 - (there.SavedPercent / 100), 1 / there.ReductionFactor, 9);
            Assert.InRange(there.BitsPerWeight, 1.5, 33);
            Assert.All(there.Quality, q => Assert.Equal(pick.after.Name, q.Format));
        });
    }
}
