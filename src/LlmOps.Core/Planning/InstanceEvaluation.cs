using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Planning;

/// <summary>
/// One instance, evaluated for a job. Times, speeds, costs and sizes are null where an instance that cannot run the job has none.
/// </summary>
public sealed class InstanceEvaluation
{
    internal InstanceEvaluation()
    {
    }

    /// <summary>Place in the ranking from 1 on; null for an instance that cannot run the job or misses the SLO.</summary>
    public int? Rank { get; internal set; }

    /// <summary>What was asked in short: model, precisions, load, lengths and performance model.</summary>
    public required string Job { get; init; }

    /// <summary>Name of the instance; the GPU's for the configurations that InferSave published.</summary>
    public required string Instance { get; init; }

    public string? Provider { get; init; }

    public string? Region { get; init; }

    public required string Gpu { get; init; }

    public required int GpuCount { get; init; }

    /// <summary>Instances that are needed; more than one only for a rate of requests.</summary>
    public int InstanceCount { get; init; } = 1;

    /// <summary>Ranks that each layer of a copy is divided over.</summary>
    public int TensorParallelSize { get; init; } = 1;

    /// <summary>Stages that the layers of a copy are divided over.</summary>
    public int PipelineParallelSize { get; init; } = 1;

    /// <summary>Ranks that whole experts are divided over.</summary>
    public int ExpertParallelSize { get; init; } = 1;

    /// <summary>
    /// Copies of the model on the instance, which share the batch; with more expert-parallel than tensor-parallel ranks, groups
    /// of ranks with sequences of their own.
    /// </summary>
    public int DataParallelSize { get; init; } = 1;

    /// <summary>The layout in short: <c>TP4 DP2</c>.</summary>
    public required string Layout { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public required string Engine { get; init; }

    public string ModelName => Model.Name;

    /// <summary>What other cmdlets take from the pipeline.</summary>
    public required LlmModel Model { get; init; }

    public required string PerformanceModel { get; init; }

    public required string Quantization { get; init; }

    public required string KvCacheDataType { get; init; }

    /// <summary>
    /// Share of device memory that the engine may use; null but with the fitted model, as the others know no engines.
    /// </summary>
    public double? GpuMemoryUtilization { get; init; }

    /// <summary>Requests in one instance at once; so many as are there on average, rounded up, for a rate of requests.</summary>
    public required long BatchSize { get; init; }

    /// <summary>The same under the name that estimators count users of all ranks together by.</summary>
    public long UserCount => BatchSize;

    public required long InputLength { get; init; }

    public required long OutputLength { get; init; }

    /// <summary>Weights over all GPUs of one copy, decimal GB.</summary>
    public double? WeightsGB { get; init; }

    /// <summary>
    /// KV cache of the batch on one instance, decimal GB: with the fitted model while half of each answer is written, as the
    /// requests that run hold it on average; with the others at its end.
    /// </summary>
    public double? KvCacheGB { get; init; }

    /// <summary>Share of the KV cache kept in host memory, 0 to 1.</summary>
    public double? OffloadRatio { get; init; }

    /// <summary>
    /// From sending a request to its first token; with the fitted model what it waits for included. Null, like all times, where
    /// the job cannot run.
    /// </summary>
    public double? PrefillSeconds { get; init; }

    public double? DecodeSeconds { get; init; }

    public double? TotalSeconds { get; init; }

    /// <summary>From sending a request to its first token; null where the performance model does not know single requests.</summary>
    public double? TimeToFirstTokenMs { get; init; }

    /// <summary>From one token of an answer to the next.</summary>
    public double? TimePerOutputTokenMs { get; init; }

    /// <summary>From sending a request to the end of its answer.</summary>
    public double? EndToEndMs { get; init; }

    /// <summary>What 95 % of the requests stay within, for a rate of requests; the times above are medians then.</summary>
    public double? TimeToFirstTokenP95Ms { get; init; }

    public double? TimePerOutputTokenP95Ms { get; init; }

    public double? EndToEndP95Ms { get; init; }

    /// <summary>The greatest number of requests a second that one instance answers with the SLOs kept.</summary>
    public double? MaxRequestsPerSecond { get; init; }

    /// <summary>The rate that is asked for over what all instances could answer at most, 0 to 100.</summary>
    public double? UtilizationPercent { get; init; }

    /// <summary>
    /// Throughput as the performance model counts it: prompt and generated tokens with InferSave,
    /// generated tokens with the others; see <see cref="TokensCounted"/>.
    /// </summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>What measurements come down to, by the errors of the performance model; null where none were compared.</summary>
    public double? TokensPerSecondLow { get; init; }

    /// <summary>What they come up to with the fitted model; else the throughput at the physical floor, which no server exceeds.</summary>
    public double? TokensPerSecondHigh { get; init; }

    /// <summary><c>Output</c> or <c>InputAndOutput</c>.</summary>
    public required string TokensCounted { get; init; }

    /// <summary>Generated tokens a second.</summary>
    public double? OutputTokensPerSecond { get; init; }

    /// <summary>For one instance; null, like all money, where no price of the kind that is asked for is known.</summary>
    public double? UsdPerHour { get; init; }

    /// <summary>For all instances: <see cref="InstanceCount"/> times <see cref="UsdPerHour"/>.</summary>
    public double? UsdPerHourTotal => Cost is { } cost ? Units.Money(cost) : null;

    /// <summary>For all instances, 730 hours.</summary>
    public double? UsdPerMonth => Cost is { } cost ? Units.Money(cost * Units.HoursPerMonth) : null;

    /// <summary>The day of the price; null where its source is not dated.</summary>
    public DateOnly? PriceDate { get; init; }

    /// <summary>Days since <see cref="PriceDate"/>, now.</summary>
    public int? PriceAgeDays => PriceAge.Days(PriceDate);

    public required string? PriceSource { get; init; }

    /// <summary>Tokens for a USD at the throughput that is asked for: the SLO, or the instance's own without one.</summary>
    public double? CostEfficiency { get; init; }

    /// <summary>USD for a million tokens, counted like <see cref="TokensPerSecond"/>, at the instance's own throughput
    /// or the rate that is asked for; null where the job cannot run.</summary>
    public double? UsdPerMillionTokens { get; init; }

    /// <summary>What decoding is bound by.</summary>
    public string? Bottleneck { get; init; }

    /// <summary>
    /// What the times rest on: Fitted where the engine, such a layout and weights in such a format were measured, else Assumed.
    /// </summary>
    public Evidence Evidence { get; init; } = Evidence.Assumed;

    /// <summary><see cref="UsdPerHourTotal"/> as it is computed.</summary>
    internal double? Cost => InstanceCount * UsdPerHour;

    /// <summary>Whether it keeps all objectives, and costs more than the budget.</summary>
    internal bool ExceedsBudget { get; init; }

    /// <summary>The least time that the hardware allows for the job.</summary>
    public double? FloorSeconds { get; init; }

    /// <summary>Whether the prediction is faster than the hardware allows, and so wrong.</summary>
    public bool BreaksPhysicalFloor { get; init; }

    public required bool Feasible { get; init; }

    public required bool MeetsSlo { get; init; }

    /// <summary>
    /// Whether the objectives hold even at the slow end of the bounds: measured times exceed it in one case of ten. False with
    /// models that have no bounds.
    /// </summary>
    public bool MeetsSloWithinBounds { get; init; }

    /// <summary>Why the instance is not ranked; null where it is.</summary>
    public string? RejectionReason { get; init; }

    /// <summary>Why it is ranked where it is: what the first does better than the second, and each other worse than the first.</summary>
    public string? Explanation { get; internal set; }

    public override string ToString() =>
        FormattableString.Invariant($"{Instance}: {TokensPerSecond:0.00} tokens/s, {UsdPerHourTotal:0.00} USD/h");
}
