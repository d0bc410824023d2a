using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public sealed class KvCacheGeometryTests
{
    /// <summary>2 (key and value) x layers x KV heads x head dimension x bytes, from the published configurations.</summary>
    [Theory]
    [InlineData("Llama-2-7B", 2 * 32 * 32 * 128 * 2, 524_288)]
    [InlineData("Llama-2-13B", 2 * 40 * 40 * 128 * 2, 819_200)]
    [InlineData("Llama-2-70B", 2 * 80 * 8 * 128 * 2, 327_680)]
    [InlineData("Llama-3.1-8B", 2 * 32 * 8 * 128 * 2, 131_072)]
    [InlineData("Llama-3.1-70B", 2 * 80 * 8 * 128 * 2, 327_680)]
    [InlineData("Llama-3.1-405B", 2 * 126 * 8 * 128 * 2, 516_096)]
    [InlineData("Llama-3.2-1B", 2 * 16 * 8 * 64 * 2, 32_768)]
    [InlineData("Mistral-7B", 2 * 32 * 8 * 128 * 2, 131_072)]
    [InlineData("Mistral-Nemo-12B", 2 * 40 * 8 * 128 * 2, 163_840)]
    [InlineData("Mixtral-8x7B", 2 * 32 * 8 * 128 * 2, 131_072)]
    [InlineData("Gemma-2-2B", 2 * 26 * 4 * 256 * 2, 106_496)]
    [InlineData("Gemma-2-27B", 2 * 46 * 16 * 128 * 2, 376_832)]
    [InlineData("Gemma-3-1B", 2 * 26 * 1 * 256 * 2, 26_624)]
    [InlineData("Gemma-3-4B", 2 * 34 * 4 * 256 * 2, 139_264)]
    [InlineData("Gemma-3-27B", 2 * 62 * 16 * 128 * 2, 507_904)]
    [InlineData("OPT-125M", 2 * 12 * 12 * 64 * 2, 36_864)]
    [InlineData("OPT-2.7B", 2 * 32 * 32 * 80 * 2, 327_680)]
    [InlineData("OPT-66B", 2 * 64 * 72 * 128 * 2, 2_359_296)]
    [InlineData("Qwen2.5-0.5B", 2 * 24 * 2 * 64 * 2, 12_288)]
    [InlineData("Qwen2.5-7B", 2 * 28 * 4 * 128 * 2, 57_344)]
    [InlineData("Qwen2.5-72B", 2 * 80 * 8 * 128 * 2, 327_680)]
    [InlineData("Qwen3-0.6B", 2 * 28 * 8 * 128 * 2, 114_688)]
    [InlineData("Qwen3-30B-A3B", 2 * 48 * 4 * 128 * 2, 98_304)]
    [InlineData("gpt-oss-20b", 2 * 24 * 8 * 64 * 2, 49_152)]
    [InlineData("gpt-oss-120b", 2 * 36 * 8 * 64 * 2, 73_728)]
    [InlineData("Phi-3-mini-4k", 2 * 32 * 32 * 96 * 2, 393_216)]
    [InlineData("Phi-4-mini", 2 * 32 * 8 * 128 * 2, 131_072)]
    [InlineData("Falcon-7B", 2 * 32 * 1 * 64 * 2, 8_192)]
    [InlineData("Falcon-40B", 2 * 60 * 8 * 64 * 2, 122_880)]
    [InlineData("MPT-7B", 2 * 32 * 32 * 128 * 2, 524_288)]
    [InlineData("StarCoder-15.5B", 2 * 40 * 1 * 128 * 4, 40_960)]
    [InlineData("BLOOM-176B", 2 * 70 * 112 * 128 * 2, 4_014_080)]
    [InlineData("GPT-J-6B", 2 * 28 * 16 * 256 * 4, 917_504)]
    [InlineData("Pythia-12B", 2 * 36 * 40 * 128 * 2, 737_280)]
    [InlineData("GLM-4.5-Air", 2 * 46 * 8 * 128 * 2, 188_416)]
    [InlineData("MiniMax-M2.5", 2 * 62 * 8 * 128 * 2, 253_952)]
    [InlineData("Llama-4-Scout", 2 * 48 * 8 * 128 * 2, 196_608)]
    [InlineData("Command-R-v01", 2 * 40 * 64 * 128 * 2, 1_310_720)]
    [InlineData("EXAONE-4.0-32B", 2 * 64 * 8 * 128 * 2, 262_144)]
    [InlineData("OLMo-3-7B", 2 * 32 * 32 * 128 * 2, 524_288)]
    [InlineData("DBRX", 2 * 40 * 8 * 128 * 2, 163_840)]
    [InlineData("Yi-34B", 2 * 60 * 8 * 128 * 2, 245_760)]
    public void Grouped_attention_caches_keys_and_values_of_each_KV_head(string name, long byHand, long bytes)
    {
        Assert.Equal(byHand, bytes);
        Assert.Equal(bytes, ModelCatalog.Get(name).KvBytesPerToken);
    }

    /// <summary>Layers x (kv_lora_rank + qk_rope_head_dim) x bytes; heads do not enter.</summary>
    [Theory]
    [InlineData("DeepSeek-V3", 61 * (512 + 64) * 2, 70_272)]
    [InlineData("DeepSeek-R1", 61 * (512 + 64) * 2, 70_272)]
    [InlineData("DeepSeek-V2", 60 * (512 + 64) * 2, 69_120)]
    [InlineData("DeepSeek-V2-Lite", 27 * (512 + 64) * 2, 31_104)]
    [InlineData("Kimi-K2", 61 * (512 + 64) * 2, 70_272)]
    [InlineData("Moonlight-16B-A3B", 27 * (512 + 64) * 2, 31_104)]
    // with the indexer's key of a token in each layer: 128 elements in FP8 and one FP32 scale
    // (vLLM, DeepseekV32IndexerCache: head_dim + head_dim / 128 * 4 = 132 bytes)
    [InlineData("DeepSeek-V3.2", 61 * (((512 + 64) * 2) + 132), 78_324)]
    [InlineData("GLM-5", 78 * (((512 + 64) * 2) + 132), 100_152)]
    public void Latent_attention_caches_one_compressed_vector(string name, long byHand, long bytes)
    {
        Assert.Equal(byHand, bytes);
        Assert.Equal(bytes, ModelCatalog.Get(name).KvBytesPerToken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(16)]
    public void Latent_attention_is_cached_whole_on_every_rank(int ranks)
    {
        Assert.Equal(61 * 576L * 1000, ModelCatalog.Get("DeepSeek-V3").KvCache.BytesPerSequence(1000, elementBytes: 1, ranks));
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(2, 4)]
    [InlineData(8, 1)]
    [InlineData(16, 1)]
    [InlineData(32, 1)]
    public void KV_heads_are_divided_until_each_rank_holds_one_and_copied_from_there_on(int ranks, int heldHeads)
    {
        Assert.Equal(2L * 32 * heldHeads * 128, ModelCatalog.Get("Llama-3.1-8B").KvCache.BytesPerSequence(1, elementBytes: 1, ranks));
    }

    /// <summary>Gemma 3 27B: every sixth layer is full, 10 of 62; the others keep 1,024 tokens.</summary>
    [Theory]
    [InlineData(100, 62 * 100)]
    [InlineData(1024, 62 * 1024)]
    [InlineData(1025, (10 * 1025) + (52 * 1024))]
    [InlineData(131_072, (10 * 131_072) + (52 * 1024))]
    public void A_windowed_layer_keeps_no_more_than_its_window(long tokens, long layerTokens)
    {
        KvCacheGeometry cache = ModelCatalog.Get("Gemma-3-27B").KvCache;

        Assert.Equal(2L * 16 * 128 * layerTokens, cache.BytesPerSequence(tokens, elementBytes: 1));
    }

    [Theory]
    [InlineData("Gemma-2-2B", 13, 13, 4096)]
    [InlineData("Gemma-3-27B", 10, 52, 1024)]
    [InlineData("Gemma-3-4B", 5, 29, 1024)]
    [InlineData("gpt-oss-20b", 12, 12, 128)]
    [InlineData("gpt-oss-120b", 18, 18, 128)]
    [InlineData("Llama-4-Scout", 12, 36, 8192)]
    [InlineData("Llama-4-Maverick", 12, 36, 8192)]
    [InlineData("EXAONE-4.0-32B", 16, 48, 4096)]
    [InlineData("OLMo-3-7B", 8, 24, 4096)]
    [InlineData("Gemma-4-31B", 10, 50, 1024)]
    public void Full_and_windowed_layers_are_counted_apart(string name, int full, int windowed, int window)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(full, Assert.Single(model.KvCache.Groups, g => g.Window is null).LayerCount);
        KvLayerGroup sliding = Assert.Single(model.KvCache.Groups, g => g.Window is not null);
        Assert.Equal((windowed, (int?)window), (sliding.LayerCount, sliding.Window));
    }

    /// <summary>Layers of attention cache for each token, the others hold a state whose size the sequence does not change.</summary>
    [Theory]
    // 4 of 32 layers attend (8 KV heads of 128); Mamba-1: 8,192 x 16 in FP32 and 3 steps of the convolution in 16 bits
    [InlineData("Jamba-v0.1", 2 * 4 * 8 * 128 * 2, 28L * ((8192 * 16 * 4) + (8192 * 3 * 2)))]
    [InlineData("Jamba-1.5-Large", 2 * 9 * 8 * 128 * 2, 63L * ((16384 * 16 * 4) + (16384 * 3 * 2)))]
    [InlineData("Falcon-Mamba-7B", 0, 64L * ((8192 * 16 * 4) + (8192 * 3 * 2)))]
    [InlineData("Mamba-130M", 0, 24L * ((1536 * 16 * 4) + (1536 * 3 * 2)))]
    // 6 of 52 layers attend (2 KV heads of 128), 23 are Mamba-2: 64 x 64 x 128 in FP32, 4,096 + 2 x 8 x 128 channels
    [InlineData("Nemotron-3-Nano-30B-A3B", 2 * 6 * 2 * 128 * 2, 23L * ((64 * 64 * 128 * 4) + ((4096 + 2048) * 3 * 2)))]
    [InlineData("Nemotron-3-Ultra-550B-A55B", 2 * 12 * 2 * 128 * 2, 48L * ((256 * 64 * 128 * 4) + ((16384 + 2048) * 3 * 2)))]
    // 4 of 40 layers attend (8 KV heads of 64); Mamba-2: 64 x 64 x 128 in 16 bits, 4,096 + 2 x 128 channels
    [InlineData("Granite-4.0-H-Micro", 2 * 4 * 8 * 64 * 2, 36L * ((64 * 64 * 128 * 2) + ((4096 + 256) * 3 * 2)))]
    // 12 of 48 layers attend (2 KV heads of 256); delta nets: 32 x 128 x 128 in FP32, 2 x 2,048 + 4,096 channels
    [InlineData("Qwen3-Next-80B-A3B", 2 * 12 * 2 * 256 * 2, 36L * ((32 * 128 * 128 * 4) + ((4096 + 4096) * 3 * 2)))]
    [InlineData("Qwen3.5-27B", 2 * 16 * 4 * 256 * 2, 48L * ((48 * 128 * 128 * 4) + ((4096 + 6144) * 3 * 2)))]
    [InlineData("Qwen3.5-35B-A3B", 2 * 10 * 2 * 256 * 2, 30L * ((32 * 128 * 128 * 4) + ((4096 + 4096) * 3 * 2)))]
    // 10 of 80 layers attend (8 KV heads of 128); lightning attention: 64 heads of 128 x 128 in FP32
    [InlineData("MiniMax-Text-01", 2 * 10 * 8 * 128 * 2, 70L * (64 * 128 * 128 * 4))]
    public void Hybrid_models_cache_in_their_attention_layers_and_hold_a_state_in_the_others(string name, long cache, long state)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(cache * (model.KvElementBytes / 2), model.KvBytesPerToken);
        Assert.Equal(state, model.KvCache.StateBytesPerSequence);
        Assert.Equal(
            state + (1000.0 * model.KvBytesPerToken), model.KvCache.BytesPerSequence(1000, model.KvElementBytes));
    }

    /// <summary>Hunyuan-Large: every second of 64 layers attends to the keys and values of the one before (Sun et al. 2024, 2.2).</summary>
    [Fact]
    public void Layers_that_share_keys_and_values_cache_them_once()
    {
        Assert.Equal(2 * 32 * 8 * 80 * 2, ModelCatalog.Get("Hunyuan-Large").KvBytesPerToken);
    }

    /// <summary>
    /// Gemma 4: windowed layers have more and narrower KV heads than full ones. 26B: 25 of 8 x 256 and 5 of 2 x 512; 31B: 50
    /// of 16 x 256 and 10 of 4 x 512.
    /// </summary>
    [Theory]
    [InlineData("Gemma-4-26B-A4B", 2 * ((25 * 8 * 256) + (5 * 2 * 512)) * 2, 2L * ((25 * 8 * 256 * 1024) + (5 * 2 * 512 * 100_000)) * 2)]
    [InlineData("Gemma-4-31B", 2 * ((50 * 16 * 256) + (10 * 4 * 512)) * 2, 2L * ((50L * 16 * 256 * 1024) + (10L * 4 * 512 * 100_000)) * 2)]
    public void Windowed_layers_may_have_other_heads_than_full_ones(string name, long token, long sequence)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(token, model.KvBytesPerToken);
        Assert.Equal(sequence, model.KvCache.BytesPerSequence(100_000, elementBytes: 2));
    }

    [Fact]
    public void Mistral_7B_slides_in_its_first_version_only()
    {
        Assert.Equal(4096, Assert.Single(ModelCatalog.Get("Mistral-7B").KvCache.Groups).Window);
        Assert.Null(Assert.Single(ModelCatalog.Get("Mistral-7B-v0.2").KvCache.Groups).Window);
    }
}
