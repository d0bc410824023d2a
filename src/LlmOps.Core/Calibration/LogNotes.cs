using System.Globalization;

namespace LlmOps.Core.Calibration;

/// <summary>Refuses figures of a log that cannot be, and notes each with its line.</summary>
internal sealed class LogNotes
{
    /// <summary>A rack's memory; what is more is no measurement, and so for the bounds below.</summary>
    public const double MostGiB = 65536;

    /// <summary>Eleven days.</summary>
    public const double MostSeconds = 1e6;

    /// <summary>More tokens than any pool holds.</summary>
    public const double MostTokens = 1e12;

    private const int Most = 20;

    private readonly List<string> _notes = [];
    private int _leftOut;

    /// <param name="value">The figure as printed; NaN where that is what is printed.</param>
    /// <param name="least">The least that it can be.</param>
    /// <param name="most">The most that it can be.</param>
    /// <param name="what">What the note calls it.</param>
    /// <param name="unit">What the note puts behind the value.</param>
    /// <param name="number">The line it stands in, from 1.</param>
    /// <returns>Whether it can be; a note says so where it cannot.</returns>
    public bool IsPlausible(double value, double least, double most, string what, string unit, long number)
    {
        if (value >= least && value <= most)
        {
            return true;
        }

        string shown = double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) + unit : "no finite number";
        Add(number, $"{what} is {shown}, which cannot be");
        return false;
    }

    /// <summary>The same for a number of tokens, blocks or sequences.</summary>
    public bool IsCount(double value, double least, string what, long number, double most = MostTokens) =>
        IsPlausible(value, least, most, what, "", number);

    public void Add(long number, string what, string outcome = "; it was left out")
    {
        if (_notes.Count < Most)
        {
            _notes.Add(FormattableString.Invariant($"Line {number}: {what}{outcome}."));
        }
        else
        {
            _leftOut++;
        }
    }

    public List<string> ToList() =>
        _leftOut == 0 ? [.. _notes] : [.. _notes, FormattableString.Invariant($"{_leftOut} more values were left out.")];
}
