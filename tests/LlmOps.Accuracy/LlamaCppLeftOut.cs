using System.Globalization;
using System.Text;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Milliseconds a token that fits without a row's GPU or model predict of it, as <c>Data/llama-cpp-left-out.csv</c> keeps them.</summary>
internal sealed class LlamaCppLeftOut
{
    public const string FileName = "llama-cpp-left-out.csv";

    private readonly Dictionary<(string Kind, int Row), double> _predictions;

    private LlamaCppLeftOut(Dictionary<(string Kind, int Row), double> predictions) => _predictions = predictions;

    public static LlamaCppLeftOut Read()
    {
        Dictionary<(string, int), double> predictions = [];
        foreach (DataRow row in DataRows.Read(FileName))
        {
            foreach ((string kind, _) in LlamaCppFit.LeftOut)
            {
                predictions.Add((kind, (int)row.Whole("Row")!), row.Number(kind + "Ms")!.Value);
            }
        }

        return new LlamaCppLeftOut(predictions);
    }

    public static LlamaCppLeftOut Compute()
    {
        Dictionary<(string, int), double> predictions = [];
        foreach (bool isPrefill in new[] { false, true })
        {
            foreach ((string kind, Func<LlamaCppRow, string> groupOf) in LlamaCppFit.LeftOut)
            {
                foreach (IGrouping<string, LlamaCppRow> group in LlamaCppRow.Fitted(isPrefill).GroupBy(groupOf))
                {
                    LlamaCppCoefficients without = LlamaCppFit.With(isPrefill, LlamaCppFit.Without(isPrefill, kind, group.Key));
                    foreach (LlamaCppRow row in group)
                    {
                        predictions.Add((kind, row.Row), row.Predict(without));
                    }
                }
            }
        }

        return new LlamaCppLeftOut(predictions);
    }

    public double Of(string kind, LlamaCppRow row) => _predictions[(kind, row.Row)];

    public Point[] Points(string kind, IEnumerable<LlamaCppRow> rows) => [.. rows.Select(row => row.PointOf(Of(kind, row)))];

    public void Write(string path)
    {
        StringBuilder text = new($"Row,{string.Join(',', LlamaCppFit.LeftOut.Select(l => l.Name + "Ms"))}\n");
        foreach (LlamaCppRow row in LlamaCppRow.All.Where(row => row.Excluded.Length == 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Row}");
            foreach ((string kind, _) in LlamaCppFit.LeftOut)
            {
                text.Append(CultureInfo.InvariantCulture, $",{Of(kind, row):G5}");
            }

            text.Append('\n');
        }

        File.WriteAllText(path, text.ToString(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }
}
