using System.Text.Json;

namespace LlmOps.Core.Calibration;

/// <summary>
/// Finds the starts of inference servers in a log, line by line. Memory is bounded by the starts that are open at a time, not
/// by the log. Logs of several containers in one are told apart by the names that docker compose and kubectl put first.
/// </summary>
public sealed class ServerLogReader(string? path = null)
{
    /// <summary>What is looked at of a line; the rest of a longer one is passed over.</summary>
    public const int MaximumLineLength = 1 << 16;

    private const int MostSources = 64;
    private const string DockerLog = "{\"log\":";

    // Each line of interest has one of these, and few others have. The search for them is all that most lines cost.
    private static readonly string[] s_hints =
    [
        "emory", "KV cache", "oading ", " LLM engine", "blocks", "Maximum concurrency", "raph capturing", "init engine", "args: ",
        " version ", "max_num_batched_tokens=", "max model len", "block size", "device_name=", "load model", "is assigned as", "num_gpu_blocks",
    ];

    private readonly Dictionary<string, EngineStart> _open = new(StringComparer.Ordinal);
    private readonly char[] _clean = new char[MaximumLineLength];

    /// <summary>Reads the next line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="number">Its number, from 1.</param>
    /// <returns>A start that this line shows to be over; null for most lines.</returns>
    public ServerLogMeasurement? Read(ReadOnlySpan<char> line, long number)
    {
        line = line[..Math.Min(line.Length, MaximumLineLength)];
        if (!MayMatter(line))
        {
            return null;
        }

        ReadOnlySpan<char> text = _clean.AsSpan(0, LogLine.WithoutColours(line, _clean));
        LogLine parsed = LogLine.Of(text.StartsWith(DockerLog, StringComparison.Ordinal) ? Unwrapped(text) : text);
        string source = SourceOf(parsed);
        if (!_open.TryGetValue(source, out EngineStart? start))
        {
            Begin(source, parsed, number);
            return null;
        }

        if (!start.EndsBefore(parsed))
        {
            start.Take(parsed, number);
            return null;
        }

        Begin(source, parsed, number);
        return start.IsStart ? start.ToMeasurement() : null;
    }

    /// <summary>What is still open when the log ends, in its order.</summary>
    public IReadOnlyList<ServerLogMeasurement> Complete()
    {
        List<ServerLogMeasurement> last =
            [.. _open.Values.Where(start => start.IsStart).OrderBy(start => start.LineNumber).Select(start => start.ToMeasurement())];
        _open.Clear();
        return last;
    }

    private static bool MayMatter(ReadOnlySpan<char> line)
    {
        foreach (string hint in s_hints)
        {
            if (line.Contains(hint, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private void Begin(string source, in LogLine line, long number)
    {
        EngineStart start = new(path, number);
        if (start.Take(line, number))
        {
            _open[source] = start;
        }
    }

    private string SourceOf(in LogLine line)
    {
        string source = line.Source.ToString();
        return _open.ContainsKey(source) || _open.Count < MostSources ? source : "";
    }

    // A line of the json-file driver of Docker: {"log":"…\n","stream":"stderr","time":"…"}.
    private static string Unwrapped(ReadOnlySpan<char> line)
    {
        string text = line.ToString();
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            char[] log = (document.RootElement.GetProperty("log").GetString() ?? "").ToCharArray();
            return new string(log, 0, LogLine.WithoutColours(new string(log), log));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return text;
        }
    }
}
