namespace LlmOps.Core.Models.Files;

/// <summary>The errors of the readers of weight files.</summary>
internal static class FileErrors
{
    /// <summary>A file that is damaged, cut off, or claims what cannot be.</summary>
    public static LlmOpsException Invalid(string origin, string problem, Exception? inner = null) =>
        new("ModelFileInvalid", ErrorKind.InvalidData, $"{Shown(origin)}: {problem}", origin, inner);

    /// <summary>A file that is sound but of a kind that is not read.</summary>
    public static LlmOpsException NotSupported(string origin, string problem) =>
        new("ModelFileNotSupported", ErrorKind.NotSupported, $"{Shown(origin)}: {problem}", origin);

    /// <summary>Text from a file as a message can show it: short, and on one line.</summary>
    public static string Shown(string text)
    {
        const int longest = 200;
        string cut = text.Length > longest ? text[..longest] + "…" : text;
        return cut.Any(char.IsControl) ? string.Concat(cut.Select(c => char.IsControl(c) ? '?' : c)) : cut;
    }
}
