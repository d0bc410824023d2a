using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>
/// The parameters that describe how a model is run, and their sweep: each list is an axis, and each combination one
/// request.
/// </summary>
public abstract class MemoryRequestCmdlet : DeploymentCmdlet
{
    private const long DefaultSequenceLength = 2048;

    private readonly ResolvedValues<string, Quantization> _quantizations;
    private readonly ResolvedValues<GpuReference, GpuSpec> _gpus;
    private MemoryCalibration? _calibration;
    private bool _isCalibrated = true;

    protected MemoryRequestCmdlet()
    {
        _quantizations = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _gpus = new(gpus => ResolveEach(gpus, gpu => gpu.Resolve()));
    }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(EngineVersionCompleter))]
    public string[]? EngineVersion { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[]? Gpu { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("NGL")]
    [Converted(typeof(int))]
    public int[]? GpuLayers { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(FlashAttention))]
    public FlashAttention[]? FlashAttention { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? SequenceLength { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long?), IsSingle = true)]
    public long? MaxModelLength { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? MaxBatchedTokens { get; set; }

    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(CalibrationNameCompleter))]
    public CalibrationReference? Calibration { get; set; }

    /// <summary>Completes a request with what the cmdlet alone knows.</summary>
    protected virtual MemoryRequest Complete(MemoryRequest request) => request;

    /// <summary>Adds the axes that the cmdlet alone has; they vary next to slowest.</summary>
    protected virtual Sweep<MemoryRequest> AddAxes(Sweep<MemoryRequest> sweep) => sweep;

    /// <summary>Computes and writes the result for one combination.</summary>
    protected abstract void WriteResult(MemoryRequest request);

    protected override void BeginProcessing() =>
        _isCalibrated = Try(() => _calibration = Calibration?.Resolve<MemoryCalibration>(ResolveLiteralPath));

    protected override void ProcessRecord()
    {
        // Without the calibration that was asked for there is nothing to estimate; that is said once.
        if (!_isCalibrated)
        {
            return;
        }

        IReadOnlyList<Quantization>? quantizations = _quantizations.Of(Quantization);
        IReadOnlyList<GpuSpec>? gpus = _gpus.Of(Gpu);
        if (quantizations is { Count: 0 } || gpus is { Count: 0 })
        {
            return;
        }

        IReadOnlyList<long>? lengths = null;
        if (!Try(() => lengths = Lengths()) || lengths is { Count: 0 })
        {
            return;
        }

        foreach (LlmModel model in ResolveModels(Model))
        {
            Try(() =>
            {
                foreach (MemoryRequest request in Combinations(model, quantizations, gpus, lengths).Enumerate())
                {
                    StopToken.ThrowIfCancellationRequested();
                    WarnOfContext(request.Model, request.SequenceLength);
                    Try(() => WriteResult(request));
                }
            });
        }
    }

    private Sweep<MemoryRequest> Combinations(
        LlmModel model,
        IReadOnlyList<Quantization>? quantizations,
        IReadOnlyList<GpuSpec>? gpus,
        IReadOnlyList<long>? lengths)
    {
        MemoryRequest seed = Complete(new MemoryRequest(model)
        {
            SequenceLength = MaxModelLength is > 0 ? MaxModelLength.Value : Math.Min(DefaultSequenceLength, model.ContextLength),
            MaxModelLength = MaxModelLength,
            Calibration = _calibration,
        });
        return AddAxes(new Sweep<MemoryRequest>(seed)
                .Over(Engine, (r, reference) => r with { Engine = reference.Engine })
                .Over(EngineVersion, (r, version) => r with { EngineVersion = version }))
            .Over(quantizations, (r, quantization) => r with { Quantization = quantization })
            .Over(KvCacheDataType, (r, type) => r with { KvCacheDataType = type })
            .Over(gpus, (r, gpu) => r with { Gpu = gpu })
            .Over(GpuLayers, (r, layers) => r with { GpuLayers = layers })
            .Over(FlashAttention, (r, flash) => r with { FlashAttention = flash })
            .Over(TensorParallelSize, (r, size) => r with { Parallelism = r.Parallelism with { Tensor = size } })
            .Over(PipelineParallelSize, (r, size) => r with { Parallelism = r.Parallelism with { Pipeline = size } })
            .Over(ExpertParallelSize, (r, size) => r with { Parallelism = r.Parallelism with { Expert = size } })
            .Over(DataParallelSize, (r, size) => r with { Parallelism = r.Parallelism with { Data = size } })
            .Over(GpuMemoryUtilization, (r, share) => r with { GpuMemoryUtilization = share })
            .Over(MaxSequences, (r, sequences) => r with { MaxSequences = sequences })
            .Over(MaxBatchedTokens, (r, tokens) => r with { MaxBatchedTokens = tokens })
            .Over(BatchSize, (r, batch) => r with { BatchSize = batch })
            .Over(lengths, (r, length) => r with { SequenceLength = length });
    }

    /// <summary>Sequence lengths as given, or the sums of input and output lengths; bad ones are written as errors.</summary>
    private IReadOnlyList<long>? Lengths()
    {
        if (MaxModelLength == MemoryRequest.LongestThatFits && (SequenceLength ?? InputLength ?? OutputLength) is not null)
        {
            throw new LlmOpsException("ParametersExcludeEachOther", ErrorKind.InvalidArgument,
                "MaxModelLength -1 finds the length; leave SequenceLength, InputLength and OutputLength out.", MaxModelLength);
        }

        if (InputLength is null && OutputLength is null)
        {
            return SequenceLength;
        }

        if (SequenceLength is not null)
        {
            throw ErrorRecords.Ambiguous("SequenceLength", "InputLength with OutputLength");
        }

        List<long> lengths = [];
        foreach (long input in InputLength ?? [0])
        {
            foreach (long output in OutputLength ?? [0])
            {
                Try(() => lengths.Add(
                    Guard.InRange(input, 0, MemoryRequest.MaximumSequenceLength, nameof(InputLength))
                    + Guard.InRange(output, 0, MemoryRequest.MaximumSequenceLength, nameof(OutputLength))));
            }
        }

        return lengths;
    }
}
