using LlmOps.Core.Hardware;

namespace LlmOps.Core.Performance;

/// <summary>
/// The least time that hardware allows for a job: operations over the dense peak, or bytes over the memory bandwidth,
/// whichever is more. Nothing can be faster, however well it is written.
/// </summary>
/// <param name="PrefillSeconds">For reading the prompts.</param>
/// <param name="DecodeSeconds">For all output tokens but the first.</param>
public readonly record struct PhysicalFloor(double PrefillSeconds, double DecodeSeconds)
{
    public static PhysicalFloor Of(in Workload workload, GpuSpec gpu, int gpuCount)
    {
        Rates rates = Rates.Peak(workload, gpu, gpuCount);
        long steps = workload.OutputLength - 1;
        double prefill = Math.Max(
            ModelWork.PrefillOperations(workload) / rates.OperationsPerSecond,
            ModelWork.WeightBytesRead(workload, (double)workload.BatchSize * workload.InputLength) / rates.BytesPerSecond);
        double decode = Math.Max(
            ModelWork.DecodeOperations(workload) / rates.OperationsPerSecond,
            ((steps * ModelWork.WeightBytesRead(workload, workload.BatchSize)) + ModelWork.DecodeCacheBytes(workload))
                / rates.BytesPerSecond);
        return new PhysicalFloor(prefill, decode);
    }
}

/// <summary>What some GPUs do together in a second.</summary>
internal readonly record struct Rates(double OperationsPerSecond, double BytesPerSecond)
{
    public static Rates Peak(in Workload workload, GpuSpec gpu, int gpuCount) => new(
        gpuCount * gpu.PeakTflops(workload.EffectiveQuantization) * Units.FlopsPerTeraflop,
        gpuCount * gpu.MemoryBandwidthGBps * Units.BytesPerGB);
}
