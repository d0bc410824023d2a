using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Performance;

/// <summary>
/// What users of a served model wait for, and what its GPUs deliver, under a steady load of users who each have one request at a
/// time. Times are null where the model does not fit.
/// </summary>
public sealed class PerformanceEstimate
{
    private readonly PerformanceEstimateRequest _request;
    private readonly PerformanceTimes? _times;
    private readonly double _running;
    private IReadOnlyList<PerformanceTerm>? _terms;
    private string? _remedy;

    internal PerformanceEstimate(in PerformanceEstimateRequest request, double running, PerformanceTimes? times)
    {
        _request = request;
        _running = running;
        _times = times;
    }

    public string ModelName => Deployment.Model.Name;

    public LlmModel Model => Deployment.Model;

    /// <summary>The engine's name as users write it: <c>vLLM</c>, <c>TensorRT-LLM</c>.</summary>
    public string Engine => EnumNames.Of(Deployment.Engine);

    public string Gpu => Deployment.Gpu!.Name;

    /// <summary>GPUs of all ranks and copies together.</summary>
    public int GpuCount => CopyGpus * _request.Copies;

    public string Quantization => Deployment.EffectiveQuantization.Name;

    public string KvCacheDataType => Deployment.KvCacheDataType.ToString();

    /// <summary>Users of one copy; with more expert-parallel than tensor-parallel ranks, of each attention rank.</summary>
    public long BatchSize => Deployment.BatchSize;

    public long InputLength => _request.InputLength;

    public long OutputLength => _request.OutputLength;

    public int TensorParallelSize => Deployment.Parallelism.Tensor;

    public int PipelineParallelSize => Deployment.Parallelism.Pipeline;

    public int ExpertParallelSize => Deployment.Parallelism.Expert;

    public int DataParallelSize => Deployment.Parallelism.Data;

    public double GpuMemoryUtilization => Deployment.EffectiveUtilization;

    /// <summary>
    /// Whether the server starts: the weights and one whole sequence fit, with vLLM one of the greatest length that it is to accept.
    /// Users' requests that it has no room for wait (<see cref="RunningBatch"/>); whether all are held at once is what
    /// <see cref="MemoryEstimate.Fits"/> says.
    /// </summary>
    public bool Fits => _times is not null;

    /// <summary>The least change that makes it fit; null where it does.</summary>
    public string? Remedy => Fits ? null : _remedy ??= MemoryRemedy.Find(_request.Memory with { BatchSize = 1 });

    /// <summary>Requests that run at once in one copy: all users', or what the KV pool and the engine's limit hold of them. The others queue.</summary>
    public double? RunningBatch => Fits ? _running : null;

    /// <summary>From sending a request to its first token, on average.</summary>
    public double? TimeToFirstTokenMs => _times?.TimeToFirstTokenMs;

    public double? TimeToFirstTokenLowMs => _times?.TimeToFirstTokenMs * _times?.Bounds.TimeToFirstToken.Low;

    public double? TimeToFirstTokenHighMs => _times?.TimeToFirstTokenMs * _times?.Bounds.TimeToFirstToken.High;

    /// <summary>From one token of an answer to the next, on average.</summary>
    public double? TimePerOutputTokenMs => _times?.TimePerOutputTokenMs;

    public double? TimePerOutputTokenLowMs => _times?.TimePerOutputTokenMs * _times?.Bounds.TimePerOutputToken.Low;

    public double? TimePerOutputTokenHighMs => _times?.TimePerOutputTokenMs * _times?.Bounds.TimePerOutputToken.High;

    /// <summary>The time to the first token in seconds, what a request waits for included.</summary>
    public double? PrefillSeconds => TimeToFirstTokenMs / 1000;

    /// <summary>All tokens of an answer but the first.</summary>
    public double? DecodeSeconds => TimePerOutputTokenMs * (OutputLength - 1) / 1000;

    /// <summary>From sending a request to the end of its answer.</summary>
    public double? TotalSeconds => PrefillSeconds + DecodeSeconds;

    /// <summary>Output tokens of all users and copies in a second.</summary>
    public double? TokensPerSecond => Users * OutputLength / TotalSeconds;

    public double? TokensPerSecondLow => TokensPerSecond * _times?.Bounds.TokensPerSecond.Low;

    public double? TokensPerSecondHigh => TokensPerSecond * _times?.Bounds.TokensPerSecond.High;

    /// <summary>Output tokens of one user in a second, waiting included.</summary>
    public double? TokensPerSecondPerUser => OutputLength / TotalSeconds;

    /// <summary>Requests of all users and copies in a second.</summary>
    public double? RequestsPerSecond => Users / TotalSeconds;

    /// <summary>What the greatest part of the time of a token goes to; of the first token where there is no other.</summary>
    public PerformanceBottleneck? Bottleneck => _times is null ? null : PerformanceTerms.Bottleneck(_request, _times);

    /// <summary>Operations that the model needs over what the GPUs could do at their dense peak.</summary>
    public double? ModelFlopsUtilizationPercent
    {
        get
        {
            Workload one = new(Model, 1, InputLength, OutputLength) { Quantization = Deployment.EffectiveQuantization };
            GpuSpec gpu = Deployment.Gpu!;
            double peak = GpuCount * gpu.PeakTflops(one.EffectiveQuantization) * Units.FlopsPerTeraflop;
            return 100 * (ModelWork.PrefillOperations(one) + ModelWork.DecodeOperations(one)) * RequestsPerSecond / peak;
        }
    }

    /// <summary>
    /// The least time that hardware allows for a token over the estimated one: where decoding is bound by memory, the share of the
    /// bandwidth that is used.
    /// </summary>
    public double? MemoryBandwidthUtilizationPercent =>
        OutputLength > 1 ? 100 * _times?.DecodeFloorMs / _times?.TimePerOutputTokenMs : null;

    /// <summary>
    /// Energy of a million output tokens with all boards at their full power, which is an upper bound; hosts and cooling are not
    /// counted. Null for boards whose power is not known.
    /// </summary>
    public double? KilowattHoursPerMillionTokens => Deployment.Gpu!.TdpWatts is { } watts
        ? watts * GpuCount / 1000 / Units.SecondsPerHour / TokensPerSecond * Units.TokensPerMillion
        : null;

    /// <summary>The name of the calibration that the times were corrected with; null for none.</summary>
    public string? Calibration => _request.Calibration?.Name;

    /// <summary>
    /// Fitted where the engine was measured, the layout and kernels for such weights too, or the calibration is of such a
    /// deployment; Assumed for other engines, for other vendors' GPUs than NVIDIA's, for pipelines, for weights that are expanded to
    /// 16 bits, and for many sequences on llama.cpp.
    /// </summary>
    public Evidence Evidence =>
        _request.Calibration?.Covers(_request) == true
            ? Evidence.Fitted
        : Deployment.Engine == Memory.Engine.Transformers
        || (Deployment.Engine == Memory.Engine.LlamaCpp ? _running > 1 : Deployment.Parallelism.Pipeline > 1)
        || !WeightKernels.AreMeasured(Deployment)
            ? Evidence.Assumed
        : Evidence.Fitted;

    /// <summary>
    /// What of the weights' format the times do not rest on: kernels for it on that GPU are missing, expand the weights to 16 bits, or were
    /// not measured; null where they were, and where a calibration is of such a deployment.
    /// </summary>
    public string? Note => _times is null || _request.Calibration?.Covers(_request) == true ? null : WeightKernels.NoteOnTimes(Deployment);

    /// <summary>The note, where the times may not be taken for a prediction: nobody has measured such kernels, or there are none.</summary>
    internal string? Doubt => Note is { } note && WeightKernels.WhyNotTimed(Deployment) is not null ? note : null;

    /// <summary>What both times are made of; empty where the model does not fit.</summary>
    public IReadOnlyList<PerformanceTerm> Terms => _terms ??= _times is null
        ? new List<PerformanceTerm>()
        : PerformanceTerms.Explain(_request, _times, _running);

    internal PerformanceTimes? Times => _times;

    private MemoryRequest Deployment => _request.Deployment;

    private int CopyGpus => TensorParallelSize * _request.AttentionRanks * PipelineParallelSize;

    private double Users => (double)BatchSize * _request.AttentionRanks * _request.Copies;

    public override string ToString() => _times is null
        ? $"{ModelName} does not fit {Gpu}"
        : FormattableString.Invariant(
            $"{ModelName} on {GpuCount} x {Gpu}: {TimeToFirstTokenMs:0} ms, then {TimePerOutputTokenMs:0.0} ms a token");
}
