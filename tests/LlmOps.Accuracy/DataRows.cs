using System.Globalization;
using System.Reflection;
using System.Text;
using LlmOps.Core;
using LlmOps.Core.Memory;

namespace LlmOps.Accuracy;

/// <summary>An embedded CSV file: a line of names, then rows; fields with commas are quoted.</summary>
internal static class DataRows
{
    public static IEnumerable<DataRow> Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded.");
        using StreamReader reader = new(stream);
        string[] header = Split(reader.ReadLine()!);
        while (reader.ReadLine() is { } line)
        {
            string[] fields = Split(line);
            yield return fields.Length == header.Length
                ? new DataRow(header, fields)
                : throw new InvalidOperationException($"{name}: {fields.Length} fields in '{line}'.");
        }
    }

    private static string[] Split(string line)
    {
        List<string> fields = [];
        StringBuilder field = new();
        bool isQuoted = false;
        foreach (char c in line)
        {
            if (c == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (c == ',' && !isQuoted)
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
            {
                field.Append(c);
            }
        }

        fields.Add(field.ToString());
        return [.. fields];
    }
}

/// <summary>One row, by column name.</summary>
internal sealed class DataRow(string[] header, string[] fields)
{
    public string Text(string column) => fields[Array.IndexOf(header, column) is var i and >= 0
        ? i
        : throw new ArgumentException($"There is no column {column}.", nameof(column))];

    public double? Number(string column) =>
        Text(column) is { Length: > 0 } text ? double.Parse(text, CultureInfo.InvariantCulture) : null;

    public Engine Engine(string column) => (Engine)EnumNames.Find(typeof(Engine), Text(column))!;

    public long? Whole(string column) => (long?)Number(column);
}
