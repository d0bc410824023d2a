using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Commands;

/// <summary>The engine and its settings, and the load that it serves, whatever the model is divided over.</summary>
public abstract class LoadCmdlet : LlmOpsCmdlet
{
    private readonly HashSet<string> _warnedOfContext = [];

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

    /// <summary>Says once for each model that its context is shorter than what is asked about; the figures hold all the same.</summary>
    private protected void WarnOfContext(LlmModel model, double tokens)
    {
        if (tokens > model.ContextLength && _warnedOfContext.Add(model.Name))
        {
            WriteWarning(FormattableString.Invariant(
                $"{model.Name} was made for {model.ContextLength} tokens of context; {tokens:0} are more."));
        }
    }
}
