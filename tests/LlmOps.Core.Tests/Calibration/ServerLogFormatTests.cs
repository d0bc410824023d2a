using LlmOps.Core.Calibration;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Calibration;

/// <summary>Each format that vLLM has printed is read, term by term.</summary>
public sealed class ServerLogFormatTests
{
    [Fact]
    public void Of_0_4_weights_and_blocks_are_read_and_the_pool_counted_in_tokens()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V04);

        Assert.Equal("0.4.2", start.EngineVersion);
        Assert.Null(start.EngineGeneration);
        Assert.Equal("meta-llama/Llama-2-7b-hf", start.ModelName);
        Assert.Equal(("FP16", "FP16", null), (start.DataType, start.Quantization, start.QuantizationMethod));
        Assert.Equal((1, 4096L, 256L, null), (start.TensorParallelSize, start.MaxModelLength, start.MaxSequences, start.MaxBatchedTokens));
        Assert.Equal(0.9, start.GpuMemoryUtilization);
        Assert.Equal(12.5523, start.ModelWeightsGiB);
        Assert.Null(start.KvCacheGiB);
        Assert.Equal((7446L, 512L, 16, 119136L), (start.GpuBlocks, start.CpuBlocks, start.BlockSize, start.KvCacheTokens));
        Assert.Equal((8.0, null), (start.GraphCaptureSeconds, start.CudaGraphsGiB));
        Assert.Equal(1, start.LineNumber);
        Assert.Null(start.Failure);
        Assert.Empty(start.Notes);
    }

    [Fact]
    public void Of_0_6_4_the_activation_peak_is_what_is_left_of_the_torch_peak()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V064);

        Assert.Equal("0.6.4.post1", start.EngineVersion);
        Assert.Equal(3.12 - 2.6419, start.ActivationsGiB!.Value, 9);
        Assert.Equal((7.92, 0.47, 3.54), (start.DeviceMemoryGiB, start.NonTorchGiB, start.KvCacheGiB));
        Assert.Equal((9.43, 2048L), (start.MaxConcurrency, start.MaxConcurrencyTokens));
        Assert.Equal((16, 19312L), (start.BlockSize, start.KvCacheTokens));
        Assert.Equal(0.54, start.CudaGraphsGiB);
        Assert.Equal(0.9, start.GpuMemoryUtilization);
    }

    [Fact]
    public void Of_0_7_the_worse_of_driver_and_worker_is_the_headline()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V07);

        Assert.Equal("V0", start.EngineGeneration);
        Assert.Equal(("AWQ", "awq_marlin", KvCacheDataType.FP8), (start.Quantization, start.QuantizationMethod, start.KvCacheDataType));
        Assert.Equal((true, 2), (start.EnforceEager, start.TensorParallelSize));
        Assert.Equal((47.41, 40.30, 18.5607), (start.DeviceMemoryGiB, start.BudgetGiB, start.ModelWeightsGiB));
        Assert.Equal((0.93, 0.33, 20.59), (start.ActivationsGiB, start.NonTorchGiB, start.KvCacheGiB));
        Assert.Equal(["", "VllmWorkerProcess pid=507"], start.Ranks.Select(rank => rank.Name));
        Assert.Equal([0.93, 0.52], start.Ranks.Select(rank => rank.ActivationsGiB));
        Assert.Equal((16867L, 16), (start.GpuBlocks, start.BlockSize));
        Assert.Equal(12.1, start.EngineInitSeconds);
    }

    [Fact]
    public void Of_0_9_the_smallest_pool_of_all_ranks_counts()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V09);

        Assert.Equal(("V1", "0.9.1", "/models/Qwen2.5-7B-Instruct"), (start.EngineGeneration, start.EngineVersion, start.ModelName));
        Assert.Equal((128L, 2048L, 0.92), (start.MaxSequences, start.MaxBatchedTokens, start.GpuMemoryUtilization));
        Assert.Equal((12.47, 466976L, 28.50), (start.KvCacheGiB, start.KvCacheTokens, start.MaxConcurrency));
        Assert.Equal((7.1205, 0.49, 2.912345), (start.ModelWeightsGiB, start.CudaGraphsGiB, start.LoadSeconds));
        Assert.Equal([(1, 0), (0, 1)], start.Ranks.Select(rank => (rank.TensorParallelRank ?? -1, rank.Name.EndsWith('0') ? 1 : 0)).OrderByDescending(r => r));
        Assert.Equal(2, start.Ranks.Count);
        Assert.False(start.HasSpeculativeDecoding);
    }

    [Fact]
    public void Of_0_10_the_debug_lines_and_the_summary_agree()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V010);

        Assert.Equal(("FP8", "Qwen/Qwen3-8B-FP8"), (start.Quantization, start.ModelName));
        Assert.Equal((23.53, 18.82, 0.8), (start.DeviceMemoryGiB, start.BudgetGiB, start.GpuMemoryUtilization));
        Assert.Equal((8.8014, 1.40, 0.02, 8.60), (start.ModelWeightsGiB, start.ActivationsGiB, start.NonTorchGiB, start.KvCacheGiB));
        Assert.Equal((3913L, 16, 62608L, 61.14), (start.GpuBlocks, start.BlockSize, start.KvCacheTokens, start.MaxConcurrency));
        Assert.Single(start.Ranks);
        Assert.Equal(1, start.DataParallelSize);
    }

    [Fact]
    public void Of_0_19_stages_differ_and_each_rank_is_kept()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V019);

        Assert.Equal("0.19.1", start.EngineVersion);
        Assert.Equal((2, 2, 1, 2), (start.TensorParallelSize, start.PipelineParallelSize, start.DataParallelSize, start.ExpertParallelSize));
        Assert.Equal((1024L, 8192L, 40960L), (start.MaxSequences, start.MaxBatchedTokens, start.MaxModelLength));
        Assert.Equal(("H200", true), (start.Gpu, start.HasSpeculativeDecoding));
        Assert.Equal((110.52, 8.02, 361264L), (start.ModelWeightsGiB, start.KvCacheGiB, start.KvCacheTokens));
        Assert.Equal((1.18, 1.26, false), (start.CudaGraphsGiB, start.CudaGraphsEstimatedGiB, start.HasCudaGraphsReserved));
        Assert.Equal([109.4, 109.4, 110.52, 110.52], start.Ranks.Select(rank => rank.ModelWeightsGiB));
        Assert.Equal([(0, 0), (0, 1), (1, 0), (1, 1)], start.Ranks.Select(rank => (rank.PipelineParallelRank!.Value, rank.TensorParallelRank!.Value)));
        Assert.Equal("Worker_PP1_TP0_EP0", start.Ranks[2].Name);
        Assert.Equal((50.01, 0.9), (start.EngineInitSeconds, start.GpuMemoryUtilization));
    }

    [Fact]
    public void Of_0_29_what_is_consumed_less_the_weights_is_outside_of_torch()
    {
        ServerLogMeasurement start = One(ServerLogSamples.V029);

        Assert.Equal((51.1, 2.4, 19.54, 313650L), (start.ModelWeightsGiB, start.ActivationsGiB, start.KvCacheGiB, start.KvCacheTokens));
        Assert.Equal(0.56, start.NonTorchGiB!.Value, 9);
        Assert.Equal((1.20, 262144L, 784), (start.MaxConcurrency, start.MaxConcurrencyTokens, start.BlockSize));
        Assert.Equal((80.0, 73.6, 0.92), (start.DeviceMemoryGiB, start.BudgetGiB, start.GpuMemoryUtilization));
        Assert.Equal((0.71, 1.55, true), (start.CudaGraphsGiB, start.CudaGraphsEstimatedGiB, start.HasCudaGraphsReserved));
    }

    [Theory]
    [InlineData("(EngineCore_DP0 pid=379) ERROR 01-28 00:18:18 [core.py:935] ValueError: To serve at least one request with the models's max seq len (202752), (71.16 GiB KV cache is needed, which is larger than the available KV cache memory (28.57 GiB). Based on the available memory, the estimated maximum model length is 81392. Try increasing `gpu_memory_utilization`.", 71.16, 28.57, 81392)]
    [InlineData("[rank0]: ValueError: To serve at least one request with the models's max seq len (202752), 71.16 GiB KV cache is needed, which is larger than the available KV cache memory (28.57 GiB). Based on the available memory,  the estimated maximum model length is 81392.", 71.16, 28.57, 81392)]
    [InlineData("ValueError: To serve at least one request with the models's max seq len (202752), (71.16 GB KV cache is needed, which is larger than the available KV cache memory (28.57 GB). Try increasing", 71.16, 28.57, null)]
    public void A_pool_that_is_too_small_for_one_sequence_is_read_from_the_error(string line, double needed, double available, int? length)
    {
        ServerLogMeasurement start = One(line);

        Assert.Equal((202752L, needed, available, (long?)length), (start.MaxModelLength, start.KvCacheNeededGiB, start.KvCacheGiB, start.EstimatedMaxModelLength));
        Assert.StartsWith("To serve at least one request", start.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void The_error_does_not_make_a_rank_of_the_engine_where_workers_measured()
    {
        ServerLogMeasurement start = One("""
            (Worker_TP0 pid=5) INFO 01-28 00:18:17 [gpu_worker.py:298] Available KV cache memory: 28.57 GiB
            (EngineCore_DP0 pid=3) ERROR 01-28 00:18:18 [core.py:935] ValueError: To serve at least one request with the models's max seq len (202752), (71.16 GiB KV cache is needed, which is larger than the available KV cache memory (28.57 GiB).
            """);

        Assert.Equal("Worker_TP0", Assert.Single(start.Ranks).Name);
    }

    [Theory]
    [InlineData("(VllmWorkerProcess pid=2144909) ERROR 01-12 08:36:38 multiproc_worker_utils.py:233] Exception in worker VllmWorkerProcess while processing method initialize_cache: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (86432). Try increasing")]
    [InlineData("ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (86432).")]
    public void The_error_of_the_old_engine_says_how_many_tokens_there_were(string line)
    {
        ServerLogMeasurement start = One(line);

        Assert.Equal((131072L, 86432L, 86432L), (start.MaxModelLength, start.KvCacheTokens, start.EstimatedMaxModelLength));
        Assert.NotNull(start.Failure);
    }

    [Theory]
    [InlineData("ValueError: Free memory on device (59.32/79.15 GiB) on startup is less than desired GPU memory utilization (0.9, 71.24 GiB). Decrease GPU memory utilization.")]
    [InlineData("(EngineCore pid=2) ERROR 01-12 08:36:38 [core.py:1] ValueError: Free memory on device cuda:0 (59.32/79.15 GiB) on startup is less than desired GPU memory utilization (0.9, 71.24 GiB).")]
    public void A_GPU_that_is_in_use_already_is_read_from_the_error(string line)
    {
        ServerLogMeasurement start = One(line);

        Assert.Equal((79.15, 71.24, 0.9), (start.DeviceMemoryGiB, start.BudgetGiB, start.GpuMemoryUtilization));
        Assert.StartsWith("Free memory on device", start.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_do_not_fit_are_a_failure_of_the_start_but_a_request_is_not()
    {
        const string error = "\n(EngineCore pid=3) ERROR 01-12 08:36:38 [core.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.50 GiB. GPU 0 has a total capacity of 79.19 GiB of which 3.33 GiB is free.";
        ServerLogMeasurement failed = One(ServerLogSamples.V010.Split('\n')[3] + error);

        Assert.StartsWith("CUDA out of memory", failed.Failure, StringComparison.Ordinal);
        Assert.Equal(79.19, failed.DeviceMemoryGiB);
        Assert.Null(One(ServerLogSamples.V09 + error).Failure);
    }

    [Fact]
    public void A_pool_below_zero_and_graphs_below_zero_are_what_was_measured()
    {
        ServerLogMeasurement start = One("""
            INFO 07-01 12:00:40 [gpu_worker.py:227] Available KV cache memory: -0.41 GiB
            INFO 07-01 12:01:05 [gpu_model_runner.py:2048] Graph capturing finished in 23 secs, took -0.45 GiB
            """);

        Assert.Equal((-0.41, -0.45), (start.KvCacheGiB, start.CudaGraphsGiB));
        Assert.Empty(start.Notes);
    }

    [Fact]
    public void A_pool_of_a_set_size_is_read()
    {
        ServerLogMeasurement start = One("(EngineCore pid=316) INFO 08-21 18:37:44 [gpu_worker.py:492] Initial free memory 31.16 GiB, reserved 4.25 GiB memory for KV Cache as specified by kv_cache_memory_bytes config and skipped memory profiling.");

        Assert.Equal(4.25, start.KvCacheGiB);
    }

    private static ServerLogMeasurement One(string log) => Assert.Single(ServerLogTests.Read(log));
}
