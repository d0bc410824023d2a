using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance;

/// <summary>How a computed time becomes a predicted one: time = α · t + β.</summary>
/// <param name="Alpha">Factor on the computed time; null keeps the performance model's own.</param>
/// <param name="BetaSeconds">Constant added to it, once a phase.</param>
public readonly record struct PhaseCalibration(double? Alpha, double BetaSeconds)
{
    public double Apply(double seconds, double ownAlpha = 1) => ((Alpha ?? ownAlpha) * seconds) + BetaSeconds;

    /// <exception cref="LlmOpsException">α is not between 0.001 and 1000, or β not between 0 and an hour.</exception>
    public void Validate(string phase)
    {
        if (Alpha is { } alpha)
        {
            Guard.InRange(alpha, 0.001, 1000, phase + "Alpha");
        }

        Guard.InRange(BetaSeconds, 0, Units.SecondsPerHour, phase + "BetaSeconds");
    }
}

/// <summary>A job: a batch of prompts of equal length, each answered with as many tokens.</summary>
public readonly record struct Workload(LlmModel Model, long BatchSize, long InputLength, long OutputLength)
{
    /// <summary>How the weights are stored; null stands for the model's published precision.</summary>
    public Quantization? Quantization { get; init; } = null;

    public KvCacheDataType KvCacheDataType { get; init; } = KvCacheDataType.Auto;

    /// <summary>Prompt and output tokens of the whole batch.</summary>
    public long TotalTokens => BatchSize * (InputLength + OutputLength);

    public long OutputTokens => BatchSize * OutputLength;

    /// <summary>The weights' format; the checkpoint's own where none is chosen, or that is by its name.</summary>
    public Quantization EffectiveQuantization => Quantization is { } chosen ? Model.Named(chosen) : Model.PublishedQuantization;

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(Model);
        Guard.InRange(BatchSize, 1, Memory.MemoryRequest.MaximumBatchSize, nameof(BatchSize));
        Guard.InRange(InputLength, 1, Memory.MemoryRequest.MaximumSequenceLength, nameof(InputLength));
        Guard.InRange(OutputLength, 1, Memory.MemoryRequest.MaximumSequenceLength, nameof(OutputLength));
        Guard.InRange(
            InputLength + OutputLength, 1, Memory.MemoryRequest.MaximumSequenceLength, "InputLength plus OutputLength");
    }
}

/// <summary>What a performance model is asked about: one copy of a model on some GPUs of a machine.</summary>
/// <param name="Workload">The job of this copy.</param>
/// <param name="Gpu">The kind of GPU.</param>
/// <param name="GpuCount">GPUs that the copy is divided over by tensor parallelism.</param>
public readonly record struct PerformanceRequest(Workload Workload, GpuSpec Gpu, int GpuCount)
{
    /// <summary>Share of device memory that may be used.</summary>
    public double SafetyFactor { get; init; } = 1;

    /// <summary>Whether the offloaded share gets the authors' experimental addition of 30 %.</summary>
    public bool AdjustOffloading { get; init; } = false;

    /// <summary>Overrides the performance model's own calibration of prefill.</summary>
    public PhaseCalibration? Prefill { get; init; } = null;

    /// <summary>Overrides the performance model's own calibration of decoding.</summary>
    public PhaseCalibration? Decode { get; init; } = null;
}

/// <summary>What a performance model answers.</summary>
public sealed record PerformancePrediction
{
    /// <summary>Why the job cannot run; null where it can, and then the other figures are set.</summary>
    public string? RejectionReason { get; init; }

    /// <summary>Weights on one GPU, in bytes.</summary>
    public double WeightBytes { get; init; }

    /// <summary>KV cache of the whole batch on one GPU, in bytes.</summary>
    public double KvCacheBytes { get; init; }

    /// <summary>Share of the KV cache that is kept in host memory; 0 to 1.</summary>
    public double OffloadRatio { get; init; }

    public double PrefillSeconds { get; init; }

    public double DecodeSeconds { get; init; }

    public double TotalSeconds => PrefillSeconds + DecodeSeconds;

    /// <summary>
    /// The longest time to expect, from how far measurements of this kind of model exceeded the prediction; null where none
    /// were compared.
    /// </summary>
    public double? SlowestSeconds { get; init; }

    /// <summary>What decoding is bound by.</summary>
    public string? Bottleneck { get; init; }

    /// <summary>The least times that the hardware allows.</summary>
    public PhysicalFloor Floor { get; init; }

    /// <summary>Whether a predicted time is below what the hardware allows, which makes it a wrong one.</summary>
    public bool BreaksPhysicalFloor =>
        RejectionReason is null && (PrefillSeconds < Floor.PrefillSeconds || DecodeSeconds < Floor.DecodeSeconds);
}

/// <summary>Predicts how long a job takes on a GPU.</summary>
public interface IPerformanceModel
{
    string Name { get; }

    /// <summary>Whether throughput counts prompt tokens too, or generated ones alone.</summary>
    bool CountsInputTokens { get; }

    PerformancePrediction Predict(in PerformanceRequest request);
}
