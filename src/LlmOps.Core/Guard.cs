using System.Globalization;

namespace LlmOps.Core;

/// <summary>Bounds on what a caller may ask for. A value outside them is refused by name, never clamped.</summary>
public static class Guard
{
    /// <summary>The <see cref="LlmOpsException.ErrorId"/> of a number outside its bounds.</summary>
    public const string OutOfRangeId = "ValueOutOfRange";

    /// <exception cref="LlmOpsException"><paramref name="value"/> is outside the bounds.</exception>
    public static long InRange(long value, long minimum, long maximum, string name)
    {
        if (value >= minimum && value <= maximum)
        {
            return value;
        }

        long nearest = value < minimum ? minimum : maximum;
        throw OutOfRange(name, value, value.ToString(CultureInfo.InvariantCulture),
            Text(minimum), Text(maximum), Text(nearest));
    }

    /// <exception cref="LlmOpsException"><paramref name="value"/> is outside the bounds, NaN or infinite.</exception>
    public static double InRange(double value, double minimum, double maximum, string name)
    {
        if (value >= minimum && value <= maximum)
        {
            return value;
        }

        double nearest = value > maximum ? maximum : minimum;
        throw OutOfRange(name, value, double.IsNaN(value) ? "NaN (not a number)" : Exact(value),
            Text(minimum), Text(maximum), double.IsNaN(value) ? null : Text(nearest));
    }

    private static LlmOpsException OutOfRange(
        string name, object value, string shown, string minimum, string maximum, string? nearest)
    {
        string hint = nearest is null ? "" : $" The nearest valid value is {nearest}.";
        return new LlmOpsException(OutOfRangeId, ErrorKind.InvalidArgument,
            $"{name} is {shown}, but must be between {minimum} and {maximum}.{hint}", value);
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>All digits, so that a value just outside is not shown as the bound itself.</summary>
    private static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
