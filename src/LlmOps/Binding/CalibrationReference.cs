using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Operations.Calibrations;

namespace LlmOps;

/// <summary>What stands where a calibration is expected: a calibration of any kind, its name, or the path of its file.</summary>
public sealed class CalibrationReference
{
    private readonly ICalibration? _calibration;
    private readonly CalibrationKind _kind;
    private readonly string _name;

    public CalibrationReference(MemoryCalibration calibration)
        : this(calibration, MemoryCalibration.Kind)
    {
    }

    public CalibrationReference(TimeCalibration calibration)
        : this(calibration, TimeCalibration.Kind)
    {
    }

    public CalibrationReference(string name) => _name = name;

    private CalibrationReference(ICalibration calibration, CalibrationKind kind)
    {
        _calibration = calibration;
        _kind = kind;
        _name = calibration.Name;
    }

    /// <param name="resolvePath">Makes a PowerShell path one of the file system.</param>
    /// <exception cref="LlmOpsException">There is no such calibration of the kind, or its file is damaged.</exception>
    internal T Resolve<T>(Func<string, string> resolvePath)
        where T : class, ICalibration => _calibration switch
        {
            T calibration => calibration,
            not null => throw CalibrationKinds.Mismatch($"'{_name}'", _kind, T.Kind, _name),
            null => _name.AsSpan().ContainsAny('/', '\\')
                ? CalibrationStore.Read<T>(resolvePath(_name))
                : CalibrationStore.OfUser().Load<T>(_name),
        };

    public override string ToString() => _name;
}
