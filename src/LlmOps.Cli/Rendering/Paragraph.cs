using System.Text;

namespace LlmOps.Cli.Rendering;

/// <summary>Text in lines no wider than the terminal.</summary>
internal static class Paragraph
{
    /// <param name="terminal">Where it goes.</param>
    /// <param name="label">Stands at its start; further lines are indented two more than it.</param>
    /// <param name="text">Broken between words.</param>
    public static void Write(Terminal terminal, string label, string text)
    {
        string indent = new(' ', label.Length - label.TrimStart().Length + 2);
        StringBuilder line = new(label);
        int start = label.Length;
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > start && line.Length + 1 + word.Length > terminal.Width)
            {
                terminal.Out.WriteLine(line);
                line.Clear().Append(indent);
                start = indent.Length;
            }

            line.Append(line.Length > start ? " " : "").Append(word);
        }

        terminal.Out.WriteLine(line);
    }
}
