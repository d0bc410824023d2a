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
    /// non-torch memory; 0 where those alone do not fit. Null without a GPU.
    /// </summary>
    public double? PoolGiB { get; init; }

    /// <summary>
    /// Tokens that the pool holds, in whole blocks where the engine has them; null where no token adds to the cache.
    /// </summary>
    public long? TokenCapacity { get; init; }

    public long? BlockCapacity { get; init; }

    /// <summary>Sequences of <see cref="SequenceLength"/> tokens that the pool holds at once.</summary>
    public long? SequenceCapacity { get; init; }

    /// <summary>
    /// Sequences of the greatest length that the pool holds at once, with the part of one that is left over: what vLLM
    /// prints as maximum concurrency. The length is <see cref="MaxModelLength"/> or else <see cref="SequenceLength"/>.
    /// </summary>
    public double? MaxConcurrency { get; init; }

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

        Room? room = request.Gpu is null ? null : RoomFor(request, request.SequenceLength);
        double? concurrency = request.MaxModelLength is { } longest && longest != request.SequenceLength && room is not null
            ? RoomFor(request, longest).Sequences
            : room?.Sequences;

        // A cache that no token adds to (Mamba) has no capacity in tokens.
        bool grows = room is { Tokens: < double.MaxValue };
        long? blocks = grows && blockSize is { } size ? (long)(room!.Value.Tokens / size) : null;
        return new KvCacheMeasurement
        {
            ModelName = model.Name,
            Engine = EnumNames.Of(request.Engine),
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
            PoolGiB = room is { } r ? Units.ToGiB(r.Bytes) : null,
            BlockCapacity = blocks,
            TokenCapacity = grows ? (blocks * blockSize) ?? (long)room!.Value.Tokens : null,
            SequenceCapacity = room is { Sequences: < double.MaxValue } some ? (long)some.Sequences : null,
            MaxConcurrency = concurrency is < double.MaxValue ? concurrency : null,
        };
    }

    /// <summary>The longest context at which the sequences fit the pool together, up to what the model was made for.</summary>
    private static long LongestContext(MemoryRequest request)
    {
        long most = request.Model.ContextLength > 0 ? request.Model.ContextLength : MemoryRequest.MaximumSequenceLength;
        return Bisection.Largest(most, length => RoomFor(request, length).Sequences >= request.BatchSize)
            ?? throw new LlmOpsException("NoContextFits", ErrorKind.NotSupported,
                $"{request.Gpu!.Name} has no room for a single token of context of {request.Model.Name} in "
                + $"{request.EffectiveQuantization} with BatchSize {request.BatchSize} and {request.Parallelism.GpuCount} GPU(s); "
                + "use more or larger GPUs, or a smaller precision.",
                request.Gpu.Name);
    }

    /// <param name="Bytes">The pool on all ranks and stages.</param>
    /// <param name="Tokens">Tokens that the fullest stage has room for; the greatest number where tokens take nothing.</param>
    /// <param name="Sequences">The same in sequences of the length asked about.</param>
    private readonly record struct Room(double Bytes, double Tokens, double Sequences);

    private static Room RoomFor(in MemoryRequest request, long sequenceLength)
    {
        EngineMemory engine = EngineMemory.Of(request.Engine);
        double device = request.Gpu!.MemoryGiB * Units.BytesPerGiB;
        MemoryRequest single = request with { BatchSize = 1, SequenceLength = sequenceLength };
        double pool = 0, tokens = double.MaxValue, sequences = double.MaxValue;
        foreach (PipelineStage stage in request.Model.Stages(request.Parallelism.Pipeline))
        {
            double free = Math.Max(0, engine.KvPool(single, engine.Compute(single, stage), device));
            double tokenBytes = engine.KvBytesPerToken(stage, single);
            double sequenceBytes = engine.KvBytesPerSequence(stage, single, sequenceLength);
            pool += request.Parallelism.Tensor * free;

            // A stage of state-space layers alone takes nothing a token, one of MLPs alone nothing at all.
            tokens = tokenBytes > 0 ? Math.Min(tokens, free / tokenBytes) : tokens;
            sequences = sequenceBytes > 0 ? Math.Min(sequences, free / sequenceBytes) : sequences;
        }

        return new Room(pool, tokens, sequences);
    }
}
