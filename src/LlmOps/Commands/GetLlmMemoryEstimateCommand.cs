using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Core.Memory;

namespace LlmOps.Commands;

/// <summary>Estimates the memory that a model takes on each GPU, term by term.</summary>
[Cmdlet(VerbsCommon.Get, "LlmMemoryEstimate")]
[OutputType(typeof(MemoryEstimate))]
public sealed class GetLlmMemoryEstimateCommand : MemoryRequestCmdlet
{
    [Parameter]
    public SwitchParameter Training { get; set; }

    [Parameter]
    [Converted(typeof(Optimizer), IsSingle = true)]
    public Optimizer Optimizer { get; set; } = Optimizer.AdamW;

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
        Optimizer = Optimizer,
        EnforceEager = EnforceEager,
        CudaGraphCaptureSizes = CudaGraphCaptureSize,
        Parameters = Parameter,
    };

    protected override void WriteResult(MemoryRequest request) => WriteObject(MemoryEstimator.Estimate(request));
}
