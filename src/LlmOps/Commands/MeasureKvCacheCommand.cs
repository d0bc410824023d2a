using System.Management.Automation;
using LlmOps.Core.Memory;

namespace LlmOps.Commands;

/// <summary>Measures a KV cache, and what a GPU has room for.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "KvCache")]
[OutputType(typeof(KvCacheMeasurement))]
public sealed class MeasureKvCacheCommand : MemoryRequestCmdlet
{
    protected override void WriteResult(MemoryRequest request) => WriteObject(KvCacheCalculator.Measure(request));
}
