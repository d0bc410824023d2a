using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Planning;

/// <summary>One copy of a model on its GPUs, and what its users wait for when it is loaded.</summary>
internal sealed class DeploymentLoad
{
    private readonly PerformanceEstimateRequest _request;
    private readonly PhaseCalibration? _prefill;
    private readonly PhaseCalibration? _decode;

    /// <param name="copy">One copy, whatever its batch size; the request must be valid.</param>
    /// <param name="prefill">A correction of the time to the first token beside the request's own calibration.</param>
    /// <param name="decode">The same of all further tokens together.</param>
    public DeploymentLoad(in PerformanceEstimateRequest copy, PhaseCalibration? prefill = null, PhaseCalibration? decode = null)
    {
        _request = copy;
        _prefill = prefill;
        _decode = decode;
        MemoryRequest memory = copy.Memory;
        WholeRoom = ServingRoom.Sequences(memory, memory.SequenceLength);
        Fits = ServingRoom.Starts(memory);
        Room = PerformanceEstimator.Room(copy, memory);
    }

    /// <summary>Whether the server starts: the weights and one whole sequence fit.</summary>
    public bool Fits { get; }

    /// <summary>Sequences of an attention rank that the KV pool has room for when all are at their end, with the part of one.</summary>
    public double WholeRoom { get; }

    /// <summary>The same while requests come and go.</summary>
    public double Room { get; }

    public GpuSpec Gpu => _request.Deployment.Gpu!;

    public int AttentionRanks => _request.AttentionRanks;

    /// <summary>Bytes of KV cache that so many users of a rank have on each GPU while half of their answers are written.</summary>
    public double CacheBytes(long usersOfRank) => MemoryEstimator.Compute(
        _request.Deployment with
        {
            BatchSize = usersOfRank,
            SequenceLength = Math.Max(1, _request.InputLength + (_request.OutputLength / 2)),
        },
        out _).KvCache;

    /// <summary>Bytes of weights on each GPU.</summary>
    public double WeightBytes => MemoryEstimator.Compute(_request.Memory, out _).ModelWeights;

    public LoadCurve Curve() => new(users => At(users, out _), Room, AttentionRanks);

    /// <summary>The times with so many users of each attention rank; those that the pool has no room for queue.</summary>
    public UserTimes At(long usersOfRank, out PerformanceTimes times) =>
        At(usersOfRank, AttentionRanks * Math.Min(usersOfRank, Math.Max(1, Room)), 0, out times);

    /// <summary>
    /// The times when all users' requests run at once and a share of their KV cache stays in host memory. Each step reads it over
    /// the GPUs' links to the host, which nothing overlaps, and a prompt's share is written there once.
    /// </summary>
    public UserTimes Offloading(long usersOfRank, double share, out PerformanceTimes times)
    {
        double msPerByte = 1000 / (Gpu.HostLinkGBps * Units.BytesPerGB * RooflineModel.LinkEfficiency);
        return At(usersOfRank, (double)AttentionRanks * usersOfRank, share * CacheBytes(usersOfRank) * msPerByte, out times);
    }

    private UserTimes At(long usersOfRank, double running, double hostMs, out PerformanceTimes times)
    {
        PerformanceEstimateRequest loaded = _request with { Deployment = _request.Deployment with { BatchSize = usersOfRank } };
        times = PerformanceEstimator.Compute(loaded, running);
        double first = times.TimeToFirstTokenMs, token = times.TimePerOutputTokenMs;
        if (_prefill is { } prefill)
        {
            first = Math.Max(times.FirstTokenFloorMs, 1000 * prefill.Apply(first / 1000));
        }

        long steps = _request.OutputLength - 1;
        if (_decode is { } decode && steps > 0)
        {
            token = Math.Max(times.TokenFloorMs, 1000 * decode.Apply(token * steps / 1000) / steps);
        }

        return new UserTimes((double)AttentionRanks * usersOfRank, first + hostMs, token + hostMs, _request.OutputLength);
    }
}
