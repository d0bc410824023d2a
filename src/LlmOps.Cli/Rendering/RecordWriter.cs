namespace LlmOps.Cli.Rendering;

internal enum OutputFormat
{
    Table,
    Json,
    Csv,
}

/// <summary>Writes the records of one result. Files are written as the records come; a table waits for the last.</summary>
internal abstract class RecordWriter<T>
    where T : class
{
    public int Count { get; private set; }

    public void Write(T record)
    {
        if (Count++ == 0)
        {
            Begin();
        }

        WriteRecord(record);
    }

    /// <summary>
    /// Ends the result. One without records is an empty array or a header alone, except where bad input left nothing to
    /// answer: then nothing is written.
    /// </summary>
    public void Complete(bool answered = true)
    {
        if (Count == 0 && !answered)
        {
            return;
        }

        if (Count == 0)
        {
            Begin();
        }

        End();
    }

    protected virtual void Begin()
    {
    }

    protected abstract void WriteRecord(T record);

    protected virtual void End()
    {
    }

    /// <param name="format">What the user asked for.</param>
    /// <param name="terminal">Where it goes.</param>
    /// <param name="showTable">Shows all records as a table.</param>
    public static RecordWriter<T> Create(OutputFormat format, Terminal terminal, Action<IReadOnlyList<T>> showTable) =>
        format switch
        {
            OutputFormat.Json => new JsonRecordWriter<T>(terminal.Out),
            OutputFormat.Csv => new CsvRecordWriter<T>(terminal.Out),
            _ => new TableRecordWriter<T>(showTable),
        };
}

/// <summary>Collects records for a table, whose columns are as wide as the widest value.</summary>
internal sealed class TableRecordWriter<T>(Action<IReadOnlyList<T>> show) : RecordWriter<T>
    where T : class
{
    private readonly List<T> _records = [];

    protected override void WriteRecord(T record) => _records.Add(record);

    protected override void End()
    {
        if (_records.Count > 0)
        {
            show(_records);
        }
    }
}
