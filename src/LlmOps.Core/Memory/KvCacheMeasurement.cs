using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>Size of a KV cache, and what a GPU has room for. Figures are over all ranks of one copy of the model.</summary>
public sealed class KvCacheMeasurement
{
    internal KvCacheMeasurement()
    {
    }

    public required string ModelName { get; init; }

    public required Engine Engine { get; init; }

    public required string Quantization { get; init; }

    public required string KvCacheDataType { get; init; }

    public required long BatchSize { get; init; }

    public required long SequenceLength { get; init; }

    public required int TensorParallelSize { get; init; }

    public required int PipelineParallelSize { get; init; }

    /// <summary>
    /// Bytes that one more token of context adds over all layers and ranks, windows aside. More ranks than KV heads each
    /// hold a copy of one, and it is counted.
    /// </summary>
    public required long BytesPerToken { get; init; }

    /// <summary>Bytes of one sequence of <see cref="SequenceLength"/> tokens; windowed layers keep their window only.</summary>
    public required long BytesPerSequence { get; init; }

    public required long TotalBytes { get; init; }

    public double PerSequenceGiB => Units.ToGiB(BytesPerSequence);

    public double TotalGiB => Units.ToGiB(TotalBytes);

    /// <summary>Tokens of a block; null where the engine has none.</summary>
    public int? BlockSize { get; init; }

    /// <summary>Blocks that the sequences take together; null where the engine has none.</summary>
    public long? BlockCount { get; init; }

    public string? Gpu { get; init; }

    /// <summary>
    /// What is left for the cache on all ranks: memory times utilization, less weights, activations and non-torch memory;
    /// 0 where those alone do not fit. Null without a GPU.
    /// </summary>
    public double? PoolGiB { get; init; }

    /// <summary>
    /// Tokens that the pool holds, in whole blocks where the engine has them; null where no token adds to the cache.
    /// </summary>
    public long? TokenCapacity { get; init; }

    public long? BlockCapacity { get; init; }

    /// <summary>Sequences of <see cref="SequenceLength"/> tokens that the pool holds at once.</summary>
    public long? SequenceCapacity { get; init; }

    /// <summary>Whether the sequences fit the pool; null without a GPU.</summary>
    public bool? Fits => SequenceCapacity is { } capacity ? capacity >= BatchSize : null;

    public override string ToString() => FormattableString.Invariant(
        $"{ModelName}: {BatchSize} x {SequenceLength} tokens, {TotalGiB:0.00} GiB");
}

/// <summary>Measures KV caches.</summary>
public static class KvCacheCalculator
{
    /// <exception cref="LlmOpsException">The request is out of bounds or contradicts itself.</exception>
    public static KvCacheMeasurement Measure(in MemoryRequest request)
    {
        request.Validate();
        if (request.Training)
        {
            throw new LlmOpsException("TrainingNotSupported", ErrorKind.NotSupported,
                "Training has no KV cache.", request.Engine);
        }

        LlmModel model = request.Model;
        EngineMemory engine = EngineMemory.Of(request.Engine);
        int? blockSize = engine.BlockSize(request);
        int ranks = request.Parallelism.Tensor;
        double bytesPerToken = 0, bytesPerSequence = 0;
        double pool = 0;
        double tokens = double.MaxValue, sequences = double.MaxValue;
        foreach (PipelineStage stage in model.Stages(request.Parallelism.Pipeline))
        {
            bytesPerToken += ranks * KvCacheMemory.BytesPerToken(stage, request);
            bytesPerSequence += ranks * KvCacheMemory.BytesPerSequence(stage, request, request.SequenceLength);
            if (request.Gpu is { } gpu)
            {
                double free = Math.Max(0, engine.KvPool(
                    request, engine.Compute(request with { BatchSize = 1 }, stage), gpu.MemoryGiB * Units.BytesPerGiB));
                pool += ranks * free;
                double tokenBytes = engine.KvBytesPerToken(stage, request);
                double sequenceBytes = engine.KvBytesPerSequence(stage, request, request.SequenceLength);

                // A stage of state-space layers alone takes nothing a token, one of MLPs alone nothing at all.
                tokens = tokenBytes > 0 ? Math.Min(tokens, free / tokenBytes) : tokens;
                sequences = sequenceBytes > 0 ? Math.Min(sequences, free / sequenceBytes) : sequences;
            }
        }

        bool measured = request.Gpu is not null;

        // A cache that no token adds to (Mamba) has no capacity in tokens.
        bool grows = measured && tokens < double.MaxValue;
        long? blocks = grows && blockSize is { } size ? (long)(tokens / size) : null;
        return new KvCacheMeasurement
        {
            ModelName = model.Name,
            Engine = request.Engine,
            Quantization = request.EffectiveQuantization.Name,
            KvCacheDataType = request.KvCacheDataType.ToString(),
            BatchSize = request.BatchSize,
            SequenceLength = request.SequenceLength,
            TensorParallelSize = request.Parallelism.Tensor,
            PipelineParallelSize = request.Parallelism.Pipeline,
            BytesPerToken = MemoryEstimator.Whole(bytesPerToken),
            BytesPerSequence = MemoryEstimator.Whole(bytesPerSequence),
            TotalBytes = MemoryEstimator.Whole(bytesPerSequence * request.BatchSize),
            BlockSize = blockSize,
            BlockCount = (request.SequenceLength + blockSize - 1) / blockSize * request.BatchSize,
            Gpu = request.Gpu?.Name,
            PoolGiB = measured ? Units.ToGiB(pool) : null,
            BlockCapacity = blocks,
            TokenCapacity = grows ? (blocks * blockSize) ?? (long)tokens : null,
            SequenceCapacity = measured && sequences < double.MaxValue ? (long)sequences : null,
        };
    }
}
