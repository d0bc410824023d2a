using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Calibration;

/// <summary>What users of a server were measured to wait for under a steady load, with the request that estimates the same.</summary>
public sealed class TimeMeasurement
{
    // A time beyond an hour is no waiting time of a user.
    private const double LongestMs = 3.6e6;

    // Of the time of a request, so much may be an estimate where the rest is taken for measured.
    private const double MostEstimatedShare = 0.25;

    private TimeMeasurement(
        MeasurementRow row, MeasurementRow? defaults, in PerformanceEstimateRequest request, double running, PerformanceTimes times)
    {
        Place = row.Place;
        EngineVersion = row.Text(MeasurementColumn.EngineVersion) ?? defaults?.Text(MeasurementColumn.EngineVersion);
        Request = request;
        Running = running;
        Times = times;
    }

    /// <summary>Where it stands: a line of a file, or a place in the pipeline.</summary>
    public string Place { get; }

    public string? EngineVersion { get; }

    public PerformanceEstimateRequest Request { get; }

    /// <summary>In milliseconds; null where it was not measured.</summary>
    public double? TimeToFirstTokenMs { get; private init; }

    /// <summary>In milliseconds; null where it was not measured.</summary>
    public double? TimePerOutputTokenMs { get; private init; }

    /// <summary>Whether the time of a token was computed from throughput less the estimated time to the first token.</summary>
    public bool IsFromThroughput { get; private init; }

    internal double Running { get; }

    /// <summary>As they are estimated without calibration.</summary>
    internal PerformanceTimes Times { get; }

    /// <param name="row">What was measured.</param>
    /// <param name="defaults">What holds where the row does not say; a model or GPU also where the row's is not known.</param>
    /// <param name="resolvePath">Turns a path of the user's shell into one of the file system; null where it is one.</param>
    /// <exception cref="LlmOpsException">
    /// The row lacks something, has values that cannot be, or was faster than the hardware allows.
    /// </exception>
    public static TimeMeasurement Of(MeasurementRow row, MeasurementRow? defaults = null, Func<string, string>? resolvePath = null)
    {
        PerformanceEstimateRequest request = RequestOf(row, defaults, resolvePath);
        try
        {
            request.Validate();
        }
        catch (LlmOpsException e)
        {
            throw row.Wrong(e.Message, e, e.ErrorId);
        }

        if (PerformanceEstimator.Times(request with { Calibration = null }) is not { } estimated)
        {
            MemoryRequest deployment = request.Deployment;
            throw row.Wrong(
                $"{deployment.Model.Name} in {deployment.EffectiveQuantization.Name} does not fit {deployment.Parallelism.Tensor * deployment.Parallelism.Pipeline} x "
                + $"{deployment.Gpu!.Name}, so that something else was measured; check TensorParallelSize, PipelineParallelSize, Quantization and Gpu.");
        }

        (double running, PerformanceTimes times) = estimated;
        double? first = Milliseconds(row, MeasurementColumn.TtftMs, MeasurementColumn.TtftSeconds);

        // With one token there is no time between tokens; benchmarks write 0.
        double? token = request.OutputLength == 1 ? null : Milliseconds(row, MeasurementColumn.TpotMs, MeasurementColumn.TpotSeconds);
        bool isFromThroughput = false;
        if (token is null && row.Number(MeasurementColumn.TokensPerSecond, 1e-6, 1e9) is { } tokensPerSecond)
        {
            (first, token, isFromThroughput) = FromThroughput(row, request, times, first, tokensPerSecond);
        }

        if (first is null && token is null)
        {
            throw row.Lacks("there is no time: give TtftMs or TpotMs (milliseconds), or TokensPerSecond.",
                MeasurementColumn.TtftMs, MeasurementColumn.TpotMs, MeasurementColumn.TokensPerSecond);
        }

        Check(row, first, times.PromptFloorMs, "prompts that were cached are not estimated",
            MeasurementColumn.TtftMs, MeasurementColumn.TtftSeconds, MeasurementColumn.TokensPerSecond);
        Check(row, token, times.DecodeFloorMs, FormattableString.Invariant(
                $"the estimate takes {running:0.#} requests to run at once, without speculative decoding"),
            MeasurementColumn.TpotMs, MeasurementColumn.TpotSeconds, MeasurementColumn.TokensPerSecond);
        return new TimeMeasurement(row, defaults, request, running, times)
        {
            TimeToFirstTokenMs = first,
            TimePerOutputTokenMs = token,
            IsFromThroughput = isFromThroughput,
        };
    }

    public override string ToString() => FormattableString.Invariant(
        $"{Place}: {Request.Deployment.Model.Name} on {Request.Deployment.Gpu?.Name}: {TimeToFirstTokenMs:0.##} ms, then {TimePerOutputTokenMs:0.###} ms a token");

    private static void Check(MeasurementRow row, double? measured, double floor, string unless, params MeasurementColumn[] columns)
    {
        if (measured < floor)
        {
            throw row.Wrong(Array.Find(columns, column => row[column] is not null), FormattableString.Invariant(
                $"stands for {measured:0.######} ms, and the hardware allows no less than {floor:0.####} ms (bytes over bandwidth, operations over peak). Is it in seconds, or of another model, GPU or batch? Note that ")
                + unless, id: "MeasurementBelowFloor");
        }
    }

    private static double? Milliseconds(MeasurementRow row, MeasurementColumn inMs, MeasurementColumn inSeconds) =>
        row.Number(inMs, 1e-6, LongestMs) ?? (1000 * row.Number(inSeconds, 1e-9, LongestMs / 1000));

    /// <summary>What throughput says about a token, less the time to the first one; of that one where there is no other.</summary>
    private static (double? First, double? Token, bool IsFromThroughput) FromThroughput(
        MeasurementRow row, in PerformanceEstimateRequest request, PerformanceTimes times, double? first, double tokensPerSecond)
    {
        double users = (double)request.Deployment.BatchSize * request.AttentionRanks * request.Copies;
        double whole = 1000 * users * request.OutputLength / tokensPerSecond;
        if (request.OutputLength == 1)
        {
            return (first ?? whole, null, first is null);
        }

        double start = first ?? times.TimeToFirstTokenMs;
        if (first is null && start > MostEstimatedShare * whole)
        {
            throw row.Wrong(FormattableString.Invariant(
                $"{tokensPerSecond:0.##} tokens a second are {whole:0} ms a request, of which an estimated {start:0} ms pass before the first token: that leaves too little measured. Give TtftMs or TpotMs too."));
        }

        return whole > start
            ? (first, (whole - start) / (request.OutputLength - 1), first is null)
            : throw row.Wrong(FormattableString.Invariant(
                $"{tokensPerSecond:0.##} tokens a second of {users:0} users are {whole:0} ms a request, less than the {start:0} ms to its first token; is BatchSize right?"));
    }

    private static PerformanceEstimateRequest RequestOf(MeasurementRow row, MeasurementRow? defaults, Func<string, string>? resolvePath)
    {
        const int mostRanks = 4096;
        LlmModel model = Resolve(row, defaults, MeasurementColumn.Model, value =>
            value as LlmModel ?? ModelSource.Resolve(TextOf(value), resolvePath));
        GpuSpec gpu = Resolve(row, defaults, MeasurementColumn.Gpu, value => value as GpuSpec ?? GpuCatalog.Get(TextOf(value)));
        Parallelism parallelism = new(
            (int)(Whole(MeasurementColumn.TensorParallelSize, mostRanks) ?? 1),
            (int)(Whole(MeasurementColumn.PipelineParallelSize, mostRanks) ?? 1),
            (int)(Whole(MeasurementColumn.ExpertParallelSize, mostRanks) ?? 1),
            (int)(Whole(MeasurementColumn.DataParallelSize, mostRanks) ?? 1));
        MemoryRequest deployment = new(model)
        {
            Gpu = gpu,
            Engine = EngineOf(row, defaults),
            Quantization = Source(row, defaults, MeasurementColumn.Quantization) is { } stored
                ? Parsed(stored, MeasurementColumn.Quantization, Quantization.Parse) : null,
            KvCacheDataType = Source(row, defaults, MeasurementColumn.KvCacheDataType) is { } cached
                ? Named<KvCacheDataType>(cached, MeasurementColumn.KvCacheDataType) : KvCacheDataType.Auto,
            Parallelism = parallelism,
            GpuMemoryUtilization = row.Number(MeasurementColumn.GpuMemoryUtilization, 0.01, 1)
                ?? defaults?.Number(MeasurementColumn.GpuMemoryUtilization, 0.01, 1),
            MaxSequences = Whole(MeasurementColumn.MaxSequences, MemoryRequest.MaximumBatchSize),
        };
        PerformanceEstimateRequest request = new(
            deployment, Length(MeasurementColumn.InputLength), Length(MeasurementColumn.OutputLength));
        return request with { Deployment = deployment with { BatchSize = BenchmarkLoad.BatchSize(row, defaults, request) } };

        long? Whole(MeasurementColumn column, long most) => row.Whole(column, 1, most) ?? defaults?.Whole(column, 1, most);

        long Length(MeasurementColumn column) => row.Whole(column, 1, MemoryRequest.MaximumSequenceLength)
            ?? BenchmarkLoad.MeanLength(row, column)
            ?? defaults?.Whole(column, 1, MemoryRequest.MaximumSequenceLength)
            ?? throw row.Lacks($"there is no {column}.", column);
    }

    /// <summary>A model or GPU that the row names, or what is given for rows that name none or one that is not known.</summary>
    private static T Resolve<T>(MeasurementRow row, MeasurementRow? defaults, MeasurementColumn column, Func<object, T> resolve)
    {
        object? given = defaults?[column];
        object? named = row[column] is string ? row.NameIn(column) : row[column];
        if (named is null)
        {
            return given is not null ? resolve(given) : throw row.Lacks($"there is no {column}; give it with {column}.", column);
        }

        try
        {
            return resolve(named);
        }
        catch (LlmOpsException e) when (e.Kind == ErrorKind.NotFound)
        {
            return given is not null ? resolve(given) : throw row.Wrong($"column {column}: {e.Message}", e, e.ErrorId);
        }
    }

    private static string TextOf(object value) => value as string ?? value.ToString() ?? "";

    private static MeasurementRow? Source(MeasurementRow row, MeasurementRow? defaults, MeasurementColumn column) =>
        row[column] is not null ? row : defaults?[column] is not null ? defaults : null;

    private static T Parsed<T>(MeasurementRow source, MeasurementColumn column, Func<string, T> parse)
    {
        string name = source.NameIn(column)!;
        try
        {
            return parse(name);
        }
        catch (LlmOpsException e)
        {
            throw source.Wrong($"column {column}: {e.Message}", e, e.ErrorId);
        }
    }

    private static T Named<T>(MeasurementRow source, MeasurementColumn column)
        where T : struct, Enum => EnumNames.Find(typeof(T), source.NameIn(column)!) is T found
        ? found
        : throw source.Wrong(column, $"is none of {string.Join(", ", EnumNames.All(typeof(T)))}");

    /// <summary>
    /// The engine; vLLM where nothing says. Benchmark programs name the protocol that they spoke, which says the engine only where
    /// it is the engine's own.
    /// </summary>
    private static Engine EngineOf(MeasurementRow row, MeasurementRow? defaults)
    {
        if (Source(row, defaults, MeasurementColumn.Engine) is not { } source)
        {
            return Engine.vLLM;
        }

        string text = NameMatcher.Canonical(source.NameIn(MeasurementColumn.Engine)!);
        Engine? spoken = text.StartsWith("sglang", StringComparison.Ordinal) ? Engine.SGLang
            : text.StartsWith("vllm", StringComparison.Ordinal) ? Engine.vLLM
            : text is "trt" or "trtllm" ? Engine.TensorRtLlm
            : null;
        return spoken ?? (!text.StartsWith("openai", StringComparison.Ordinal) ? Named<Engine>(source, MeasurementColumn.Engine)
            : defaults?[MeasurementColumn.Engine] is not null && source != defaults ? EngineOf(defaults, null)
            : Engine.vLLM);
    }
}
