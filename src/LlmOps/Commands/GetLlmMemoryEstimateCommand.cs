using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Core;
using LlmOps.Core.Memory;

namespace LlmOps.Commands;

/// <summary>Estimates the memory that a model takes on each GPU, term by term.</summary>
[Cmdlet(VerbsCommon.Get, "LlmMemoryEstimate")]
[OutputType(typeof(MemoryEstimate))]
public sealed class GetLlmMemoryEstimateCommand : MemoryRequestCmdlet
{
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(bool), IsSingle = true)]
    public SwitchParameter Training { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(Optimizer))]
    public Optimizer[]? Optimizer { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(int))]
    public int[]? ZeroStage { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(OffloadTarget))]
    public OffloadTarget[]? OffloadOptimizer { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(OffloadTarget))]
    public OffloadTarget[]? OffloadParameter { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(bool), IsSingle = true)]
    public SwitchParameter NoMasterWeight { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(ActivationCheckpointing))]
    public ActivationCheckpointing[]? ActivationCheckpointing { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(bool), IsSingle = true)]
    public SwitchParameter ChunkedLoss { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("GradientAccumulationSteps")]
    [Converted(typeof(int))]
    public int[]? GradientAccumulationStep { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(bool), IsSingle = true)]
    public SwitchParameter FullPrecisionAccumulation { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("SP")]
    [Converted(typeof(int))]
    public int[]? SequenceParallelSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(int))]
    public int[]? LoraRank { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(LoraTarget))]
    public LoraTarget[]? LoraTarget { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(AttentionImplementation))]
    public AttentionImplementation[]? AttentionImplementation { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(CacheImplementation))]
    public CacheImplementation[]? CacheImplementation { get; set; }

    [Parameter]
    public SwitchParameter EnforceEager { get; set; }

    [Parameter]
    [AllowEmptyCollection]
    [Converted(typeof(int))]
    public int[]? CudaGraphCaptureSize { get; set; }

    [Parameter]
    [ValidateNotNull]
    public MemoryEstimationParameter Parameter { get; set; } = MemoryEstimationParameter.Default;

    protected override MemoryRequest Complete(MemoryRequest request) => request with
    {
        // vLLM, the default, does not train.
        Engine = Training ? Core.Memory.Engine.Transformers : request.Engine,
        Training = Training,
        TrainingSettings = NoMasterWeight || ChunkedLoss || FullPrecisionAccumulation
            ? new TrainingSettings
            {
                NoMasterWeight = NoMasterWeight,
                ChunkedLoss = ChunkedLoss,
                FullPrecisionAccumulation = FullPrecisionAccumulation,
            }
            : TrainingSettings.Default,
        EnforceEager = EnforceEager,
        CudaGraphCaptureSizes = CudaGraphCaptureSize,
        Parameters = Parameter,
    };

    protected override Sweep<MemoryRequest> AddAxes(Sweep<MemoryRequest> sweep)
    {
        static MemoryRequest With(MemoryRequest r, TrainingSettings settings) => r with { TrainingSettings = settings };
        return sweep
            .Over(Optimizer, (r, v) => With(r, r.TrainingSettings with { Optimizer = v }))
            .Over(ZeroStage, (r, v) => With(r, r.TrainingSettings with { ZeroStage = v }))
            .Over(OffloadOptimizer, (r, v) => With(r, r.TrainingSettings with { OffloadOptimizer = v }))
            .Over(OffloadParameter, (r, v) => With(r, r.TrainingSettings with { OffloadParameter = v }))
            .Over(ActivationCheckpointing, (r, v) => With(r, r.TrainingSettings with { ActivationCheckpointing = v }))
            .Over(GradientAccumulationStep, (r, v) => With(r, r.TrainingSettings with { GradientAccumulationStep = v }))
            .Over(LoraRank, (r, v) => With(r, r.TrainingSettings with { LoraRank = v }))
            .Over(LoraTarget, (r, v) => With(r, r.TrainingSettings with { LoraTarget = v }))
            .Over(SequenceParallelSize, (r, v) => r with { Parallelism = r.Parallelism with { Sequence = v } })
            .Over(AttentionImplementation, (r, v) => r with { AttentionImplementation = v })
            .Over(CacheImplementation, (r, v) => r with { CacheImplementation = v });
    }

    protected override void WriteResult(MemoryRequest request) => WriteObject(MemoryEstimator.Estimate(request));
}
