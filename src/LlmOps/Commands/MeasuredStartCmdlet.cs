using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Models;

namespace LlmOps.Commands;

/// <summary>What takes the measurements of servers' starts, and finds the model and GPU that each is of.</summary>
public abstract class MeasuredStartCmdlet : LlmOpsCmdlet
{
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference? Model { get; set; }

    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference? Gpu { get; set; }

    /// <summary>Takes one start; a start that cannot be estimated is an error, and the next has its turn.</summary>
    protected abstract void Process(MeasuredStart start);

    protected virtual MemoryCalibration? CalibrationOfEstimate => null;

    /// <summary>Finds the model and GPU of a start, and has it taken.</summary>
    protected void ProcessStart(ServerLogMeasurement measurement)
    {
        StopToken.ThrowIfCancellationRequested();
        Try(() => Process(MeasuredStart.Of(measurement, ModelOf(measurement), Gpu?.Resolve(), CalibrationOfEstimate)));
    }

    private LlmModel ModelOf(ServerLogMeasurement measurement)
    {
        ModelReference reference = Model ?? new ModelReference(measurement.ModelName ?? throw new LlmOpsException(
            "ModelNotNamed", ErrorKind.InvalidArgument,
            $"The start at line {measurement.LineNumber} of '{measurement.Path}' does not name its model; give it with Model.", measurement));
        return reference.Resolve(ResolveLiteralPath);
    }
}
