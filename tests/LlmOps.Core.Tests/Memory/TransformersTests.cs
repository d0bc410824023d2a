using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Memory;

public sealed class TransformersTests
{
    private static readonly MemoryRequest s_request = new(ModelCatalog.Get("Llama-3.1-8B"))
    {
        Engine = Engine.Transformers,
        BatchSize = 4,
        SequenceLength = 1000,
    };

    /// <summary>One layer's scores of 32 heads: the products in 16 bits, the softmax in FP32.</summary>
    [Fact]
    public void Eager_attention_holds_the_scores_of_one_layer()
    {
        long fused = MemoryEstimator.Estimate(s_request).Bytes.Activations;

        Assert.Equal(fused + (4L * 32 * 1000 * 1000 * (2 + 4)), MemoryEstimator.Estimate(
            s_request with { AttentionImplementation = AttentionImplementation.Eager }).Bytes.Activations);
        Assert.Equal(fused, MemoryEstimator.Estimate(
            s_request with { AttentionImplementation = AttentionImplementation.FlashAttention2 }).Bytes.Activations);
    }

    /// <summary>8 heads of 128 elements in 16 bits: the keys of one layer, twice while they grow.</summary>
    [Fact]
    public void A_static_cache_is_allocated_for_the_longest_sequence_and_does_not_grow()
    {
        MemoryRequest fixedLength = s_request with { CacheImplementation = CacheImplementation.Static };
        MemoryBreakdown dynamic = MemoryEstimator.Estimate(s_request).Bytes;
        MemoryBreakdown whole = MemoryEstimator.Estimate(fixedLength).Bytes;
        MemoryBreakdown longest = MemoryEstimator.Estimate(fixedLength with { MaxModelLength = 4000 }).Bytes;

        Assert.Equal(dynamic.KvCache, whole.KvCache);
        Assert.Equal(4L * 1000 * 8 * 128 * 2, dynamic.Activations - whole.Activations);
        Assert.Equal(4 * dynamic.KvCache, longest.KvCache);
        Assert.Equal(dynamic.KvCache, MemoryEstimator.Estimate(s_request with { MaxModelLength = 4000 }).Bytes.KvCache);
    }

    [Fact]
    public void A_static_cache_of_a_windowed_layer_is_no_longer_than_its_window()
    {
        MemoryRequest gemma = s_request with
        {
            Model = ModelCatalog.Get("Gemma-3-1B"),
            CacheImplementation = CacheImplementation.Static,
            MaxModelLength = 8192,
        };
        MemoryRequest filled = gemma with { CacheImplementation = CacheImplementation.Dynamic, SequenceLength = 8192 };

        Assert.Equal(MemoryEstimator.Estimate(filled).Bytes.KvCache, MemoryEstimator.Estimate(gemma).Bytes.KvCache);
    }

    [Fact]
    public void Flash_attention_takes_16_bits()
    {
        Assert.Equal("AttentionImplementationNotSupported", Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(s_request with
        {
            AttentionImplementation = AttentionImplementation.FlashAttention2,
            Quantization = Precision.Quantization.FP32,
        })).ErrorId);
    }
}
