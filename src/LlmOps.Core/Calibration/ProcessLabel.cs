using System.Globalization;

namespace LlmOps.Core.Calibration;

/// <summary>Reads the numbers in the labels that vLLM's processes print before their lines.</summary>
internal static class ProcessLabel
{
    // Of a longer number only the first digits are taken, so that none overflows.
    private const int MostDigits = 6;

    /// <summary>EngineCore_DP1, or EngineCore_1 for short in 0.10; null where the engines of a server are not told apart.</summary>
    public static int? EngineIndex(ReadOnlySpan<char> process) => process.StartsWith("EngineCore_", StringComparison.Ordinal)
        ? IndexAfter(process, "EngineCore_DP") ?? IndexAfter(process, "EngineCore_")
        : null;

    /// <summary>The number behind a name such as <c>_TP</c>; null where there is none.</summary>
    public static int? IndexAfter(ReadOnlySpan<char> label, ReadOnlySpan<char> name)
    {
        int place = label.IndexOf(name, StringComparison.Ordinal);
        if (place < 0)
        {
            return null;
        }

        ReadOnlySpan<char> rest = label[(place + name.Length)..].TrimStart(' ');
        int length = 0;
        while (length < rest.Length && length < MostDigits && char.IsAsciiDigit(rest[length]))
        {
            length++;
        }

        return length == 0 ? null : int.Parse(rest[..length], CultureInfo.InvariantCulture);
    }
}
