using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Planning;

public sealed class ParallelismFinderTests
{
    private static IReadOnlyList<ParallelismLayout> Find(string model, string gpu, params int[] counts) =>
        ParallelismFinder.Find(Request(model, gpu, counts));

    private static ParallelismRequest Request(string model, string gpu, params int[] counts) => new(
        new MemoryRequest(ModelCatalog.Get(model)) { Gpu = GpuCatalog.Get(gpu), BatchSize = 32 }, counts, 1024, 1024);

    private static ParallelismLayout Layout(IReadOnlyList<ParallelismLayout> layouts, string layout) =>
        layouts.Single(l => l.Layout == layout);

    /// <summary>
    /// What servers refused to start: vllm-project/vllm#31474 and gpustack/gpustack#3777 (GLM-4 over 6, of which they name the
    /// vocabulary of 151552), vllm-project/vllm#1399 (32064 over 5); blocks of the FP8 checkpoint of MiniMax-M2.5 at TP 8 (192 of
    /// 1,536, block_n = 128).
    /// </summary>
    [Theory]
    [InlineData("GLM-4.5-Air", 6, "TP6", "8 KV heads")]
    [InlineData("Phi-3-medium-4k", 5, "TP5", "32,064 rows")]
    [InlineData("MiniMax-M2.5", 8, "TP8", "192 of the 1,536 columns")]
    public void What_vLLM_refused_is_refused(string model, int gpus, string layout, string number)
    {
        ParallelismLayout refused = Layout(Find(model, "B300", gpus), layout);

        Assert.Null(refused.Rank);
        Assert.False(refused.Fits);
        Assert.Null(refused.TokensPerSecond);
        Assert.Contains(number, refused.RejectionReason, StringComparison.Ordinal);
        Assert.Contains("nearest valid size", refused.RejectionReason, StringComparison.Ordinal);
    }

    /// <summary>The same checkpoints ran so (vLLM 0.25 on 8 x H200 with expert parallelism; vLLM 0.19 on 4 x A100).</summary>
    [Fact]
    public void What_vLLM_ran_is_ranked()
    {
        Assert.NotNull(Layout(Find("MiniMax-M2.5", "H200", 8), "TP8 EP8").Rank);
        Assert.NotNull(Layout(Find("MiniMax-M2.5", "A100-80GB", 4), "TP4").Rank);
    }

    [Fact]
    public void Rules_of_one_engine_do_not_bind_the_others()
    {
        ParallelismRequest request = Request("Phi-3-medium-4k", "B300", 5);
        MemoryRequest tensorRt = request.Deployment with { Engine = Engine.TensorRtLlm };

        Assert.NotNull(Layout(ParallelismFinder.Find(request with { Deployment = tensorRt }), "TP5").Rank);
    }

    [Theory]
    [InlineData("Llama-3.3-70B", 3, "TP3", "64 attention heads", "sizes are 2 and 4")]
    [InlineData("Qwen2.5-7B", 8, "TP8", "28 attention heads", "size is 4")]
    [InlineData("Qwen2.5-7B", 7, "TP7", "4 KV heads", "size is 4")]
    [InlineData("DeepSeek-V3", 3, "TP1 EP3 DP3", "256 experts", "sizes are 2 and 4")]
    [InlineData("Llama-3.2-1B", 32, "TP1 PP32", "16 layers", "size is 16")]
    public void What_does_not_divide_names_the_number_and_the_nearest_size(
        string model, int gpus, string layout, string number, string nearest)
    {
        string? reason = Layout(Find(model, "H200", gpus), layout).RejectionReason;

        Assert.Contains(number, reason, StringComparison.Ordinal);
        Assert.Contains(nearest, reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_is_short_is_named_with_what_would_do()
    {
        ParallelismLayout alone = Layout(Find("Llama-3.3-70B", "H100-80GB", 1), "TP1");
        MemoryEstimate memory = MemoryEstimator.Estimate(
            Request("Llama-3.3-70B", "H100-80GB").Deployment with { BatchSize = 1, SequenceLength = 2048 });

        Assert.Equal(memory.TotalGiB, alone.TotalGiB);
        Assert.StartsWith(FormattableString.Invariant($"short by {-memory.HeadroomGiB:0.00} GiB"), alone.RejectionReason, StringComparison.Ordinal);
        Assert.EndsWith("weights in FP8 (-Quantization FP8)", alone.RejectionReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Figures_are_those_of_the_estimators()
    {
        ParallelismLayout layout = Layout(Find("Llama-3.3-70B", "H100-80GB", 8), "TP4 DP2");
        MemoryRequest copy = Request("Llama-3.3-70B", "H100-80GB").Deployment with
        {
            BatchSize = 16,
            SequenceLength = 2048,
            Parallelism = new Parallelism(4, Data: 2),
        };
        PerformanceEstimate times = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(copy, 1024, 1024));
        KvCacheMeasurement cache = KvCacheCalculator.Measure(copy);
        MemoryEstimate memory = MemoryEstimator.Estimate(copy);

        Assert.Equal((times.TimeToFirstTokenMs, times.TimePerOutputTokenMs), (layout.TimeToFirstTokenMs, layout.TimePerOutputTokenMs));
        Assert.Equal(times.TokensPerSecond!.Value, layout.TokensPerSecond!.Value, 1e-9);
        Assert.Equal(layout.TokensPerSecond!.Value / 8, layout.TokensPerSecondPerGpu!.Value, 1e-9);
        Assert.Equal((memory.ModelWeightsGiB, memory.TotalGiB, memory.UtilizationPercent), (layout.WeightsGiB, layout.TotalGiB, layout.UtilizationPercent));
        Assert.Equal(cache.PoolGiB / 4, layout.KvPoolGiB);
        Assert.Equal((2 * cache.TokenCapacity, 2 * cache.MaxConcurrency), (layout.KvTokenCapacity, layout.MaxConcurrency));
        Assert.Equal((2, 2, 0, "NVLink4", 450), (layout.CopyCount, layout.DataParallelSize, layout.IdleGpuCount, layout.GpuLink, layout.GpuLinkGBps));
        Assert.Equal(Evidence.Fitted, layout.Evidence);

        // Of the terms of a step, what two exchanges a layer take.
        double exchange = times.Terms.Where(t => t.Name is "CommunicationLatency" or "CommunicationTransfer").Sum(t => t.Milliseconds);
        double step = times.Terms.Where(t => t.Phase == PerformancePhase.OutputToken
            && t.Name is not ("PromptInterference" or "Interruptions" or "GroupCorrection" or "PhysicalFloor")).Sum(t => t.Milliseconds);
        Assert.Equal(100 * exchange / step, layout.CommunicationPercent!.Value, 1e-9);
    }

    [Fact]
    public void Notes_say_what_is_copied_padded_and_idle()
    {
        Assert.Contains("4 KV heads on 8 tensor ranks: 2 ranks hold a copy of each", Layout(Find("Qwen3-235B-A22B", "H200", 8), "TP8").Notes);
        Assert.Contains("latent KV cache: each of the 8 tensor ranks holds all of it", Layout(Find("DeepSeek-V3", "H200", 8), "TP8").Notes);
        Assert.Contains("32 of 256 experts on each rank", Layout(Find("DeepSeek-V3", "H200", 8), "TP1 EP8 DP8").Notes);

        IReadOnlyList<ParallelismLayout> five = Find("GPT-2", "T4", 5);
        Assert.Contains("vocabulary padded from 50,257 to 50,304 rows", Layout(five, "TP1 DP5").Notes);
        Assert.Contains("1 of 5 GPUs idle", Layout(five, "TP4").Notes);
        Assert.Contains("PCIe, 15.75 GB/s in one direction (nominal)", Layout(five, "TP4").Notes);
        Assert.Equal(1, Layout(five, "TP4").IdleGpuCount);
    }

    [Theory]
    [InlineData(ParallelismOrder.TokensPerSecondPerGpu)]
    [InlineData(ParallelismOrder.TokensPerSecond)]
    [InlineData(ParallelismOrder.Latency)]
    [InlineData(ParallelismOrder.TimeToFirstToken)]
    [InlineData(ParallelismOrder.TimePerOutputToken)]
    public void Layouts_are_ranked_by_what_is_asked_for(ParallelismOrder order)
    {
        List<ParallelismLayout> ranked =
            [.. ParallelismFinder.Find(Request("Llama-3.3-70B", "H200", 1, 2, 4, 8) with { RankBy = order }).Where(l => l.Rank is not null)];
        double? Key(ParallelismLayout l) => order switch
        {
            ParallelismOrder.TokensPerSecondPerGpu => -l.TokensPerSecondPerGpu,
            ParallelismOrder.TokensPerSecond => -l.TokensPerSecond,
            ParallelismOrder.Latency => l.LatencyMs,
            ParallelismOrder.TimeToFirstToken => l.TimeToFirstTokenMs,
            _ => l.TimePerOutputTokenMs,
        };

        Assert.Equal(Enumerable.Range(1, ranked.Count), ranked.Select(l => l.Rank!.Value));
        Assert.Equal(ranked.Select(Key).Order(), ranked.Select(Key));
        Assert.NotEqual(Key(ranked[0]), Key(ranked[^1]));
    }

    /// <summary>The optimizer refuses them with the same reason.</summary>
    [Fact]
    public void Formats_without_kernels_and_others_that_were_not_measured_are_refused()
    {
        ParallelismRequest request = Request("Llama-3.1-8B", "V100-32GB", 1);
        MemoryRequest In(string format) => request.Deployment with { Quantization = Precision.Quantization.Parse(format) };

        ParallelismLayout missing = ParallelismFinder.Find(request with { Deployment = In("AWQ") }).Single();
        Assert.Null(missing.Rank);
        Assert.Equal("vLLM has no kernels for AWQ on V100-32GB", missing.RejectionReason);

        GpuInstance machine = new()
        {
            Provider = "Test", Name = "machine", Region = "here", Gpu = GpuCatalog.Get("V100-32GB"), GpuCount = 1, UsdPerHour = 1, PriceSource = "none",
        };
        foreach (string format in new[] { "AWQ", "GPTQ", "Q4_K_M", "NF4", "FP8", "FP16" })
        {
            ParallelismLayout layout = ParallelismFinder.Find(request with { Deployment = In(format) }).Single();
            InstanceEvaluation instance = InstanceOptimizer.Evaluate(
                new OptimizationRequest(new Workload(request.Deployment.Model, 1, 512, 256) { Quantization = Precision.Quantization.Parse(format) }),
                [machine]).Single();
            Assert.Equal(instance.RejectionReason, layout.RejectionReason);
            Assert.Equal(instance.Rank, layout.Rank);
            Assert.Equal(format == "FP16", layout.Rank == 1);
        }

        Assert.StartsWith("times of Q4_K_M are predicted for llama.cpp alone",
            ParallelismFinder.Find(request with { Deployment = In("Q4_K_M") }).Single().RejectionReason, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_out_of_bounds_are_refused_by_name()
    {
        Refused(Request("Llama-3.1-8B", "H100-80GB", 0), "GpuCount is 0");
        Refused(Request("Llama-3.1-8B", "H100-80GB", 2, 1025), "GpuCount is 1025");
        Refused(Request("Llama-3.1-8B", "H100-80GB"), "GpuCount is empty");
        Refused(Request("Llama-3.1-8B", "H100-80GB", 1) with { InputLength = 0 }, "InputLength is 0");
        Refused(Request("Llama-3.1-8B", "H100-80GB", 1) with { OutputLength = long.MaxValue }, "OutputLength is 9223372036854775807");
        ParallelismRequest request = Request("Llama-3.1-8B", "H100-80GB", 1);
        Refused(request with { Deployment = request.Deployment with { BatchSize = 0 } }, "BatchSize is 0");
        Refused(request with { Deployment = request.Deployment with { GpuMemoryUtilization = double.NaN } }, "GpuMemoryUtilization is NaN");

        static void Refused(ParallelismRequest request, string saying)
        {
            LlmOpsException error = Assert.Throws<LlmOpsException>(() => ParallelismFinder.Find(request));
            Assert.Equal("ValueOutOfRange", error.ErrorId);
            Assert.StartsWith(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Layouts_hold_for_any_model_and_machine()
    {
        Gen<ParallelismRequest> requests =
            from model in Samples.Model
            from gpu in Samples.Gpu
            from engine in Gen.Elements(Engine.vLLM, Engine.SGLang, Engine.TensorRtLlm, Engine.Transformers)
            from count in Gen.Choose(1, 24)
            from batch in Gen.Choose(1, 300)
            from input in Samples.Length(14)
            from output in Samples.Length(11)
            select new ParallelismRequest(
                new MemoryRequest(model) { Gpu = gpu, Engine = engine, BatchSize = batch }, [count], input, output);
        int fitting = 0, rejected = 0;
        Always.Holds(requests, 400, request =>
        {
            HashSet<string> seen = [];
            foreach (ParallelismLayout l in ParallelismFinder.Find(request))
            {
                Assert.True(seen.Add(l.Layout), l.Layout);
                Assert.InRange(l.IdleGpuCount, 0, l.GpuCount - 1);
                Assert.Equal(l.Fits, l.RejectionReason is null);
                Assert.Equal(l.Fits, l.Rank is not null);
                if (!l.Fits)
                {
                    rejected++;
                    Assert.Null(l.TokensPerSecond ?? l.TimeToFirstTokenMs ?? l.CommunicationPercent);
                    continue;
                }

                fitting++;
                Assert.True(l.MaxConcurrency is null or >= 1);
                Assert.InRange(l.RunningSequences!.Value, 1, request.Deployment.BatchSize);
                Assert.InRange(l.CommunicationPercent!.Value, 0, 100);
                Assert.Equal(l.GpuLink is null, l.CopyCount == l.GpuCount - l.IdleGpuCount);
                Assert.True(l.GpuLink is not null || l.CommunicationPercent == 0);
                Assert.True(l.TokensPerSecondLow <= l.TokensPerSecond && l.TokensPerSecond <= l.TokensPerSecondHigh);
                Assert.True(l.TokensPerSecondLow > 0 && double.IsFinite(l.TokensPerSecondHigh!.Value));
                Assert.Equal(l.PipelineParallelSize > 1 || request.Deployment.Engine == Engine.Transformers
                    || !WeightKernels.AreMeasured(request.Deployment), l.Evidence == Evidence.Assumed);
            }
        });
        Assert.True(fitting > 500 && rejected > 500, $"{fitting} {rejected}");
    }
}
