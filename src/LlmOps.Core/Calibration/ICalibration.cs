namespace LlmOps.Core.Calibration;

/// <summary>What a calibration corrects.</summary>
public enum CalibrationKind
{
    /// <summary>Terms of an engine's memory.</summary>
    Memory,

    /// <summary>Times that users wait for.</summary>
    Time,
}

/// <summary>Corrections that were fitted to measurements and are used by their name. A name stands for one of one kind.</summary>
public interface ICalibration
{
    static abstract CalibrationKind Kind { get; }

    string Name { get; }

    /// <summary>What is wrong with one that was read from a file; null where nothing.</summary>
    string? Fault { get; }
}
