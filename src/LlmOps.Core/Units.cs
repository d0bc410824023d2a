namespace LlmOps.Core;

/// <summary>Conversions between the units that figures are published, computed and shown in.</summary>
public static class Units
{
    /// <summary>Bytes in a GiB (2³⁰), the unit in which engines print memory.</summary>
    public const long BytesPerGiB = 1L << 30;

    /// <summary>Bytes in a decimal GB (10⁹), the unit of data sheets.</summary>
    public const long BytesPerGB = 1_000_000_000;

    /// <summary>Operations in a TFLOP.</summary>
    public const double FlopsPerTeraflop = 1e12;

    public const double SecondsPerHour = 3600;

    /// <summary>Hours of an average month, as cloud providers bill them: 365 x 24 / 12.</summary>
    public const double HoursPerMonth = 730;

    public const double TokensPerMillion = 1e6;

    public static double ToGiB(double bytes) => bytes / BytesPerGiB;
}
