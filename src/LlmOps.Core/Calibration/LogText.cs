using System.Globalization;

namespace LlmOps.Core.Calibration;

/// <summary>Finds phrases and the numbers after them in a line, from left to right and never back.</summary>
internal ref struct LogText(ReadOnlySpan<char> text)
{
    private const int LongestName = 1024;
    private const int LongestNumber = 64;
    private ReadOnlySpan<char> _rest = text;

    public readonly ReadOnlySpan<char> Rest => _rest;

    /// <summary>Moves behind the next place of a phrase; stays where there is none.</summary>
    public bool After(ReadOnlySpan<char> phrase)
    {
        int place = _rest.IndexOf(phrase, StringComparison.Ordinal);
        if (place < 0)
        {
            return false;
        }

        _rest = _rest[(place + phrase.Length)..];
        return true;
    }

    /// <summary>Reads a number that stands here, with or without thousands separators; null where none does.</summary>
    /// <returns>The number; NaN or an infinity where that is what is written, or what it comes to.</returns>
    public double? Number()
    {
        ReadOnlySpan<char> here = _rest.TrimStart(" (`'=:");
        int length = 0;
        while (length < here.Length && length < LongestNumber && IsOfNumber(here, length))
        {
            length++;
        }

        ReadOnlySpan<char> digits = here[..length].TrimEnd(".,");
        if (digits.Length == 0)
        {
            return Word(here, "nan") || Word(here, "inf") || Word(here, "-inf") ? double.NaN : null;
        }

        _rest = here[length..];
        return double.TryParse(digits, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out double value)
            ? value
            : double.NaN;
    }

    /// <summary>Reads a memory size. Engines have printed GB where they meant GiB, so both are 2³⁰ bytes here.</summary>
    public double? GiB()
    {
        if (Number() is not { } number)
        {
            return null;
        }

        ReadOnlySpan<char> unit = _rest.TrimStart();
        return Word(unit, "bytes") || Word(unit, "B") ? number / Units.BytesPerGiB
            : unit.StartsWith("MiB", StringComparison.Ordinal) || unit.StartsWith("MB", StringComparison.Ordinal) ? number / 1024
            : unit.StartsWith("KiB", StringComparison.Ordinal) || unit.StartsWith("KB", StringComparison.Ordinal) ? number / (1024 * 1024)
            : unit.StartsWith("TiB", StringComparison.Ordinal) || unit.StartsWith("TB", StringComparison.Ordinal) ? number * 1024
            : number;
    }

    /// <summary>Something's name, which a hostile log may make as long as it likes.</summary>
    public static string Name(ReadOnlySpan<char> text) => Limited(text, LongestName);

    public static string Limited(ReadOnlySpan<char> text, int most) => text.Length <= most ? text.ToString() : $"{text[..most]}…";

    private static bool IsOfNumber(ReadOnlySpan<char> text, int index)
    {
        char c = text[index];
        return char.IsAsciiDigit(c) || c is '.' or ','
            || (c is '-' or '+' && (index == 0 || text[index - 1] is 'e' or 'E'))
            || (c is 'e' or 'E' && index > 0 && index + 1 < text.Length
                && (char.IsAsciiDigit(text[index + 1]) || text[index + 1] is '-' or '+'));
    }

    private static bool Word(ReadOnlySpan<char> text, ReadOnlySpan<char> word) =>
        text.StartsWith(word, StringComparison.OrdinalIgnoreCase)
        && (text.Length == word.Length || !char.IsAsciiLetter(text[word.Length]));
}
