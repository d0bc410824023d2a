using LlmOps.Core.Hardware;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>The performance models by name.</summary>
public enum PerformanceModelName
{
    Roofline,
    InferSave,
}

/// <summary>What is asked of the instance optimizer.</summary>
public readonly record struct OptimizationRequest(Workload Workload)
{
    public PerformanceModelName PerformanceModel { get; init; } = PerformanceModelName.Roofline;

    /// <summary>Share of device memory that may be used; above 0, at most 1.</summary>
    public double SafetyFactor { get; init; } = 0.9;

    /// <summary>Least throughput that is acceptable; null for none.</summary>
    public double? SloTokensPerSecond { get; init; } = null;

    public bool AdjustOffloading { get; init; } = false;

    public PriceType PriceType { get; init; } = PriceType.OnDemand;

    public PhaseCalibration? Prefill { get; init; } = null;

    public PhaseCalibration? Decode { get; init; } = null;

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        Workload.Validate();
        Guard.InRange(SafetyFactor, 0.01, 1, nameof(SafetyFactor));
        if (SloTokensPerSecond is { } slo)
        {
            Guard.InRange(slo, 0.001, 1e9, nameof(SloTokensPerSecond));
        }

        Prefill?.Validate(nameof(Prefill));
        Decode?.Validate(nameof(Decode));
    }

    /// <summary>The storage format that stands for so many bytes a weight.</summary>
    /// <exception cref="LlmOpsException">Not 4, 2, 1 or 0.5.</exception>
    public static Quantization QuantizationOfBytes(double precisionBytes)
    {
        double[] known = [4, 2, 1, 0.5];
        string[] names = ["FP32", "FP16", "INT8", "INT4"];
        int index = Array.IndexOf(known, precisionBytes);
        if (index >= 0)
        {
            return Quantization.Parse(names[index]);
        }

        string hint = double.IsNaN(precisionBytes)
            ? ""
            : FormattableString.Invariant($" The nearest is {known.MinBy(b => Math.Abs(b - precisionBytes))}.");
        throw new LlmOpsException(Guard.OutOfRangeId, ErrorKind.InvalidArgument, FormattableString.Invariant(
            $"PrecisionBytes is {precisionBytes}, but must be 4 (FP32), 2 (FP16), 1 (INT8) or 0.5 (INT4).{hint}"),
            precisionBytes);
    }
}
