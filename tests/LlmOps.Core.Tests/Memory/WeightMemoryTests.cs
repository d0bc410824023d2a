using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>Weights as their parameters make them; what vLLM adds on loading is in <see cref="VllmReportTests"/>.</summary>
public sealed class WeightMemoryTests
{
    private static long Weights(string model, string? quantization = null, Parallelism? parallelism = null) =>
        MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get(model))
        {
            Engine = Engine.Transformers,
            Quantization = quantization is null ? null : Quantization.Parse(quantization),
            Parallelism = parallelism ?? Parallelism.None,
        }).Bytes.ModelWeights;

    /// <summary>Two bytes for each published parameter.</summary>
    [Theory]
    [InlineData("Llama-3.1-8B", 16_060_522_496)]
    [InlineData("Llama-2-7B", 13_476_831_232)]
    [InlineData("Mixtral-8x7B", 93_405_585_408)]
    public void Weights_in_16_bits_take_two_bytes_each(string model, long bytes)
    {
        Assert.Equal(bytes, Weights(model));
        Assert.Equal(bytes, Weights(model, "FP16"));
        Assert.Equal(2 * bytes, Weights(model, "FP32"));
    }

    /// <summary>The embedding is the head: 128,256 x 2,048 weights are held once.</summary>
    [Fact]
    public void A_tied_embedding_is_held_once()
    {
        Assert.Equal(2 * 1_235_814_400L, Weights("Llama-3.2-1B"));
    }

    /// <summary>On two stages the last one needs a copy of the embedding as its head.</summary>
    [Fact]
    public void A_tied_embedding_is_held_on_the_first_and_on_the_last_stage()
    {
        const long embedding = 128_256L * 2048;
        const long layer = (2L * 2048 * 2048) + (2L * 2048 * 512) + (3L * 2048 * 8192) + (2 * 2048);

        Assert.Equal(2 * (embedding + (8 * layer) + 2048), Weights("Llama-3.2-1B", parallelism: new Parallelism(1, 2)));
    }

    /// <summary>Matrices are divided; norms are on every rank; each rank has 8 / tp KV heads.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Tensor_parallelism_divides_matrices_and_copies_norms(int tensor)
    {
        const long matrices = (2L * 128_256 * 4096)
            + (32 * ((2L * 4096 * 4096) + (2L * 4096 * 1024) + (3L * 4096 * 14336)));
        const long norms = (32 * 2 * 4096) + 4096;

        Assert.Equal(2 * ((matrices / tensor) + norms), Weights("Llama-3.1-8B", parallelism: new Parallelism(tensor)));
    }

    /// <summary>16 ranks, 8 KV heads: each rank holds one whole head, twice what an even division would give.</summary>
    [Fact]
    public void More_ranks_than_KV_heads_hold_copies_of_key_and_value_projections()
    {
        const long evenlyDivided = (2L * 128_256 * 4096) + (32 * ((2L * 4096 * 4096) + (3L * 4096 * 14336)));
        const long oneHead = 32 * 2L * 4096 * 128;
        const long norms = (32 * 2 * 4096) + 4096;

        Assert.Equal(2 * ((evenlyDivided / 16) + oneHead + norms), Weights("Llama-3.1-8B", parallelism: new Parallelism(16)));
    }

    /// <summary>Routers and norms are on every rank, whole experts on one each.</summary>
    [Fact]
    public void Expert_parallelism_gives_each_rank_whole_experts()
    {
        const long expert = 3L * 4096 * 14336;
        long whole = Weights("Mixtral-8x7B");

        Assert.Equal(whole - (2 * 32 * 6 * expert), Weights("Mixtral-8x7B", parallelism: new Parallelism(1, 1, 4)));
        Assert.Equal(whole - (2 * 32 * 7 * expert), Weights("Mixtral-8x7B", parallelism: new Parallelism(1, 1, 8)));
    }

    /// <summary>Without expert parallelism the tensor ranks divide each expert: the same bytes a rank.</summary>
    [Fact]
    public void Tensor_parallelism_divides_experts_where_there_is_no_expert_parallelism()
    {
        const long expert = 3L * 4096 * 14336;
        const long others = (2L * 32_000 * 4096) + (32 * ((2L * 4096 * 4096) + (2L * 4096 * 1024)));
        const long copied = (32 * ((2 * 4096) + (8 * 4096))) + 4096;
        long expected = 2 * (((others + (32 * 8 * expert)) / 4) + copied);

        Assert.Equal(expected, Weights("Mixtral-8x7B", parallelism: new Parallelism(4)));
        Assert.Equal(expected, Weights("Mixtral-8x7B", parallelism: new Parallelism(4, 1, 4)));
        Assert.Equal(expected, Weights("Mixtral-8x7B", parallelism: new Parallelism(4, 1, 2)));
    }

    /// <summary>
    /// 32 layers in 4 stages are 8 each; the first also has the embedding, and the last the head and the final norm. What does not
    /// divide goes to the stages before the last (vLLM, distributed/utils.py, get_pp_indices).
    /// </summary>
    [Fact]
    public void The_fullest_pipeline_stage_is_what_counts()
    {
        LlmModel model = ModelCatalog.Get("Llama-3.1-8B");
        const long layer = (2L * 4096 * 4096) + (2L * 4096 * 1024) + (3L * 4096 * 14336) + (2 * 4096);
        const long head = 128_256L * 4096;

        Assert.Equal([8, 8, 8, 8], model.Stages(4).Select(stage => stage.LayerCount));
        Assert.Equal(2 * ((8 * layer) + head + 4096), Weights("Llama-3.1-8B", parallelism: new Parallelism(1, 4)));
        Assert.Equal([6, 6, 7, 7, 6], model.Stages(5).Select(stage => stage.LayerCount));
    }

    /// <summary>
    /// Linear layers take the format's bits: 4 for INT4 with the framework's 10 %, 4 + 20/128 for GPTQ and AWQ, 4 + 8/64 + 32/16384 for
    /// NF4, 4.5 for NVFP4, 4.25 for MXFP4. Embedding, head and norms stay in 16 bits.
    /// </summary>
    [Theory]
    [InlineData("FP8", 8)]
    [InlineData("INT8", 8)]
    [InlineData("INT4", 4 * 1.1)]
    [InlineData("GPTQ", 4 + (20 / 128.0))]
    [InlineData("AWQ", 4 + (20 / 128.0))]
    [InlineData("NF4", 4 + (8 / 64.0) + (32 / 16384.0))]
    [InlineData("NVFP4", 4.5)]
    [InlineData("MXFP4", 4.25)]
    public void A_quantization_of_linear_layers_leaves_embedding_head_and_norms_in_16_bits(string quantization, double bits)
    {
        const long linear = 32 * ((2L * 4096 * 4096) + (2L * 4096 * 1024) + (3L * 4096 * 14336));
        const long others = (2L * 128_256 * 4096) + (32 * 2 * 4096) + 4096;

        Assert.Equal((linear * bits / 8) + (2 * others), Weights("Llama-3.1-8B", quantization), 1.0);
    }

    /// <summary>llama.cpp tools/quantize/README.md, Llama-3.1-8B: file sizes in GiB, metadata of a few MB included.</summary>
    [Theory]
    [InlineData("Q8_0", 7.95)]
    [InlineData("Q6_K", 6.14)]
    [InlineData("Q5_K_M", 5.33)]
    [InlineData("Q4_K_M", 4.58)]
    public void GGUF_formats_take_as_much_as_the_published_files(string quantization, double gib)
    {
        Assert.Equal(gib, Units.ToGiB(Weights("Llama-3.1-8B", quantization)), 0.02);
    }

    /// <summary>openai/gpt-oss-20b: 12.8 GiB and openai/gpt-oss-120b: 60.8 GiB of checkpoint (model card, table 1).</summary>
    [Theory]
    [InlineData("gpt-oss-20b", 12.8)]
    [InlineData("gpt-oss-120b", 60.8)]
    public void The_experts_of_gpt_oss_are_published_in_MXFP4(string model, double gib)
    {
        Assert.Equal(gib, Units.ToGiB(Weights(model)), 0.05);
    }
}
