using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Planning;

namespace LlmOps.Commands;

/// <summary>What picks the cloud instances that are planned with, for all records of the pipeline alike.</summary>
public abstract class InstanceSelectionCmdlet : InstanceFilterCmdlet
{
    private IReadOnlyList<GpuInstance>? _named;
    private InstanceFilter? _filter;

    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public InstanceReference[]? Instance { get; set; }

    [Parameter]
    [Converted(typeof(PriceType), IsSingle = true)]
    public PriceType PriceType { get; set; } = PriceType.OnDemand;

    /// <summary>Reads the conditions; false where no name of an instance or GPU is known, each of which has been said.</summary>
    /// <exception cref="LlmOpsException">A condition is wrong.</exception>
    private protected bool ReadSelection()
    {
        InstanceFilter filter = ReadFilter(PriceType);
        _filter = filter;
        if (Instance is null)
        {
            return !filter.AcceptsNothing;
        }

        // An object is one in its region; a name stands for the machine where it is cheapest, unless regions are named.
        IReadOnlyList<IEnumerable<GpuInstance>> named = ResolveEach(Instance, instance => instance.IsInstance || filter.NamesRegion
            ? instance.Resolve()
            : InstanceCatalog.CheapestRegions(instance.Resolve().Where(filter.Accepts), PriceType));
        _named = [.. named.SelectMany(i => i).Where(filter.Accepts)];
        return named.Count > 0 && !filter.AcceptsNothing;
    }

    /// <summary>The instances that are named, or those of all that meet the conditions.</summary>
    /// <param name="performanceModel">The model that they are evaluated by.</param>
    /// <exception cref="LlmOpsException">None is left.</exception>
    private protected IReadOnlyList<GpuInstance> SelectInstances(PerformanceModelName performanceModel)
    {
        IReadOnlyList<GpuInstance> instances = _named ?? InstanceOptimizer.Candidates(performanceModel, PriceType, _filter);
        return instances.Count > 0
            ? instances
            : throw InstanceOptimizer.NoCandidates(performanceModel, _filter!, Instance?.Select(instance => instance.ToString()!).ToList());
    }
}
