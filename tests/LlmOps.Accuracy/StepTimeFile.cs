using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>Writes what a fit found into the data file that the core embeds; what is not fitted stays as it is.</summary>
internal static class StepTimeFile
{
    public const string Path = "src/LlmOps.Core/Performance/StepTime/Data/step-time.json";

    private const int MostOnALine = 16;

    public static void Update(StepTimeData fitted, ServingLeftOut leftOut)
    {
        JsonNode root = JsonNode.Parse(File.ReadAllText(Path))!;
        root["source"] = Source();
        foreach ((string name, StepTimeCoefficient coefficient) in fitted.Coefficients)
        {
            JsonNode node = root["coefficients"]![name]!;
            if (coefficient.Shared is { } shared)
            {
                node["value"] = Rounded(shared);
            }
            else
            {
                node["values"] = Numbers(coefficient.Values);
            }
        }

        root["groups"]!["timePerOutputToken"] = Numbers(fitted.TimePerOutputTokenGroups.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        root["groups"]!["timeToFirstToken"] = Numbers(fitted.TimeToFirstTokenGroups.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        foreach ((string kind, _) in ServingFit.LeftOut)
        {
            root["bounds"]![kind] = Bounds(leftOut.Points(kind));
        }

        File.WriteAllText(Path, Text(root, 0) + "\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    /// <summary>Measured over predicted, from the 10th to the 90th percentile.</summary>
    public static (double Low, double High) Range(IReadOnlyCollection<Point> points)
    {
        double[] shares = [.. points.Select(point => point.Measured / point.Predicted).Order()];
        return (Math.Round(At(0.1), 3), Math.Round(At(0.9), 3));

        double At(double share) => shares[(int)Math.Round(share * (shares.Length - 1))];
    }

    private static string Source()
    {
        int excluded = ServingRow.All.Count(row => !row.IsFitted);
        return FormattableString.Invariant(
            $"fitted to the silicon samples of ai-dynamo/aiconfigurator (Apache-2.0): {ServingRow.All.Count:#,0} rows of vLLM, SGLang and TensorRT-LLM on five NVIDIA GPUs, of which {excluded} were left out: disaggregated deployments, rows without their users or running batch, a warm prefix cache, and sources that contradict themselves or their twins. Robust least squares on logarithms; DeepSeek-V3 and R1 are one model.");
    }

    private static JsonObject Bounds(ServingPoints points) => new()
    {
        ["timePerOutputToken"] = Residuals(points.Token),
        ["timeToFirstToken"] = Residuals(points.First),
        ["tokensPerSecond"] = Residuals(points.Rate),
    };

    internal static JsonObject Residuals(IReadOnlyCollection<Point> points)
    {
        (double low, double high) = Range(points);
        ErrorSummary errors = ErrorSummary.Of(points);
        return new JsonObject
        {
            ["low"] = low,
            ["high"] = high,
            ["medianError"] = Math.Round(errors.Median / 100, 4),
            ["meanError"] = Math.Round(errors.Mean / 100, 4),
            ["worstError"] = Math.Round(errors.Worst / 100, 3),
            ["rows"] = errors.Rows,
        };
    }

    internal static JsonObject Numbers(IEnumerable<KeyValuePair<string, double>> values) =>
        new(values.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, Rounded(pair.Value))));

    /// <summary>More digits would differ from machine to machine.</summary>
    internal static double Rounded(double value) =>
        double.Parse(value.ToString("G7", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>A short object of mere numbers and words on one line, others on several.</summary>
    internal static string Text(JsonNode node, int depth)
    {
        string margin = new(' ', depth + 1), end = new(' ', depth);
        return node switch
        {
            JsonObject { Count: > 0 and <= MostOnALine } branch when branch.All(pair => pair.Value is JsonValue) =>
                "{" + string.Join(", ", branch.Select(pair => $"\"{pair.Key}\": {Leaf(pair.Value!)}")) + "}",
            JsonObject branch =>
                "{\n" + string.Join(",\n", branch.Select(pair => $"{margin}\"{pair.Key}\": {Text(pair.Value!, depth + 1)}")) + $"\n{end}}}",
            JsonArray list => "[\n" + string.Join(",\n", list.Select(item => margin + Leaf(item!))) + $"\n{end}]",
            _ => Leaf(node),
        };
    }

    private static string Leaf(JsonNode value) =>
        value.ToJsonString(new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
