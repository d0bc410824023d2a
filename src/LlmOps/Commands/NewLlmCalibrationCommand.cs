using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;
using LlmOps.Errors;
using LlmOps.Operations.Calibrations;

namespace LlmOps.Commands;

/// <summary>
/// Fits corrections of an engine's memory terms to what servers measured while they started, or of times to what users were
/// measured to wait for, and saves them under a name.
/// </summary>
[Cmdlet(VerbsCommon.New, "LlmCalibration", SupportsShouldProcess = true, DefaultParameterSetName = InputObjectSet)]
[OutputType(typeof(MemoryCalibration), typeof(TimeCalibration))]
public sealed class NewLlmCalibrationCommand : MeasuredStartCmdlet
{
    private const string InputObjectSet = "InputObject";
    private const string PathSet = "MeasurementPath";
    private const string LiteralPathSet = "MeasurementLiteralPath";

    private readonly List<MeasuredStart> _starts = [];
    private readonly List<TimeMeasurement> _times = [];
    private MeasurementRow? _defaults;
    private bool _isReady = true;
    private bool _hasLogs;
    private bool _hasTimes;
    private long _objectCount;

    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = InputObjectSet)]
    [ValidateNotNullOrEmpty]
    public PSObject[] InputObject { get; set; } = [];

    [Parameter(Mandatory = true, Position = 1, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] MeasurementPath { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [ValidateNotNullOrEmpty]
    public string[] MeasurementLiteralPath { get; set; } = [];

    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    [Converted(typeof(TimeCalibrationMethod), IsSingle = true)]
    public TimeCalibrationMethod Method { get; set; }

    [Parameter]
    [Converted(typeof(Engine?), IsSingle = true)]
    [ArgumentCompleter(typeof(EngineCompleter))]
    public EngineReference? Engine { get; set; }

    [Parameter]
    [ArgumentCompleter(typeof(EngineVersionCompleter))]
    public string? EngineVersion { get; set; }

    [Parameter]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string? Quantization { get; set; }

    [Parameter]
    [Converted(typeof(KvCacheDataType?), IsSingle = true)]
    public KvCacheDataType? KvCacheDataType { get; set; }

    [Parameter]
    [Alias("TP")]
    [Converted(typeof(int?), IsSingle = true)]
    public int? TensorParallelSize { get; set; }

    [Parameter]
    [Alias("PP")]
    [Converted(typeof(int?), IsSingle = true)]
    public int? PipelineParallelSize { get; set; }

    [Parameter]
    [Alias("EP")]
    [Converted(typeof(int?), IsSingle = true)]
    public int? ExpertParallelSize { get; set; }

    [Parameter]
    [Alias("DP")]
    [Converted(typeof(int?), IsSingle = true)]
    public int? DataParallelSize { get; set; }

    [Parameter]
    [Converted(typeof(double?), IsSingle = true)]
    public double? GpuMemoryUtilization { get; set; }

    [Parameter]
    [Converted(typeof(long?), IsSingle = true)]
    public long? MaxSequences { get; set; }

    [Parameter]
    [Converted(typeof(long?), IsSingle = true)]
    public long? BatchSize { get; set; }

    [Parameter]
    [Converted(typeof(long?), IsSingle = true)]
    public long? InputLength { get; set; }

    [Parameter]
    [Converted(typeof(long?), IsSingle = true)]
    public long? OutputLength { get; set; }

    protected override string PathNotFoundId => "MeasurementFileNotFound";

    protected override void BeginProcessing() => _isReady = Try(() =>
    {
        if (CalibrationStore.OfUser().Contains(Name) && !Force)
        {
            throw new LlmOpsException("CalibrationExists", ErrorKind.InvalidArgument,
                $"There is a calibration '{Name}' already; choose another name, or replace it with Force.", Name);
        }

        // One that is not known is an error of the call, and not one of each row.
        object? gpu = Gpu?.Resolve();
        object? model = Model?.Resolve(ResolveLiteralPath);
        _defaults = new MeasurementRow("a parameter", new Dictionary<string, object?>
        {
            [nameof(Model)] = model,
            [nameof(Gpu)] = gpu,
            [nameof(Engine)] = Engine?.ToString(),
            [nameof(EngineVersion)] = EngineVersion,
            [nameof(Quantization)] = string.IsNullOrWhiteSpace(Quantization) ? null : Core.Precision.Quantization.Parse(Quantization).Name,
            [nameof(KvCacheDataType)] = KvCacheDataType?.ToString(),
            [nameof(TensorParallelSize)] = TensorParallelSize,
            [nameof(PipelineParallelSize)] = PipelineParallelSize,
            [nameof(ExpertParallelSize)] = ExpertParallelSize,
            [nameof(DataParallelSize)] = DataParallelSize,
            [nameof(GpuMemoryUtilization)] = GpuMemoryUtilization,
            [nameof(MaxSequences)] = MaxSequences,
            [nameof(BatchSize)] = BatchSize,
            [nameof(InputLength)] = InputLength,
            [nameof(OutputLength)] = OutputLength,
        });
    });

    protected override void ProcessRecord()
    {
        if (!_isReady)
        {
            return;
        }

        switch (ParameterSetName)
        {
            case PathSet:
                UseFiles(MeasurementPath, Read);
                break;
            case LiteralPathSet:
                UseLiteralFiles(MeasurementLiteralPath, Read);
                break;
            default:
                foreach (PSObject item in InputObject)
                {
                    Take(item);
                }

                break;
        }
    }

    protected override void Process(MeasuredStart start) => _starts.Add(start);

    protected override void EndProcessing()
    {
        if (!_isReady)
        {
            return;
        }

        Try(() =>
        {
            if (_hasTimes && _hasLogs)
            {
                throw new LlmOpsException("MeasurementsMixed", ErrorKind.InvalidArgument,
                    "There are starts of servers and measured times together: memory and times are calibrated one at a time.", Name);
            }

            if (_hasTimes)
            {
                TimeCalibration calibration = Method == TimeCalibrationMethod.Linear
                    ? TimeCalibration.Fit(Name, _times)
                    : TimeCalibration.FitCoefficients(Name, _times, StopToken);
                WarnOf("TPOT", calibration.TimePerOutputToken);
                WarnOf("TTFT", calibration.TimeToFirstToken);
                Save(calibration);
            }
            else
            {
                WarnOfUnused();
                Save(MemoryCalibration.Fit(Name, _starts));
            }
        });
    }

    /// <summary>Logs say their settings themselves.</summary>
    private void WarnOfUnused()
    {
        string[] used = [nameof(Name), nameof(InputObject), nameof(Force), nameof(Model), nameof(Gpu)];
        string[] unused = [.. MyInvocation.BoundParameters.Keys.Where(name =>
            !used.Contains(name) && GetType().GetProperty(name)?.DeclaringType == GetType())];
        if (unused.Length > 0)
        {
            WriteWarning($"{string.Join(", ", unused)}: these are for measured times, and servers' logs do not need them.");
        }
    }

    private void WarnOf(string time, PhaseTimeCalibration? calibration)
    {
        if (calibration?.Note is { } note)
        {
            WriteWarning($"{time}: {note}.");
        }
    }

    private void Save<T>(T calibration)
        where T : class, ICalibration
    {
        CalibrationStore store = CalibrationStore.OfUser();
        if (ShouldProcess(store.PathOf(Name), "Save calibration"))
        {
            store.Save(calibration);
            WriteObject(calibration);
        }
    }

    private void Take(PSObject item)
    {
        StopToken.ThrowIfCancellationRequested();
        _objectCount++;
        switch (item.BaseObject)
        {
            case ServerLogMeasurement start:
                _hasLogs = true;
                ProcessStart(start);
                break;
            case FileInfo file:
                Try(() => Read(file.FullName));
                break;
            case string text:
                Try(() => throw new LlmOpsException("MeasurementInvalid", ErrorKind.InvalidArgument,
                    $"The text '{MeasurementRow.Shown(text)}' is no measurement: give a file with MeasurementPath, or the rows that Import-Csv makes of it.", text));
                break;
            default:
                string place = FormattableString.Invariant($"object {_objectCount} of the pipeline");
                Try(() => Take(new MeasurementRow(place, item.Properties
                    .Where(property => property.IsGettable && MeasurementRow.IsColumn(property.Name) || property is PSNoteProperty)
                    .Select(property => KeyValuePair.Create(property.Name, ValueOf(property))))));
                break;
        }
    }

    private void Read(string file)
    {
        _hasTimes = true;
        foreach (MeasurementRow row in MeasurementFile.Read(file, error => WriteError(ErrorRecords.From(error))))
        {
            StopToken.ThrowIfCancellationRequested();
            Try(() => Take(row));
        }
    }

    private void Take(MeasurementRow row)
    {
        _hasTimes = true;
        _times.Add(TimeMeasurement.Of(row, _defaults, ResolveLiteralPath));
    }

    private static object? ValueOf(PSPropertyInfo property)
    {
        try
        {
            return property.Value is PSObject wrapped ? wrapped.BaseObject : property.Value;
        }
        catch (GetValueException)
        {
            return null;
        }
    }
}
