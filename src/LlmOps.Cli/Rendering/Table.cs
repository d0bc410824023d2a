using System.Globalization;
using System.Text;
using Spectre.Console;
using SpectreTable = Spectre.Console.Table;

namespace LlmOps.Cli.Rendering;

/// <summary>A column of a table.</summary>
/// <param name="Header">With the unit, where there is one.</param>
/// <param name="Text">The cell's text in the user's culture.</param>
internal sealed record Column<T>(string Header, Func<T, CultureInfo, string> Text)
{
    public bool RightAligned { get; init; }

    /// <summary>Says what was asked, not what came out: where all rows agree, it is said once above the table.</summary>
    public bool IsContext { get; init; }

    /// <summary>What goes without saying where <see cref="IsContext"/> would say it.</summary>
    public string? Usual { get; init; }

    /// <summary>Columns with larger numbers are left out first where the table is too wide; 0 stays.</summary>
    public int DropOrder { get; init; }

    public Func<T, Color?>? Colour { get; init; }
}

/// <summary>Makes columns.</summary>
internal static class Column
{
    private const string Nothing = "-";

    public static Column<T> Text<T>(string header, Func<T, string?> value) => new(header, (row, _) => value(row) ?? Nothing);

    public static Column<T> Number<T>(string header, string format, Func<T, double?> value) =>
        new(header, (row, culture) => value(row)?.ToString(format, culture) ?? Nothing) { RightAligned = true };

    public static Column<T> Whole<T>(string header, Func<T, long?> value) =>
        new(header, (row, culture) => value(row)?.ToString("N0", culture) ?? Nothing) { RightAligned = true };

    public static Column<T> YesNo<T>(string header, Func<T, bool?> value) =>
        new(header, (row, _) => value(row) switch { true => "yes", false => "no", null => Nothing })
        {
            Colour = row => value(row) switch { true => Color.Green, false => Color.Red, null => null },
        };
}

/// <summary>Shows records as a table that fits the terminal.</summary>
internal static class Table
{
    /// <summary>What the border takes beside a cell's text: a blank on either side, and the border itself.</summary>
    private const int WidthAroundCell = 3;

    /// <summary>The border at the end of a row.</summary>
    private const int WidthOfEdge = 1;

    public static void Show<T>(Terminal terminal, IReadOnlyList<T> rows, IReadOnlyList<Column<T>> columns)
    {
        string[][] cells = [.. columns.Select(c => rows.Select(row => c.Text(row, terminal.Culture)).ToArray())];
        List<int> shown = [];
        List<string> context = [];
        for (int i = 0; i < columns.Count; i++)
        {
            string first = cells[i][0];
            if (!columns[i].IsContext || cells[i].Any(text => text != first))
            {
                shown.Add(i);
            }
            else if (first != "-" && first != columns[i].Usual)
            {
                context.Add($"{columns[i].Header}: {first}");
            }
        }

        WriteContext(terminal, context);
        Fit(terminal.Width, shown, columns, cells);
        SpectreTable table = new() { Border = TableBorder.Simple };
        foreach (int i in shown)
        {
            TableColumn column = new(new Text(columns[i].Header, new Style(decoration: Decoration.Bold)));
            table.AddColumn(columns[i].RightAligned ? column.RightAligned() : column);
        }

        for (int row = 0; row < rows.Count; row++)
        {
            table.AddRow(shown.Select(i => new Text(
                cells[i][row], columns[i].Colour?.Invoke(rows[row]) is { } colour ? new Style(colour) : null)));
        }

        Write(terminal, table);
    }

    /// <summary>As many of the phrases in a line as the width allows.</summary>
    private static void WriteContext(Terminal terminal, List<string> phrases)
    {
        StringBuilder line = new();
        foreach (string phrase in phrases)
        {
            if (line.Length > 0 && line.Length + 3 + phrase.Length > terminal.Width)
            {
                terminal.Out.WriteLine(line);
                line.Clear();
            }

            line.Append(line.Length > 0 ? "   " : "").Append(phrase);
        }

        if (line.Length > 0)
        {
            terminal.Out.WriteLine(line);
            terminal.Out.WriteLine();
        }
    }

    private static void Fit<T>(int width, List<int> shown, IReadOnlyList<Column<T>> columns, string[][] cells)
    {
        int WidthOf(int column) =>
            Math.Max(columns[column].Header.Length, cells[column].Max(text => text.Length)) + WidthAroundCell;

        while (shown.Sum(WidthOf) + WidthOfEdge > width)
        {
            int dropped = shown.MaxBy(i => columns[i].DropOrder);
            if (columns[dropped].DropOrder == 0)
            {
                return;
            }

            shown.Remove(dropped);
        }
    }

    /// <summary>
    /// Without the blanks that fill the last column and the border's blank first line, which only matter to those who compare
    /// or paste.
    /// </summary>
    private static void Write(Terminal terminal, SpectreTable table)
    {
        using StringWriter text = new(CultureInfo.InvariantCulture);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = terminal.Colour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = terminal.Colour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new FixedOutput(text, terminal.Width),
        });
        console.Profile.Capabilities.Unicode = true;
        console.Write(table);
        foreach (string line in text.ToString().TrimEnd().Split('\n').SkipWhile(string.IsNullOrWhiteSpace))
        {
            terminal.Out.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>Spectre asks the process's console for its width, which is not where this goes.</summary>
    private sealed class FixedOutput(TextWriter writer, int width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => false;

        public int Width => width;

        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
