using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>Who names the format that a checkpoint is in means the checkpoint, not a conversion into that format.</summary>
public sealed class NamedQuantizationTests
{
    [Theory]
    [InlineData("gpt-oss-120b", "MXFP4")]
    [InlineData("DeepSeek-R1", "FP8")]
    [InlineData("Kimi-K2.5", "INT4")]
    [InlineData("Llama-3.1-8B", "BF16")]
    public void The_checkpoints_own_format_is_the_checkpoint(string name, string format)
    {
        LlmModel model = ModelCatalog.Get(name);
        MemoryRequest own = new(model) { Gpu = GpuCatalog.Get("B200"), Parallelism = new Parallelism(8), BatchSize = 4 };
        MemoryRequest named = own with { Quantization = Quantization.Parse(format) };

        Assert.Equal(format, own.EffectiveQuantization.Name);
        Assert.Equal(MemoryEstimator.Estimate(own).TotalGiB, MemoryEstimator.Estimate(named).TotalGiB);
        Assert.Equal(Times(own), Times(named));
        Assert.Equal(WeightFiles.Bytes(model, model.PublishedQuantization), WeightFiles.Bytes(model, Quantization.Parse(format)));
    }

    /// <summary>Attention, embeddings and head of gpt-oss stay in 16 bits: 60.8 GiB of files (openai/gpt-oss-120b), not 4.25 bits of all.</summary>
    [Fact]
    public void Named_gpt_oss_is_as_large_as_its_files() =>
        Assert.InRange(WeightFiles.Bytes(ModelCatalog.Get("gpt-oss-120b"), Quantization.Parse("MXFP4")) / (double)Units.BytesPerGiB, 60.6, 61.0);

    [Fact]
    public void Another_format_is_a_conversion() => Assert.NotEqual(
        WeightFiles.Bytes(ModelCatalog.Get("gpt-oss-120b"), Quantization.Parse("MXFP4")),
        WeightFiles.Bytes(ModelCatalog.Get("gpt-oss-120b"), Quantization.Parse("NVFP4")));

    private static (double?, double?) Times(in MemoryRequest deployment)
    {
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(deployment, 512, 256));
        return (estimate.TimeToFirstTokenMs, estimate.TimePerOutputTokenMs);
    }
}
