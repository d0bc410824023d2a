using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core.Calibration;

namespace LlmOps.Commands;

/// <summary>Lays what a server measured beside what is estimated for its settings, term by term.</summary>
[Cmdlet(VerbsData.Compare, "LlmMemoryEstimate")]
[OutputType(typeof(TermComparison))]
public sealed class CompareLlmMemoryEstimateCommand : MeasuredStartCmdlet
{
    private MemoryCalibration? _calibration;
    private bool _isReady = true;

    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public ServerLogMeasurement[] InputObject { get; set; } = [];

    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(CalibrationNameCompleter))]
    public CalibrationReference? Calibration { get; set; }

    protected override MemoryCalibration? CalibrationOfEstimate => _calibration;

    protected override void BeginProcessing() =>
        _isReady = Try(() => _calibration = Calibration?.Resolve<MemoryCalibration>(ResolveLiteralPath));

    protected override void ProcessRecord()
    {
        // Without the calibration that was asked for there is nothing to compare; that is said once.
        if (_isReady)
        {
            foreach (ServerLogMeasurement start in InputObject)
            {
                ProcessStart(start);
            }
        }
    }

    protected override void Process(MeasuredStart start) => WriteObject(start.Compare(), enumerateCollection: true);
}
