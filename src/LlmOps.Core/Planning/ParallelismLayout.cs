using LlmOps.Core.Models;

namespace LlmOps.Core.Planning;

/// <summary>One way to divide a model over a machine's GPUs, and what it comes to. Times are null where it does not fit.</summary>
public sealed class ParallelismLayout
{
    internal ParallelismLayout()
    {
    }

    /// <summary>Place in the ranking from 1 on; null for a layout that does not work.</summary>
    public int? Rank { get; internal set; }

    public string ModelName => Model.Name;

    /// <summary>What other cmdlets take from the pipeline.</summary>
    public required LlmModel Model { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public required string Engine { get; init; }

    public required string Quantization { get; init; }

    public required string KvCacheDataType { get; init; }

    public required string Gpu { get; init; }

    /// <summary>GPUs of the machine, idle ones included.</summary>
    public required int GpuCount { get; init; }

    /// <summary>GPUs that the layout has no use for.</summary>
    public int IdleGpuCount { get; init; }

    /// <summary>In short, as <c>TP2 PP2 DP2</c>.</summary>
    public required string Layout { get; init; }

    /// <summary>Ranks that each layer's matrices are divided over.</summary>
    public required int TensorParallelSize { get; init; }

    /// <summary>Stages that the layers of a copy are divided over.</summary>
    public required int PipelineParallelSize { get; init; }

    /// <summary>Ranks that whole experts are divided over; 1 where each expert is divided over the tensor ranks.</summary>
    public required int ExpertParallelSize { get; init; }

    /// <summary>
    /// Groups of tensor ranks with sequences of their own: copies of the model, times with more expert ranks than tensor ranks the
    /// groups that run attention side by side in each copy.
    /// </summary>
    public required int DataParallelSize { get; init; }

    /// <summary>Copies of the whole model.</summary>
    public required int CopyCount { get; init; }

    /// <summary>Users of the whole machine, who each have one request at a time.</summary>
    public required long BatchSize { get; init; }

    /// <summary>The same under the name that estimators count users of all ranks together by.</summary>
    public long UserCount => BatchSize;

    public required long InputLength { get; init; }

    public required long OutputLength { get; init; }

    public double GpuMemoryUtilization { get; init; }

    /// <summary>Whether the engine starts: the weights and one whole sequence fit. Users that it has no room for wait.</summary>
    public required bool Fits { get; init; }

    /// <summary>Requests that run at once on the machine: all users', or what the KV pools hold of them. The others queue.</summary>
    public double? RunningSequences { get; init; }

    /// <summary>Weights on the fullest GPU.</summary>
    public double? WeightsGiB { get; init; }

    /// <summary>What a GPU has left for the KV cache, the mean of a copy's GPUs.</summary>
    public double? KvPoolGiB { get; init; }

    /// <summary>
    /// Memory of the fullest GPU with the KV cache of the whole sequences that it holds at once, at most its users', or of one
    /// where none fits; allowances for fragmentation and safety included.
    /// </summary>
    public double? TotalGiB { get; init; }

    /// <summary><see cref="TotalGiB"/> as a share of the GPU's memory.</summary>
    public double? UtilizationPercent { get; init; }

    /// <summary>Tokens of context that the machine's KV pools hold; null where no token adds to the cache.</summary>
    public long? KvTokenCapacity { get; init; }

    /// <summary>Whole sequences that the machine's KV pools hold at once, with the parts that are left over.</summary>
    public double? MaxConcurrency { get; init; }

    /// <summary>From sending a request to its first token, on average.</summary>
    public double? TimeToFirstTokenMs { get; init; }

    public double? TimeToFirstTokenLowMs { get; init; }

    public double? TimeToFirstTokenHighMs { get; init; }

    /// <summary>From one token of an answer to the next, on average.</summary>
    public double? TimePerOutputTokenMs { get; init; }

    public double? TimePerOutputTokenLowMs { get; init; }

    public double? TimePerOutputTokenHighMs { get; init; }

    /// <summary>From sending a request to the end of its answer.</summary>
    public double? LatencyMs { get; init; }

    /// <summary>Output tokens of all users in a second, at the pace of the fullest copy.</summary>
    public double? TokensPerSecond { get; init; }

    public double? TokensPerSecondLow { get; init; }

    public double? TokensPerSecondHigh { get; init; }

    /// <summary>The same over <see cref="GpuCount"/>.</summary>
    public double? TokensPerSecondPerGpu => TokensPerSecond / GpuCount;

    /// <summary>Share of a decoding step that goes to exchange between GPUs: latency, transfer, and hops between stages.</summary>
    public double? CommunicationPercent { get; init; }

    /// <summary>What joins the GPUs of a copy; null where each GPU has a copy of its own.</summary>
    public string? GpuLink { get; init; }

    /// <summary>Decimal GB/s of that link in one direction, nominal.</summary>
    public double? GpuLinkGBps { get; init; }

    /// <summary>Ground of the times: Assumed for pipelines, Fitted where the engine was measured and the layout too.</summary>
    public required Evidence Evidence { get; init; }

    /// <summary>What is worth knowing of this layout: copies of KV heads, padding, experts of a rank, idle GPUs, queues.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Why the layout does not work, and the nearest that does; null where it works.</summary>
    public string? RejectionReason { get; init; }

    public override string ToString() => FormattableString.Invariant($"{ModelName} on {GpuCount} x {Gpu}: {Layout}");
}
