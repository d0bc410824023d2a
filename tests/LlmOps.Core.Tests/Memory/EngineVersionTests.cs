using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Memory.Vllm;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed class EngineVersionTests
{
    private static MemoryRequest Request(string? version, string model = "Llama-3.1-8B", string gpu = "H100-80GB") =>
        new(ModelCatalog.Get(model)) { EngineVersion = version, Gpu = GpuCatalog.Get(gpu), SequenceLength = 8192 };

    [Theory]
    [InlineData("0.19", "0.19")]
    [InlineData("0.19.1", "0.19")]
    [InlineData("v0.8.5.post1", "0.8")]
    [InlineData("0.20.2rc1.dev249+g1a2b3c", "0.20.1")]
    [InlineData("0.20.0", "0.20")]
    [InlineData("0.10.1.1", "0.10")]
    [InlineData("0.6.3.post1", "0.4")]
    [InlineData("1.0", "0.23")]
    [InlineData(" V0.11.0 ", "0.11")]
    [InlineData(null, "0.19")]
    public void The_newest_release_that_is_not_newer_counts(string? asked, string used)
    {
        Assert.Equal(used, VllmConstants.Of(asked).Name);
        Assert.Equal(asked?.Trim() ?? "0.19", MemoryEstimator.Estimate(Request(asked)).EngineVersion);
        Assert.Equal(asked?.Trim() ?? "0.19", KvCacheCalculator.Measure(Request(asked)).EngineVersion);
    }

    [Theory]
    [InlineData("latest", "EngineVersionInvalid")]
    [InlineData("", "EngineVersionInvalid")]
    [InlineData("19", "EngineVersionInvalid")]
    [InlineData("0..19", "EngineVersionInvalid")]
    [InlineData("0.19 or so", "EngineVersionInvalid")]
    [InlineData("0.99999999999", "EngineVersionInvalid")]
    [InlineData("-0.19", "EngineVersionInvalid")]
    [InlineData("0.3.3", "EngineVersionNotSupported")]
    [InlineData("0.2", "EngineVersionNotSupported")]
    public void What_is_no_known_version_is_refused_with_the_nearest(string asked, string errorId)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(Request(asked)));

        Assert.Equal(errorId, e.ErrorId);
        Assert.Contains("0.", e.Message, StringComparison.Ordinal);
        Assert.Equal(asked, e.Target);
    }

    [Fact]
    public void An_engine_without_versions_refuses_one_by_name()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() =>
            MemoryEstimator.Estimate(Request("4.57") with { Engine = Engine.Transformers }));

        Assert.Equal("EngineVersionNotSupported", e.ErrorId);
        Assert.Contains("Transformers", e.Message, StringComparison.Ordinal);
        Assert.Empty(EngineVersions.Of(Engine.Transformers));
    }

    [Fact]
    public void The_data_file_is_in_order_and_says_on_what_ground()
    {
        IReadOnlyList<VllmConstants> known = VllmConstants.Known;
        for (int i = 1; i < known.Count; i++)
        {
            Assert.True(known[i - 1].Version.CompareTo(known[i].Version) < 0);
        }

        Assert.All(known, release => Assert.All(
            release.NonTorch.Select(gpu => gpu.Ground).Append(release.Sampler.Ground).Append(release.Layer.Ground).Append(release.Graphs.Ground),
            ground => Assert.NotEmpty(ground.Source)));
    }

    /// <summary>The utilization that a server has without settings rose with 0.20, which takes CUDA graphs off the pool too.</summary>
    [Theory]
    [InlineData("0.19", 0.9)]
    [InlineData("0.20.1", 0.92)]
    public void Utilization_without_settings_is_the_release_s_own(string version, double utilization)
    {
        Assert.Equal(79.19 * utilization, MemoryEstimator.Estimate(Request(version)).BudgetGiB!.Value, 1e-9);
    }

    /// <summary>Models of 2048 tokens of context: the old engine profiles max(max_model_len, 2048) tokens and 256 sequences.</summary>
    [Theory]
    [InlineData("0.6.4", "H100-80GB", 8192, 8192, 256)]
    [InlineData("0.6.4", "H100-80GB", 40_000, 2048, 256)]
    [InlineData("0.4", "H100-80GB", 40_000, 512, 256)]
    [InlineData("0.8.5", "A100-80GB", 8192, 8192, 1024)]
    [InlineData("0.11.0", "A100-80GB", 8192, 2048, 256)]
    [InlineData("0.11.0", "H100-80GB", 8192, 8192, 1024)]
    [InlineData("0.19", "L40S", 8192, 2048, 256)]
    public void Batches_without_settings_are_the_release_s_own(string version, string gpu, long longest, long tokens, long sequences)
    {
        MemoryRequest request = Request(version, gpu: gpu) with { MaxModelLength = longest };

        Assert.Equal((tokens, sequences), VllmActivations.Limits(request, VllmConstants.Of(version)));
    }

    /// <summary>An FP32 checkpoint is served in 16 bits unless FP32 is asked for: FP16 on GPUs without BF16, and before 0.9.</summary>
    [Theory]
    [InlineData("0.19", "H100-80GB", "BF16")]
    [InlineData("0.19", "T4", "FP16")]
    [InlineData("0.8.5", "H100-80GB", "FP16")]
    public void FP32_checkpoints_are_cast(string version, string gpu, string quantization)
    {
        MemoryRequest request = Request(version, "OLMo-2-7B", gpu);

        Assert.Equal(quantization, request.EffectiveQuantization.Name);
        Assert.Equal("FP32", (request with { Quantization = Quantization.FP32 }).EffectiveQuantization.Name);
    }

    /// <summary>Gemma-3-27B: 10 full and 52 windowed layers in 7 groups of 10; before 0.9.2 all 62 in one.</summary>
    [Theory]
    [InlineData("0.9.1", 62, 1)]
    [InlineData("0.9.2", 10, 7)]
    [InlineData("0.19", 10, 7)]
    public void Layer_groups_came_with_0_9_2(string version, int places, int groups)
    {
        MemoryRequest request = Request(version, "Gemma-3-27B");
        VllmKvLayout layout = VllmKvLayout.Of(request, request.Model.Stages(1)[0], VllmConstants.Of(version).Cache);

        Assert.Equal((places, groups, 16), (layout.Places, layout.Groups, layout.BlockTokens));
        Assert.Equal(16 * 2 * 16 * 128 * 2, layout.PageBytes);
    }

    /// <summary>A request of 8192 tokens needs 512 blocks in full layers, and (1023 + 8192, at most 8192) / 16 + 1 in windowed ones.</summary>
    [Fact]
    public void A_windowed_layer_holds_its_window_and_a_batch()
    {
        MemoryRequest request = Request("0.19", "Gemma-3-27B");
        PipelineStage stage = request.Model.Stages(1)[0];
        VllmCache cache = VllmConstants.Of("0.19").Cache;
        VllmKvLayout layout = VllmKvLayout.Of(request, stage, cache);

        Assert.Equal(512 + (6 * 513), layout.BlocksPerSequence(request, stage, cache, 8192, 8192));
        Assert.Equal(2048 + (6 * 193), layout.BlocksPerSequence(request, stage, cache, 32_768, 2048));
    }

    /// <summary>Blocks of attention grow until one is as large as a state: what vLLM says as "Setting attention block size".</summary>
    [Fact]
    public void Blocks_of_hybrid_models_are_as_large_as_a_state()
    {
        KvCacheMeasurement m = KvCacheCalculator.Measure(Request("0.19", "Qwen3-Next-80B-A3B"));
        LlmModel model = ModelCatalog.Get("Qwen3-Next-80B-A3B");
        long state = model.KvCache.Groups.Max(group => group.StateBytesPerSequence);

        Assert.Equal(0, m.BlockSize % 16);
        Assert.True(m.BlockSize * 2 * 2 * 256 * 2 >= state && (m.BlockSize - 16) * 2 * 2 * 256 * 2 < state);
    }

    /// <summary>The two models without rotary tables, and the scaled ones: rows by the scaling's kind.</summary>
    [Theory]
    [InlineData("OPT-125M", 0)]
    [InlineData("Llama-3.1-8B", 131_072L * 128 * 2)]
    [InlineData("Gemma-3-4B", 9L * 131_072 * 256 * 2)]
    [InlineData("DeepSeek-V2-Lite", 163_840L * 64 * 4)]
    [InlineData("Phi-3-mini-128k", (131_072L + 4096) * 96 * 2)]
    [InlineData("Qwen2.5-VL-7B", 4L * 128_000 * 128 * 2)]
    public void Rotary_tables_have_the_rows_of_their_kind(string model, long bytes)
    {
        Assert.Equal(bytes, ModelCatalog.Get(model).Architecture.RotaryTables.Sum(table => table.Bytes(2)));
    }
}
