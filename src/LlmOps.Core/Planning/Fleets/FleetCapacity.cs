using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>How many requests of a size copies of the model answer within the objectives.</summary>
internal sealed class FleetCapacity(FleetRequest request)
{
    private readonly Dictionary<(GpuSpec, Parallelism, string, RequestSize), PerformanceEstimate?> _ofCopy = [];

    /// <summary>
    /// The estimate for the greatest number of users of one copy whose requests all run at once, with each objective kept on
    /// average; null where not even one user's are. Throughput grows with users as long as their requests run.
    /// </summary>
    /// <exception cref="LlmOpsException">The model cannot be run so.</exception>
    public PerformanceEstimate? Of(GpuSpec gpu, ParallelLayout layout, Quantization quantization, RequestSize size)
    {
        (GpuSpec, Parallelism, string, RequestSize) key = (gpu, layout.OfCopy, quantization.Name, size);
        if (!_ofCopy.TryGetValue(key, out PerformanceEstimate? estimate))
        {
            long? users = Bisection.Largest(LoadCurve.MostUsers, n => Keeps(Alone(gpu, layout, quantization, size, n)));
            estimate = users is { } most ? Alone(gpu, layout, quantization, size, most) : null;
            _ofCopy[key] = estimate;
        }

        return estimate;
    }

    /// <summary>One copy with so many users of each attention rank, whatever the objectives.</summary>
    /// <exception cref="LlmOpsException">The model cannot be run so.</exception>
    public PerformanceEstimate Alone(
        GpuSpec gpu, ParallelLayout layout, Quantization quantization, RequestSize size, long users = 1)
    {
        MemoryRequest deployment = request.Deployment with
        {
            Gpu = gpu,
            Parallelism = layout.OfCopy,
            Quantization = quantization,
            BatchSize = users,
        };
        return (WeightKernels.WhyNotTimed(deployment) ?? ParallelismLimits.Refusal(deployment, layout)) is { } reason
            ? throw new LlmOpsException("PerformanceNotSupported", ErrorKind.NotSupported, $"{gpu} ({layout}): {reason}.", quantization.Name)
            : PerformanceEstimator.Estimate(new PerformanceEstimateRequest(deployment, size.InputLength, size.OutputLength));
    }

    /// <summary>How many times longer than promised the worst of the times is; up to 1 where all are kept.</summary>
    public double Excess(PerformanceEstimate estimate) => request.Objectives.Excess(new UserTimes(
        estimate.BatchSize, estimate.TimeToFirstTokenMs!.Value, estimate.TimePerOutputTokenMs!.Value, estimate.OutputLength));

    private bool Keeps(PerformanceEstimate estimate) =>
        estimate.Fits
        && estimate.RunningBatch >= estimate.BatchSize * Math.Max(1, estimate.ExpertParallelSize / estimate.TensorParallelSize)
        && Excess(estimate) <= 1;
}
