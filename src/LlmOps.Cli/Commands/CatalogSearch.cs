using LlmOps.Cli.Rendering;
using LlmOps.Core;

namespace LlmOps.Cli.Commands;

/// <summary>What the commands that list a catalogue have in common.</summary>
internal static class CatalogSearch
{
    /// <summary>The wildcard for what a user typed: a part of a name finds all that contain it.</summary>
    public static string Wildcard(string? pattern) =>
        string.IsNullOrEmpty(pattern) ? "*" : WildcardName.HasWildcard(pattern) ? pattern : $"*{pattern}*";

    public static int Show<T>(
        Terminal terminal,
        Diagnostics diagnostics,
        IEnumerable<T> found,
        OutputFormat format,
        IReadOnlyList<Column<T>> columns,
        string nothing)
        where T : class
    {
        RecordWriter<T> writer = RecordWriter<T>.Create(format, terminal, rows => Table.Show(terminal, rows, columns));
        foreach (T item in found)
        {
            terminal.Cancellation.ThrowIfCancellationRequested();
            writer.Write(item);
        }

        writer.Complete(!diagnostics.HasErrors);
        if (writer.Count == 0 && !diagnostics.HasErrors)
        {
            terminal.Error.WriteLine($"llmops: {nothing}");
        }

        return diagnostics.ExitCodeFor(writer.Count > 0);
    }
}
