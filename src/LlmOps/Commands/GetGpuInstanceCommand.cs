using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core.Hardware;

namespace LlmOps.Commands;

/// <summary>Gets cloud machines with GPUs and their dated prices.</summary>
[Cmdlet(VerbsCommon.Get, "GpuInstance")]
[OutputType(typeof(GpuInstance))]
public sealed class GetGpuInstanceCommand : LlmOpsCmdlet
{
    private InstanceFilter? _filter;

    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public string[]? Name { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProviderCompleter))]
    public string[]? Provider { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(RegionCompleter))]
    public string[]? Region { get; set; }

    [Parameter]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[]? Gpu { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? MaxUsdPerHour { get; set; }

    protected override void BeginProcessing() => Try(() => _filter = new InstanceFilter(
        Provider, Region, Gpu is null ? null : ResolveEach(Gpu, gpu => gpu.Resolve()), MaxUsdPerHour));

    protected override void ProcessRecord()
    {
        if (_filter is not { } filter)
        {
            return;
        }

        WriteMatches(Name,
            InstanceCatalog.All.Where(filter.Accepts),
            pattern => InstanceCatalog.Find(pattern).Where(filter.Accepts),
            name => InstanceCatalog.Get(name).Where(filter.Accepts));
    }
}
