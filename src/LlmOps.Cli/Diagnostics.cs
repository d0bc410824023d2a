using LlmOps.Core;

namespace LlmOps.Cli;

/// <summary>Messages of one run, a line each, on the error stream. One bad value does not end a run; it sets its exit code.</summary>
internal sealed class Diagnostics(TextWriter writer)
{
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    public bool HasErrors { get; private set; }

    public void Error(LlmOpsException exception) => Error(exception.Message);

    public void Error(string message)
    {
        HasErrors = true;
        Write("error", message);
    }

    public void Warning(string message) => Write("warning", message);

    /// <summary>Runs <paramref name="action"/>; bad input in it is reported, and the run goes on.</summary>
    public bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (LlmOpsException e)
        {
            Error(e);
            return false;
        }
    }

    public int ExitCodeFor(bool found) =>
        HasErrors ? ExitCode.BadInput : found ? ExitCode.Found : ExitCode.NothingFound;

    /// <summary>Once, however many combinations of a sweep fail alike.</summary>
    private void Write(string kind, string message)
    {
        string line = $"llmops: {kind}: {OneLine(message)}";
        if (_seen.Add(line))
        {
            writer.WriteLine(line);
        }
    }

    /// <summary>Names and file contents are quoted in messages; a control character in one must not reach the terminal.</summary>
    private static string OneLine(string message) =>
        string.Create(message.Length, message, static (span, text) =>
        {
            for (int i = 0; i < text.Length; i++)
            {
                span[i] = char.IsControl(text[i]) ? ' ' : text[i];
            }
        });
}
