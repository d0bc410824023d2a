using System.Text.Json;

namespace LlmOps.Cli.Rendering;

/// <summary>Writes estimates, and with <c>--explain</c> what each is made of.</summary>
internal static class ExplainedWriter
{
    /// <param name="format">What the user asked for.</param>
    /// <param name="terminal">Where it goes.</param>
    /// <param name="explain">Whether terms are wanted.</param>
    /// <param name="terms">The terms of an estimate.</param>
    /// <param name="row">A term with what it belongs to: a row of a CSV file, which has no nested tables.</param>
    /// <param name="showTable">Shows all estimates, with or without terms, as tables.</param>
    public static RecordWriter<TEstimate> Create<TEstimate, TTerm, TRow>(
        OutputFormat format,
        Terminal terminal,
        bool explain,
        Func<TEstimate, IEnumerable<TTerm>> terms,
        Func<TEstimate, TTerm, TRow> row,
        Action<IReadOnlyList<TEstimate>> showTable)
        where TEstimate : class
        where TTerm : class
        where TRow : class
    {
        void Append(Utf8JsonWriter json, TEstimate estimate)
        {
            json.WriteStartArray("Terms");
            foreach (TTerm term in terms(estimate))
            {
                JsonRecordWriter<TTerm>.WriteObject(json, term);
            }

            json.WriteEndArray();
        }

        return (explain, format) switch
        {
            (true, OutputFormat.Csv) => new RowsWriter<TEstimate, TRow>(
                new CsvRecordWriter<TRow>(terminal.Out), estimate => terms(estimate).Select(term => row(estimate, term))),
            (true, OutputFormat.Json) => new JsonRecordWriter<TEstimate>(terminal.Out) { Append = Append },
            _ => RecordWriter<TEstimate>.Create(format, terminal, showTable),
        };
    }

    /// <summary>Writes several rows for each record.</summary>
    private sealed class RowsWriter<T, TRow>(RecordWriter<TRow> inner, Func<T, IEnumerable<TRow>> rows) : RecordWriter<T>
        where T : class
        where TRow : class
    {
        protected override void WriteRecord(T record)
        {
            foreach (TRow row in rows(record))
            {
                inner.Write(row);
            }
        }

        protected override void End() => inner.Complete();
    }
}
