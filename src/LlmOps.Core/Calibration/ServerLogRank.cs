namespace LlmOps.Core.Calibration;

/// <summary>What one worker of a server measured on its GPU, in GiB. What the log does not say is null.</summary>
public sealed record ServerLogRank
{
    /// <summary>The worker as the log labels its lines; empty where it does not.</summary>
    public string Name { get; init; } = "";

    public int? DataParallelRank { get; init; }

    public int? PipelineParallelRank { get; init; }

    public int? TensorParallelRank { get; init; }

    public int? ExpertParallelRank { get; init; }

    public double? DeviceMemoryGiB { get; init; }

    public double? BudgetGiB { get; init; }

    public double? ModelWeightsGiB { get; init; }

    public double? ActivationsGiB { get; init; }

    public double? NonTorchGiB { get; init; }

    public double? KvCacheGiB { get; init; }

    public double? CudaGraphsGiB { get; init; }

    public double? CudaGraphsEstimatedGiB { get; init; }

    public double? LoadSeconds { get; init; }

    public double? GraphCaptureSeconds { get; init; }

    public override string ToString() => FormattableString.Invariant($"{Name}: weights {ModelWeightsGiB:0.00} GiB");
}
