using System.Buffers;
using System.Globalization;

namespace LlmOps.Cli.Rendering;

/// <summary>A header and a row a record, as RFC 4180 has it, numbers by the invariant culture.</summary>
internal sealed class CsvRecordWriter<T>(TextWriter output) : RecordWriter<T>
    where T : class
{
    private const string LineEnd = "\r\n";

    private static readonly SearchValues<char> s_quoted = SearchValues.Create(",\"\r\n");

    protected override void Begin() => WriteRow(Names(RecordShape.Of(typeof(T)), ""));

    protected override void WriteRecord(T record) => WriteRow(Cells(RecordShape.Of(typeof(T)), record));

    private void WriteRow(IEnumerable<string> cells)
    {
        output.Write(string.Join(',', cells.Select(Quote)));
        output.Write(LineEnd);
    }

    private static IEnumerable<string> Names(RecordShape shape, string prefix) => shape.Fields.SelectMany(
        field => field.Group is { } group ? Names(group, $"{prefix}{field.Name}.") : [prefix + field.Name]);

    private static IEnumerable<string> Cells(RecordShape shape, object? record) => shape.Fields.SelectMany(field =>
    {
        object? value = record is null ? null : field.ValueOf(record);
        return field.Group is { } group ? Cells(group, value) : [Text(value)];
    });

    private static string Text(object? value) => value switch
    {
        null => "",
        string text => text,
        bool flag => flag ? "true" : "false",
        DateOnly date => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        IEnumerable<string> texts => string.Join(';', texts),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Quote(string cell) => cell.AsSpan().ContainsAny(s_quoted)
        ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
        : cell;
}
