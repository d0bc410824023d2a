using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance;

/// <summary>Estimates what users of a served model wait for, and what the GPUs deliver.</summary>
public static class PerformanceEstimator
{
    /// <summary>
    /// How many times slower than vLLM's, at the most, a step of Hugging Face transformers is taken to be: the same kernels, but
    /// launched one by one from Python, and sequences padded to one length. No measurement supports it yet.
    /// </summary>
    internal const double TransformersSlowdown = 3;

    /// <summary>Requests of an attention rank that run at once, up to which the fit has measurements.</summary>
    private const double MostRunningOfFit = 512;

    /// <summary>
    /// How many times slower than what their data sheets make of the fit GPUs of other vendors are taken to be at the most, beyond the
    /// bounds of an unknown GPU: Llama-3.1-405B in FP8 on MI300X was 1.6 times slower at the median, 2.5 at worst
    /// (dstackai/benchmarks, vLLM 0.6.4).
    /// </summary>
    internal const double OtherVendorSlowdown = 2;

    /// <exception cref="LlmOpsException">The request is out of bounds or contradicts itself.</exception>
    public static PerformanceEstimate Estimate(in PerformanceEstimateRequest request)
    {
        request.Validate();
        return Times(request) is { } estimated
            ? new PerformanceEstimate(request, estimated.Running, estimated.Times)
            : new PerformanceEstimate(request, 0, null);
    }

    /// <summary>The requests of a copy that run at once, and their times; null where the model does not fit.</summary>
    internal static (double Running, PerformanceTimes Times)? Times(in PerformanceEstimateRequest request)
    {
        MemoryRequest memory = request.Memory;
        if (!ServingRoom.Starts(memory))
        {
            return null;
        }

        double running = Running(request, memory);
        return (running, Compute(request, running));
    }

    /// <summary>The engine whose coefficients are used; that of another for an engine without.</summary>
    internal static string FittedEngine(Engine engine) => EnumNames.Of(IsFitted(engine) ? engine : Engine.vLLM);

    internal static bool IsFitted(Engine engine) => engine is Engine.vLLM or Engine.SGLang or Engine.TensorRtLlm;

    /// <summary>The deployment as the step-time model sees it, with that many running requests of a copy.</summary>
    internal static StepTimeCase CaseOf(in PerformanceEstimateRequest request, double running)
    {
        MemoryRequest memory = request.Memory;
        return new StepTimeCase(memory.Model, memory.EffectiveQuantization, memory.Gpu!, FittedEngine(memory.Engine))
        {
            TensorRanks = memory.Parallelism.Tensor,
            AttentionRanks = request.AttentionRanks,
            Stages = memory.Parallelism.Pipeline,
            DividesExperts = memory.Parallelism.Expert > 1,
            CacheElementBytes = KvCacheMemory.ElementBytes(memory),
            Users = memory.BatchSize * request.AttentionRanks,
            Running = running,
            InputLength = request.InputLength,
            OutputLength = request.OutputLength,
            PredictsAhead = request.MultiTokenPrediction,
            InterruptsAnswers = memory.Engine == Engine.vLLM
                && running < memory.BatchSize * request.AttentionRanks
                && !(running / request.AttentionRanks >= EngineMemory.Of(memory.Engine).MostSequences(memory)),
        };
    }

    /// <summary>The times for that many running requests of a copy.</summary>
    internal static PerformanceTimes Compute(in PerformanceEstimateRequest request, double running)
    {
        MemoryRequest memory = request.Memory;
        GpuSpec gpu = memory.Gpu!;
        StepTimeCase c = CaseOf(request, running);
        Workload workload = new(memory.Model, (long)Math.Max(1, running), request.InputLength, request.OutputLength)
        {
            Quantization = c.Quantization,
            KvCacheDataType = memory.KvCacheDataType != KvCacheDataType.Auto ? memory.KvCacheDataType : c.CacheElementBytes switch
            {
                <= 1 => KvCacheDataType.FP8,
                <= 2 => KvCacheDataType.FP16,
                _ => KvCacheDataType.FP32,
            },
        };
        long users = memory.BatchSize * request.AttentionRanks;
        bool isLlamaCpp = memory.Engine == Engine.LlamaCpp;
        StepTimeParts parts = isLlamaCpp
            ? LlamaCppTime.Predict(memory, workload with { BatchSize = users }, running)
            : StepTimeModel.Predict(c, request.Calibration?.Coefficients?.Data ?? StepTimeData.Instance);
        int gpus = memory.Parallelism.Tensor * request.AttentionRanks * memory.Parallelism.Pipeline;
        PhysicalFloor job = PhysicalFloor.Of(workload, gpu, gpus);
        Workload prompt = workload with { BatchSize = 1, OutputLength = 1 };
        long steps = request.OutputLength - 1;
        double promptFloor = 1000 * PhysicalFloor.Of(prompt, gpu, gpus).PrefillSeconds;
        double decodeFloor = steps == 0 ? 0 : 1000 * job.DecodeSeconds / steps / parts.TokensPerStep;

        // During an answer each other user's prompt comes up once. Prompts share passes over the weights, so that each takes its
        // operations at least. A request that must queue waits for whole answers.
        double promptWork = 1000 * ModelWork.PrefillOperations(prompt) / Rates.Peak(prompt, gpu, gpus).OperationsPerSecond;
        double others = promptWork * Math.Max(running - 1, 0) / request.OutputLength;
        double tokenFloor = steps == 0 ? 0 : decodeFloor + others;
        double queueFloor = Math.Max((users / running) - 1, 0) * (promptFloor + others + (steps * tokenFloor));
        double firstFloor = promptFloor + others + ((1 - parts.InterruptedShare) * queueFloor);
        tokenFloor += steps == 0 ? 0 : parts.InterruptedShare * queueFloor / steps;
        PerformanceTimes times = new(
            parts,
            Math.Max(tokenFloor, parts.TimePerOutputToken),
            Math.Max(firstFloor, parts.TimeToFirstToken),
            decodeFloor,
            isLlamaCpp ? LlamaCppTime.Bounds(gpu, running) : Bounds(c, memory.Engine))
        {
            TokenFloorMs = tokenFloor,
            FirstTokenFloorMs = firstFloor,
            PromptFloorMs = promptFloor,
        };
        return request.Calibration is { } calibration ? calibration.Apply(request, times) : times;
    }

    /// <summary>Requests of a copy that run at once: all of its users', or as many as there is room for.</summary>
    private static double Running(in PerformanceEstimateRequest request, in MemoryRequest memory) =>
        request.AttentionRanks * Math.Min(memory.BatchSize, Math.Max(1, Room(request, memory)));

    /// <summary>
    /// Requests of an attention rank that the KV pool and the engine's limit have room for. vLLM and SGLang hold what a sequence has
    /// come to, half its output on average; TensorRT-LLM and llama.cpp set its end aside, and transformers pads batches to it.
    /// </summary>
    internal static double Room(in PerformanceEstimateRequest request, in MemoryRequest memory)
    {
        long held = request.InputLength
            + (memory.Engine is Engine.vLLM or Engine.SGLang ? (request.OutputLength + 1) / 2 : request.OutputLength);
        return Math.Min(ServingRoom.Sequences(memory, held), EngineMemory.Of(memory.Engine).MostSequences(memory));
    }

    /// <param name="c">The deployment, by the coefficients of the engine that stands for its own.</param>
    /// <param name="engine">Its own.</param>
    private static StepTimeBounds Bounds(in StepTimeCase c, Engine engine)
    {
        StepTimeData data = StepTimeData.Instance;
        GpuSpec gpu = c.Gpu;
        string gpuKey = data.KeyOf(gpu);
        PrecisionClass precision = StepTimeShape.Of(c.Model, c.Quantization).Precision;
        bool knowsEngine = IsFitted(engine);
        bool isKnown = knowsEngine && data.CorrectionsOf(c.Model.Name, c.Engine, gpuKey, precision).IsMeasured;
        StepTimeBounds bounds = data.BoundsWithout(isKnown ? "known" : "combination");
        if (!isKnown && data.FamilyOf(c.Model.Name) is null)
        {
            bounds = bounds.Or(data.BoundsWithout("family"));
        }

        if (gpuKey.Length == 0)
        {
            bounds = bounds.Or(data.BoundsWithout("gpu"));
        }

        if (c.Running / c.AttentionRanks > MostRunningOfFit)
        {
            bounds = bounds.Or(data.BoundsWithout("load"));
        }

        if (!WeightKernels.IsVendorMeasured(gpu))
        {
            bounds = Slower(bounds, OtherVendorSlowdown);
        }

        if (!knowsEngine)
        {
            bounds = bounds.Or(Slower(data.BoundsWithout("engine"), TransformersSlowdown));
        }

        return bounds;
    }

    /// <summary>Bounds of what may be so many times slower.</summary>
    private static StepTimeBounds Slower(in StepTimeBounds bounds, double factor) => new(
        bounds.TimePerOutputToken with { High = bounds.TimePerOutputToken.High * factor },
        bounds.TimeToFirstToken with { High = bounds.TimeToFirstToken.High * factor },
        bounds.TokensPerSecond with { Low = bounds.TokensPerSecond.Low / factor });
}

/// <summary>Times of one copy, and what they are made of.</summary>
/// <param name="Parts">As the formulas have them.</param>
/// <param name="TimePerOutputTokenMs">Their sum, or what hardware needs at least.</param>
/// <param name="TimeToFirstTokenMs">The same.</param>
/// <param name="DecodeFloorMs">The least time of a token without other users' prompts.</param>
/// <param name="Bounds">Measured over predicted.</param>
internal sealed record PerformanceTimes(
    StepTimeParts Parts,
    double TimePerOutputTokenMs,
    double TimeToFirstTokenMs,
    double DecodeFloorMs,
    StepTimeBounds Bounds)
{
    /// <summary>The least time of a token, other users' prompts included.</summary>
    public double TokenFloorMs { get; init; }

    /// <summary>The least time to the first token under the load.</summary>
    public double FirstTokenFloorMs { get; init; }

    /// <summary>The least time of one prompt alone.</summary>
    public double PromptFloorMs { get; init; }

    /// <summary>What a calibration adds to the time per output token; 0 without one.</summary>
    public double TokenCalibrationMs { get; init; }

    /// <summary>The same for the time to the first token.</summary>
    public double FirstTokenCalibrationMs { get; init; }
}
