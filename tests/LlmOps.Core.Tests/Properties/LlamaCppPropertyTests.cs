using FsCheck.Fluent;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Properties;

/// <summary>What must hold for llama.cpp, wherever its layers lie.</summary>
public sealed class LlamaCppPropertyTests
{
    [Fact]
    public void No_figure_is_negative_or_not_finite()
    {
        Always.Holds(Samples.LlamaCpp, 10_000, request =>
        {
            MemoryEstimate e = MemoryEstimator.Estimate(request);
            MemoryPropertyTests.AssertPlausible(e);
            Assert.True(double.IsFinite(e.HostGiB) && e.HostGiB > 0);
            Assert.Equal(e.HostGiB, e.Terms.Where(term => term.Place == MemoryPlace.Host).Sum(term => term.GiB), 1e-8);
            KvCacheMeasurement m = KvCacheCalculator.Measure(request);
            Assert.True(m.BytesPerToken >= 0 && m.PoolGiB is null or >= 0);
            Assert.True(m.TokenCapacity is null or >= 0 && m.SequenceCapacity is null or >= 0);
            Assert.True(m.TokenCapacity is null || m.TokenCapacity % 256 == 0);
        });
    }

    [Fact]
    public void One_more_layer_on_the_GPU_is_never_less_there_and_what_leaves_the_host_arrives()
    {
        Always.Holds(Samples.LlamaCpp, 1000, request =>
        {
            request = request with { Parallelism = Parallelism.None };
            MemoryBreakdown? before = null;
            int layers = request.Model.LayerCount + 1;
            foreach (int count in (int[])[0, 1, 2, layers / 2, (layers / 2) + 1, layers - 1, layers])
            {
                MemoryEstimate e = MemoryEstimator.Estimate(request with { GpuLayers = count });
                MemoryBreakdown bytes = e.Bytes;
                if (before is { } fewer)
                {
                    string what = $"{request.Model} {request.Quantization}, {count} layers";
                    Assert.True(bytes.ModelWeights >= fewer.ModelWeights && bytes.KvCache >= fewer.KvCache, what);
                    Assert.True(bytes.Base >= fewer.Base, what);
                    Assert.True(bytes.Host <= fewer.Host, what);

                    // A tied output is a second copy on the GPU.
                    long moved = bytes.ModelWeights + bytes.KvCache - fewer.ModelWeights - fewer.KvCache;
                    long gone = fewer.Host - bytes.Host;
                    Assert.True(Math.Abs(moved - gone) <= 4 || request.Model.Architecture.HasTiedHead, what);
                }

                before = bytes;
            }

            Assert.Equal(before, MemoryEstimator.Estimate(request with { GpuLayers = null }).Bytes);
            Assert.Equal(before, MemoryEstimator.Estimate(request with { GpuLayers = 99_999 }).Bytes);
        });
    }

    [Fact]
    public void Several_GPUs_hold_together_what_one_does()
    {
        Always.Holds(Samples.LlamaCpp, 2000, request =>
        {
            MemoryBreakdown[] split = [.. Stages(request)];
            MemoryBreakdown whole = Stages(request with { Parallelism = Parallelism.None }).Single();
            Assert.InRange(split.Sum(stage => stage.ModelWeights) - whole.ModelWeights, -8, 8);
            Assert.InRange(split.Sum(stage => stage.KvCache) - whole.KvCache, -8, 8);
            Assert.All(split, stage => Assert.Equal(whole.Host, stage.Host));
        });
    }

    [Fact]
    public void A_smaller_cache_type_never_raises_the_cache_and_flash_attention_never_the_buffer()
    {
        KvCacheDataType[] narrowing = [KvCacheDataType.FP32, KvCacheDataType.FP16, KvCacheDataType.Q8_0, KvCacheDataType.Q5_1,
            KvCacheDataType.Q5_0, KvCacheDataType.Q4_1, KvCacheDataType.Q4_0];
        Always.Holds(Samples.LlamaCpp, 2000, request =>
        {
            request = request with { FlashAttention = FlashAttention.On };
            long before = long.MaxValue;
            foreach (KvCacheDataType type in narrowing)
            {
                long bytes = MemoryEstimator.Estimate(request with { KvCacheDataType = type }).Bytes.KvCache;
                Assert.True(bytes <= before);
                before = bytes;
            }

            MemoryRequest plain = request with { KvCacheDataType = KvCacheDataType.FP16 };
            Assert.True(MemoryEstimator.Estimate(plain).Bytes.Activations
                <= MemoryEstimator.Estimate(plain with { FlashAttention = FlashAttention.Off }).Bytes.Activations);
        });
    }

    [Fact]
    public void A_longer_context_or_more_slots_never_leave_more_room()
    {
        var cases =
            from request in Samples.LlamaCpp
            from gpu in Samples.Gpu
            from more in Samples.Length(16)
            select (Request: request with { Gpu = gpu }, More: more);
        Always.Holds(cases, 3000, c =>
        {
            KvCacheMeasurement at = KvCacheCalculator.Measure(c.Request);
            KvCacheMeasurement longer = KvCacheCalculator.Measure(
                c.Request with { SequenceLength = c.Request.SequenceLength + c.More });
            Assert.True((longer.SequenceCapacity ?? 0) <= (at.SequenceCapacity ?? 0));
            Assert.True(longer.PoolGiB <= at.PoolGiB);
            Assert.True((longer.TokenCapacity ?? 0) <= (at.TokenCapacity ?? 0));
        });
    }

    private static IEnumerable<MemoryBreakdown> Stages(MemoryRequest request)
    {
        request.Validate();
        return request.Model.Stages(request.Parallelism.Pipeline).Select(stage => MemoryEstimator.ComputeStage(request, stage));
    }
}
