namespace LlmOps.Operations.Hub;

/// <summary>Which names, that a user or a hub gives, may become part of an address and of a path.</summary>
internal static class HubNames
{
    private const int LongestRevision = 200;
    private const int LongestPath = 512;
    private const int LongestSegment = 200;

    // Devices of Windows, whatever their extension: writing to one is never meant.
    private static readonly HashSet<string> s_devices = new(
        ["CON", "PRN", "AUX", "NUL", .. Enumerable.Range(0, 10).SelectMany(i => new[] { $"COM{i}", $"LPT{i}" })],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>A branch, a tag or a commit, by git's rules for the names of references.</summary>
    public static bool IsRevision(string text) =>
        text.Length is > 0 and <= LongestRevision
        && text.All(c => c > ' ' && c != 0x7F && c is not ('~' or '^' or ':' or '?' or '*' or '[' or '\\' or '%'))
        && text.Split('/').All(part => part.Length > 0 && part[0] != '.' && part[^1] != '.')
        && !text.Contains("..", StringComparison.Ordinal);

    /// <summary>A whole commit id: SHA-1, or SHA-256.</summary>
    public static bool IsCommit(string text) =>
        text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower);

    /// <summary>A relative path with forward slashes that stays below its folder on every platform.</summary>
    public static bool IsFilePath(string path) =>
        path.Length is > 0 and <= LongestPath && path.Split('/').All(IsSegment);

    private static bool IsSegment(string segment) =>
        segment.Length is > 0 and <= LongestSegment
        && segment is not ("." or "..")
        && segment[^1] is not ('.' or ' ')
        && segment.All(c => c >= ' ' && c != 0x7F && c is not ('\\' or ':' or '<' or '>' or '"' or '|' or '?' or '*'))
        && !s_devices.Contains(segment.Split('.')[0].TrimEnd(' '));
}
