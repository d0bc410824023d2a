using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed class MemoryRequestTests
{
    private static readonly MemoryRequest s_valid = new(ModelCatalog.Get("Llama-3.1-8B"));

    private static LlmOpsException Refused(MemoryRequest request)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(request));
        Assert.Equal(e.Message, Assert.Throws<LlmOpsException>(() => KvCacheCalculator.Measure(request)).Message);
        return e;
    }

    [Theory]
    [InlineData(0, "1")]
    [InlineData(-1, "1")]
    [InlineData(long.MinValue, "1")]
    [InlineData(1_000_001, "1000000")]
    [InlineData(long.MaxValue, "1000000")]
    public void A_batch_size_out_of_bounds_is_refused(long batch, string nearest)
    {
        LlmOpsException e = Refused(s_valid with { BatchSize = batch });

        Assert.Equal((Guard.OutOfRangeId, ErrorKind.InvalidArgument, (object)batch), (e.ErrorId, e.Kind, e.Target!));
        Assert.Equal($"BatchSize is {batch}, but must be between 1 and 1000000. The nearest valid value is {nearest}.", e.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2048)]
    [InlineData(100_000_001)]
    public void A_sequence_length_out_of_bounds_is_refused(long length)
    {
        LlmOpsException e = Refused(s_valid with { SequenceLength = length });

        Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
        Assert.StartsWith($"SequenceLength is {length}, but must be between 1 and 100000000.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.009)]
    [InlineData(1.001)]
    [InlineData(-0.9)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_utilization_out_of_bounds_is_refused(double utilization)
    {
        LlmOpsException e = Refused(s_valid with { GpuMemoryUtilization = utilization });

        Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
        Assert.StartsWith("GpuMemoryUtilization is ", e.Message, StringComparison.Ordinal);
        Assert.Contains("between 0.01 and 1.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_settings_out_of_bounds_are_refused_by_name()
    {
        void Names(string name, MemoryRequest request)
        {
            LlmOpsException e = Refused(request);
            Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
            Assert.StartsWith($"{name} is ", e.Message, StringComparison.Ordinal);
        }

        Names("MaxBatchedTokens", s_valid with { MaxBatchedTokens = 0 });
        Names("MaxSequences", s_valid with { MaxSequences = -1 });
        Names("CudaGraphCaptureSize", s_valid with { CudaGraphCaptureSizes = [1, 0] });
        Names("TensorParallelSize", s_valid with { Parallelism = new Parallelism(0) });
        Names("PipelineParallelSize", s_valid with { Parallelism = new Parallelism(1, 0) });
        Names("PipelineParallelSize", s_valid with { Parallelism = new Parallelism(1, 33) });
        Names("DataParallelSize", s_valid with { Parallelism = new Parallelism(1, 1, 1, 0) });
        Names("ExpertParallelSize", s_valid with { Parallelism = new Parallelism(1, 1, 0) });
    }

    [Theory]
    [InlineData("Llama-3.1-8B", 3, 2)]
    [InlineData("Llama-3.1-8B", 12, 8)]
    [InlineData("Llama-3.1-8B", 64, 32)]
    [InlineData("Qwen2.5-7B", 8, 4)]
    [InlineData("Qwen2.5-7B", 3, 2)]
    [InlineData("OPT-125M", 5, 4)]
    public void Ranks_that_do_not_divide_the_heads_are_refused_with_the_nearest_number_that_does(string model, int tensor, int nearest)
    {
        LlmOpsException e = Refused(new MemoryRequest(ModelCatalog.Get(model)) { Parallelism = new Parallelism(tensor) });

        Assert.Equal(("TensorParallelSizeNotSupported", ErrorKind.NotSupported), (e.ErrorId, e.Kind));
        Assert.Contains($"TensorParallelSize is {tensor}", e.Message, StringComparison.Ordinal);
        Assert.EndsWith($"The nearest valid value is {nearest}.", e.Message, StringComparison.Ordinal);
        MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get(model)) { Parallelism = new Parallelism(nearest) });
    }

    [Fact]
    public void Expert_parallelism_needs_experts()
    {
        Assert.Contains("ExpertParallelSize is 2, but must be between 1 and 1",
            Refused(s_valid with { Parallelism = new Parallelism(1, 1, 2) }).Message, StringComparison.Ordinal);
        Assert.Contains("between 1 and 8", Refused(new MemoryRequest(ModelCatalog.Get("Mixtral-8x7B"))
        {
            Parallelism = new Parallelism(1, 1, 16),
        }).Message, StringComparison.Ordinal);
    }

    /// <summary>Ranks of one kind are groups of the other: 3 expert ranks cannot be laid over 4 tensor ranks.</summary>
    [Theory]
    [InlineData(4, 3, 2)]
    [InlineData(8, 5, 4)]
    [InlineData(8, 12, 8)]
    [InlineData(2, 3, 2)]
    public void Expert_ranks_that_do_not_align_with_tensor_ranks_are_refused(int tensor, int expert, int nearest)
    {
        MemoryRequest request = new(ModelCatalog.Get("Qwen3-235B-A22B")) { Parallelism = new Parallelism(tensor, 1, expert) };

        LlmOpsException e = Refused(request with { Parallelism = new Parallelism(tensor, 1, expert) });

        Assert.Equal(("ExpertParallelSizeNotSupported", ErrorKind.NotSupported), (e.ErrorId, e.Kind));
        Assert.Contains($"ExpertParallelSize is {expert}", e.Message, StringComparison.Ordinal);
        Assert.EndsWith($"The nearest valid value is {nearest}.", e.Message, StringComparison.Ordinal);
        MemoryEstimator.Estimate(request with { Parallelism = new Parallelism(tensor, 1, nearest) });
    }

    [Fact]
    public void VLLM_does_not_train_and_quantized_weights_cannot_be_trained()
    {
        MemoryRequest training = s_valid with { Training = true };

        Assert.Equal("TrainingNotSupported", Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(training)).ErrorId);
        Assert.Equal("TrainingPrecisionNotSupported", Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(
            training with { Engine = Engine.Transformers, Quantization = Quantization.Parse("AWQ") })).ErrorId);
        Assert.Equal("TrainingNotSupported", Assert.Throws<LlmOpsException>(() => KvCacheCalculator.Measure(
            training with { Engine = Engine.Transformers })).ErrorId);
    }

    [Fact]
    public void More_memory_than_can_be_counted_is_refused()
    {
        MemoryRequest request = s_valid with
        {
            BatchSize = MemoryRequest.MaximumBatchSize,
            SequenceLength = MemoryRequest.MaximumSequenceLength,
        };

        Assert.Equal(Guard.OutOfRangeId, Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(request)).ErrorId);
    }

    [Theory]
    [InlineData("int3", "INT4", "INT")]
    [InlineData("fp17", "FP16", "FP1")]
    [InlineData("Q4_K_L", "Q4_K_M", "Q4")]
    public void An_unknown_quantization_is_refused_with_a_near_one(string name, string likely, string sharedStart)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Quantization.Parse(name));

        Assert.Equal("QuantizationNotFound", e.ErrorId);
        Assert.Contains($"Did you mean {sharedStart}", e.Message, StringComparison.Ordinal);
        Assert.Contains(likely, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bf16", "BF16")]
    [InlineData("float16", "FP16")]
    [InlineData("q4_k_m", "Q4_K_M")]
    [InlineData("Q4-K-M", "Q4_K_M")]
    [InlineData("w8a8", "INT8")]
    public void The_usual_spellings_of_a_quantization_find_it(string spelling, string name)
    {
        Assert.Equal(name, Quantization.Parse(spelling).Name);
    }
}
