using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>The performance models by name.</summary>
public enum PerformanceModelName
{
    /// <summary>Times from coefficients fitted to measured servers; all layouts of a machine, and all objectives.</summary>
    Fitted,

    /// <summary>Work over published efficiencies; fitted to no server.</summary>
    Roofline,

    /// <summary>The published program of InferSave with its constants.</summary>
    InferSave,
}

/// <summary>Where the KV cache goes that a GPU has no room for.</summary>
public enum KvCacheOffloading
{
    /// <summary>To host memory, the share that does not fit, where that is faster than to let requests queue.</summary>
    Auto,

    /// <summary>The same in steps of a tenth, as InferSave does.</summary>
    Tenths,

    /// <summary>Nowhere: requests queue.</summary>
    Never,
}

/// <summary>What instances are ranked by.</summary>
public enum RankingOrder
{
    /// <summary>Tokens for a USD, at the throughput that is asked for.</summary>
    CostEfficiency,

    /// <summary>USD for a million tokens, at the instance's own throughput.</summary>
    UsdPerMillionTokens,

    /// <summary>Throughput.</summary>
    TokensPerSecond,

    /// <summary>Time from a request to the end of its answer.</summary>
    EndToEnd,
}

/// <summary>What is asked of the instance optimizer.</summary>
/// <param name="Workload">
/// The job. Its batch size is the number of requests at once; with <see cref="RequestsPerSecond"/> or <see cref="Saturate"/> it
/// is not used.
/// </param>
public readonly record struct OptimizationRequest(Workload Workload)
{
    public PerformanceModelName PerformanceModel { get; init; } = PerformanceModelName.Fitted;

    public Engine Engine { get; init; } = Engine.vLLM;

    /// <summary>
    /// Share of device memory that may be used; above 0, at most 1. Null stands for the engine's own with the fitted model, and
    /// for 0.9 with the others.
    /// </summary>
    public double? SafetyFactor { get; init; } = null;

    public ServiceObjectives Objectives { get; init; } = new();

    /// <summary>Requests that arrive in a second, at random; as many machines are counted as they need.</summary>
    public double? RequestsPerSecond { get; init; } = null;

    /// <summary>Whether so many users are counted as give the greatest throughput with the objectives kept.</summary>
    public bool Saturate { get; init; } = false;

    /// <summary>Precisions to choose from beside the workload's own; the first that is good enough wins a tie.</summary>
    public IReadOnlyList<Quantization> AllowedQuantizations { get; init; } = [];

    public KvCacheOffloading Offloading { get; init; } = KvCacheOffloading.Auto;

    /// <summary>Whether the offloaded share gets the experimental addition of 30 % of InferSave's authors, rounded up to a tenth.</summary>
    public bool AdjustOffloading { get; init; } = false;

    public PriceType PriceType { get; init; } = PriceType.OnDemand;

    /// <summary>The most that all machines may cost, in USD for 730 hours; null for no limit.</summary>
    public double? BudgetUsdPerMonth { get; init; } = null;

    public RankingOrder RankBy { get; init; } = RankingOrder.CostEfficiency;

    /// <summary>
    /// Whether only the evaluations are wanted that no other beats in USD for a million tokens, time to the first token and time
    /// per output token together.
    /// </summary>
    public bool Pareto { get; init; } = false;

    /// <summary>Corrections of the fitted times, from the user's own measurements; null for none.</summary>
    public TimeCalibration? Calibration { get; init; } = null;

    /// <summary>A factor and a constant for the time of the prompts; null for none, and with InferSave for its published ones.</summary>
    public PhaseCalibration? Prefill { get; init; } = null;

    /// <summary>The same for the time of all further tokens.</summary>
    public PhaseCalibration? Decode { get; init; } = null;

    /// <summary>The request in short, for people.</summary>
    internal string Job
    {
        get
        {
            string weights = string.Join('|', AllowedQuantizations.Prepend(Workload.EffectiveQuantization).Select(q => q.Name).Distinct());
            string load = RequestsPerSecond is { } rate ? FormattableString.Invariant($"{rate:0.######} requests/s")
                : Saturate ? "as many users as can be"
                : FormattableString.Invariant($"batch {Workload.BatchSize}");
            return FormattableString.Invariant(
                $"{Workload.Model.Name} {weights}, {load}, {Workload.InputLength} + {Workload.OutputLength} tokens, {PerformanceModel}");
        }
    }

    /// <exception cref="LlmOpsException">A value is out of bounds, or the parts do not go together.</exception>
    public void Validate()
    {
        Workload.Validate();
        Objectives.Validate();
        Prefill?.Validate(nameof(Prefill));
        Decode?.Validate(nameof(Decode));
        if (SafetyFactor is { } factor)
        {
            Guard.InRange(factor, 0.01, 1, nameof(SafetyFactor));
        }

        if (RequestsPerSecond is { } rate)
        {
            Guard.InRange(rate, 1e-6, 1e6, nameof(RequestsPerSecond));
        }

        if (BudgetUsdPerMonth is { } budget)
        {
            Guard.InRange(budget, 0.01, 1e9, nameof(BudgetUsdPerMonth));
        }

        if (RequestsPerSecond is not null && Saturate)
        {
            throw Contradiction("RequestsPerSecond and Saturate contradict each other: the rate says how much is to be served.");
        }

        if (RequestsPerSecond is not null && Objectives.TokensPerSecond is not null)
        {
            throw Contradiction(
                "RequestsPerSecond and SloTokensPerSecond contradict each other: the rate times OutputLength is the throughput.");
        }

        if (PerformanceModel != PerformanceModelName.Fitted && WithFittedOnly() is { } setting)
        {
            throw new LlmOpsException("SettingNotSupported", ErrorKind.NotSupported,
                $"{setting} needs the performance model {PerformanceModelName.Fitted}; {PerformanceModel} knows a batch and its throughput alone.",
                setting);
        }
    }

    /// <summary>The storage format that stands for so many bytes a weight.</summary>
    /// <exception cref="LlmOpsException">Not 4, 2, 1 or 0.5.</exception>
    public static Quantization QuantizationOfBytes(double precisionBytes)
    {
        double[] known = [4, 2, 1, 0.5];
        string[] names = ["FP32", "FP16", "INT8", "INT4"];
        int index = Array.IndexOf(known, precisionBytes);
        if (index >= 0)
        {
            return Quantization.Parse(names[index]);
        }

        string hint = double.IsNaN(precisionBytes)
            ? ""
            : FormattableString.Invariant($" The nearest is {known.MinBy(b => Math.Abs(b - precisionBytes))}.");
        throw new LlmOpsException(Guard.OutOfRangeId, ErrorKind.InvalidArgument, FormattableString.Invariant(
            $"PrecisionBytes is {precisionBytes}, but must be 4 (FP32), 2 (FP16), 1 (INT8) or 0.5 (INT4).{hint}"),
            precisionBytes);
    }

    private string? WithFittedOnly() =>
        RequestsPerSecond is not null ? nameof(RequestsPerSecond)
        : Saturate ? nameof(Saturate)
        : Objectives.HaveLatency ? "A latency objective"
        : AllowedQuantizations.Count > 0 ? "AllowedQuantization"
        : Engine != Engine.vLLM ? nameof(Engine)
        : Calibration is not null ? nameof(Calibration)
        : Offloading != KvCacheOffloading.Auto ? nameof(Offloading)
        : null;

    private static LlmOpsException Contradiction(string message) =>
        new("ObjectivesContradict", ErrorKind.InvalidArgument, message, null);
}
