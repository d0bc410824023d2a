using System.Text.Json.Serialization;
using LlmOps.Core.Memory;

namespace LlmOps.Core.Calibration;

/// <summary>One measurement of a server's times beside what is estimated for it. Times are in milliseconds.</summary>
public sealed record TimeResidual
{
    public required string ModelName { get; init; }

    /// <summary>The engine's name as users write it.</summary>
    public required string Engine { get; init; }

    public required string Gpu { get; init; }

    public required string Quantization { get; init; }

    public string KvCacheDataType { get; init; } = "Auto";

    public int TensorParallelSize { get; init; } = 1;

    public int PipelineParallelSize { get; init; } = 1;

    public int ExpertParallelSize { get; init; } = 1;

    public int DataParallelSize { get; init; } = 1;

    public long BatchSize { get; init; } = 1;

    public long InputLength { get; init; }

    public long OutputLength { get; init; }

    /// <summary>Measured.</summary>
    public double? TimeToFirstTokenMs { get; init; }

    /// <summary>Without calibration.</summary>
    public double EstimatedTimeToFirstTokenMs { get; init; }

    /// <summary>With the calibration that was fitted to this measurement among others.</summary>
    public double? CalibratedTimeToFirstTokenMs { get; init; }

    /// <summary>With one that was fitted to the others alone.</summary>
    public double? LeftOutTimeToFirstTokenMs { get; init; }

    /// <summary>Measured.</summary>
    public double? TimePerOutputTokenMs { get; init; }

    /// <summary>Without calibration.</summary>
    public double EstimatedTimePerOutputTokenMs { get; init; }

    /// <summary>With the calibration that was fitted to this measurement among others.</summary>
    public double? CalibratedTimePerOutputTokenMs { get; init; }

    /// <summary>With one that was fitted to the others alone.</summary>
    public double? LeftOutTimePerOutputTokenMs { get; init; }

    /// <summary>Whether the time of a token was computed from throughput less the estimated time to the first token.</summary>
    public bool IsFromThroughput { get; init; }

    /// <summary>Where the measurement stands.</summary>
    public string Place { get; init; } = "";

    /// <summary>Of the prediction without this measurement; positive where too much was predicted.</summary>
    [JsonIgnore]
    public double? TimeToFirstTokenErrorPercent => 100 * ((LeftOutTimeToFirstTokenMs / TimeToFirstTokenMs) - 1);

    /// <summary>The same for the time of a token.</summary>
    [JsonIgnore]
    public double? TimePerOutputTokenErrorPercent => 100 * ((LeftOutTimePerOutputTokenMs / TimePerOutputTokenMs) - 1);

    public override string ToString() => FormattableString.Invariant(
        $"{ModelName}, batch {BatchSize}: {TimeToFirstTokenMs:0.#} ms, then {TimePerOutputTokenMs:0.00} ms a token");

    internal static TimeResidual Of(TimeMeasurement measurement)
    {
        MemoryRequest deployment = measurement.Request.Deployment;
        return new TimeResidual
        {
            ModelName = deployment.Model.Name,
            Engine = EnumNames.Of(deployment.Engine),
            Gpu = deployment.Gpu!.Name,
            Quantization = deployment.EffectiveQuantization.Name,
            KvCacheDataType = deployment.KvCacheDataType.ToString(),
            TensorParallelSize = deployment.Parallelism.Tensor,
            PipelineParallelSize = deployment.Parallelism.Pipeline,
            ExpertParallelSize = deployment.Parallelism.Expert,
            DataParallelSize = deployment.Parallelism.Data,
            BatchSize = deployment.BatchSize,
            InputLength = measurement.Request.InputLength,
            OutputLength = measurement.Request.OutputLength,
            TimeToFirstTokenMs = measurement.TimeToFirstTokenMs,
            EstimatedTimeToFirstTokenMs = measurement.Times.TimeToFirstTokenMs,
            TimePerOutputTokenMs = measurement.TimePerOutputTokenMs,
            EstimatedTimePerOutputTokenMs = measurement.Times.TimePerOutputTokenMs,
            IsFromThroughput = measurement.IsFromThroughput,
            Place = measurement.Place,
        };
    }
}
