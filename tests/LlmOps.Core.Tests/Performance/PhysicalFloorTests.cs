using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

public sealed class PhysicalFloorTests
{
    private static PhysicalFloor Of(string model, string quantization, long batch, long input, long output, string gpu = "H100-80GB", int count = 1) =>
        PhysicalFloor.Of(
            new Workload(ModelCatalog.Get(model), batch, input, output) { Quantization = Quantization.Parse(quantization) },
            GpuCatalog.Get(gpu), count);

    /// <summary>One sequence: each step reads all weights but the embedding, and the cache so far, over 3,352 GB/s.</summary>
    [Fact]
    public void Decoding_one_sequence_reads_weights_and_cache_at_each_step()
    {
        const double weights = 2 * (8_030_261_248.0 - (128_256L * 4096));
        const double cache = 131_072.0 * (101 + 102 + 103);

        Assert.Equal(((3 * weights) + cache) / 3352e9, Of("Llama-3.1-8B", "BF16", 1, 100, 4).DecodeSeconds, 1e-12);
    }

    /// <summary>A step for one sequence reads 2 of Mixtral's 8 experts, and not all of them.</summary>
    [Theory]
    [InlineData("BF16", 16)]
    [InlineData("AWQ", 4 + (20 / 128.0))]
    [InlineData("INT4", 4 * 1.1)]
    public void Decoding_one_sequence_of_a_mixture_reads_the_experts_that_it_picks(string quantization, double bits)
    {
        const double attention = 32 * ((2.0 * 4096 * 4096) + (2.0 * 4096 * 1024));
        const double twoExperts = 32 * 2 * 3.0 * 4096 * 14336;
        const double head = 32_000.0 * 4096;
        const double routersAndNorms = (32 * ((8 * 4096) + (2 * 4096))) + 4096;
        double weights = ((attention + twoExperts) * bits / 8) + (2 * (head + routersAndNorms));
        const double cache = 131_072.0 * 101;

        Assert.Equal((weights + cache) / 3352e9, Of("Mixtral-8x7B", quantization, 1, 100, 2).DecodeSeconds, 1e-12);
    }

    /// <summary>With n tokens an expert stays idle with probability (1 - k/E)^n.</summary>
    [Fact]
    public void Large_batches_read_nearly_all_experts()
    {
        const double allButEmbedding = 2 * (46_702_792_704.0 - (32_000L * 4096));
        const double experts = 2 * 32 * 8 * 3.0 * 4096 * 14336;
        double weights = allButEmbedding - (experts * Math.Pow(1 - (2.0 / 8), 16));
        const double cache = 16 * 131_072.0 * 101;

        Assert.Equal((weights + cache) / 3352e9, Of("Mixtral-8x7B", "BF16", 16, 100, 2).DecodeSeconds, 1e-9 * 1e-3);
    }

    /// <summary>
    /// Two operations a parameter and token, four a head element and pair of tokens, half of the pairs by causality, and one row of
    /// the head, over 989.4 TFLOPS.
    /// </summary>
    [Fact]
    public void Reading_a_long_prompt_is_bound_by_operations()
    {
        const double body = 8_030_261_248.0 - (2 * 128_256L * 4096);
        const double n = 4096;
        const double attention = 4 * 32 * 4096 * (n * (n + 1) / 2);
        const double operations = (2 * n * body) + attention + (2 * 128_256.0 * 4096);

        Assert.Equal(operations / 989.4e12, Of("Llama-3.1-8B", "BF16", 1, 4096, 1).PrefillSeconds, 1e-9);
    }

    [Fact]
    public void Windowed_layers_read_their_window_only()
    {
        // gpt-oss-20b: 12 layers see all, 12 the last 128 tokens; 1,024 elements a token and layer.
        PhysicalFloor shortContext = Of("gpt-oss-20b", "BF16", 1, 128, 2);
        PhysicalFloor longContext = Of("gpt-oss-20b", "BF16", 1, 10_128, 2);

        Assert.Equal(2 * 1024 * 12 * (10_129 - 129.0) / 3352e9, longContext.DecodeSeconds - shortContext.DecodeSeconds, 1e-10 * 1e-3);
    }

    [Fact]
    public void One_output_token_needs_no_decoding()
    {
        Assert.Equal(0, Of("Llama-3.1-8B", "BF16", 4, 100, 1).DecodeSeconds);
    }

    [Fact]
    public void Four_GPUs_have_a_quarter_of_the_floor()
    {
        PhysicalFloor one = Of("Llama-3.1-8B", "BF16", 4, 1000, 100), four = Of("Llama-3.1-8B", "BF16", 4, 1000, 100, count: 4);

        Assert.Equal(one.PrefillSeconds / 4, four.PrefillSeconds, 1e-12);
        Assert.Equal(one.DecodeSeconds / 4, four.DecodeSeconds, 1e-12);
    }

    /// <summary>Prompts that come up during an answer share passes over the weights: each adds its operations alone.</summary>
    [Fact]
    public void Short_prompts_of_others_need_no_pass_over_the_weights_each()
    {
        static PerformanceEstimate Of(long users, long tokens) => PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Gpu = GpuCatalog.Get("L4"), BatchSize = users }, tokens, tokens));

        Assert.InRange(Of(64, 16).TimePerOutputTokenMs!.Value / Of(1, 16).TimePerOutputTokenMs!.Value, 1, 1.5);
        Assert.InRange(Of(128, 1).TimeToFirstTokenMs!.Value / Of(1, 1).TimeToFirstTokenMs!.Value, 1, 2);
    }
}
