using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// What an engine has room for beside the loaded model: the one rule by which every estimate and every planner says whether a
/// model fits that is served. A batch fits where the KV pool of each GPU holds all its sequences at once, as the engine lays them
/// out. A server starts where each pool holds one whole sequence; further ones wait.
/// </summary>
/// <param name="PoolBytes">The pools of all ranks and stages together.</param>
/// <param name="Room">What the fullest stage has room for.</param>
/// <param name="LeftBytes">The pool of a GPU of the fullest stage; negative where the rest does not fit.</param>
/// <param name="HeadroomBytes">What the sequences leave of it; negative where they do not fit.</param>
/// <param name="Length">Tokens of each sequence.</param>
internal sealed record ServingRoom(double PoolBytes, KvRoom Room, double LeftBytes, double HeadroomBytes, long Length)
{
    public bool Fits => HeadroomBytes >= 0;

    /// <summary>Pool that the sequences want.</summary>
    public double WantedBytes => LeftBytes - HeadroomBytes;

    /// <summary>
    /// For the request's sequences; where the engine starts with none longer than its greatest length that it has no room for, for
    /// one of those. The request must be valid, with a GPU, and of serving.
    /// </summary>
    public static ServingRoom Of(in MemoryRequest request)
    {
        ServingRoom batch = At(request, request.SequenceLength, request.BatchSize, starts: true);
        return batch.Fits && LongestToStart(request) is { } longest && At(request, longest, 1, starts: true) is { Fits: false } one
            ? one
            : batch;
    }

    /// <summary>Whether a server of that length of sequences starts, however many are to come.</summary>
    public static bool Starts(in MemoryRequest request) => Of(request with { BatchSize = 1 }).Fits;

    /// <summary>
    /// Pools beside one sequence of that length, and the sequences that they hold; fewer with engines that allocate more for each
    /// than its cache.
    /// </summary>
    public static ServingRoom For(in MemoryRequest request, long sequenceLength)
    {
        ServingRoom one = At(request, sequenceLength, 1);
        if (!EngineMemory.Of(request.Engine).GrowsWithSequences || !one.Fits)
        {
            return one;
        }

        MemoryRequest asked = request;
        long most = (long)Math.Min(one.Room.Sequences, MemoryRequest.MaximumBatchSize);
        long held = Bisection.Largest(most, count => At(asked, sequenceLength, count).Fits) ?? 1;
        return one with { Room = one.Room with { Sequences = held } };
    }

    /// <summary>Sequences of that length that the pools hold at once, with the part of one that is left over.</summary>
    public static double Sequences(in MemoryRequest request, long sequenceLength) => For(request, sequenceLength).Room.Sequences;

    /// <summary>The length of which a server must hold one sequence to start, where it is not the sequences' own.</summary>
    private static long? LongestToStart(in MemoryRequest request) =>
        EngineMemory.Of(request.Engine).NeedsRoomForLongest && request.MaxModelLength > request.SequenceLength
            ? request.MaxModelLength
            : null;

    /// <param name="request">The model and how it is served.</param>
    /// <param name="sequenceLength">Tokens of each sequence.</param>
    /// <param name="sequences">Sequences at once.</param>
    /// <param name="starts">Whether what is allocated after the pools must fit beside them.</param>
    private static ServingRoom At(in MemoryRequest request, long sequenceLength, long sequences, bool starts = false)
    {
        EngineMemory engine = EngineMemory.Of(request.Engine);
        double device = request.Gpu!.MemoryGiB * Units.BytesPerGiB;
        MemoryRequest loaded = request with
        {
            BatchSize = engine.GrowsWithSequences ? sequences : 1,
            SequenceLength = sequenceLength,
            MaxModelLength = request.MaxModelLength == MemoryRequest.LongestThatFits ? sequenceLength : request.MaxModelLength,
        };
        double pools = 0, leastLeft = 0, leastHeadroom = double.MaxValue;
        KvRoom room = KvRoom.Unlimited;
        foreach (PipelineStage stage in request.Model.Stages(request.Parallelism.Pipeline))
        {
            StageMemory memory = engine.Allocate(loaded, stage);
            double left = engine.KvPool(loaded, memory, device);
            double missing = starts ? engine.MissingBesidePool(loaded, memory, device) : 0;
            left = missing > 0 ? Math.Min(left, -missing) : left;
            double pool = Math.Max(0, left);
            KvRoom ofStage = engine.Room(loaded, stage, pool, sequenceLength);

            // Where the rest does not fit, not even a sequence does that takes nothing here.
            ofStage = left < 0 ? ofStage with { Sequences = 0 } : ofStage;
            double headroom = ofStage.SequenceBytes > 0
                ? Math.Min(0, left) + ((ofStage.Sequences - sequences) * ofStage.SequenceBytes)
                : left;
            (leastLeft, leastHeadroom) = headroom < leastHeadroom ? (left, headroom) : (leastLeft, leastHeadroom);
            pools += request.Parallelism.Tensor * pool;
            room = room.Least(ofStage);
        }

        return new ServingRoom(pools, room, leastLeft, leastHeadroom, sequenceLength);
    }
}
