using LlmOps.Core.Models;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Quantizations;

public sealed class GgmlTypeTests
{
    /// <summary>
    /// Blocks as their structs in ggml-common.h add up: 16-bit scales and minimums, packed sub-scales, high bits, quants.
    /// </summary>
    [Theory]
    [InlineData(0, "F32", 1, 4)]
    [InlineData(1, "F16", 1, 2)]
    [InlineData(30, "BF16", 1, 2)]
    [InlineData(2, "Q4_0", 32, 2 + 16)]
    [InlineData(3, "Q4_1", 32, 2 + 2 + 16)]
    [InlineData(6, "Q5_0", 32, 2 + 4 + 16)]
    [InlineData(7, "Q5_1", 32, 2 + 2 + 4 + 16)]
    [InlineData(8, "Q8_0", 32, 2 + 32)]
    [InlineData(10, "Q2_K", 256, 16 + 64 + 2 + 2)]
    [InlineData(11, "Q3_K", 256, 32 + 64 + 12 + 2)]
    [InlineData(12, "Q4_K", 256, 2 + 2 + 12 + 128)]
    [InlineData(13, "Q5_K", 256, 2 + 2 + 12 + 32 + 128)]
    [InlineData(14, "Q6_K", 256, 128 + 64 + 16 + 2)]
    [InlineData(15, "Q8_K", 256, 4 + 256 + 32)]
    [InlineData(16, "IQ2_XXS", 256, 2 + 64)]
    [InlineData(17, "IQ2_XS", 256, 2 + 64 + 8)]
    [InlineData(22, "IQ2_S", 256, 2 + 64 + 8 + 8)]
    [InlineData(18, "IQ3_XXS", 256, 2 + 96)]
    [InlineData(21, "IQ3_S", 256, 2 + 64 + 8 + 32 + 4)]
    [InlineData(19, "IQ1_S", 256, 2 + 32 + 16)]
    [InlineData(29, "IQ1_M", 256, 32 + 16 + 8)]
    [InlineData(20, "IQ4_NL", 32, 2 + 16)]
    [InlineData(23, "IQ4_XS", 256, 2 + 2 + 4 + 128)]
    [InlineData(34, "TQ1_0", 256, 48 + 4 + 2)]
    [InlineData(35, "TQ2_0", 256, 64 + 2)]
    [InlineData(39, "MXFP4", 32, 1 + 16)]
    [InlineData(40, "NVFP4", 64, 4 + 32)]
    public void Blocks_are_those_of_ggml(int id, string name, int blockSize, int blockBytes)
    {
        GgmlType type = GgmlType.Find(id)!;

        Assert.Equal((name, blockSize, blockBytes), (type.Name, type.BlockSize, type.BlockBytes));
        Assert.Same(type, GgmlType.Find(name.ToLowerInvariant()));
        Assert.Equal(8.0 * blockBytes / blockSize, type.BitsPerWeight);
        Assert.Equal(7L * blockBytes, type.Bytes(7L * blockSize));
    }

    [Fact]
    public void Numbers_that_were_removed_or_never_given_are_no_types()
    {
        Assert.All([-1, 4, 5, 31, 36, 1000, int.MaxValue], id => Assert.Null(GgmlType.Find(id)));
        Assert.Null(GgmlType.Find("Q4_2"));
    }

    [Fact]
    public void Elements_that_are_no_whole_blocks_have_no_size()
    {
        GgmlType type = GgmlType.Find("Q4_K")!;

        Assert.Null(type.Bytes(255));
        Assert.Null(type.Bytes(-256));
        Assert.Null(type.Bytes(long.MaxValue / 256 * 256 / 2 * 2 - 255));
        Assert.Null(GgmlType.Find("F64")!.Bytes(long.MaxValue));
        Assert.Equal(0, type.Bytes(0));
    }

    /// <summary>
    /// File sizes in GiB that llama.cpp tools/quantize/README.md prints for Llama-3.1-8B; a file's metadata is 8 MB. The
    /// weights that stay in 16 bits here are norms, 0.003 % of all. Its IQ4_XS and IQ4_NL were made without an importance matrix, which
    /// stores down projections of the first four layers in Q5_K.
    /// </summary>
    [Theory]
    [InlineData("IQ1_S", 1.87)]
    [InlineData("IQ1_M", 2.01)]
    [InlineData("IQ2_XXS", 2.23)]
    [InlineData("IQ2_XS", 2.42)]
    [InlineData("IQ2_S", 2.56)]
    [InlineData("IQ2_M", 2.74)]
    [InlineData("IQ3_XXS", 3.04)]
    [InlineData("IQ3_XS", 3.27)]
    [InlineData("IQ3_S", 3.42)]
    [InlineData("IQ3_M", 3.52)]
    [InlineData("IQ4_XS", 4.17 - (4 * 4096 * 14336 * (5.5 - 4.25) / 8 / (1 << 30)))]
    [InlineData("IQ4_NL", 4.38 - (4 * 4096 * 14336 * (5.5 - 4.5) / 8 / (1 << 30)))]
    [InlineData("Q2_K_S", 2.78)]
    [InlineData("Q2_K", 2.95)]
    [InlineData("Q3_K_S", 3.41)]
    [InlineData("Q3_K_L", 4.02)]
    [InlineData("Q4_K_S", 4.36)]
    [InlineData("Q4_K_M", 4.58)]
    [InlineData("Q5_K_S", 5.21)]
    [InlineData("Q5_K_M", 5.33)]
    [InlineData("Q6_K", 6.14)]
    [InlineData("Q8_0", 7.95)]
    public void Files_are_as_large_as_llama_cpp_prints(string quantization, double gib)
    {
        long bytes = MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Engine = Engine.Transformers,
            Quantization = Quantization.Parse(quantization),
        }).Bytes.ModelWeights;

        Assert.Equal(gib, Units.ToGiB(bytes), 0.0075);
    }

    [Theory]
    [InlineData("Q4_1", 5)]
    [InlineData("Q5_0", 5.5)]
    [InlineData("Q5_1", 6)]
    [InlineData("TQ1_0", 1.6875)]
    [InlineData("TQ2_0", 2.0625)]
    [InlineData("w8a16", 8)]
    [InlineData("F32", 32)]
    [InlineData("f16", 16)]
    [InlineData("fp4", 4.5)]
    public void Single_types_and_aliases_have_the_bits_of_their_blocks(string name, double bits)
    {
        Assert.Equal(bits, Quantization.Parse(name).BitsPerWeight);
    }
}
