using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core.Hardware;

namespace LlmOps.Commands;

/// <summary>Gets cloud machines with GPUs and their dated prices.</summary>
[Cmdlet(VerbsCommon.Get, "GpuInstance")]
[OutputType(typeof(GpuInstance))]
public sealed class GetGpuInstanceCommand : InstanceFilterCmdlet
{
    private InstanceFilter? _filter;

    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Instance")]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public string[]? Name { get; set; }

    [Parameter]
    public SwitchParameter Spot { get; set; }

    private PriceType PriceType => Spot ? PriceType.Spot : PriceType.OnDemand;

    protected override void BeginProcessing()
    {
        LoadPrices();
        Try(() => _filter = ReadFilter(PriceType));
    }

    protected override void ProcessRecord()
    {
        if (_filter is not { } filter)
        {
            return;
        }

        WriteMatches(Name,
            Accepted(InstanceCatalog.All, filter),
            pattern => Accepted(InstanceCatalog.Find(pattern), filter),
            name => Accepted(InstanceCatalog.Get(name), filter));
    }

    /// <summary>Nothing is looked at, nor warned of, until it is enumerated.</summary>
    private IEnumerable<GpuInstance> Accepted(IEnumerable<GpuInstance> instances, InstanceFilter filter)
    {
        List<GpuInstance> accepted = [.. instances.Where(i => filter.Accepts(i) && i.Price(PriceType) is not null)];
        WarnOfStalePrices(accepted.Select(i => (i.Provider, i.DateOf(PriceType), i.SourceOf(PriceType))));
        foreach (GpuInstance instance in accepted)
        {
            yield return instance;
        }
    }
}
