using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core.Precision;

namespace LlmOps.Commands;

/// <summary>The engine and its settings, and the load that it serves, whatever the model is divided over.</summary>
public abstract class LoadCmdlet : LlmOpsCmdlet
{
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(Core.Memory.Engine))]
    [ArgumentCompleter(typeof(EngineCompleter))]
    public EngineReference[]? Engine { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(KvCacheDataType))]
    public KvCacheDataType[]? KvCacheDataType { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? BatchSize { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? InputLength { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? OutputLength { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[]? GpuMemoryUtilization { get; set; }
}
