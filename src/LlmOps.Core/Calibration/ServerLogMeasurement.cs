using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Calibration;

/// <summary>
/// What an inference server measured and printed while it started: how it was set up, and where the memory of its GPUs
/// went. What the log does not say is null. Memory is that of one GPU, in GiB; where ranks differ, that of the rank that is
/// worst off, and <see cref="Ranks"/> has each.
/// </summary>
public sealed record ServerLogMeasurement
{
    public Engine Engine { get; init; } = Engine.vLLM;

    /// <summary>The release as printed, without the leading v, such as 0.8.5.post1.</summary>
    public string? EngineVersion { get; init; }

    /// <summary>V0 or V1, the two cores that vLLM has had, where the log says which.</summary>
    public string? EngineGeneration { get; init; }

    /// <summary>The model as it was asked for: a repository id or a folder.</summary>
    public string? ModelName { get; init; }

    /// <summary>The same, under the name by which the estimating cmdlets take it from the pipeline.</summary>
    public string? Model => ModelName;

    /// <summary>The type of what is not quantized: BF16, FP16 or FP32.</summary>
    public string? DataType { get; init; }

    /// <summary>
    /// How the weights are stored, as the estimating cmdlets name it; the data type where they are not quantized. Null where
    /// the engine's name for it leaves that open, as compressed-tensors does.
    /// </summary>
    public string? Quantization { get; init; }

    /// <summary>The quantization method by the engine's own name.</summary>
    public string? QuantizationMethod { get; init; }

    public KvCacheDataType? KvCacheDataType { get; init; }

    public int? TensorParallelSize { get; init; }

    public int? PipelineParallelSize { get; init; }

    public int? DataParallelSize { get; init; }

    public int? ExpertParallelSize { get; init; }

    /// <summary>Tokens of context that one sequence may have.</summary>
    public long? MaxModelLength { get; init; }

    public long? MaxSequences { get; init; }

    public long? MaxBatchedTokens { get; init; }

    /// <summary>The share of a GPU's memory that the engine may use, as set, else as printed.</summary>
    public double? GpuMemoryUtilization { get; init; }

    public bool? EnforceEager { get; init; }

    /// <summary>Whether a draft model or draft layers share the GPU with the model.</summary>
    public bool? HasSpeculativeDecoding { get; init; }

    /// <summary>The GPU by its name in the catalogue, else as printed. Most logs do not name it.</summary>
    public string? Gpu { get; init; }

    /// <summary>A GPU's whole memory as its driver reports it.</summary>
    public double? DeviceMemoryGiB { get; init; }

    /// <summary>What the engine may use of it.</summary>
    public double? BudgetGiB { get; init; }

    public double? ModelWeightsGiB { get; init; }

    /// <summary>What a forward pass of the largest batch allocates at its peak, beyond the weights.</summary>
    public double? ActivationsGiB { get; init; }

    /// <summary>What lies outside PyTorch's allocator: driver context, communication buffers.</summary>
    public double? NonTorchGiB { get; init; }

    /// <summary>The pool for keys and values; negative where the rest alone is over budget.</summary>
    public double? KvCacheGiB { get; init; }

    /// <summary>Tokens that the pool holds: as printed, else blocks times block size.</summary>
    public long? KvCacheTokens { get; init; }

    public long? GpuBlocks { get; init; }

    public long? CpuBlocks { get; init; }

    /// <summary>Tokens in a block: as set, else what blocks and concurrency come to.</summary>
    public int? BlockSize { get; init; }

    /// <summary>Sequences of <see cref="MaxConcurrencyTokens"/> that the pool holds at once.</summary>
    public double? MaxConcurrency { get; init; }

    public long? MaxConcurrencyTokens { get; init; }

    /// <summary>What capturing CUDA graphs took. It can come out slightly negative, as a difference of free memory.</summary>
    public double? CudaGraphsGiB { get; init; }

    /// <summary>What the engine set aside for them beforehand.</summary>
    public double? CudaGraphsEstimatedGiB { get; init; }

    /// <summary>Whether that was taken from the pool for keys and values.</summary>
    public bool? HasCudaGraphsReserved { get; init; }

    public double? LoadSeconds { get; init; }

    public double? GraphCaptureSeconds { get; init; }

    /// <summary>Profiling, making the cache and warming up.</summary>
    public double? EngineInitSeconds { get; init; }

    /// <summary>What one sequence of <see cref="MaxModelLength"/> needs, where the pool was too small for it.</summary>
    public double? KvCacheNeededGiB { get; init; }

    /// <summary>The longest context that the engine would have had room for.</summary>
    public long? EstimatedMaxModelLength { get; init; }

    /// <summary>Why the start failed, in the engine's words; null where no lack of memory is reported.</summary>
    public string? Failure { get; init; }

    /// <summary>What each worker measured, in the order of the log.</summary>
    public IReadOnlyList<ServerLogRank> Ranks { get; init; } = [];

    /// <summary>What was printed and could not be taken, with its line.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The file; null where lines came from elsewhere.</summary>
    public string? Path { get; init; }

    /// <summary>The line where this start begins, from 1.</summary>
    public long LineNumber { get; init; }

    public override string ToString() => FormattableString.Invariant(
        $"{ModelName ?? "a model"} on {Engine} {EngineVersion}: weights {ModelWeightsGiB:0.00} GiB, KV cache {KvCacheGiB:0.00} GiB");
}
