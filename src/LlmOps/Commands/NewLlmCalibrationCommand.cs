using System.Management.Automation;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Operations.Calibrations;

namespace LlmOps.Commands;

/// <summary>Fits corrections of an engine's memory terms to what servers measured, and saves them under a name.</summary>
[Cmdlet(VerbsCommon.New, "LlmCalibration", SupportsShouldProcess = true)]
[OutputType(typeof(MemoryCalibration))]
public sealed class NewLlmCalibrationCommand : MeasuredStartCmdlet
{
    private readonly List<MeasuredStart> _starts = [];
    private bool _isReady = true;

    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    [Parameter]
    public SwitchParameter Force { get; set; }

    protected override void BeginProcessing() => _isReady = Try(() =>
    {
        if (CalibrationStore.OfUser().Contains(Name) && !Force)
        {
            throw new LlmOpsException("CalibrationExists", ErrorKind.InvalidArgument,
                $"There is a calibration '{Name}' already; choose another name, or replace it with Force.", Name);
        }
    });

    protected override void ProcessRecord()
    {
        if (_isReady)
        {
            base.ProcessRecord();
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
            MemoryCalibration calibration = MemoryCalibration.Fit(Name, _starts);
            CalibrationStore store = CalibrationStore.OfUser();
            if (ShouldProcess(store.PathOf(Name), "Save calibration"))
            {
                store.Save(calibration);
                WriteObject(calibration);
            }
        });
    }
}
