using System.Globalization;
using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Planning.Fleets;
using LlmOps.Core.Precision;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Finds the cheapest mix of instances for requests of several sizes.</summary>
[Cmdlet(VerbsCommon.Find, "GpuFleet")]
[OutputType(typeof(GpuFleet))]
public sealed class FindGpuFleetCommand : InstanceSelectionCmdlet
{
    private readonly ResolvedValues<ModelReference, LlmModel> _models;
    private readonly Dictionary<LlmModel, RequestSizeDistribution> _distributions = [];
    private IReadOnlyList<Quantization>? _quantizations;
    private IReadOnlyList<GpuInstance> _instances = [];
    private bool _rateIsGiven;
    private bool _nothingToPlan;

    public FindGpuFleetCommand() => _models = new(ResolveModels);

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[] Model { get; set; } = [];

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[] InputLength { get; set; } = [];

    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[] OutputLength { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Count")]
    [Converted(typeof(double))]
    public double[]? Weight { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("RequestRate", "QPS")]
    [Converted(typeof(double))]
    public double[]? RequestsPerSecond { get; set; }

    [Parameter]
    [Alias("SloTtftMs")]
    [Converted(typeof(double))]
    public double[]? SloTimeToFirstTokenMs { get; set; }

    [Parameter]
    [Alias("SloTpotMs")]
    [Converted(typeof(double))]
    public double[]? SloTimePerOutputTokenMs { get; set; }

    [Parameter]
    [Converted(typeof(double))]
    public double[]? SloEndToEndMs { get; set; }

    [Parameter]
    [Converted(typeof(int))]
    public int[]? SpareInstance { get; set; }

    [Parameter]
    [Converted(typeof(double))]
    public double[]? TargetUtilization { get; set; }

    [Parameter]
    [Converted(typeof(int))]
    public int[]? MaxCount { get; set; }

    [Parameter]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter]
    [Converted(typeof(Engine))]
    [ArgumentCompleter(typeof(EngineCompleter))]
    public EngineReference[]? Engine { get; set; }

    [Parameter]
    [Converted(typeof(KvCacheDataType))]
    public KvCacheDataType[]? KvCacheDataType { get; set; }

    [Parameter]
    [Converted(typeof(double))]
    public double[]? GpuMemoryUtilization { get; set; }

    protected override void BeginProcessing()
    {
        LoadPrices();
        _rateIsGiven = MyInvocation.BoundParameters.ContainsKey(nameof(RequestsPerSecond));
        if (!Try(ReadConditions))
        {
            _nothingToPlan = true;
        }
    }

    protected override void ProcessRecord()
    {
        if (_nothingToPlan)
        {
            return;
        }

        StopToken.ThrowIfCancellationRequested();
        foreach (LlmModel model in _models.Of(Model)!)
        {
            Try(() => AddSizes(model));
        }
    }

    protected override void EndProcessing()
    {
        foreach ((LlmModel model, RequestSizeDistribution distribution) in _distributions)
        {
            Try(() =>
            {
                foreach (FleetRequest request in Combinations(model, distribution).Enumerate())
                {
                    Try(() => WriteFleet(request));
                }
            });
        }
    }

    /// <summary>Takes the lists as one distribution: the first input goes with the first output and the first weight.</summary>
    private void AddSizes(LlmModel model)
    {
        double[]? weights = _rateIsGiven ? Weight : RequestsPerSecond;
        if (!_rateIsGiven)
        {
            if (weights is null)
            {
                // Of rows that say nothing of a rate, one message is enough.
                _nothingToPlan = _distributions.Count == 0;
                throw new LlmOpsException("RequestsPerSecondRequired", ErrorKind.InvalidArgument,
                    "How many requests come in a second is not known; give RequestsPerSecond for all of them, or each row its own.", null);
            }

            if (Weight is not null)
            {
                throw ErrorRecords.Ambiguous(nameof(Weight), nameof(RequestsPerSecond));
            }
        }

        if (InputLength.Length != OutputLength.Length || (weights is not null && weights.Length != InputLength.Length))
        {
            throw new LlmOpsException("RequestSizeListsDiffer", ErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture,
                $"InputLength has {InputLength.Length} values, OutputLength {OutputLength.Length}")
                + (weights is null ? "" : string.Create(CultureInfo.InvariantCulture,
                    $" and {(_rateIsGiven ? nameof(Weight) : nameof(RequestsPerSecond))} {weights.Length}"))
                + ". They are read side by side, one size of requests at each place, and must be equally long.", null);
        }

        List<RequestSize> sizes = [.. InputLength.Select((input, i) => new RequestSize(input, OutputLength[i], weights?[i] ?? 1))];
        sizes.ForEach(size => size.Validate());
        if (!_distributions.TryGetValue(model, out RequestSizeDistribution? distribution))
        {
            _distributions[model] = distribution = new RequestSizeDistribution();
        }

        sizes.ForEach(distribution.Add);
    }

    private Sweep<FleetRequest> Combinations(LlmModel model, RequestSizeDistribution distribution)
    {
        static FleetRequest With(FleetRequest r, MemoryRequest deployment) => r with { Deployment = deployment };

        IReadOnlyList<RequestSize> sizes = distribution.Sizes();
        WarnOfContext(model, sizes.Max(size => size.InputLength + size.OutputLength));

        FleetRequest seed = new(new MemoryRequest(model), sizes, distribution.TotalWeight)
        {
            Quantizations = _quantizations,
            PriceType = PriceType,
        };
        return new Sweep<FleetRequest>(seed)
            .Over(Engine, (r, v) => With(r, r.Deployment with { Engine = v.Engine }))
            .Over(KvCacheDataType, (r, v) => With(r, r.Deployment with { KvCacheDataType = v }))
            .Over(GpuMemoryUtilization, (r, v) => With(r, r.Deployment with { GpuMemoryUtilization = v }))
            .Over(_rateIsGiven ? RequestsPerSecond : null, (r, v) => r with { RequestsPerSecond = v })
            .Over(SloTimeToFirstTokenMs, (r, v) => r with { Objectives = r.Objectives with { TimeToFirstTokenMs = v } })
            .Over(SloTimePerOutputTokenMs, (r, v) => r with { Objectives = r.Objectives with { TimePerOutputTokenMs = v } })
            .Over(SloEndToEndMs, (r, v) => r with { Objectives = r.Objectives with { EndToEndMs = v } })
            .Over(TargetUtilization, (r, v) => r with { TargetUtilization = v })
            .Over(SpareInstance, (r, v) => r with { SpareInstance = v })
            .Over(MaxCount, (r, v) => r with { MaxCount = v });
    }

    private void WriteFleet(FleetRequest request)
    {
        GpuFleet fleet = FleetPlanner.Plan(request, _instances, StopToken);
        WarnOfStalePrices(fleet.Members
            .Concat(fleet.CheapestSingleType is { } single ? [single] : [])
            .Select(member => (member.Provider, member.PriceDate, member.PriceSource)));
        if (!fleet.IsOptimal)
        {
            WriteWarning(string.Create(CultureInfo.CurrentCulture,
                $"It is not proved that {fleet.Fleet} is the cheapest: another fleet could cost up to {fleet.GapPercent:0.##} % less."));
        }

        WriteObject(fleet);
    }

    private void ReadConditions()
    {
        _quantizations = Quantization is null ? null : [.. ResolveEach(Quantization, Core.Precision.Quantization.Parse).Distinct()];
        if (!ReadSelection() || _quantizations is { Count: 0 })
        {
            _nothingToPlan = true;
            return;
        }

        _instances = SelectInstances(PerformanceModelName.Fitted);
    }
}
