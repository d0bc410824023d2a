using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Operations.Calibrations;

namespace LlmOps;

/// <summary>What stands where a calibration is expected: a calibration, its name, or the path of its file.</summary>
public sealed class CalibrationReference
{
    private readonly MemoryCalibration? _calibration;
    private readonly string _name;

    public CalibrationReference(MemoryCalibration calibration)
    {
        _calibration = calibration;
        _name = calibration.Name;
    }

    public CalibrationReference(string name) => _name = name;

    /// <param name="resolvePath">Makes a PowerShell path one of the file system.</param>
    /// <exception cref="LlmOpsException">There is no such calibration, or its file is damaged.</exception>
    internal MemoryCalibration Resolve(Func<string, string> resolvePath) => _calibration
        ?? (_name.AsSpan().ContainsAny('/', '\\')
            ? CalibrationStore.Read(resolvePath(_name))
            : CalibrationStore.OfUser().Load(_name));

    public override string ToString() => _name;
}
