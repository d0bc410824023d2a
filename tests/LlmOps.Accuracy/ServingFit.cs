using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Fits the step-time model to measured servers, and predicts each with part of them left out.</summary>
internal static class ServingFit
{
    /// <summary>What is left out together, by the name that the bounds have in the data file.</summary>
    public static readonly (string Name, Func<ServingRow, string> Group)[] LeftOut =
    [
        ("known", row => FoldOf(row.Configuration).ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("combination", row => row.Combination),
        ("gpu", row => row.Gpu),
        ("engine", row => row.Engine),
        ("family", row => row.Family),
    ];

    /// <summary>The coefficients before any fit: each at its prior.</summary>
    public static StepTimeData Priors()
    {
        StepTimeData data = StepTimeData.Instance.WithoutGroups();
        return data.With(data.Coefficients.SelectMany(pair => pair.Value.Shared is not null
            ? [(pair.Key, (string?)null, pair.Value.Prior)]
            : pair.Value.Keys.Select(key => (pair.Key, (string?)key, pair.Value.Prior))));
    }

    public static StepTimeData Full(IEnumerable<ServingRow> rows, StepTimeData start, StepTimeFitOptions? options = null)
    {
        // What the source lists more than once counts as often, and is computed once.
        StepTimeRow[] fitted =
        [
            .. rows.GroupBy(row => (row.Measurement, row.Case, row.ExcludedFirst.Length)).Select(same => same.First().ForFit() with { Weight = same.Count() }),
        ];
        return StepTimeGroups.Correct(fitted, StepTimeFit.Fit(fitted, start, options).Data);
    }

    /// <summary>
    /// Coefficients that a group had no part in. They start from those of all rows, but for the values of an engine or GPU that is
    /// left out: nothing is known of it.
    /// </summary>
    public static StepTimeData Without(
        string kind, string group, IReadOnlyCollection<ServingRow> rows, StepTimeData full, StepTimeFitOptions? options = null)
    {
        Func<ServingRow, string> groupOf = LeftOut.Single(l => l.Name == kind).Group;
        StepTimeData start = full.WithoutGroups();
        if (kind is "gpu" or "engine")
        {
            start = start.Without(group);
        }

        return Full(rows.Where(row => groupOf(row) != group), start, options);
    }

    /// <summary>A fifth of the configurations each, by a hash that is the same everywhere.</summary>
    private static int FoldOf(string configuration)
    {
        uint hash = 2166136261;
        foreach (char c in configuration)
        {
            hash = unchecked((hash ^ c) * 16777619);
        }

        return (int)((hash ^ (hash >> 15)) % 5);
    }
}
