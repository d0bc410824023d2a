using LlmOps.Core.Hardware;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Hardware;

public sealed class PeakThroughputTests
{
    private static double Peak(string gpu, string quantization) =>
        GpuCatalog.Get(gpu).PeakTflops(Quantization.Parse(quantization));

    [Theory]
    [InlineData("H100-80GB", "BF16", 989.4)]
    [InlineData("H100-80GB", "FP8", 1978.9)]
    [InlineData("H100-80GB", "INT8", 1978.9)]
    [InlineData("H100-80GB", "AWQ", 989.4)]
    [InlineData("H100-80GB", "FP32", 494.7)]
    [InlineData("B200", "NVFP4", 9000)]
    [InlineData("T4", "INT8", 130)]
    [InlineData("T4", "FP32", 8.1)]
    [InlineData("A100-80GB", "INT8", 624)]
    public void A_type_runs_on_the_units_that_are_built_for_it(string gpu, string quantization, double tflops)
    {
        Assert.Equal(tflops, Peak(gpu, quantization));
    }

    /// <summary>Integer units cannot multiply FP8: chips before Ada and Hopper expand it to 16 bits.</summary>
    [Theory]
    [InlineData("T4", "FP8", 65)]
    [InlineData("A100-80GB", "FP8", 312)]
    [InlineData("A10G", "FP8", 70)]
    [InlineData("V100-16GB", "FP8", 125)]
    [InlineData("V100-16GB", "INT8", 125)]
    [InlineData("A100-80GB", "NVFP4", 312)]
    [InlineData("H100-80GB", "MXFP4", 1978.9)]
    public void A_type_without_units_runs_on_those_of_the_next_wider_one(string gpu, string quantization, double tflops)
    {
        Assert.Equal(tflops, Peak(gpu, quantization));
    }

    /// <summary>Blackwell Ultra has hardly any INT8 units: 16 bits are faster.</summary>
    [Fact]
    public void Units_that_are_slower_than_those_of_a_wider_type_do_not_bound_it()
    {
        Assert.Equal(2250, Peak("B300", "INT8"));
    }

    /// <summary>Gaudi 3 has 459 TFLOPS in FP16 and 1,677 in BF16, of which 1,243 were measured.</summary>
    [Fact]
    public void The_faster_16_bit_type_is_the_16_bit_peak()
    {
        Assert.Equal(1677, GpuCatalog.Get("Gaudi3").Fp16Tflops);
        Assert.Equal(1677, Peak("Gaudi3", "BF16"));
    }
}
