using System.Text;
using System.Text.Json;
using LlmOps.Core;
using LlmOps.Core.Calibration;

namespace LlmOps.Operations.Calibrations;

/// <summary>
/// Results of benchmark programs as rows of a table: of vLLM (<c>vllm bench serve --save-result</c>) and SGLang
/// (<c>bench_serving</c>), whose figures lie on the first level under their own names, and of GenAI-Perf and AIPerf, which write
/// statistics with their unit. One result, a list of them, or one on each line.
/// </summary>
internal static class BenchmarkJson
{
    // Paths of settings that lie deeper: AIPerf's and GenAI-Perf's input_config.
    private static readonly (string Column, string[] Path)[] s_settings =
    [
        ("Model", ["input_config", "endpoint", "model_names"]),
        ("Model", ["input_config", "model_names"]),
        ("Model", ["input_config", "model"]),
        ("max_concurrency", ["input_config", "loadgen", "concurrency"]),
        ("max_concurrency", ["input_config", "perf_analyzer", "stimulus", "concurrency"]),
    ];

    // A file with more bad lines is something else.
    private const int MostFailures = 100;

    private static readonly JsonDocumentOptions s_options = new() { AllowTrailingCommas = true, MaxDepth = 32 };

    public static List<MeasurementRow> Read(string text, string path, string name, Action<LlmOpsException> report)
    {
        string json = WithoutPythonNumbers(text);
        List<MeasurementRow> rows = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            Add(rows, document.RootElement, $"'{name}'", report);
        }
        catch (JsonException whole)
        {
            if (!json.AsSpan().Trim().Contains('\n'))
            {
                throw MeasurementFile.Invalid(path, $"it is not JSON: {whole.Message.TrimEnd('.')}", whole);
            }

            AddLines(rows, json, path, name, report, whole);
        }

        return rows;
    }

    private static void AddLines(
        List<MeasurementRow> rows, string json, string path, string name, Action<LlmOpsException> report, JsonException whole)
    {
        int number = 0;
        List<LlmOpsException> failures = [];
        foreach (ReadOnlySpan<char> line in json.AsSpan().EnumerateLines())
        {
            number++;
            if (line.IsWhiteSpace())
            {
                continue;
            }

            if (failures.Count == MostFailures)
            {
                break;
            }

            string place = FormattableString.Invariant($"line {number} of '{name}'");
            try
            {
                using JsonDocument document = JsonDocument.Parse(line.ToString(), s_options);
                Add(rows, document.RootElement, place, report);
            }
            catch (JsonException e)
            {
                failures.Add(new LlmOpsException("MeasurementInvalid", ErrorKind.InvalidData, $"L{place[1..]} is not JSON: {e.Message}", place, e));
            }
        }

        // Where no line is a result, the file was meant to be one, and its first fault is what matters.
        if (rows.Count == 0)
        {
            throw MeasurementFile.Invalid(path, $"it is not JSON: {whole.Message.TrimEnd('.')}", whole);
        }

        failures.ForEach(report);
    }

    private static void Add(List<MeasurementRow> rows, JsonElement element, string place, Action<LlmOpsException> report)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement item in element.EnumerateArray())
            {
                Add(rows, item, FormattableString.Invariant($"result {++index} of {place}"), report);
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            rows.Add(new MeasurementRow(place, Values(element)));
        }
        else
        {
            report(new LlmOpsException("MeasurementInvalid", ErrorKind.InvalidData,
                $"{char.ToUpperInvariant(place[0])}{place[1..]} is no result of a benchmark, but {element.ValueKind}.", place));
        }
    }

    private static IEnumerable<KeyValuePair<string, object?>> Values(JsonElement result)
    {
        foreach (JsonProperty property in result.EnumerateObject())
        {
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.String:
                    yield return KeyValuePair.Create<string, object?>(property.Name, property.Value.GetString());
                    break;
                case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                    yield return KeyValuePair.Create<string, object?>(property.Name, property.Value.GetRawText());
                    break;
                case JsonValueKind.Object when Statistic(property) is { } statistic:
                    yield return statistic;
                    break;
            }
        }

        foreach ((string column, string[] steps) in s_settings)
        {
            if (Follow(result, steps) is { } setting)
            {
                yield return KeyValuePair.Create<string, object?>(column, setting);
            }
        }
    }

    /// <summary>The mean of a statistic, under the name of a column that says its unit.</summary>
    private static KeyValuePair<string, object?>? Statistic(JsonProperty property)
    {
        if (property.Value.TryGetProperty("avg", out JsonElement mean) && mean.ValueKind == JsonValueKind.Number
            && property.Value.TryGetProperty("unit", out JsonElement unit) && unit.ValueKind == JsonValueKind.String)
        {
            string inUnit = unit.GetString() switch
            {
                "ms" => "Ms",
                "s" or "sec" or "seconds" => "Seconds",
                _ => "",
            };
            (string? column, bool isLength) = (property.Name, inUnit) switch
            {
                ("time_to_first_token", not "") => ("Ttft" + inUnit, false),
                ("inter_token_latency", not "") => ("Tpot" + inUnit, false),
                ("output_token_throughput", _) => ("TokensPerSecond", false),
                ("input_sequence_length", _) => ("InputLength", true),
                ("output_sequence_length", _) => ("OutputLength", true),
                _ => (null, false),
            };
            if (column is not null && mean.TryGetDouble(out double value))
            {
                return KeyValuePair.Create<string, object?>(column, isLength ? Math.Round(value) : value);
            }
        }

        return null;
    }

    private static string? Follow(JsonElement element, string[] steps)
    {
        foreach (string step in steps)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(step, out element))
            {
                return null;
            }
        }

        element = element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 1 ? element[0] : element;
        return element.ValueKind switch
        {
            JsonValueKind.String => element.GetString(),
            JsonValueKind.Number => element.GetRawText(),
            _ => null,
        };
    }

    /// <summary>Python writes NaN and Infinity as bare words, which JSON does not have; here they become texts.</summary>
    private static string WithoutPythonNumbers(string text)
    {
        if (!text.Contains("NaN", StringComparison.Ordinal) && !text.Contains("Infinity", StringComparison.Ordinal))
        {
            return text;
        }

        StringBuilder json = new(text.Length + 16);
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (isQuoted && c == '\\' && i + 1 < text.Length)
            {
                json.Append(c).Append(text[++i]);
                continue;
            }

            isQuoted ^= c == '"';
            int length = isQuoted ? 0
                : text.AsSpan(i).StartsWith("-Infinity") ? 9
                : text.AsSpan(i).StartsWith("Infinity") ? 8
                : text.AsSpan(i).StartsWith("NaN") ? 3
                : 0;
            if (length > 0)
            {
                json.Append('"').Append(text, i, length).Append('"');
                i += length - 1;
            }
            else
            {
                json.Append(c);
            }
        }

        return json.ToString();
    }
}
