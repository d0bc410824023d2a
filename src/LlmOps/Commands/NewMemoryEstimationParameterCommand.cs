using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core.Memory;

namespace LlmOps.Commands;

/// <summary>Makes the adjustable parameters of a memory estimate, each within its bounds.</summary>
[Cmdlet(VerbsCommon.New, "MemoryEstimationParameter")]
[OutputType(typeof(MemoryEstimationParameter))]
public sealed class NewMemoryEstimationParameterCommand : LlmOpsCmdlet
{
    private static MemoryEstimationParameter Default => MemoryEstimationParameter.Default;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double FragmentationOverheadFactor { get; set; } = Default.FragmentationOverheadFactor;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("MinMemorySafetyMarginGB")]
    [Converted(typeof(double), IsSingle = true)]
    public double MinMemorySafetyMarginGiB { get; set; } = Default.MinMemorySafetyMarginGiB;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double MemorySafetyMarginFactor { get; set; } = Default.MemorySafetyMarginFactor;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double ActivationRecomputationFactor { get; set; } = Default.ActivationRecomputationFactor;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double GradientMemoryMultiplier { get; set; } = Default.GradientMemoryMultiplier;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ComputeDtypeCompleter))]
    public string DefaultComputeDtype { get; set; } = Default.DefaultComputeDtype;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string DefaultStorageDtype { get; set; } = Default.DefaultStorageDtype;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double GraphMemoryOverheadRatio { get; set; } = Default.GraphMemoryOverheadRatio;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double GraphBatchScalingFactor { get; set; } = Default.GraphBatchScalingFactor;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double QuantizationOverheadMultiplier { get; set; } = Default.QuantizationOverheadMultiplier;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double), IsSingle = true)]
    public double MixedPrecisionOverheadMultiplier { get; set; } = Default.MixedPrecisionOverheadMultiplier;

    protected override void ProcessRecord() => Try(() => WriteObject(new MemoryEstimationParameter
    {
        FragmentationOverheadFactor = FragmentationOverheadFactor,
        MinMemorySafetyMarginGiB = MinMemorySafetyMarginGiB,
        MemorySafetyMarginFactor = MemorySafetyMarginFactor,
        ActivationRecomputationFactor = ActivationRecomputationFactor,
        GradientMemoryMultiplier = GradientMemoryMultiplier,
        DefaultComputeDtype = DefaultComputeDtype,
        DefaultStorageDtype = DefaultStorageDtype,
        GraphMemoryOverheadRatio = GraphMemoryOverheadRatio,
        GraphBatchScalingFactor = GraphBatchScalingFactor,
        QuantizationOverheadMultiplier = QuantizationOverheadMultiplier,
        MixedPrecisionOverheadMultiplier = MixedPrecisionOverheadMultiplier,
    }.Validate()));
}
