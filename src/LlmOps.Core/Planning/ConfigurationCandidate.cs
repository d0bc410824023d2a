using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Planning;

/// <summary>A GPU, a precision and a batch size, and what serving a load with them comes to.</summary>
public sealed class ConfigurationCandidate
{
    internal ConfigurationCandidate()
    {
    }

    /// <summary>Place in the ranking from 1 on; null for one that misses the target or the budget, or does not fit.</summary>
    public int? Rank { get; internal set; }

    /// <summary><c>Fitted</c> or <c>Simple</c>.</summary>
    public required string PerformanceModel { get; init; }

    /// <summary>Null with Simple, which knows no models; so are the engine, lengths, layout and times.</summary>
    public string? ModelName => Model?.Name;

    /// <summary>What other cmdlets take from the pipeline.</summary>
    public LlmModel? Model { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public string? Engine { get; init; }

    public required string Gpu { get; init; }

    public required string Quantization { get; init; }

    public string? KvCacheDataType { get; init; }

    /// <summary>Requests at once on each copy of the model.</summary>
    public required long BatchSize { get; init; }

    public required double RequestsPerDay { get; init; }

    public required double TargetLatencyMs { get; init; }

    public double? BudgetUsdPerMonth { get; init; }

    public long? InputLength { get; init; }

    public long? OutputLength { get; init; }

    public double? PeakFactor { get; init; }

    public double? TargetUtilization { get; init; }

    /// <summary>From sending a request to the end of its answer, with <see cref="BatchSize"/> requests at once.</summary>
    public double? EstimatedLatencyMs { get; init; }

    public double? EstimatedLatencyLowMs { get; init; }

    public double? EstimatedLatencyHighMs { get; init; }

    public double? TimeToFirstTokenMs { get; init; }

    public double? TimePerOutputTokenMs { get; init; }

    /// <summary>Simple's figure for what a GPU does in that precision, a T4 in FP16 being 1: requests a second for each request at once.</summary>
    public double? EffectivePerformance { get; init; }

    /// <summary>Requests a second that a copy does at the most.</summary>
    public double? RequestsPerSecondOfCopy { get; init; }

    /// <summary>GPUs that the load keeps busy: copies times the GPUs of each. With Simple a fraction, but at least 1.</summary>
    public double? GpusNeeded { get; init; }

    /// <summary>GPUs that a copy is divided over.</summary>
    public int? GpusOfCopy { get; init; }

    /// <summary>Of a copy, in short, as <c>TP2</c>.</summary>
    public string? Layout { get; init; }

    /// <summary>Ranks that each layer of a copy is divided over.</summary>
    public int? TensorParallelSize { get; init; }

    /// <summary>Stages that the layers of a copy are divided over.</summary>
    public int? PipelineParallelSize { get; init; }

    /// <summary>Ranks of a copy that whole experts are divided over; 1 where each expert is divided over the tensor ranks.</summary>
    public int? ExpertParallelSize { get; init; }

    /// <summary>Groups of tensor ranks of a copy, each with as many of its requests.</summary>
    public int? DataParallelSize { get; init; }

    /// <summary><see cref="BatchSize"/> under the name that estimators count requests of all ranks together by.</summary>
    public long UserCount => BatchSize;

    public double? CopyCount { get; init; }

    /// <summary>The instance that is cheapest for the whole load.</summary>
    public string? Instance { get; init; }

    public string? Provider { get; init; }

    public string? Region { get; init; }

    public int? GpusOfInstance { get; init; }

    /// <summary>Instances that are rented, whole ones.</summary>
    public double? InstanceCount { get; init; }

    /// <summary>For one instance, with all of its GPUs; with Simple for one GPU.</summary>
    public double? UsdPerHour { get; init; }

    /// <summary>
    /// For all that is rented: <see cref="InstanceCount"/> times <see cref="UsdPerHour"/>, with Simple <see cref="GpusNeeded"/> times it.
    /// </summary>
    public double? UsdPerHourTotal => (InstanceCount ?? GpusNeeded) * UsdPerHour is { } cost ? Units.Money(cost) : null;

    /// <summary><see cref="UsdPerHour"/> over the GPUs of the instance.</summary>
    public double? UsdPerGpuHour { get; init; }

    /// <summary>The day of the price; null where its source is not dated.</summary>
    public DateOnly? PriceDate { get; init; }

    /// <summary>Days since <see cref="PriceDate"/>, now.</summary>
    public int? PriceAgeDays => PriceAge.Days(PriceDate);

    public string? PriceSource { get; init; }

    /// <summary>Hours of a month that are paid: 730, with Simple 720.</summary>
    public double HoursPerMonth { get; init; }

    /// <summary>For all that is rented, <see cref="HoursPerMonth"/>; null where nothing can be.</summary>
    public double? UsdPerMonth => Cost is { } cost ? Units.Money(cost) : null;

    public double? UsdPerRequest { get; init; }

    /// <summary>
    /// (1 + the share of the target that the latency leaves) / (1000 · <see cref="UsdPerRequest"/>); 0 where the target is missed.
    /// </summary>
    public double Score { get; init; }

    /// <summary>Whether <see cref="EstimatedLatencyMs"/> is at most the target.</summary>
    public bool MeetsSla { get; init; }

    /// <summary>Ground of the latency: Assumed with Simple, whose factors have no source.</summary>
    public required Evidence Evidence { get; init; }

    /// <summary><see cref="UsdPerMonth"/> as it is computed.</summary>
    internal double? Cost { get; init; }

    /// <summary>Why it is not ranked; null where it is.</summary>
    public string? RejectionReason { get; init; }

    public override string ToString() => UsdPerMonth is null
        ? FormattableString.Invariant($"{Gpu} {Quantization} x {BatchSize}: {RejectionReason}")
        : FormattableString.Invariant($"{Gpu} {Quantization} x {BatchSize}: {EstimatedLatencyMs:0.##} ms, {UsdPerMonth:0.00} USD a month");
}
