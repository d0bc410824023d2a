using System.Text;

namespace LlmOps.Operations;

/// <summary>A record of a CSV file (RFC 4180), with the line that it starts on.</summary>
internal readonly record struct CsvRecord(int Line, IReadOnlyList<string> Fields);

/// <summary>Takes a CSV text apart. What is quoted may hold commas, quotes and line breaks.</summary>
internal static class CsvRecords
{
    /// <exception cref="InvalidDataException">A quote is in the wrong place or never closed; the message names the line.</exception>
    /// <param name="text">The whole text.</param>
    /// <param name="separator">What stands between fields.</param>
    public static IEnumerable<CsvRecord> Read(string text, char separator = ',')
    {
        int at = 0, line = 1;
        while (at < text.Length)
        {
            int first = line;
            List<string> fields = [];
            bool more;
            do
            {
                fields.Add(Field(text, separator, ref at, ref line, first));
                more = at < text.Length && text[at] == separator;
                at += more ? 1 : 0;
            }
            while (more);

            at += at < text.Length && text[at] == '\r' ? 1 : 0;
            at += at < text.Length && text[at] == '\n' ? 1 : 0;
            line++;
            if (fields is not [""])
            {
                yield return new CsvRecord(first, fields);
            }
        }
    }

    private static string Field(string text, char separator, ref int at, ref int line, int first)
    {
        if (at < text.Length && text[at] == '"')
        {
            return Quoted(text, separator, ref at, ref line, first);
        }

        int length = text.AsSpan(at).IndexOfAny([separator, '\r', '\n', '"']);
        int end = length < 0 ? text.Length : at + length;
        if (end < text.Length && text[end] == '"')
        {
            throw new InvalidDataException(FormattableString.Invariant($"line {line}: a quote stands within a field that is not quoted."));
        }

        string field = text[at..end];
        at = end;
        return field;
    }

    private static string Quoted(string text, char separator, ref int at, ref int line, int first)
    {
        StringBuilder field = new();
        at++;
        while (true)
        {
            int length = text.AsSpan(at).IndexOf('"');
            if (length < 0)
            {
                throw new InvalidDataException(FormattableString.Invariant($"line {first}: a quote is never closed."));
            }

            ReadOnlySpan<char> part = text.AsSpan(at, length);
            line += part.Count('\n');
            field.Append(part);
            at += length + 1;
            if (at >= text.Length || text[at] != '"')
            {
                break;
            }

            field.Append('"');
            at++;
        }

        return at >= text.Length || text[at] == separator || text[at] is '\r' or '\n'
            ? field.ToString()
            : throw new InvalidDataException(FormattableString.Invariant($"line {line}: text follows a closing quote."));
    }
}
