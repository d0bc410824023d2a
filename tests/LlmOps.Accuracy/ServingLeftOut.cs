using System.Globalization;
using System.Text;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Predictions beside measurements, by what is predicted.</summary>
internal sealed record ServingPoints(IReadOnlyList<Point> Token, IReadOnlyList<Point> First, IReadOnlyList<Point> Rate)
{
    /// <param name="rows">In the order of the points.</param>
    /// <param name="predict">TPOT and TTFT in milliseconds; null where nothing is predicted.</param>
    /// <param name="group">What a point belongs to in tables and colours.</param>
    public static ServingPoints Of(
        IEnumerable<ServingRow> rows, Func<ServingRow, (double Token, double First)?> predict, Func<ServingRow, string>? group = null)
    {
        List<Point> token = [], first = [], rate = [];
        foreach (ServingRow row in rows)
        {
            if (predict(row) is not { } predicted)
            {
                continue;
            }

            string name = group is null ? row.Engine : group(row), label = row.ToString();
            token.Add(new Point(name, label, predicted.Token, row.TimePerOutputTokenMs));
            if (row.ExcludedFirst.Length == 0)
            {
                first.Add(new Point(name, label, predicted.First, row.TimeToFirstTokenMs));
                rate.Add(new Point(
                    name,
                    label,
                    ServingRow.TokensPerSecond(predicted.First, predicted.Token, row.Case.OutputLength),
                    ServingRow.TokensPerSecond(row.TimeToFirstTokenMs, row.TimePerOutputTokenMs, row.Case.OutputLength)));
            }
        }

        return new ServingPoints(token, first, rate);
    }
}

/// <summary>
/// What is predicted of each row with its group left out of the fit, as <c>Data/serving-left-out.csv</c> keeps it: the refits
/// take minutes, and <c>-- fit</c> writes the file.
/// </summary>
internal sealed class ServingLeftOut
{
    public const string FileName = "serving-left-out.csv";

    /// <summary>All rows of the source with nothing known but its columns: no exclusions, no tags.</summary>
    public const string Raw = "raw";

    private readonly Dictionary<string, Dictionary<int, (double Token, double First)>> _predictions;

    private ServingLeftOut(Dictionary<string, Dictionary<int, (double, double)>> predictions) => _predictions = predictions;

    private static IEnumerable<string> Kinds => ServingFit.LeftOut.Select(kind => kind.Name).Append(Raw);

    /// <summary>As stored.</summary>
    public static ServingLeftOut Read()
    {
        Dictionary<string, Dictionary<int, (double, double)>> predictions = Kinds.ToDictionary(kind => kind, _ => new Dictionary<int, (double, double)>());
        foreach (DataRow row in DataRows.Read(FileName))
        {
            foreach (string kind in Kinds)
            {
                if (row.Number(kind + "Tpot") is { } token)
                {
                    predictions[kind].Add((int)row.Whole("Row")!, (token, row.Number(kind + "Ttft")!.Value));
                }
            }
        }

        return new ServingLeftOut(predictions);
    }

    /// <summary>Fits again for each group, and once more with neither exclusions nor tags.</summary>
    public static ServingLeftOut Compute(StepTimeData full, Action<string> progress) =>
        new(Kinds.ToDictionary(kind => kind, kind => Compute(kind, full, progress)));

    /// <summary>Predictions of one kind, by row.</summary>
    public static Dictionary<int, (double Token, double First)> Compute(string kind, StepTimeData full, Action<string> progress)
    {
        if (kind != Raw)
        {
            return Predictions(kind, [.. ServingRow.All.Where(row => row.IsFitted)], full, progress);
        }

        ServingRow[] raw = [.. ServingRow.All.Select(row => row.AsGiven())];
        return Predictions("combination", raw, ServingFit.Full(raw, full.WithoutGroups()), progress);
    }

    public (double Token, double First)? Of(string kind, ServingRow row) =>
        _predictions[kind].TryGetValue(row.Row, out (double, double) found) ? found : null;

    public ServingPoints Points(string kind, Func<ServingRow, string>? group = null, Func<ServingRow, bool>? where = null)
    {
        IEnumerable<ServingRow> rows = ServingRow.All.Where(row => where is null || where(row));
        return ServingPoints.Of(kind == Raw ? rows.Select(row => row.AsGiven()) : rows, row => Of(kind, row), group);
    }

    public void Write(string path)
    {
        StringBuilder text = new("Row," + string.Join(',', Kinds.Select(kind => $"{kind}Tpot,{kind}Ttft")) + "\n");
        foreach (ServingRow row in ServingRow.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Row}");
            foreach (string kind in Kinds)
            {
                text.Append(Of(kind, row) is { } p ? FormattableString.Invariant($",{p.Token:G5},{p.First:G5}") : ",,");
            }

            text.Append('\n');
        }

        File.WriteAllText(path, text.ToString(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    /// <summary>As the file keeps it, so that what is computed from a fit and from the file agrees.</summary>
    private static double Rounded(double value) =>
        double.Parse(value.ToString("G5", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static Dictionary<int, (double Token, double First)> Predictions(
        string kind, ServingRow[] rows, StepTimeData full, Action<string> progress)
    {
        Func<ServingRow, string> groupOf = ServingFit.LeftOut.Single(l => l.Name == kind).Group;
        Dictionary<int, (double, double)> predictions = [];
        foreach (IGrouping<string, ServingRow> group in rows.GroupBy(groupOf))
        {
            progress($"{kind} {group.Key}");
            StepTimeData data = ServingFit.Without(kind, group.Key, rows, full);
            foreach (ServingRow row in group)
            {
                StepTimeParts parts = StepTimeModel.Predict(row.Case, data);
                predictions.Add(row.Row, (Rounded(parts.TimePerOutputToken), Rounded(parts.TimeToFirstToken)));
            }
        }

        return predictions;
    }
}
