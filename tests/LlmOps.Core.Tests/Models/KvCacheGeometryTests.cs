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
    public void Full_and_windowed_layers_are_counted_apart(string name, int full, int windowed, int window)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(full, Assert.Single(model.KvCache.Groups, g => g.Window is null).LayerCount);
        KvLayerGroup sliding = Assert.Single(model.KvCache.Groups, g => g.Window is not null);
        Assert.Equal((windowed, (int?)window), (sliding.LayerCount, sliding.Window));
    }

    [Fact]
    public void Mistral_7B_slides_in_its_first_version_only()
    {
        Assert.Equal(4096, Assert.Single(ModelCatalog.Get("Mistral-7B").KvCache.Groups).Window);
        Assert.Null(Assert.Single(ModelCatalog.Get("Mistral-7B-v0.2").KvCache.Groups).Window);
    }
}
