using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

public sealed class StepTimeTests
{
    /// <summary>
    /// In sample: the coefficients were fitted to these rows among others. <see cref="ServingReportTests"/> is about what is predicted
    /// with groups left out.
    /// </summary>
    [Theory]
    [InlineData("vLLM", 0.07, 0.20)]
    [InlineData("SGLang", 0.08, 0.20)]
    [InlineData("TensorRT-LLM", 0.09, 0.24)]
    public void Measurements_of_the_fit_are_met(string engine, double tokenMedian, double firstMedian)
    {
        ServingMeasurement[] rows = [.. ServingMeasurement.All.Where(m => m.Case.Engine == engine)];
        Assert.True(rows.Length >= 25, $"{rows.Length} rows");
        Assert.InRange(
            Median(rows.Select(m => Math.Abs((StepTimeModel.Predict(m.Case).TimePerOutputToken / m.TimePerOutputTokenMs) - 1))),
            0, tokenMedian);
        Assert.InRange(
            Median(rows.Where(m => m.TimeToFirstTokenMs is not null)
                .Select(m => Math.Abs((StepTimeModel.Predict(m.Case).TimeToFirstToken / m.TimeToFirstTokenMs!.Value) - 1))),
            0, firstMedian);
    }

    [Fact]
    public void Sample_covers_what_was_fitted()
    {
        Assert.Equal(3, ServingMeasurement.All.Select(m => m.Case.Engine).Distinct().Count());
        Assert.Equal(5, ServingMeasurement.All.Select(m => m.Case.Gpu.Name).Distinct().Count());
        Assert.Equal(10, ServingMeasurement.All.Select(m => m.Case.Model.Name).Distinct().Count());
        Assert.All(ServingMeasurement.All, m => Assert.NotNull(StepTimeData.Instance.FamilyOf(m.Case.Model.Name)));
    }

    /// <summary>
    /// Weights that are expanded to 16 bits before they are multiplied save what is read, and nothing else: fewer bits are never slower. Than
    /// 16 bits they can be, for few sequences of a small mixture.
    /// </summary>
    [Theory]
    [InlineData("Qwen3-30B-A3B", "H100-80GB", 1, "W8A16", "NVFP4", "AWQ")]
    [InlineData("Qwen3-30B-A3B", "H100-80GB", 64, "BF16", "W8A16", "NVFP4", "AWQ")]
    [InlineData("Qwen3-30B-A3B", "B200", 1, "W8A16", "AWQ")]
    [InlineData("Qwen3-30B-A3B", "A100-80GB", 8, "BF16", "FP8", "NVFP4", "AWQ")]
    [InlineData("Mixtral-8x7B", "B200", 4, "BF16", "W8A16", "AWQ")]
    [InlineData("Llama-3.1-8B", "H100-80GB", 1, "BF16", "W8A16", "NVFP4", "MXFP4", "AWQ")]
    [InlineData("Llama-3.1-8B", "L40S", 16, "BF16", "W8A16", "NVFP4", "MXFP4", "AWQ")]
    public void Expanded_weights_of_fewer_bits_are_no_slower(string model, string gpu, long batch, params string[] formats)
    {
        double[] times = [.. formats.Select(format => TokenMs(model, gpu, batch, format))];
        Assert.Equal(times.OrderDescending(), times);
        Assert.Equal(times.Length, times.Distinct().Count());
    }

    /// <summary>
    /// One user, 1,000 + 1,000 tokens, 4-bit AWQ on vLLM (github.com/cloudrift-ai/server-benchmark at f8e34f1, results of single queries):
    /// mixtures with grouped attention. None of these was fitted; the fit's own weights of 4 bits are of Kimi-K2.5 alone. The second is
    /// between four GPUs over PCIe, whose hops are a compromise with eight.
    /// </summary>
    [Theory]
    [InlineData("Qwen3-Coder-480B-A35B", "H200", 4, 9.55)]
    [InlineData("Qwen3-Coder-480B-A35B", "RTX-PRO-6000-Server", 4, 11.33)]
    [InlineData("GLM-4.5-Air", "RTX-PRO-6000-Server", 1, 9.34)]
    public void Tokens_of_mixtures_in_AWQ_take_what_was_measured(string model, string gpu, int tensor, double tokenMs) =>
        Assert.InRange(Estimate(model, gpu, 1, "AWQ", Engine.vLLM, tensor, 1000).TimePerOutputTokenMs!.Value / tokenMs, 0.85, 1.21);

    /// <summary>A GPU without units for FP8 runs it by the kernels of other weights of 8 bits.</summary>
    [Theory]
    [InlineData("Qwen3-30B-A3B", 1)]
    [InlineData("Llama-3.1-8B", 64)]
    [InlineData("DeepSeek-V2-Lite", 8)]
    public void Expanded_weights_of_equal_bits_take_equal_times(string model, long batch) =>
        Assert.Equal(TokenMs(model, "A100-80GB", batch, "W8A16"), TokenMs(model, "A100-80GB", batch, "FP8"), 1e-9);

    [Theory]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.vLLM, "FP8", null, false)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.vLLM, "BF16", null, false)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.vLLM, "AWQ", "no model in AWQ was measured", false)]
    [InlineData("Llama-3.1-8B", "A100-80GB", Engine.vLLM, "FP8", "expanded to 16 bits", false)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.TensorRtLlm, "AWQ", "0.75 to 1.03 times", true)]
    [InlineData("Llama-3.1-8B", "B200", Engine.vLLM, "INT8", "kernels that do not exist", true)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.vLLM, "NF4", "were not measured", true)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.vLLM, "Q4_K_M", "predicted for llama.cpp alone", true)]
    [InlineData("Llama-3.1-8B", "H100-80GB", Engine.LlamaCpp, "Q4_K_M", null, false)]
    public void What_times_do_not_rest_on_is_said(string model, string gpu, Engine engine, string format, string? note, bool warns)
    {
        PerformanceEstimate estimate = Estimate(model, gpu, 1, format, engine);
        if (note is null)
        {
            Assert.Null(estimate.Note);
        }
        else
        {
            Assert.Contains(note, estimate.Note, StringComparison.Ordinal);
            Assert.Equal(Evidence.Assumed, estimate.Evidence);
        }

        Assert.Equal(warns, WeightKernels.WarningOf(estimate) is not null);
    }

    private static double TokenMs(string model, string gpu, long batch, string format) =>
        Estimate(model, gpu, batch, format, Engine.vLLM).TimePerOutputTokenMs!.Value;

    private static PerformanceEstimate Estimate(
        string model, string gpu, long batch, string format, Engine engine, int? tensor = null, long outputLength = 256) =>
        PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get(model))
            {
                Engine = engine,
                Quantization = Quantization.Parse(format),
                Gpu = GpuCatalog.Get(gpu),
                BatchSize = batch,
                Parallelism = Parallelism.None with { Tensor = tensor ?? (model == "Mixtral-8x7B" || gpu == "L40S" ? 2 : 1) },
            },
            1024,
            outputLength));

    private static double Median(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered[ordered.Length / 2];
    }
}
