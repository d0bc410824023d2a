using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

/// <summary>What settings of a server's scheduler add to both times.</summary>
public sealed class StepTimeWaitTests
{
    private static StepTimeCase Case(string engine) =>
        new(ModelCatalog.Get("Llama-3.1-70B"), Quantization.Parse("FP8"), GpuCatalog.Get("H200"), engine)
        {
            Users = 64,
            Running = 64,
            InputLength = 1000,
            OutputLength = 1000,
        };

    /// <summary>64 users of 1,000 tokens send 1.28 prompts in 20 steps: one waits for all, 1.28 for half of them.</summary>
    [Fact]
    public void Prompts_wait_for_others_until_the_window_ends()
    {
        StepTimeCase alone = Case("TensorRT-LLM");
        StepTimeParts without = StepTimeModel.Predict(alone), with = StepTimeModel.Predict(alone with { BatchWaitSteps = 20 });

        Assert.Equal(20 * 1.64 / 2.28 * without.Step, with.PromptExtra - without.PromptExtra, 1e-6);
        Assert.Equal(without.TimePerOutputToken, with.TimePerOutputToken, 1e-9);
    }

    [Fact]
    public void A_window_ends_early_with_enough_tokens()
    {
        StepTimeParts without = StepTimeModel.Predict(Case("TensorRT-LLM"));
        StepTimeParts with = StepTimeModel.Predict(Case("TensorRT-LLM") with { BatchWaitSteps = 1000, BatchWaitTokens = 3000 });

        // Two more prompts, at 0.064 a step.
        Assert.Equal(31.25 * 2 / 3 * without.Step, with.PromptExtra - without.PromptExtra, 1e-6);
    }

    [Fact]
    public void Interrupted_answers_take_the_time_that_they_did_not_wait_for()
    {
        StepTimeCase queue = Case("vLLM") with { Running = 44, OutputLength = 8000 };
        StepTimeParts whole = StepTimeModel.Predict(queue), split = StepTimeModel.Predict(queue with { InterruptsAnswers = true });

        Assert.Equal(0.4, split.InterruptedShare, 1e-12); // 8,000 / 1,000 of 20 that wait
        Assert.Equal(0.6 * whole.PromptQueue, split.PromptQueue, 1e-6);
        Assert.Equal(whole.PromptQueue, split.PromptQueue + (7999 * split.Interruption), 1e-6);
        Assert.Equal(0, StepTimeModel.Predict(queue with { Running = 64, InterruptsAnswers = true }).Interruption);
    }

    [Fact]
    public void Captured_prompts_launch_faster()
    {
        StepTimeParts launched = StepTimeModel.Predict(Case("vLLM") with { GraphTokens = 999 });
        StepTimeParts captured = StepTimeModel.Predict(Case("vLLM") with { GraphTokens = 1000 });

        Assert.InRange(captured.PromptLatency / launched.PromptLatency, 0.05, 0.95);
        Assert.Equal(launched.PromptWork, captured.PromptWork, 1e-9);
    }

    /// <summary>What users wait for is their own prompt, where there is nobody else's.</summary>
    [Theory]
    [InlineData("Llama-3.1-8B", "H100-80GB", 1)]
    [InlineData("DeepSeek-R1", "H200", 8)]
    public void A_single_user_waits_as_long_for_a_short_answer_as_for_a_long_one(string model, string gpu, int ranks)
    {
        double shortest = Estimate(model, gpu, ranks, 1, 8192, 1).TimeToFirstTokenMs!.Value;
        double longer = Estimate(model, gpu, ranks, 1, 8192, 1024).TimeToFirstTokenMs!.Value;

        // The step that a prompt comes into reads the cache of longer sequences.
        Assert.InRange(longer / shortest, 1, 1.01);
    }

    /// <summary>With answers of one token, prompts are all the work there is: twice the users wait for twice as much.</summary>
    [Fact]
    public void Prompts_are_not_computed_faster_than_the_gpu_computes_them()
    {
        PerformanceEstimate one = Estimate("Llama-3.1-8B", "H100-80GB", 1, 1, 8192, 1);
        PerformanceEstimate few = Estimate("Llama-3.1-8B", "H100-80GB", 1, 16, 8192, 1);
        PerformanceEstimate more = Estimate("Llama-3.1-8B", "H100-80GB", 1, 32, 8192, 1);

        Assert.InRange(more.RequestsPerSecond!.Value / few.RequestsPerSecond!.Value, 0.95, 1.15);
        Assert.InRange(more.RequestsPerSecond.Value * one.TimeToFirstTokenMs!.Value / 1000, 0.8, 1.3);
        Assert.InRange(more.ModelFlopsUtilizationPercent!.Value, 20, 90);
    }

    [Fact]
    public void A_longer_queue_never_lowers_throughput()
    {
        double[] rates = [.. new long[] { 32, 64, 128, 256 }
            .Select(users => Estimate("Llama-3.1-8B", "L4", 8, users, 32768, 1))
            .Select(e => e.RequestsPerSecond!.Value)];
        Assert.All(rates.Zip(rates.Skip(1)), pair => Assert.True(pair.Second >= pair.First * 0.999, string.Join(' ', rates)));
    }

    /// <summary>Defaults of max_num_seqs (vLLM) and max_batch_size (TensorRT-LLM), which no room in the KV pool exceeds.</summary>
    [Theory]
    [InlineData(Engine.vLLM, "A100-80GB", null, 256)]
    [InlineData(Engine.vLLM, "H100-80GB", null, 1024)]
    [InlineData(Engine.vLLM, "A100-80GB", 700L, 700)]
    [InlineData(Engine.TensorRtLlm, "H100-80GB", null, 2048)]
    [InlineData(Engine.SGLang, "H100-80GB", null, 3000)]
    public void Engines_run_no_more_sequences_than_their_limit(Engine engine, string gpu, long? limit, double running)
    {
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Llama-3.2-1B"))
            {
                Engine = engine,
                Gpu = GpuCatalog.Get(gpu),
                BatchSize = 3000,
                MaxSequences = limit,
            },
            64,
            64));

        Assert.Equal(running, estimate.RunningBatch);
    }

    /// <summary>160 all-reduces of 14 hops; the two cards differ in nothing else that the latency depends on.</summary>
    [Fact]
    public void Hops_of_an_all_reduce_take_longer_over_PCIe()
    {
        StepTimeParts With(string gpu) => StepTimeModel.Predict(
            new StepTimeCase(ModelCatalog.Get("Llama-3.1-70B"), Quantization.Parse("FP16"), GpuCatalog.Get(gpu), "vLLM")
            {
                TensorRanks = 8,
                InputLength = 512,
                OutputLength = 256,
            });

        Assert.Equal(160 * 14 * 0.004, With("A100-PCIe-80GB").AllReduceLatency - With("A100-80GB").AllReduceLatency, 1e-9);
    }

    /// <summary>Stages wait for each other where there are sequences for more than one of them.</summary>
    [Fact]
    public void Pipelines_that_are_full_have_bubbles()
    {
        StepTimeParts With(int stages, double running) => StepTimeModel.Predict(
            Case("vLLM") with { Stages = stages, Users = running, Running = running });

        Assert.Equal(0, With(1, 64).Bubble);
        Assert.Equal(0, With(4, 1).Bubble);
        StepTimeParts full = With(4, 64);
        Assert.Equal(0.3 * (full.Step - full.Bubble - full.Hops), full.Bubble, 1e-9);
    }

    [Fact]
    public void Bounds_are_wider_beyond_the_loads_that_were_measured()
    {
        PerformanceEstimate measured = Estimate("Llama-3.2-1B", "H100-80GB", 1, 512, 64, 64), beyond = Estimate("Llama-3.2-1B", "H100-80GB", 1, 513, 64, 64);

        Assert.Equal(513, beyond.RunningBatch);
        Assert.InRange(measured.TokensPerSecondLow!.Value / measured.TokensPerSecond!.Value, 0.6, 1);
        Assert.InRange(beyond.TokensPerSecondLow!.Value / beyond.TokensPerSecond!.Value, 0.4, 0.54);
        Assert.True(beyond.TimePerOutputTokenHighMs / beyond.TimePerOutputTokenMs > measured.TimePerOutputTokenHighMs / measured.TimePerOutputTokenMs);
    }

    /// <summary>Weights of attention that are expanded are multiplied more slowly; where the experts alone are quantized, nothing changes.</summary>
    [Fact]
    public void Expanded_weights_are_multiplied_more_slowly()
    {
        static double Work(string model, string format) => StepTimeModel.Predict(
            new StepTimeCase(ModelCatalog.Get(model), Quantization.Parse(format), GpuCatalog.Get("H200"), "vLLM")
            {
                InputLength = 8192,
                OutputLength = 256,
            }).PromptWork;

        Assert.InRange(Work("Llama-3.1-70B", "AWQ") / Work("Llama-3.1-70B", "BF16"), 1.5, 1.85);
        Assert.False(StepTimeShape.Of(ModelCatalog.Get("Kimi-K2.5"), ModelCatalog.Get("Kimi-K2.5").PublishedQuantization).IsDenseQuantized);
    }

    private static PerformanceEstimate Estimate(string model, string gpu, int ranks, long users, long input, long output) =>
        PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get(model))
            {
                Gpu = GpuCatalog.Get(gpu),
                Parallelism = new Parallelism(ranks),
                BatchSize = users,
            },
            input,
            output));
}
