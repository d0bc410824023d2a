using System.Globalization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed class MemoryEstimateTests
{
    private static readonly LlmModel s_llama = ModelCatalog.Get("Llama-3.1-8B");

    [Theory]
    [InlineData(Engine.vLLM)]
    [InlineData(Engine.Transformers)]
    public void Inference_has_no_gradients_and_no_optimizer_states(Engine engine)
    {
        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(s_llama) { Engine = engine });

        Assert.Equal((0, 0), (estimate.GradientsGiB, estimate.OptimizerStatesGiB));
        Assert.DoesNotContain(estimate.Terms, term => term.Name is "Gradients" or "OptimizerStates");
        Assert.True(estimate.KvCacheGiB > 0);
    }

    /// <summary>Mixed-precision Adam, Rajbhandari et al. 2020, section 3.1: 2 + 2 + 12 bytes a parameter.</summary>
    [Theory]
    [InlineData("BF16", Optimizer.AdamW, 2, 2, 12)]
    [InlineData("FP16", Optimizer.AdamW, 2, 2, 12)]
    [InlineData("FP32", Optimizer.AdamW, 4, 4, 8)]
    [InlineData("BF16", Optimizer.Adam8bit, 2, 2, 6)]
    [InlineData("BF16", Optimizer.Sgd, 2, 2, 4)]
    public void Training_holds_weights_gradients_and_optimizer_states(
        string quantization, Optimizer optimizer, int weights, int gradients, int states)
    {
        const long parameters = 8_030_261_248;
        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(s_llama)
        {
            Engine = Engine.Transformers,
            Training = true,
            TrainingSettings = new TrainingSettings { Optimizer = optimizer },
            Quantization = Quantization.Parse(quantization),
        });

        Assert.Equal((weights * parameters, gradients * parameters, states * parameters),
            (estimate.Bytes.ModelWeights, estimate.Bytes.Gradients, estimate.Bytes.OptimizerStates));
        Assert.Equal(0, estimate.KvCacheGiB);
    }

    [Fact]
    public void Llama_2_7B_caches_exactly_8_GiB_for_8_sequences_of_2048_tokens()
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-2-7B")) { BatchSize = 8, SequenceLength = 2048 };

        Assert.Equal(8 * Units.BytesPerGiB, MemoryEstimator.Estimate(request).Bytes.KvCache);
        Assert.Equal(8.0, MemoryEstimator.Estimate(request with { Engine = Engine.Transformers }).KvCacheGiB);
    }

    /// <summary>vLLM hands out blocks of 16 tokens.</summary>
    [Theory]
    [InlineData(1, 16)]
    [InlineData(16, 16)]
    [InlineData(17, 32)]
    [InlineData(2047, 2048)]
    public void VLLM_rounds_a_sequence_up_to_whole_blocks(long tokens, long held)
    {
        MemoryRequest request = new(s_llama) { SequenceLength = tokens };

        Assert.Equal(131_072 * held, MemoryEstimator.Estimate(request).Bytes.KvCache);
        Assert.Equal(131_072 * tokens, MemoryEstimator.Estimate(request with { Engine = Engine.Transformers }).Bytes.KvCache);
    }

    [Theory]
    [InlineData(KvCacheDataType.Auto, 131_072)]
    [InlineData(KvCacheDataType.FP32, 262_144)]
    [InlineData(KvCacheDataType.BF16, 131_072)]
    [InlineData(KvCacheDataType.FP8, 65_536)]
    [InlineData(KvCacheDataType.INT8, 65_536)]
    [InlineData(KvCacheDataType.INT4, 32_768)]
    public void The_type_of_the_cache_sets_its_size(KvCacheDataType type, long bytesPerToken)
    {
        MemoryRequest request = new(s_llama) { KvCacheDataType = type, SequenceLength = 1600 };

        Assert.Equal(1600 * bytesPerToken, MemoryEstimator.Estimate(request).Bytes.KvCache);
    }

    /// <summary>The framework's rules: fragmentation 5 % of the seven terms, safety 2 % of them but 0.5 GiB at least.</summary>
    [Fact]
    public void The_total_is_the_sum_of_nine_terms()
    {
        MemoryEstimate e = MemoryEstimator.Estimate(new MemoryRequest(s_llama) { BatchSize = 32, SequenceLength = 8192 });
        double terms = e.ModelWeightsGiB + e.ActivationsGiB + e.GradientsGiB + e.OptimizerStatesGiB + e.KvCacheGiB
            + e.CudaGraphsGiB + e.CompilationOverheadGiB;

        Assert.Equal(0.05 * terms, e.FragmentationOverheadGiB, 1e-6);
        Assert.Equal(Math.Max(0.5, 0.02 * terms), e.SafetyMarginGiB, 1e-6);
        Assert.Equal(terms + e.FragmentationOverheadGiB + e.SafetyMarginGiB, e.TotalGiB, 1e-9);
    }

    [Fact]
    public void A_small_model_keeps_the_least_safety_margin()
    {
        Assert.Equal(0.5, MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get("SmolLM2-135M"))).SafetyMarginGiB);
    }

    [Fact]
    public void Eager_mode_has_no_CUDA_graphs()
    {
        Assert.True(MemoryEstimator.Estimate(new MemoryRequest(s_llama)).CudaGraphsGiB > 0);
        Assert.Equal(0, MemoryEstimator.Estimate(new MemoryRequest(s_llama) { EnforceEager = true }).CudaGraphsGiB);
        Assert.Equal(0, MemoryEstimator.Estimate(new MemoryRequest(s_llama) { CudaGraphCaptureSizes = [] }).CudaGraphsGiB);
        Assert.Equal(0, MemoryEstimator.Estimate(new MemoryRequest(s_llama) { Engine = Engine.Transformers }).CudaGraphsGiB);
    }

    [Fact]
    public void Fits_headroom_and_utilization_follow_from_the_budget()
    {
        GpuSpec h100 = GpuCatalog.Get("H100-80GB");
        MemoryEstimate e = MemoryEstimator.Estimate(new MemoryRequest(s_llama) { Gpu = h100 });

        Assert.Equal(0.9 * 79.19, e.BudgetGiB!.Value, 1e-9);

        // vLLM's pool is what weights, activations and non-torch memory leave of the budget; it captures graphs beside it.
        Assert.Equal(e.BudgetGiB.Value - e.ModelWeightsGiB - e.ActivationsGiB - e.CompilationOverheadGiB, e.KvPoolGiB!.Value, 1e-6);
        Assert.Equal(e.KvPoolGiB.Value - e.KvCacheGiB, e.HeadroomGiB!.Value, 0.002);
        Assert.Equal((long)(e.KvPoolGiB.Value / e.KvCacheGiB), e.SequenceCapacity);
        Assert.Equal(100 * e.TotalGiB / 79.19, e.UtilizationPercent!.Value, 1e-9);
        Assert.True(e.Fits);
        Assert.Null(e.Remedy);

        MemoryEstimate full = MemoryEstimator.Estimate(new MemoryRequest(s_llama) { Gpu = h100, GpuMemoryUtilization = 0.2 });
        Assert.False(full.Fits);
        Assert.True(full.HeadroomGiB < 0);
        Assert.NotNull(full.Remedy);
    }

    /// <summary>Llama-3.3-70B in FP8 leaves a GPU of 80 GB 1.3 GiB of pool: enough to start, and not enough for the allowances.</summary>
    [Fact]
    public void What_the_engine_holds_fits_and_the_allowances_are_said_apart()
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.3-70B"))
        {
            Gpu = GpuCatalog.Get("H100-80GB"), Quantization = Quantization.Parse("FP8"), SequenceLength = 2048,
        };
        MemoryEstimate tight = MemoryEstimator.Estimate(request);
        Assert.True(tight is { Fits: true, FitsWithMargin: false, SequenceCapacity: 2, Remedy: null } && tight.TotalGiB > tight.BudgetGiB);
        Assert.True(MemoryEstimator.Estimate(request with { BatchSize = 3 }) is { Fits: false, SequenceCapacity: 2, HeadroomGiB: < 0 });

        // Nothing is set aside by transformers, whose memory is lost to fragments.
        MemoryEstimate eager = MemoryEstimator.Estimate(request with { Engine = Engine.Transformers, GpuMemoryUtilization = 0.9 });
        Assert.True(eager.TotalGiB - eager.FragmentationOverheadGiB - eager.SafetyMarginGiB < eager.BudgetGiB);
        Assert.True(eager is { Fits: false, FitsWithMargin: false });
    }

    /// <summary>vLLM refuses to start where a sequence of max_model_len has no room, however short those are that come.</summary>
    [Fact]
    public void vLLM_needs_room_for_one_sequence_of_its_greatest_length()
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Gpu = GpuCatalog.Get("L4"), SequenceLength = 2048, MaxModelLength = 131_072,
        };
        MemoryEstimate refused = MemoryEstimator.Estimate(request);
        Assert.True(refused is { Fits: false, SequenceCapacity: > 1 });
        Assert.Contains("-MaxModelLength", refused.Remedy, StringComparison.Ordinal);
        long longest = long.Parse(refused.Remedy!.Split(' ', ')')[^2], CultureInfo.InvariantCulture);
        Assert.True(MemoryEstimator.Estimate(request with { MaxModelLength = longest }).Fits);
        Assert.False(MemoryEstimator.Estimate(request with { MaxModelLength = longest + 1 }).Fits);
        Assert.True(MemoryEstimator.Estimate(request with { Engine = Engine.SGLang }).Fits);
    }

    /// <summary>A fraction near 1 leaves SGLang nothing for what it allocates after the pool.</summary>
    [Fact]
    public void SGLang_needs_room_beside_its_pool()
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B")) { Engine = Engine.SGLang, Gpu = GpuCatalog.Get("H100-80GB") };
        Assert.True(MemoryEstimator.Estimate(request with { GpuMemoryUtilization = 0.93 }).Fits);
        Assert.False(MemoryEstimator.Estimate(request with { GpuMemoryUtilization = 0.99 }).Fits);
    }

    [Fact]
    public void Without_a_GPU_nothing_is_said_about_fitting()
    {
        MemoryEstimate e = MemoryEstimator.Estimate(new MemoryRequest(s_llama));

        Assert.Null(e.Fits);
        Assert.Null(e.HeadroomGiB);
        Assert.Null(e.UtilizationPercent);
        Assert.Null(e.BudgetGiB);
        Assert.Null(e.Remedy);
        Assert.Null(e.Gpu);
    }

    [Fact]
    public void Every_term_says_how_it_was_computed_and_on_what_ground()
    {
        Assert.All(MemoryEstimator.Estimate(new MemoryRequest(s_llama) { Quantization = Quantization.Parse("INT4") }).Terms, term =>
        {
            Assert.NotEmpty(term.Formula);
            Assert.NotEmpty(term.Source);
            Assert.True(Enum.IsDefined(term.Evidence));
        });
    }
}
