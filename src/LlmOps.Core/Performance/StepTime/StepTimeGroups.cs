using LlmOps.Core.Fitting;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>
/// What known groups of measurements (model family, engine, GPU, precision) have in common that the coefficients leave over:
/// the most probable sum of one effect a group and level, each shrunk to none, of the logarithms of measured over predicted.
/// </summary>
internal static class StepTimeGroups
{
    /// <summary>
    /// Variance of a single row's rest of a time per output token over that of a group's effect: so many rows count as much as no
    /// effect at all.
    /// </summary>
    public const double TokenShrinkage = 20;

    /// <summary>The same of a time to the first token, which depends on settings of a server that groups do not share.</summary>
    public const double FirstShrinkage = 200;

    private const int Passes = 5;

    /// <summary>The same coefficients with the corrections that the rows call for.</summary>
    public static StepTimeData Correct(IReadOnlyCollection<StepTimeRow> rows, StepTimeData data, double tokenShrinkage = TokenShrinkage, double firstShrinkage = FirstShrinkage)
    {
        StepTimeData plain = data.WithoutGroups();
        List<(string[] Keys, double Error, double Weight)> token = [], first = [];
        foreach (StepTimeRow row in rows)
        {
            StepTimeShape shape = StepTimeShape.Of(row.Case.Model, row.Case.Quantization);
            string[] keys = StepTimeCorrections.KeysOf(
                plain.FamilyOf(row.Case.Model.Name), row.Case.Engine, plain.KeyOf(row.Case.Gpu),
                PrecisionClasses.Of(shape, row.Case));
            StepTimeParts parts = StepTimeModel.Predict(row.Case, plain);
            if (row.TimePerOutputTokenMs is { } perToken)
            {
                token.Add((keys, Math.Log(perToken / parts.TimePerOutputToken), row.Weight));
            }

            if (row.TimeToFirstTokenMs is { } toFirst)
            {
                first.Add((keys, Math.Log(toFirst / parts.TimeToFirstToken), row.Weight));
            }
        }

        return plain.WithGroups(Effects(token, 0.1, tokenShrinkage), Effects(first, 0.2, firstShrinkage));
    }

    // Rows whose rest is beyond the scale count less: Huber's loss.
    private static Dictionary<string, double> Effects(List<(string[] Keys, double Error, double Weight)> rows, double scale, double shrinkage)
    {
        string[] names = [.. rows.SelectMany(row => row.Keys).Distinct()];
        Dictionary<string, int> places = names.Select((name, i) => (name, i)).ToDictionary(pair => pair.name, pair => pair.i);
        int[][] columns = [.. rows.Select(row => row.Keys.Select(key => places[key]).ToArray())];
        double[] effects = new double[names.Length];
        for (int pass = 0; pass < Passes; pass++)
        {
            double[,] normal = new double[names.Length, names.Length];
            double[] right = new double[names.Length];
            for (int r = 0; r < columns.Length; r++)
            {
                double rest = rows[r].Error - columns[r].Sum(c => effects[c]);
                double weight = rows[r].Weight * Math.Min(1, scale / Math.Max(Math.Abs(rest), 1e-9));
                foreach (int i in columns[r])
                {
                    right[i] += weight * rows[r].Error;
                    foreach (int j in columns[r])
                    {
                        normal[i, j] += weight;
                    }
                }
            }

            for (int i = 0; i < names.Length; i++)
            {
                normal[i, i] += shrinkage;
            }

            effects = Cholesky.Solve(normal, right);
        }

        return names.Select((name, i) => (name, effects[i])).ToDictionary(pair => pair.name, pair => pair.Item2);
    }
}
