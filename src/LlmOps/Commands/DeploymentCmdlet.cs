using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;

namespace LlmOps.Commands;

/// <summary>What describes how a model is deployed and used, whatever is asked about it.</summary>
public abstract class DeploymentCmdlet : LoadCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[] Model { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("TP")]
    [Converted(typeof(int))]
    public int[]? TensorParallelSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("PP")]
    [Converted(typeof(int))]
    public int[]? PipelineParallelSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("EP")]
    [Converted(typeof(int))]
    public int[]? ExpertParallelSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("DP")]
    [Converted(typeof(int))]
    public int[]? DataParallelSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? MaxSequences { get; set; }
}
