using System.Globalization;
using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Commands;

/// <summary>Finds the GPU, precision and batch size that serve a load within a latency and a budget.</summary>
[Cmdlet(VerbsCommon.Find, "LlmConfiguration")]
[OutputType(typeof(ConfigurationCandidate))]
public sealed class FindLlmConfigurationCommand : LoadCmdlet
{
    private readonly ResolvedValues<string, Quantization> _quantizations;
    private readonly ResolvedValues<GpuReference, (string Name, IReadOnlyList<GpuSpec> Gpus)> _gpus;
    private InstanceFilter? _filter;
    private bool _isWithoutConditions;

    public FindLlmConfigurationCommand()
    {
        _quantizations = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _gpus = new(gpus => ResolveEach(gpus, gpu => (gpu.ToString(), gpu.ResolveAll())));
    }

    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[]? Model { get; set; }

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[] RequestsPerDay { get; set; } = [];

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[] TargetLatencyMs { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[]? BudgetUsdPerMonth { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(ConfigurationModelName), IsSingle = true)]
    public ConfigurationModelName PerformanceModel { get; set; } = ConfigurationModelName.Fitted;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[]? Gpu { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[]? PeakFactor { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[]? TargetUtilization { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ProviderCompleter))]
    public string[]? Provider { get; set; }

    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(RegionCompleter))]
    public string[]? Region { get; set; }

    [Parameter]
    [Converted(typeof(PriceType?), IsSingle = true)]
    public PriceType? PriceType { get; set; }

    [Parameter]
    [Alias("Top")]
    [Converted(typeof(int), IsSingle = true)]
    public int First { get; set; } = 5;

    [Parameter]
    public SwitchParameter IncludeRejected { get; set; }

    /// <summary>A blank cell of a table is as good as an absent one; null without a model.</summary>
    private List<ModelReference>? GivenModels =>
        Model?.Where(model => !string.IsNullOrWhiteSpace(model.ToString())).ToList() is { Count: > 0 } given ? given : null;

    protected override void BeginProcessing()
    {
        LoadPrices();
        _isWithoutConditions = !Try(() =>
        {
            Guard.InRange(First, 1, int.MaxValue, nameof(First));
            _filter = new InstanceFilter(Provider, Region, priceType: PriceType ?? Core.Hardware.PriceType.OnDemand);
        });
    }

    protected override void ProcessRecord()
    {
        IReadOnlyList<Quantization>? quantizations = _quantizations.Of(Quantization);
        IReadOnlyList<(string Name, IReadOnlyList<GpuSpec> Gpus)>? asked = _gpus.Of(Gpu);
        if (_isWithoutConditions || quantizations is { Count: 0 } || asked is { Count: 0 })
        {
            return;
        }

        if (PerformanceModel == ConfigurationModelName.Simple)
        {
            Try(() =>
            {
                RefuseSettingsOfFitted();
                FindEach(new ConfigurationRequest(0, 0) { Gpus = GpusOfSimple(asked), Quantizations = quantizations, BatchSizes = BatchSize }, []);
            });
            return;
        }

        Try(() =>
        {
            if (GivenModels is not { Count: > 0 } models)
            {
                throw new LlmOpsException("ModelRequired", ErrorKind.InvalidArgument,
                    $"{nameof(ConfigurationModelName.Fitted)} estimates one model: give it (-Model), or ask for {nameof(ConfigurationModelName.Simple)} (-PerformanceModel).", null);
            }

            IReadOnlyList<GpuInstance> instances = Instances(asked, out IReadOnlyList<GpuSpec>? gpus);
            foreach (LlmModel model in ResolveModels(models))
            {
                FindEach(
                    new ConfigurationRequest(0, 0)
                    {
                        Deployment = new MemoryRequest(model),
                        Gpus = gpus,
                        Quantizations = quantizations,
                        BatchSizes = BatchSize,
                        PriceType = PriceType ?? Core.Hardware.PriceType.OnDemand,
                    },
                    instances);
            }
        });
    }

    private void FindEach(in ConfigurationRequest seed, IReadOnlyList<GpuInstance> instances)
    {
        Sweep<ConfigurationRequest> sweep = new Sweep<ConfigurationRequest>(seed)
            .Over(Engine, (r, v) => r with { Deployment = r.Deployment with { Engine = v.Engine } })
            .Over(KvCacheDataType, (r, v) => r with { Deployment = r.Deployment with { KvCacheDataType = v } })
            .Over(GpuMemoryUtilization, (r, v) => r with { Deployment = r.Deployment with { GpuMemoryUtilization = v } })
            .Over(InputLength, (r, v) => r with { InputLength = v })
            .Over(OutputLength, (r, v) => r with { OutputLength = v })
            .Over(PeakFactor, (r, v) => r with { PeakFactor = v })
            .Over(TargetUtilization, (r, v) => r with { TargetUtilization = v })
            .Over(RequestsPerDay, (r, v) => r with { RequestsPerDay = v })
            .Over(TargetLatencyMs, (r, v) => r with { TargetLatencyMs = v })
            .Over(BudgetUsdPerMonth, (r, v) => r with { BudgetUsdPerMonth = v });
        foreach (ConfigurationRequest request in sweep.Enumerate())
        {
            StopToken.ThrowIfCancellationRequested();
            Try(() => WriteRanking(request, instances));
        }
    }

    private void WriteRanking(in ConfigurationRequest request, IReadOnlyList<GpuInstance> instances)
    {
        IReadOnlyList<ConfigurationCandidate> candidates;
        if (PerformanceModel == ConfigurationModelName.Simple)
        {
            candidates = SimpleConfigurations.Evaluate(request);
        }
        else
        {
            candidates = ConfigurationFinder.Evaluate(request, instances, StopToken);
            WarnOfContext(request.Deployment.Model, (double)request.InputLength + request.OutputLength);
        }

        if (candidates.Count > 0 && candidates[0].Rank is null)
        {
            WriteWarning(NothingFound(request, candidates));
        }

        List<ConfigurationCandidate> shown = [.. candidates.Where(c => c.Rank is { } rank ? rank <= First : IncludeRejected)];
        WarnOfStalePrices(shown.Where(c => c.Provider is not null).Select(c => (c.Provider!, c.PriceDate, c.PriceSource!)));
        foreach (ConfigurationCandidate candidate in shown)
        {
            WriteObject(candidate);
        }
    }

    /// <summary>What was closest to being good enough.</summary>
    private static string NothingFound(in ConfigurationRequest request, IReadOnlyList<ConfigurationCandidate> candidates)
    {
        string closest = ConfigurationFinder.Closest(candidates, out bool isCheapest) is { } nearest
            ? string.Create(CultureInfo.CurrentCulture,
                $"the {(isCheapest ? "cheapest" : "fastest")} is {nearest.Gpu} in {nearest.Quantization} with {nearest.BatchSize} at once, {nearest.EstimatedLatencyMs:N1} ms for {nearest.UsdPerMonth:N2} USD a month")
            : $"none can do it; {candidates[0].Quantization} on {candidates[0].Gpu}: {candidates[0].RejectionReason}";
        return string.Create(CultureInfo.CurrentCulture,
            $"Of {candidates.Count} configurations none serves {request.RequestsPerDay:N0} requests a day within {request.TargetLatencyMs:0.###} ms")
            + (request.BudgetUsdPerMonth is { } budget ? string.Create(CultureInfo.CurrentCulture, $" and {budget:N2} USD a month") : "")
            + $": {closest}. -IncludeRejected shows each with the reason.";
    }

    /// <summary>Of a pattern those that it has factors for; a name that it has none for is an error, and not left out.</summary>
    private static IReadOnlyList<GpuSpec>? GpusOfSimple(IReadOnlyList<(string Name, IReadOnlyList<GpuSpec> Gpus)>? asked) =>
        asked?.SelectMany(choice => choice.Gpus.Where(gpu => SimpleConfigurations.Gpus.Contains(gpu.Name)) is var known && known.Any()
            ? known
            : choice.Gpus).Distinct().ToList();

    /// <summary>
    /// What can be rented under the conditions, and its GPUs of those that are asked for; names and patterns of which nobody rents any
    /// out are errors, and left out.
    /// </summary>
    private IReadOnlyList<GpuInstance> Instances(
        IReadOnlyList<(string Name, IReadOnlyList<GpuSpec> Gpus)>? asked, out IReadOnlyList<GpuSpec>? gpus)
    {
        PriceType priceType = PriceType ?? Core.Hardware.PriceType.OnDemand;
        List<GpuInstance> instances = [.. InstanceCatalog.CheapestRegions(
            InstanceCatalog.All.Where(i => i.Price(priceType) is not null && _filter!.Accepts(i)), priceType)];
        gpus = asked is null ? null : [.. ResolveEach(asked, choice =>
        {
            List<GpuSpec> rented = [.. choice.Gpus.Where(gpu => instances.Exists(i => i.Gpu == gpu))];
            return rented.Count > 0 ? rented : throw NoInstance(choice.Gpus.Count == 1 ? choice.Gpus[0].Name : choice.Name);
        }).SelectMany(rented => rented).Distinct()];
        return instances.Count > 0 || gpus is { Count: 0 } ? instances : throw NoInstance(null);
    }

    private static LlmOpsException NoInstance(string? gpu) => new("NoInstanceMatches", ErrorKind.NotFound,
        gpu is null
            ? "No known instance meets the conditions on provider, region and price."
            : $"No known instance with {gpu} has a price under the conditions on provider, region and price; Get-GpuInstance lists all.",
        gpu);

    /// <summary>Simple knows neither models nor instances; what would have no effect is refused by name.</summary>
    private void RefuseSettingsOfFitted()
    {
        (string Name, object? Value)[] settings =
        [
            (nameof(Model), GivenModels), (nameof(Engine), Engine), (nameof(KvCacheDataType), KvCacheDataType),
            (nameof(GpuMemoryUtilization), GpuMemoryUtilization), (nameof(InputLength), InputLength),
            (nameof(OutputLength), OutputLength), (nameof(PeakFactor), PeakFactor), (nameof(TargetUtilization), TargetUtilization),
            (nameof(Provider), Provider), (nameof(Region), Region), (nameof(PriceType), PriceType),
        ];
        if (Array.Find(settings, setting => setting.Value is not null) is { Name: not null } given)
        {
            throw new LlmOpsException("SettingNotSupported", ErrorKind.NotSupported,
                $"{given.Name} has no effect with {nameof(ConfigurationModelName.Simple)}, which knows neither models nor instances; leave it out, or use {nameof(ConfigurationModelName.Fitted)} (-PerformanceModel).",
                given.Name);
        }
    }
}
