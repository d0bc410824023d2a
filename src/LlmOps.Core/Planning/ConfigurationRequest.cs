using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>How a configuration's latency and throughput are found.</summary>
public enum ConfigurationModelName
{
    /// <summary>By the estimator of times, for one model.</summary>
    Fitted,

    /// <summary>By one factor for each GPU and precision, whatever the model.</summary>
    Simple,
}

/// <summary>What is asked of <see cref="ConfigurationFinder"/> and <see cref="SimpleConfigurations"/>.</summary>
/// <param name="RequestsPerDay">Requests in 24 hours.</param>
/// <param name="TargetLatencyMs">The longest that a request may take from sending it to the end of its answer.</param>
public readonly record struct ConfigurationRequest(double RequestsPerDay, double TargetLatencyMs)
{
    /// <summary>Null for no limit.</summary>
    public double? BudgetUsdPerMonth { get; init; } = null;

    /// <summary>GPUs to try; null for all that the performance model knows a price of.</summary>
    public IReadOnlyList<GpuSpec>? Gpus { get; init; } = null;

    /// <summary>
    /// Precisions to try; null for FP16, INT8 and INT4 with Simple, else for the model's own and the smaller ones that its engine
    /// serves on the GPU.
    /// </summary>
    public IReadOnlyList<Quantization>? Quantizations { get; init; } = null;

    /// <summary>
    /// Requests at once on each copy; null for <see cref="SimpleConfigurations.DefaultBatchSizes"/>, and with Fitted for
    /// <see cref="ConfigurationFinder.DefaultBatchSizes"/>.
    /// </summary>
    public IReadOnlyList<long>? BatchSizes { get; init; } = null;

    /// <summary>The model and how it is run; its GPU, precision, batch size and parallelism are not used. Simple uses none of it.</summary>
    public MemoryRequest Deployment { get; init; } = default;

    /// <summary>Tokens of a prompt.</summary>
    public long InputLength { get; init; } = 512;

    /// <summary>Tokens of an answer.</summary>
    public long OutputLength { get; init; } = 256;

    /// <summary>Requests of the busiest time over those of the mean; 1 for requests that come evenly.</summary>
    public double PeakFactor { get; init; } = 1;

    /// <summary>
    /// Share of a copy's greatest throughput that is planned for, above 0 and at most 1: requests come at random times, and those
    /// to a copy that is always full wait.
    /// </summary>
    public double TargetUtilization { get; init; } = 0.8;

    public PriceType PriceType { get; init; } = PriceType.OnDemand;

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        Guard.InRange(RequestsPerDay, 1, 1e12, nameof(RequestsPerDay));
        Guard.InRange(TargetLatencyMs, 0.001, 1e9, nameof(TargetLatencyMs));
        if (BudgetUsdPerMonth is { } budget)
        {
            Guard.InRange(budget, 0.01, 1e12, nameof(BudgetUsdPerMonth));
        }

        Guard.InRange(PeakFactor, 1, 1000, nameof(PeakFactor));
        Guard.InRange(TargetUtilization, 0.01, 1, nameof(TargetUtilization));
        Guard.InRange(InputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(InputLength));
        Guard.InRange(OutputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(OutputLength));
        Guard.InRange(InputLength + OutputLength, 1, MemoryRequest.MaximumSequenceLength, "InputLength plus OutputLength");
        foreach (long batch in BatchSizes ?? [])
        {
            Guard.InRange(batch, 1, MemoryRequest.MaximumBatchSize, "BatchSize");
        }
    }
}
