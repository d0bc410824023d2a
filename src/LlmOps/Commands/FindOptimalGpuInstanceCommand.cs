using System.Globalization;
using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Ranks GPU instances for a job by what it costs on them, under objectives on throughput and latency.</summary>
[Cmdlet(VerbsCommon.Find, "OptimalGpuInstance")]
[OutputType(typeof(InstanceEvaluation))]
public sealed class FindOptimalGpuInstanceCommand : InstanceSelectionCmdlet
{
    private const long DefaultBatchSize = 1;
    private const long DefaultInputLength = 512;
    private const long DefaultOutputLength = 256;

    private readonly ResolvedValues<string, Quantization> _quantizations;
    private readonly ResolvedValues<double, Quantization> _precisions;
    private readonly ResolvedValues<string, Quantization> _allowed;
    private TimeCalibration? _calibration;
    private bool _nothingToRank;

    public FindOptimalGpuInstanceCommand()
    {
        _quantizations = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _allowed = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _precisions = new(bytes => ResolveEach(bytes, OptimizationRequest.QuantizationOfBytes));
    }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[] Model { get; set; } = [];

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
    [Converted(typeof(PerformanceModelName), IsSingle = true)]
    public PerformanceModelName PerformanceModel { get; set; } = PerformanceModelName.Fitted;

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(Engine))]
    [ArgumentCompleter(typeof(EngineCompleter))]
    public EngineReference[]? Engine { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("RequestRate", "QPS")]
    [Converted(typeof(double))]
    public double[]? RequestsPerSecond { get; set; }

    [Parameter]
    public SwitchParameter Saturate { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("SloTps")]
    [Converted(typeof(double?), IsSingle = true)]
    public double? SloTokensPerSecond { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("SloTtftMs")]
    [Converted(typeof(double?), IsSingle = true)]
    public double? SloTimeToFirstTokenMs { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("SloTpotMs")]
    [Converted(typeof(double?), IsSingle = true)]
    public double? SloTimePerOutputTokenMs { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double?), IsSingle = true)]
    public double? SloEndToEndMs { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double?), IsSingle = true)]
    public double? SloPercentile { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(double))]
    public double[]? SafetyFactor { get; set; }

    [Parameter]
    [Converted(typeof(KvCacheOffloading), IsSingle = true)]
    public KvCacheOffloading Offloading { get; set; }

    [Parameter]
    public SwitchParameter AdjustOffloading { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? AllowedQuantization { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(PrecisionBytesCompleter))]
    [Converted(typeof(double))]
    public double[]? PrecisionBytes { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(KvCacheDataType))]
    public KvCacheDataType[]? KvCacheDataType { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? BudgetUsdPerMonth { get; set; }

    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(TimeCalibrationNameCompleter))]
    public CalibrationReference? Calibration { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? PrefillAlpha { get; set; }

    [Parameter]
    [Converted(typeof(double), IsSingle = true)]
    public double PrefillBetaSeconds { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? DecodeAlpha { get; set; }

    [Parameter]
    [Converted(typeof(double), IsSingle = true)]
    public double DecodeBetaSeconds { get; set; }

    [Parameter]
    [Converted(typeof(RankingOrder), IsSingle = true)]
    public RankingOrder RankBy { get; set; }

    [Parameter]
    public SwitchParameter Pareto { get; set; }

    [Parameter]
    public SwitchParameter IncludeRejected { get; set; }

    protected override void BeginProcessing()
    {
        LoadPrices();
        if (!Try(ReadConditions))
        {
            _nothingToRank = true;
        }
    }

    protected override void ProcessRecord()
    {
        if (_nothingToRank)
        {
            return;
        }

        Try(() =>
        {
            IReadOnlyList<GpuInstance> instances = Instances();
            foreach (LlmModel model in ResolveModels(Model))
            {
                Try(() => RankFor(model, instances));
            }
        });
    }

    private void RankFor(LlmModel model, IReadOnlyList<GpuInstance> instances)
    {
        if (Quantization is not null && PrecisionBytes is not null)
        {
            throw ErrorRecords.Ambiguous(nameof(Quantization), nameof(PrecisionBytes));
        }

        IReadOnlyList<Quantization>? quantizations = _quantizations.Of(Quantization) ?? _precisions.Of(PrecisionBytes);
        IReadOnlyList<Quantization>? allowed = _allowed.Of(AllowedQuantization);
        if (quantizations is { Count: 0 } || allowed is { Count: 0 })
        {
            return;
        }

        OptimizationRequest seed = new(new Workload(model, DefaultBatchSize, DefaultInputLength, DefaultOutputLength))
        {
            PerformanceModel = PerformanceModel,
            Objectives = new ServiceObjectives
            {
                TokensPerSecond = SloTokensPerSecond,
                TimeToFirstTokenMs = SloTimeToFirstTokenMs,
                TimePerOutputTokenMs = SloTimePerOutputTokenMs,
                EndToEndMs = SloEndToEndMs,
                Percentile = SloPercentile ?? new ServiceObjectives().Percentile,
            },
            Saturate = Saturate,
            AllowedQuantizations = allowed ?? [],
            Offloading = Offloading,
            BudgetUsdPerMonth = BudgetUsdPerMonth,
            RankBy = RankBy,
            Pareto = Pareto,
            AdjustOffloading = AdjustOffloading,
            PriceType = PriceType,
            Calibration = _calibration,
            Prefill = Phase(nameof(PrefillAlpha), PrefillAlpha, nameof(PrefillBetaSeconds), PrefillBetaSeconds),
            Decode = Phase(nameof(DecodeAlpha), DecodeAlpha, nameof(DecodeBetaSeconds), DecodeBetaSeconds),
        };
        Sweep<OptimizationRequest> sweep = new Sweep<OptimizationRequest>(seed)
            .Over(quantizations, (r, quantization) => r with { Workload = r.Workload with { Quantization = quantization } })
            .Over(KvCacheDataType, (r, type) => r with { Workload = r.Workload with { KvCacheDataType = type } })
            .Over(Engine, (r, v) => r with { Engine = v.Engine })
            .Over(RequestsPerSecond, (r, rate) => r with { RequestsPerSecond = rate })
            .Over(SafetyFactor, (r, factor) => r with { SafetyFactor = factor })
            .Over(BatchSize, (r, batch) => r with { Workload = r.Workload with { BatchSize = batch } })
            .Over(InputLength, (r, length) => r with { Workload = r.Workload with { InputLength = length } })
            .Over(OutputLength, (r, length) => r with { Workload = r.Workload with { OutputLength = length } });
        foreach (OptimizationRequest request in sweep.Enumerate())
        {
            Try(() => WriteRanking(request, instances));
        }
    }

    private void WriteRanking(OptimizationRequest request, IReadOnlyList<GpuInstance> instances)
    {
        IReadOnlyList<InstanceEvaluation> evaluations = InstanceOptimizer.Evaluate(request, instances, StopToken);
        if (evaluations.Count > 0 && evaluations[0].Rank is null)
        {
            WriteWarning(NothingFound(evaluations));
        }

        List<InstanceEvaluation> shown = [.. evaluations.Where(e => e.Rank is not null || IncludeRejected)];

        // The prices that InferSave published belong to its experiment.
        WarnOfStalePrices(shown.Where(e => e.UsdPerHour is not null && e.Provider != InstanceOptimizer.PublishedProvider)
            .Select(e => (e.Provider ?? "", e.PriceDate, e.PriceSource!)));
        foreach (InstanceEvaluation evaluation in shown)
        {
            WriteObject(evaluation);
        }
    }

    /// <summary>What was closest to being good enough.</summary>
    private static string NothingFound(IReadOnlyList<InstanceEvaluation> evaluations)
    {
        string closest = InstanceOptimizer.Closest(evaluations, out bool isCheapest) is { TokensPerSecond: { } speed } nearest
            ? $"the {(isCheapest ? "cheapest" : "fastest")} is {nearest.Instance} at {speed.ToString("N2", CultureInfo.CurrentCulture)} tokens/s, but {nearest.RejectionReason}"
            : $"none can run it, mostly because: {InstanceOptimizer.MostCommonReason(evaluations)}";
        return $"Of {evaluations.Count} instances none is good enough for {evaluations[0].Job}: {closest}. "
            + "-IncludeRejected shows each with the reason.";
    }

    /// <summary>The user's own calibration, where one is given.</summary>
    private PhaseCalibration? Phase(string alphaName, double? alpha, string betaName, double betaSeconds) =>
        MyInvocation.BoundParameters.ContainsKey(alphaName) || MyInvocation.BoundParameters.ContainsKey(betaName)
            ? new PhaseCalibration(alpha, betaSeconds)
            : null;

    /// <summary>Reads the conditions; the performance model, which a record may bring, is not among them.</summary>
    private void ReadConditions()
    {
        // Records of planners have a batch size beside what else is asked for; on the command line it would count for nothing.
        foreach (string load in (string[])[nameof(RequestsPerSecond), nameof(Saturate)])
        {
            if (MyInvocation.BoundParameters.ContainsKey(nameof(BatchSize)) && MyInvocation.BoundParameters.ContainsKey(load))
            {
                throw new LlmOpsException("ObjectivesContradict", ErrorKind.InvalidArgument,
                    $"BatchSize and {load} contradict each other: a batch is a number of requests at once, which {load} leaves open.");
            }
        }

        _calibration = Calibration?.Resolve<TimeCalibration>(ResolveLiteralPath);
        _nothingToRank = !ReadSelection();
    }

    /// <exception cref="LlmOpsException">No instance is left; said once.</exception>
    private IReadOnlyList<GpuInstance> Instances()
    {
        try
        {
            return SelectInstances(PerformanceModel);
        }
        catch (LlmOpsException)
        {
            _nothingToRank = true;
            throw;
        }
    }
}
