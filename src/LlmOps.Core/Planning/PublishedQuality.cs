using System.Text.Json;
using System.Text.RegularExpressions;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>Published figures of models before and after quantization. Nothing is computed from them.</summary>
public static partial class PublishedQuality
{
    /// <summary>Beyond its series a model of another size says little: so many times larger or smaller at most.</summary>
    private const double FarthestSize = 4;

    private static readonly Lazy<Row[]> s_rows = new(Read);

    /// <summary>
    /// What was published for that change of format and the nearest model: the model itself, else one of its series, of its
    /// architecture, or any, by size. Empty where nothing was published for the change and a model of about the size.
    /// </summary>
    public static IReadOnlyList<QualityDelta> Find(LlmModel model, Quantization from, Quantization to)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        List<QualityDelta> found = [];
        (QualityMatch Match, double Distance) best = (QualityMatch.Other, double.MaxValue);
        foreach (IGrouping<string, Row> published in s_rows.Value
            .Where(row => row.Format == to.Name && Stands(row.Baseline, from))
            .GroupBy(row => row.Model))
        {
            LlmModel other = ModelCatalog.Get(published.Key);
            QualityMatch match = MatchOf(model, other);
            double distance = Math.Abs(Math.Log((double)other.ParameterCount / model.ParameterCount));
            if (match > QualityMatch.Series && distance > Math.Log(FarthestSize))
            {
                continue;
            }

            if (match < best.Match || (match == best.Match && distance < best.Distance))
            {
                best = (match, distance);
                found = [.. published.Select(row => row.Delta(match))];
            }
        }

        return found;
    }

    /// <summary>All figures, each for its own model.</summary>
    internal static IEnumerable<QualityDelta> All => s_rows.Value.Select(row => row.Delta(QualityMatch.Same));

    /// <summary>Catalogue models that figures were published for.</summary>
    internal static IEnumerable<string> Models => s_rows.Value.Select(row => row.Model).Distinct();

    /// <summary>Both 16-bit types count as the same baseline.</summary>
    private static bool Stands(string baseline, Quantization from) => baseline == from.Name
        || (baseline is "BF16" or "FP16" && !from.IsQuantized && from.BitsPerWeight <= 16);

    private static QualityMatch MatchOf(LlmModel model, LlmModel published) =>
        IsSame(model, published) ? QualityMatch.Same
        : model.Family != published.Family ? QualityMatch.Other
        : SeriesOf(model.Name) == SeriesOf(published.Name) ? QualityMatch.Series
        : QualityMatch.Architecture;

    private static bool IsSame(LlmModel model, LlmModel published) =>
        ReferenceEquals(model, published)
        || (ModelCatalog.TryGet(model.Repository ?? model.Name, out LlmModel? known) && ReferenceEquals(known, published)
            && model.ParameterCount == published.ParameterCount);

    /// <summary>A name up to its first number's whole part: <c>Llama-3</c> of Llama-3.1-8B, <c>Qwen2</c> of Qwen2.5-3B.</summary>
    private static string SeriesOf(string name) =>
        Series().Match(name.StartsWith("Meta-", StringComparison.OrdinalIgnoreCase) ? name["Meta-".Length..] : name).Value.ToUpperInvariant();

    // A number behind a hyphen that is followed by B or M is a size: Llama-7B has none before it.
    [GeneratedRegex(@"^[A-Za-z]+(-?\d+(?![\d.]*[BbMm]\b))?")]
    private static partial Regex Series();

    private static Row[] Read()
    {
        using JsonDocument document = DataFile.Open("quantization-quality.json");
        List<Row> rows = [];
        foreach (JsonElement table in document.RootElement.GetProperty("tables").EnumerateArray())
        {
            string source = table.GetProperty("source").GetString()!;
            string? note = table.OptionalText("note");
            JsonElement? methods = table.TryGetProperty("methods", out JsonElement given) ? given : null;
            foreach (JsonElement row in table.GetProperty("rows").EnumerateArray())
            {
                string model = row.GetProperty("model").GetString()!;
                foreach (JsonProperty after in row.GetProperty("after").EnumerateObject())
                {
                    rows.Add(new Row(model, table.GetProperty("baseline").GetString()!, after.Name, new QualityDelta(
                        table.GetProperty("metric").GetString()!,
                        table.GetProperty("dataset").GetString()!,
                        row.GetProperty("before").GetDouble(),
                        after.Value.GetDouble(),
                        table.GetProperty("lowerIsBetter").GetBoolean(),
                        table.GetProperty("baseline").GetString()!,
                        after.Name,
                        methods?.OptionalText(after.Name),
                        row.OptionalText("publishedFor") ?? model,
                        QualityMatch.Same,
                        note is null ? source : $"{source}; {note}")));
                }
            }
        }

        return [.. rows];
    }

    private sealed record Row(string Model, string Baseline, string Format, QualityDelta Published)
    {
        public QualityDelta Delta(QualityMatch match) => match == Published.Match ? Published : Published with { Match = match };
    }
}
