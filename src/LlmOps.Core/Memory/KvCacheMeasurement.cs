using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>Size of a KV cache, and what a GPU has room for. Figures are over all ranks of one copy of the model.</summary>
public sealed class KvCacheMeasurement
{
    internal KvCacheMeasurement()
    {
    }

    public required string ModelName { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public required string Engine { get; init; }

    /// <summary>The release that was estimated; null where the engine is estimated alike for all.</summary>
    public string? EngineVersion { get; init; }

    public required string Quantization { get; init; }

    public required string KvCacheDataType { get; init; }

    public required long BatchSize { get; init; }

    public required long SequenceLength { get; init; }

    /// <summary>The longest sequence that the engine accepts; null where no limit was set.</summary>
    public long? MaxModelLength { get; init; }

    public required int TensorParallelSize { get; init; }

    public required int PipelineParallelSize { get; init; }

    /// <summary>Layers on GPUs, the output counted as one; null where the engine or the user leaves none to the host.</summary>
    public int? GpuLayers { get; init; }

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
    /// What the engine leaves for the cache on all ranks: with vLLM memory times utilization, less weights, activations and
    /// non-torch memory, and from 0.20 on less its estimate of CUDA graphs; 0 where those alone do not fit. Null without a
    /// GPU.
    /// </summary>
    public double? PoolGiB { get; init; }

    /// <summary>
    /// Tokens that the pool holds, as the engine prints them: whole blocks, shared by the groups of layers, and from vLLM
    /// 0.20.1 on concurrency times the greatest length; null where no token adds to the cache.
    /// </summary>
    public long? TokenCapacity { get; init; }

    /// <summary>Blocks that the engine makes of a rank's pool; null where it has none.</summary>
    public long? BlockCapacity { get; init; }

    /// <summary>Sequences of <see cref="SequenceLength"/> tokens that the pool holds at once.</summary>
    public long? SequenceCapacity { get; init; }

    /// <summary>
    /// Sequences of the greatest length that the pool holds at once, with the part of one that is left over: what vLLM
    /// prints as maximum concurrency. The length is <see cref="MaxModelLength"/> or else <see cref="SequenceLength"/>.
    /// </summary>
    public double? MaxConcurrency { get; init; }

    /// <summary>
    /// Whether all sequences fit the pool at once, and with vLLM one of <see cref="MaxModelLength"/>; null without a GPU.
    /// </summary>
    public bool? Fits { get; init; }

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

        if (request.MaxModelLength != MemoryRequest.LongestThatFits)
        {
            return MeasureAt(request);
        }

        long longest = LongestContext(request);
        return MeasureAt(request with { SequenceLength = longest, MaxModelLength = longest });
    }

    private static KvCacheMeasurement MeasureAt(in MemoryRequest request)
    {
        LlmModel model = request.Model;
        EngineMemory engine = EngineMemory.Of(request.Engine);
        int? blockSize = engine.BlockSize(request);
        int ranks = request.Parallelism.Tensor;
        double bytesPerToken = 0, bytesPerSequence = 0;
        foreach (PipelineStage stage in model.Stages(request.Parallelism.Pipeline))
        {
            bytesPerToken += ranks * KvCacheMemory.BytesPerToken(stage, request);
            bytesPerSequence += ranks * KvCacheMemory.BytesPerSequence(stage, request, request.SequenceLength);
        }

        ServingRoom? pool = request.Gpu is null ? null : ServingRoom.For(request, request.SequenceLength);
        KvRoom? room = pool?.Room;
        double? concurrency = request.MaxModelLength is { } longest && longest != request.SequenceLength && pool is not null
            ? ServingRoom.Sequences(request, longest)
            : room?.Sequences;

        // A cache that no token adds to (Mamba) has no capacity in tokens.
        bool grows = room is { Tokens: < double.MaxValue };
        return new KvCacheMeasurement
        {
            ModelName = model.Name,
            Engine = EnumNames.Of(request.Engine),
            EngineVersion = engine.Version(request),
            Quantization = request.EffectiveQuantization.Name,
            KvCacheDataType = request.KvCacheDataType.ToString(),
            BatchSize = request.BatchSize,
            SequenceLength = request.SequenceLength,
            MaxModelLength = request.MaxModelLength,
            TensorParallelSize = request.Parallelism.Tensor,
            PipelineParallelSize = request.Parallelism.Pipeline,
            GpuLayers = request.GpuLayers,
            BytesPerToken = MemoryEstimator.Whole(bytesPerToken),
            BytesPerSequence = MemoryEstimator.Whole(bytesPerSequence),
            TotalBytes = MemoryEstimator.Whole(bytesPerSequence * request.BatchSize),
            BlockSize = blockSize,
            BlockCount = (request.SequenceLength + blockSize - 1) / blockSize * request.BatchSize,
            Gpu = request.Gpu?.Name,
            PoolGiB = pool is null ? null : Units.ToGiB(pool.PoolBytes),
            BlockCapacity = grows ? (long?)room!.Value.Blocks : null,
            TokenCapacity = grows ? (long)room!.Value.Tokens : null,
            SequenceCapacity = room is { Sequences: < double.MaxValue } some ? (long)some.Sequences : null,
            MaxConcurrency = concurrency is < double.MaxValue ? concurrency : null,
            Fits = pool is null ? null : ServingRoom.Of(request).Fits,
        };
    }

    /// <summary>The longest context at which the sequences fit the pool together, up to what the model was made for.</summary>
    private static long LongestContext(MemoryRequest request)
    {
        return request.LongestThat(length => ServingRoom.Of(request with { SequenceLength = length, MaxModelLength = length }).Fits)
            ?? throw new LlmOpsException("NoContextFits", ErrorKind.NotSupported,
                $"{request.Gpu!.Name} has no room for a single token of context of {request.Model.Name} in "
                + $"{request.EffectiveQuantization} with BatchSize {request.BatchSize} and {request.Parallelism.GpuCount} GPU(s); "
                + "use more or larger GPUs, or a smaller precision.",
                request.Gpu.Name);
    }
}
