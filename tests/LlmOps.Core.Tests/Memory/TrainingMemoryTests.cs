using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed class TrainingMemoryTests
{
    private static readonly LlmModel s_llama = ModelCatalog.Get("Llama-3.1-8B");

    private static MemoryRequest Request(TrainingSettings settings, int data = 1) => new(s_llama)
    {
        Engine = Engine.DeepSpeed,
        Quantization = Quantization.BF16,
        Parallelism = new Parallelism(1, 1, 1, data),
        TrainingSettings = settings,
    };

    private static LlmOpsException Refused(MemoryRequest request) =>
        Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(request));

    [Fact]
    public void DeepSpeed_trains_without_being_told()
    {
        MemoryEstimate e = MemoryEstimator.Estimate(Request(TrainingSettings.Default));

        Assert.True(e.Training);
        Assert.Equal((0, Optimizer.AdamW, 0.0), (e.ZeroStage, e.Optimizer, e.KvCacheGiB));
        Assert.Equal(16 * s_llama.ParameterCount, e.Bytes.ModelWeights + e.Bytes.Gradients + e.Bytes.OptimizerStates);
        Assert.Equal("TrainingNotSupported", Assert.Throws<LlmOpsException>(
            () => KvCacheCalculator.Measure(Request(TrainingSettings.Default))).ErrorId);
    }

    /// <summary>Bytes of optimizer states a parameter.</summary>
    [Theory]
    [InlineData(Optimizer.AdamW, "BF16", false, 12)]
    [InlineData(Optimizer.AdamW, "BF16", true, 4)]
    [InlineData(Optimizer.AdamW, "FP32", false, 8)]
    [InlineData(Optimizer.Adam8bit, "BF16", true, 2)]
    [InlineData(Optimizer.Lion, "BF16", false, 8)]
    [InlineData(Optimizer.Lion, "FP32", false, 4)]
    [InlineData(Optimizer.Sgd, "BF16", true, 0)]
    public void Optimizers_keep_their_moments(Optimizer optimizer, string type, bool pure, int bytes)
    {
        TrainingSettings settings = new() { Optimizer = optimizer, NoMasterWeight = pure };
        MemoryRequest request = Request(settings) with { Quantization = Quantization.Parse(type) };

        Assert.Equal(bytes * s_llama.ParameterCount, MemoryEstimator.Estimate(request).Bytes.OptimizerStates);
    }

    /// <summary>
    /// A layer of Llama-3.1-8B: q and o 4096 + 4096, k and v 4096 + 1024, three MLP matrices 4096 + 14336, and two norms;
    /// embeddings and head 128256 + 4096, the last norm.
    /// </summary>
    [Fact]
    public void Adafactor_keeps_rows_and_columns()
    {
        TrainingSettings settings = new() { Optimizer = Optimizer.Adafactor, NoMasterWeight = true };
        const long layer = (2 * 8192) + (2 * 5120) + (3 * 18432) + 8192;

        Assert.Equal(4 * ((32 * layer) + (2 * 132352)),
            MemoryEstimator.Estimate(Request(settings)).Bytes.OptimizerStates);
    }

    /// <summary>What Unsloth and peft print for adapters on all linear layers.</summary>
    [Theory]
    [InlineData("Llama-3.1-8B", 16, 41_943_040)]
    [InlineData("Llama-3.2-1B", 16, 11_272_192)]
    [InlineData("Llama-3.3-70B", 16, 207_093_760)]
    [InlineData("Qwen3-14B", 32, 128_450_560)]
    [InlineData("Qwen3-32B", 32, 268_435_456)]
    public void Adapters_have_as_many_parameters_as_is_printed(string model, int rank, long parameters)
    {
        MemoryEstimate e = MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get(model))
        {
            Engine = Engine.Transformers,
            Training = true,
            Quantization = Quantization.Parse("NF4"),
            TrainingSettings = new TrainingSettings { LoraRank = rank },
        });

        Assert.Equal((2 * parameters, 12 * parameters), (e.Bytes.Gradients, e.Bytes.OptimizerStates));
        Assert.Equal(rank, e.LoraRank);
    }

    /// <summary>
    /// Korthikanti et al. 2022, sections 4 and 5, without dropout's masks: 32sbh + 4as²b with the scores in 16 bits alone
    /// (here also in FP32), and 2sbh a layer with full recomputation beside the layer that is recomputed.
    /// </summary>
    [Fact]
    public void A_GPT_keeps_what_the_paper_counts()
    {
        LlmModel gpt = ModelCatalog.Get("GPT-2-xl");
        const int batch = 2, length = 512;
        long sbh = (long)batch * length * gpt.HiddenSize;
        MemoryRequest request = new(gpt)
        {
            Engine = Engine.DeepSpeed,
            Quantization = Quantization.FP16,
            BatchSize = batch,
            SequenceLength = length,
            Parameters = new MemoryEstimationParameter { MixedPrecisionOverheadMultiplier = 1 },
            TrainingSettings = new TrainingSettings { ActivationCheckpointing = ActivationCheckpointing.None },
        };
        double logits = (double)batch * length * gpt.VocabularySize * 14;
        double Layers(MemoryRequest r) => MemoryEstimator.Estimate(r).Bytes.Activations - logits;
        MemoryRequest With(ActivationCheckpointing checkpointing) =>
            request with { TrainingSettings = new TrainingSettings { ActivationCheckpointing = checkpointing } };

        Assert.Equal(gpt.LayerCount * 32.0 * sbh, Layers(request), 1.0);
        Assert.Equal(gpt.LayerCount * 32.0 * sbh, Layers(With(ActivationCheckpointing.Selective)), 1.0);
        Assert.Equal(((gpt.LayerCount * 2) + 30.0) * sbh, Layers(With(ActivationCheckpointing.Full)), 1.0);

        double scores = (double)batch * length * length * gpt.AttentionHeadCount * 6;
        Assert.Equal(gpt.LayerCount * ((32.0 * sbh) + scores),
            Layers(request with { AttentionImplementation = AttentionImplementation.Eager }), 1.0);
        Assert.Equal((gpt.LayerCount * 32.0 * sbh) + scores,
            Layers(With(ActivationCheckpointing.Selective) with { AttentionImplementation = AttentionImplementation.Eager }), 1.0);
    }

    [Fact]
    public void The_first_pipeline_stage_holds_one_micro_batch_for_each_stage()
    {
        MemoryRequest request = Request(new TrainingSettings { ActivationCheckpointing = ActivationCheckpointing.None })
            with { Parallelism = new Parallelism(1, 4) };
        long Activations(MemoryRequest r, int stage) => MemoryEstimator.ComputeStage(r, r.Model.Stages(4)[stage]).Activations;
        MemoryRequest single = request with { TrainingSettings = request.TrainingSettings with { GradientAccumulationStep = 1 } };

        Assert.Equal(4.0, (double)Activations(request, 0) / Activations(single, 0), 1e-6);
        Assert.Equal(3.0, (double)Activations(request, 1) / Activations(single, 1), 1e-6);
        Assert.Equal(Activations(single, 3), Activations(request, 3));
    }

    [Fact]
    public void Ulysses_divides_tokens_over_ranks_that_ZeRO_divides_states_over()
    {
        TrainingSettings settings = new() { ZeroStage = 3, ActivationCheckpointing = ActivationCheckpointing.Full };
        MemoryEstimate one = MemoryEstimator.Estimate(Request(settings, 8));
        MemoryEstimate eight = MemoryEstimator.Estimate(Request(settings) with
        {
            Parallelism = Parallelism.None with { Sequence = 8 },
        });

        Assert.Equal((8, 8), (one.GpuCount, eight.GpuCount));
        Assert.Equal(one.Bytes.OptimizerStates, eight.Bytes.OptimizerStates);
        Assert.Equal(one.ActivationsGiB / 8, eight.ActivationsGiB, 1e-6);
    }

    [Fact]
    public void Offloading_moves_states_to_host_and_disk()
    {
        MemoryRequest Offload(OffloadTarget target) => Request(new TrainingSettings
        {
            ZeroStage = 3,
            OffloadOptimizer = target,
            OffloadParameter = target,
        }, 8);
        long perRank = 18 * s_llama.ParameterCount / 8;
        MemoryEstimate cpu = MemoryEstimator.Estimate(Offload(OffloadTarget.Cpu));
        MemoryEstimate nvme = MemoryEstimator.Estimate(Offload(OffloadTarget.Nvme));

        Assert.Equal(perRank, cpu.Bytes.Host, 8.0);
        Assert.Equal((0, 0L), (cpu.Bytes.Disk, cpu.Bytes.OptimizerStates));
        Assert.Equal(perRank, nvme.Bytes.Disk, 8.0);
        Assert.Equal(2L * 128256 * 4096, cpu.Bytes.ModelWeights);
        Assert.Contains(cpu.Terms, term => term is { Name: "OffloadedOptimizerStates", Place: MemoryPlace.Host });
        Assert.Contains(nvme.Terms, term => term is { Name: "OffloadedParameters", Place: MemoryPlace.Disk });
    }

    /// <summary>DeepSpeed in BF16 without ZeRO adds micro-batches up in FP32.</summary>
    [Theory]
    [InlineData(0, null, false, 2)]
    [InlineData(0, 4, false, 6)]
    [InlineData(1, 4, false, 2)]
    [InlineData(1, 4, true, 6)]
    [InlineData(1, 1, true, 2)]
    public void Gradients_are_added_up_in_FP32(int stage, int? steps, bool fp32, int bytes)
    {
        TrainingSettings settings = new()
        {
            ZeroStage = stage,
            GradientAccumulationStep = steps,
            FullPrecisionAccumulation = fp32,
        };

        Assert.Equal(bytes * s_llama.ParameterCount, MemoryEstimator.Estimate(Request(settings)).Bytes.Gradients);
    }

    [Fact]
    public void DistributedDataParallel_divides_nothing_and_copies_gradients()
    {
        MemoryRequest one = Request(TrainingSettings.Default) with { Engine = Engine.Transformers, Training = true };
        MemoryBreakdown alone = MemoryEstimator.Estimate(one).Bytes;
        MemoryBreakdown four = MemoryEstimator.Estimate(one with { Parallelism = new Parallelism(1, 1, 1, 4) }).Bytes;

        Assert.Equal((alone.ModelWeights, alone.Gradients, alone.OptimizerStates),
            (four.ModelWeights, four.Gradients, four.OptimizerStates));
        Assert.Equal(2 * s_llama.ParameterCount, four.CompilationOverhead - alone.CompilationOverhead, 500e6);
    }

    /// <summary>A sweep of a million combinations must not leave a million objects behind but its results.</summary>
    [Fact]
    public void Computing_allocates_nothing()
    {
        MemoryRequest request = Request(new TrainingSettings
        {
            ZeroStage = 3,
            OffloadOptimizer = OffloadTarget.Nvme,
            OffloadParameter = OffloadTarget.Cpu,
            ActivationCheckpointing = ActivationCheckpointing.Full,
            LoraRank = 16,
            Optimizer = Optimizer.Adafactor,
        }, 8);
        MemoryEstimator.Compute(request, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            MemoryEstimator.Compute(request, out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Checkpointing_replaces_the_recomputation_factor_and_says_so()
    {
        MemoryEstimate At(double factor) => MemoryEstimator.Estimate(
            Request(new TrainingSettings { ActivationCheckpointing = ActivationCheckpointing.Full })
                with { Parameters = new MemoryEstimationParameter { ActivationRecomputationFactor = factor } });

        Assert.Equal(At(0.1).ActivationsGiB, At(0.9).ActivationsGiB);
        Assert.Contains("in place of ActivationRecomputationFactor",
            At(0.1).Terms.Single(term => term.Name == "Activations").Formula, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_that_contradict_each_other_are_refused_by_name()
    {
        void Names(string setting, MemoryRequest request)
        {
            LlmOpsException e = Refused(request);
            Assert.Equal(($"{setting}NotSupported", ErrorKind.NotSupported), (e.ErrorId, e.Kind));
            Assert.StartsWith(setting + " is ", e.Message, StringComparison.Ordinal);
        }

        MemoryRequest serving = new(s_llama);
        MemoryRequest transformers = serving with { Engine = Engine.Transformers, Training = true };
        Names("LoraRank", serving with { TrainingSettings = new() { LoraRank = 8 } });
        Names("ActivationCheckpointing", serving with
        {
            TrainingSettings = new() { ActivationCheckpointing = ActivationCheckpointing.Full },
        });
        Names("ZeroStage", transformers with { TrainingSettings = new() { ZeroStage = 2 } });
        Names("OffloadOptimizer", transformers with { TrainingSettings = new() { OffloadOptimizer = OffloadTarget.Cpu } });
        Names("OffloadOptimizer", Request(new TrainingSettings { OffloadOptimizer = OffloadTarget.Cpu }));
        Names("OffloadOptimizer", Request(new TrainingSettings { ZeroStage = 2, OffloadOptimizer = OffloadTarget.Nvme }));
        Names("OffloadParameter", Request(new TrainingSettings { ZeroStage = 2, OffloadParameter = OffloadTarget.Cpu }));
        Names("LoraTarget", Request(new TrainingSettings { LoraTarget = LoraTarget.Attention }));
        Names("ZeroStage", Request(new TrainingSettings { ZeroStage = 2 }) with { Parallelism = new Parallelism(1, 2) });
        Names("SequenceParallelSize", transformers with { Parallelism = Parallelism.None with { Sequence = 2 } });
        Names("SequenceParallelSize", Request(TrainingSettings.Default) with { Parallelism = Parallelism.None with { Sequence = 3 } });
        Names("SequenceParallelSize", Request(TrainingSettings.Default) with { Parallelism = new Parallelism(4) { Sequence = 2 } });
        Names("AttentionImplementation", serving with { AttentionImplementation = AttentionImplementation.Eager });
        Names("CacheImplementation", serving with { CacheImplementation = CacheImplementation.Static });
        Names("CacheImplementation", transformers with { CacheImplementation = CacheImplementation.Static });
    }

    [Fact]
    public void Settings_out_of_bounds_are_refused_by_name()
    {
        void Names(string name, TrainingSettings settings)
        {
            LlmOpsException e = Refused(Request(settings));
            Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
            Assert.StartsWith($"{name} is ", e.Message, StringComparison.Ordinal);
        }

        Names("ZeroStage", new() { ZeroStage = 4 });
        Names("ZeroStage", new() { ZeroStage = -1 });
        Names("LoraRank", new() { LoraRank = 0 });
        Names("LoraRank", new() { LoraRank = 4097 });
        Names("GradientAccumulationStep", new() { GradientAccumulationStep = 0 });
        Assert.StartsWith("SequenceParallelSize is 0", Refused(
            Request(TrainingSettings.Default) with { Parallelism = Parallelism.None with { Sequence = 0 } }).Message, StringComparison.Ordinal);
    }
}
