using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>
/// What an operator may adjust in a memory estimate. Names, defaults and bounds are those of the memory estimation
/// framework; a value outside its bounds is refused by <see cref="Validate"/>.
/// </summary>
public sealed record MemoryEstimationParameter
{
    public static MemoryEstimationParameter Default { get; } = new();

    /// <summary>Total of the estimated terms is multiplied by this for memory fragmentation; 1 to 2.</summary>
    public double FragmentationOverheadFactor { get; init; } = 1.05;

    /// <summary>The least safety margin, in GiB; 0 to 10.</summary>
    public double MinMemorySafetyMarginGiB { get; init; } = 0.5;

    /// <summary>The safety margin as a share of the estimated terms, where that is more; 0 to 0.2.</summary>
    public double MemorySafetyMarginFactor { get; init; } = 0.02;

    /// <summary>Share of a training step's activations that stays in memory until the backward pass; 0 to 1.</summary>
    public double ActivationRecomputationFactor { get; init; } = 0.3;

    /// <summary>Gradients as a multiple of the weights in training; 0 to 10. Inference has none.</summary>
    public double GradientMemoryMultiplier { get; init; } = 1.0;

    /// <summary>Type that quantized models compute in: float16, bfloat16 or float32.</summary>
    public string DefaultComputeDtype { get; init; } = "float16";

    /// <summary>Type of the weights where a model does not say: any quantization's name.</summary>
    public string DefaultStorageDtype { get; init; } = "float16";

    /// <summary>
    /// Size of captured CUDA graphs; 0 to 1. The default of 0.1 stands for what was measured, another value scales that in
    /// proportion.
    /// </summary>
    public double GraphMemoryOverheadRatio { get; init; } = 0.1;

    /// <summary>
    /// Growth of captured CUDA graphs with the largest captured batch; 0 to 0.1. The default of 0.02 stands for what was
    /// measured, another value scales that by (1 + batch · value) / (1 + batch · 0.02).
    /// </summary>
    public double GraphBatchScalingFactor { get; init; } = 0.02;

    /// <summary>
    /// Factor on weights below 8 bits whose format does not say what it stores beside them (INT4); 1 to 2. Formats that do
    /// (GPTQ, NF4, MXFP4 and others) are counted exactly.
    /// </summary>
    public double QuantizationOverheadMultiplier { get; init; } = 1.1;

    /// <summary>Factor on activations in mixed-precision training; 1 to 1.5.</summary>
    public double MixedPrecisionOverheadMultiplier { get; init; } = 1.05;

    /// <summary>The most that the estimated terms may come to, so that they and both allowances are within so many bytes.</summary>
    internal double LargestWithAllowances(double bytes) => Math.Min(
        bytes / (FragmentationOverheadFactor + MemorySafetyMarginFactor),
        (bytes - (MinMemorySafetyMarginGiB * Units.BytesPerGiB)) / FragmentationOverheadFactor);

    /// <exception cref="LlmOpsException">A value is outside its bounds.</exception>
    public MemoryEstimationParameter Validate()
    {
        Guard.InRange(FragmentationOverheadFactor, 1, 2, nameof(FragmentationOverheadFactor));
        Guard.InRange(MinMemorySafetyMarginGiB, 0, 10, nameof(MinMemorySafetyMarginGiB));
        Guard.InRange(MemorySafetyMarginFactor, 0, 0.2, nameof(MemorySafetyMarginFactor));
        Guard.InRange(ActivationRecomputationFactor, 0, 1, nameof(ActivationRecomputationFactor));
        Guard.InRange(GradientMemoryMultiplier, 0, 10, nameof(GradientMemoryMultiplier));
        Guard.InRange(GraphMemoryOverheadRatio, 0, 1, nameof(GraphMemoryOverheadRatio));
        Guard.InRange(GraphBatchScalingFactor, 0, 0.1, nameof(GraphBatchScalingFactor));
        Guard.InRange(QuantizationOverheadMultiplier, 1, 2, nameof(QuantizationOverheadMultiplier));
        Guard.InRange(MixedPrecisionOverheadMultiplier, 1, 1.5, nameof(MixedPrecisionOverheadMultiplier));
        if (Quantization.Parse(DefaultComputeDtype).IsQuantized)
        {
            throw new LlmOpsException("ComputeDtypeNotSupported", ErrorKind.InvalidArgument,
                $"DefaultComputeDtype is '{DefaultComputeDtype}', but must be float16, bfloat16 or float32.",
                DefaultComputeDtype);
        }

        Quantization.Parse(DefaultStorageDtype);
        return this;
    }

    public override string ToString() => FormattableString.Invariant(
        $"fragmentation x {FragmentationOverheadFactor}, margin {MinMemorySafetyMarginGiB} GiB or x {MemorySafetyMarginFactor}");
}
