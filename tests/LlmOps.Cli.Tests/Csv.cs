using System.Text;

namespace LlmOps.Cli.Tests;

/// <summary>A reader of RFC 4180, written apart from the writer that it checks.</summary>
internal static class Csv
{
    /// <summary>Rows as fields by the header's names.</summary>
    public static IReadOnlyList<Dictionary<string, string>> Parse(string text)
    {
        List<List<string>> rows = [];
        List<string> row = [];
        StringBuilder field = new();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quoted)
            {
                if (c != '"')
                {
                    field.Append(c);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    field.Append('"');
                    i++;
                }
                else
                {
                    quoted = false;
                }
            }
            else if (c == '"')
            {
                Assert.Equal(0, field.Length);
                quoted = true;
            }
            else if (c == ',')
            {
                row.Add(field.ToString());
                field.Clear();
            }
            else if (c == '\r')
            {
                Assert.Equal('\n', text[++i]);
                row.Add(field.ToString());
                field.Clear();
                rows.Add(row);
                row = [];
            }
            else
            {
                Assert.NotEqual('\n', c);
                field.Append(c);
            }
        }

        Assert.Empty(row);
        return [.. rows.Skip(1).Select(cells =>
        {
            Assert.Equal(rows[0].Count, cells.Count);
            return rows[0].Zip(cells).ToDictionary(pair => pair.First, pair => pair.Second);
        })];
    }
}
