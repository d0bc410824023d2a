using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>One way to run a job on a machine, whatever the machine costs.</summary>
internal sealed record PlannedDeployment
{
    public required ParallelLayout Layout { get; init; }

    public required Quantization Quantization { get; init; }

    /// <summary>Share of the KV cache in host memory.</summary>
    public double OffloadRatio { get; init; }

    /// <summary>Sequences of one machine; under a rate of requests so many as are there on average.</summary>
    public double BatchSize { get; init; }

    /// <summary>Machines that are needed.</summary>
    public int Machines { get; init; } = 1;

    /// <summary>Mean times of one copy's users.</summary>
    public UserTimes Times { get; init; }

    /// <summary>The times' distribution under a rate of requests.</summary>
    public ArrivalTimes? Arrivals { get; init; }

    public PerformanceTimes? Details { get; init; }

    /// <summary>The request of one copy; its batch size is the users of an attention rank.</summary>
    public required PerformanceEstimateRequest Copy { get; init; }

    /// <summary>Output tokens a second of all machines together: what they can do, or what is asked of them.</summary>
    public double TokensPerSecond { get; init; }

    /// <summary>Requests a second that one machine answers.</summary>
    public double RequestsPerSecondOfMachine { get; init; }

    /// <summary>Bytes of weights on each GPU.</summary>
    public double WeightBytes { get; init; }

    /// <summary>Bytes of KV cache of one machine.</summary>
    public double CacheBytes { get; init; }

    /// <summary>Why it cannot run; null where it can.</summary>
    public string? Rejection { get; init; }

    /// <summary>Whether <see cref="Rejection"/> is for want of memory.</summary>
    public bool LacksMemory { get; init; }

    /// <summary>Why it is not good enough; null where it is.</summary>
    public string? MissedObjective { get; init; }

    public bool IsGood => Rejection is null && MissedObjective is null;
}
