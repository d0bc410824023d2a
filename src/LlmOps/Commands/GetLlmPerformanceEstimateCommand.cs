using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Estimates what users of a served model wait for, and what its GPUs deliver.</summary>
[Cmdlet(VerbsCommon.Get, "LlmPerformanceEstimate")]
[OutputType(typeof(PerformanceEstimate))]
public sealed class GetLlmPerformanceEstimateCommand : DeploymentCmdlet
{
    private const long DefaultInputLength = 1024;
    private const long DefaultOutputLength = 1024;

    private readonly ResolvedValues<string, Quantization> _quantizations;
    private readonly ResolvedValues<GpuReference, GpuSpec> _gpus;
    private readonly HashSet<string> _warnings = [];
    private TimeCalibration? _calibration;
    private bool _isReady = true;
    private bool _batchIsGiven;

    public GetLlmPerformanceEstimateCommand()
    {
        _quantizations = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _gpus = new(gpus => ResolveEach(gpus, gpu => gpu.Resolve()));
    }

    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[] Gpu { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? UserCount { get; set; }

    [Parameter]
    public SwitchParameter MultiTokenPrediction { get; set; }

    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(TimeCalibrationNameCompleter))]
    public CalibrationReference? Calibration { get; set; }

    protected override void BeginProcessing()
    {
        // Records of planners have both, and mean the total; what stands on the command line goes before them.
        _batchIsGiven = MyInvocation.BoundParameters.ContainsKey(nameof(BatchSize));
        _isReady = Try(() =>
        {
            if (_batchIsGiven && MyInvocation.BoundParameters.ContainsKey(nameof(UserCount)))
            {
                throw ErrorRecords.Ambiguous(nameof(BatchSize), nameof(UserCount));
            }

            _calibration = Calibration?.Resolve<TimeCalibration>(ResolveLiteralPath);
        });
    }

    protected override void ProcessRecord()
    {
        // Without the calibration that was asked for there is nothing to estimate; that is said once.
        if (!_isReady)
        {
            return;
        }

        IReadOnlyList<Quantization>? quantizations = _quantizations.Of(Quantization);
        IReadOnlyList<GpuSpec>? gpus = _gpus.Of(Gpu);
        List<long>? users = UsesUserCount
            ? [.. UserCount!.Where(users => Try(() => Guard.InRange(users, 1, MemoryRequest.MaximumBatchSize, nameof(UserCount))))]
            : null;
        if (quantizations is { Count: 0 } || gpus is null or { Count: 0 } || users is { Count: 0 })
        {
            return;
        }

        foreach (LlmModel model in ResolveModels(Model))
        {
            Try(() =>
            {
                foreach (PerformanceEstimateRequest request in Combinations(model, quantizations, gpus, users).Enumerate())
                {
                    StopToken.ThrowIfCancellationRequested();
                    WarnOfContext(model, (double)request.InputLength + request.OutputLength);
                    Try(() =>
                    {
                        PerformanceEstimate estimate = PerformanceEstimator.Estimate(request);
                        WarnOnce(WeightKernels.WarningOf(estimate));
                        foreach (string warning in _calibration?.WarningsOf(estimate) ?? [])
                        {
                            WarnOnce(warning);
                        }

                        WriteObject(estimate);
                    });
                }
            });
        }
    }

    private void WarnOnce(string? warning)
    {
        if (warning is not null && _warnings.Add(warning))
        {
            WriteWarning(warning);
        }
    }

    private bool UsesUserCount => UserCount is not null && !_batchIsGiven;

    private Sweep<PerformanceEstimateRequest> Combinations(
        LlmModel model, IReadOnlyList<Quantization>? quantizations, IReadOnlyList<GpuSpec> gpus, IReadOnlyList<long>? users)
    {
        static PerformanceEstimateRequest With(PerformanceEstimateRequest r, MemoryRequest deployment) =>
            r with { Deployment = deployment };

        static PerformanceEstimateRequest Divided(PerformanceEstimateRequest r, Parallelism parallelism) =>
            With(r, r.Deployment with { Parallelism = parallelism });

        PerformanceEstimateRequest seed = new(new MemoryRequest(model), DefaultInputLength, DefaultOutputLength)
        {
            MultiTokenPrediction = MultiTokenPrediction,
            Calibration = _calibration,
        };
        return new Sweep<PerformanceEstimateRequest>(seed)
            .Over(Engine, (r, v) => With(r, r.Deployment with { Engine = v.Engine }))
            .Over(quantizations, (r, v) => With(r, r.Deployment with { Quantization = v }))
            .Over(KvCacheDataType, (r, v) => With(r, r.Deployment with { KvCacheDataType = v }))
            .Over(gpus, (r, v) => With(r, r.Deployment with { Gpu = v }))
            .Over(TensorParallelSize, (r, v) => Divided(r, r.Deployment.Parallelism with { Tensor = v }))
            .Over(PipelineParallelSize, (r, v) => Divided(r, r.Deployment.Parallelism with { Pipeline = v }))
            .Over(ExpertParallelSize, (r, v) => Divided(r, r.Deployment.Parallelism with { Expert = v }))
            .Over(DataParallelSize, (r, v) => Divided(r, r.Deployment.Parallelism with { Data = v }))
            .Over(GpuMemoryUtilization, (r, v) => With(r, r.Deployment with { GpuMemoryUtilization = v }))
            .Over(MaxSequences, (r, v) => With(r, r.Deployment with { MaxSequences = v }))
            .Over(users is null ? BatchSize : null, (r, v) => With(r, r.Deployment with { BatchSize = v }))
            .Over(users, (r, v) => r.WithUsers(v))
            .Over(InputLength, (r, v) => r with { InputLength = v })
            .Over(OutputLength, (r, v) => r with { OutputLength = v });
    }
}
