using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Memory;

public sealed class KvCacheMeasurementTests
{
    [Fact]
    public void Llama_2_7B_takes_1_GiB_for_2048_tokens()
    {
        KvCacheMeasurement m = KvCacheCalculator.Measure(new MemoryRequest(ModelCatalog.Get("Llama-2-7B")) { BatchSize = 8 });

        Assert.Equal((524_288, 1.0, 8.0), (m.BytesPerToken, m.PerSequenceGiB, m.TotalGiB));
        Assert.Equal((16, 8 * 128), (m.BlockSize, m.BlockCount));
        Assert.Null(m.PoolGiB);
        Assert.Null(m.TokenCapacity);
        Assert.Null(m.Fits);
    }

    /// <summary>10 full and 52 windowed layers in groups of 10: 10 + 60 places.</summary>
    [Fact]
    public void Gemma_3_27B_takes_70_places_for_62_layers()
    {
        MemoryRequest request = new(ModelCatalog.Get("Gemma-3-27B")) { Gpu = GpuCatalog.Get("H100-80GB") };

        KvCacheMeasurement m = KvCacheCalculator.Measure(request);
        Assert.Equal(62 * 2 * 16 * 128 * 2, m.BytesPerToken);
        Assert.Equal(m.PoolGiB!.Value * Units.BytesPerGiB / (70 * 8192), m.TokenCapacity!.Value, 16.0);
    }

    /// <summary>Two ranks hold 4 of 8 KV heads each; 16 ranks one each, which is twice the cache.</summary>
    [Theory]
    [InlineData(1, 131_072)]
    [InlineData(2, 131_072)]
    [InlineData(8, 131_072)]
    [InlineData(16, 262_144)]
    public void Copies_of_KV_heads_are_counted(int tensor, long bytesPerToken)
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B")) { Parallelism = new Parallelism(tensor) };

        Assert.Equal(bytesPerToken, KvCacheCalculator.Measure(request).BytesPerToken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Pipeline_stages_hold_the_cache_once_between_them(int stages)
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B")) { Parallelism = new Parallelism(1, stages) };

        Assert.Equal(131_072, KvCacheCalculator.Measure(request).BytesPerToken);
    }

    [Fact]
    public void Capacity_in_tokens_is_whole_blocks_with_vLLM()
    {
        Assert.All(ModelCatalog.All, model =>
        {
            KvCacheMeasurement m = KvCacheCalculator.Measure(new MemoryRequest(model) { Gpu = GpuCatalog.Get("H200") });
            Assert.Equal(model.KvBytesPerToken > 0, m.TokenCapacity is not null);
            Assert.Equal(0, (m.TokenCapacity ?? 0) % m.BlockSize);
            Assert.True((m.TokenCapacity ?? 0) <= m.BlockSize * (m.BlockCapacity ?? 0));
            if (model.KvCache.Groups.Length == 1)
            {
                Assert.Equal(m.TokenCapacity, m.BlockSize * m.BlockCapacity);
            }
        });
    }

    [Fact]
    public void A_model_that_does_not_fit_has_no_pool_and_no_capacity()
    {
        KvCacheMeasurement m = KvCacheCalculator.Measure(
            new MemoryRequest(ModelCatalog.Get("DeepSeek-V3")) { Gpu = GpuCatalog.Get("T4") });

        Assert.Equal((0.0, 0L, 0L, 0L), (m.PoolGiB!.Value, m.TokenCapacity!.Value, m.BlockCapacity!.Value, m.SequenceCapacity!.Value));
        Assert.False(m.Fits);
    }

    [Fact]
    public void Transformers_has_no_blocks()
    {
        KvCacheMeasurement m = KvCacheCalculator.Measure(new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Engine = Engine.Transformers,
            Gpu = GpuCatalog.Get("A100-80GB"),
        });

        Assert.Null(m.BlockSize);
        Assert.Null(m.BlockCount);
        Assert.Null(m.BlockCapacity);
        Assert.True(m.TokenCapacity > 0);
    }
}
