using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmOps.Cli.Rendering;

/// <summary>An array of objects.</summary>
internal sealed class JsonRecordWriter<T> : RecordWriter<T>
    where T : class
{
    private readonly TextWriter _out;
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly Utf8JsonWriter _json;

    public JsonRecordWriter(TextWriter output)
    {
        _out = output;
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions
        {
            Indented = true,
            // The result is a document of its own, never part of a web page.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }

    /// <summary>Adds more to each object than the properties that are the same for all outputs.</summary>
    public Action<Utf8JsonWriter, T>? Append { get; init; }

    public static void WriteObject(Utf8JsonWriter json, object record, Action? append = null)
    {
        json.WriteStartObject();
        foreach (RecordField field in RecordShape.Of(record.GetType()).Fields)
        {
            json.WritePropertyName(field.Name);
            object? value = field.ValueOf(record);
            if (field.Group is not null && value is not null)
            {
                WriteObject(json, value);
            }
            else
            {
                WriteValue(json, value);
            }
        }

        append?.Invoke();
        json.WriteEndObject();
    }

    protected override void Begin() => _json.WriteStartArray();

    protected override void WriteRecord(T record)
    {
        WriteObject(_json, record, Append is null ? null : () => Append(_json, record));
        Flush();
    }

    protected override void End()
    {
        _json.WriteEndArray();
        Flush();
        _out.WriteLine();
        _json.Dispose();
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            case DateOnly date:
                json.WriteStringValue(date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
                break;
            case IEnumerable<string> texts:
                json.WriteStartArray();
                foreach (string text in texts)
                {
                    json.WriteStringValue(text);
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private void Flush()
    {
        _json.Flush();
        _out.Write(Encoding.UTF8.GetString(_buffer.WrittenSpan));
        _buffer.ResetWrittenCount();
    }
}
