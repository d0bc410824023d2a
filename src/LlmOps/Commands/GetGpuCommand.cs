using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core.Hardware;

namespace LlmOps.Commands;

/// <summary>Gets data sheets of GPUs.</summary>
[Cmdlet(VerbsCommon.Get, "Gpu")]
[OutputType(typeof(GpuSpec))]
public sealed class GetGpuCommand : LlmOpsCmdlet
{
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public string[]? Name { get; set; }

    protected override void ProcessRecord() =>
        WriteMatches(Name, GpuCatalog.All, GpuCatalog.Find, name => [GpuCatalog.Get(name)]);
}
