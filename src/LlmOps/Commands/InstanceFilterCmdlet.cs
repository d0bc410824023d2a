using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Commands;

/// <summary>The conditions on cloud instances.</summary>
public abstract class InstanceFilterCmdlet : LlmOpsCmdlet
{
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[]? Gpu { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProviderCompleter))]
    public string[]? Provider { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(RegionCompleter))]
    public string[]? Region { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? MaxUsdPerHour { get; set; }

    /// <summary>The conditions; names of GPUs that are not known are errors, and left out.</summary>
    /// <exception cref="LlmOpsException">A condition is wrong.</exception>
    private protected InstanceFilter ReadFilter(PriceType priceType) =>
        new(Provider, Region, Gpu is null ? null : [.. ResolveEach(Gpu, gpu => gpu.ResolveAll()).SelectMany(gpus => gpus)], MaxUsdPerHour, priceType);
}
