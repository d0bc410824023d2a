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

    /// <summary>Decimals of a USD that amounts are shown with.</summary>
    private const int MoneyDecimals = 6;

    public static double ToGiB(double bytes) => bytes / BytesPerGiB;

    /// <summary>
    /// An amount in USD as it is shown, without the noise that sums and products of prices have in their last digits: 965.936 and
    /// not 965.9359999999999. Rankings go by what was computed.
    /// </summary>
    public static double Money(double usd) => Math.Round(usd, MoneyDecimals);
}
