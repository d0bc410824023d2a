using LlmOps.Core.Hardware;

namespace LlmOps.Core.Planning;

/// <summary>One instance, evaluated for a job.</summary>
public sealed class InstanceEvaluation
{
    internal InstanceEvaluation()
    {
    }

    /// <summary>Place in the ranking from 1 on; null for an instance that cannot run the job or misses the SLO.</summary>
    public int? Rank { get; internal set; }

    /// <summary>Name of the instance; the GPU's for the configurations that InferSave published.</summary>
    public required string Instance { get; init; }

    public string? Provider { get; init; }

    public string? Region { get; init; }

    public required string Gpu { get; init; }

    public required int GpuCount { get; init; }

    /// <summary>GPUs that one copy of the model is divided over.</summary>
    public int TensorParallelSize { get; init; } = 1;

    /// <summary>Copies of the model on the instance, which share the batch.</summary>
    public int DataParallelSize { get; init; } = 1;

    public required string ModelName { get; init; }

    public required string PerformanceModel { get; init; }

    public required string Quantization { get; init; }

    public required long BatchSize { get; init; }

    public required long InputLength { get; init; }

    public required long OutputLength { get; init; }

    /// <summary>Weights over all GPUs of one copy, decimal GB.</summary>
    public double WeightsGB { get; init; }

    /// <summary>KV cache of the whole batch, decimal GB.</summary>
    public double KvCacheGB { get; init; }

    /// <summary>Share of the KV cache kept in host memory, 0 to 1.</summary>
    public double OffloadRatio { get; init; }

    public double PrefillSeconds { get; init; }

    public double DecodeSeconds { get; init; }

    public double TotalSeconds { get; init; }

    /// <summary>
    /// Throughput as the performance model counts it: generated tokens with Roofline, prompt and generated tokens with
    /// InferSave; see <see cref="TokensCounted"/>.
    /// </summary>
    public double TokensPerSecond { get; init; }

    /// <summary>The throughput that measurements of this kind of model come down to; null where none were compared.</summary>
    public double? TokensPerSecondLow { get; init; }

    /// <summary>The throughput at the physical floor: no server can be faster.</summary>
    public double TokensPerSecondHigh { get; init; }

    /// <summary><c>Output</c> or <c>InputAndOutput</c>.</summary>
    public required string TokensCounted { get; init; }

    /// <summary>Generated tokens a second.</summary>
    public double OutputTokensPerSecond { get; init; }

    public double UsdPerHour { get; init; }

    /// <summary>The day of the price; null where its source is not dated.</summary>
    public DateOnly? PriceDate { get; init; }

    /// <summary>Days since <see cref="PriceDate"/>, now.</summary>
    public int? PriceAgeDays => PriceAge.Days(PriceDate);

    public required string PriceSource { get; init; }

    /// <summary>Tokens for a USD at the throughput that is asked for: the SLO, or the instance's own without one.</summary>
    public double CostEfficiency { get; init; }

    /// <summary>USD for a million tokens, counted like <see cref="TokensPerSecond"/>, at the instance's own throughput.</summary>
    public double UsdPerMillionTokens { get; init; }

    /// <summary>What decoding is bound by.</summary>
    public string? Bottleneck { get; init; }

    /// <summary>The least time that the hardware allows for the job.</summary>
    public double FloorSeconds { get; init; }

    /// <summary>Whether the prediction is faster than the hardware allows, and so wrong.</summary>
    public bool BreaksPhysicalFloor { get; init; }

    public required bool Feasible { get; init; }

    public required bool MeetsSlo { get; init; }

    /// <summary>Why the instance is not ranked; null where it is.</summary>
    public string? RejectionReason { get; init; }

    public override string ToString() =>
        FormattableString.Invariant($"{Instance}: {TokensPerSecond:0.00} tokens/s, {UsdPerHour:0.00} USD/h");
}
