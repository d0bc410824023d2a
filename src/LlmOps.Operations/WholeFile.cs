namespace LlmOps.Operations;

/// <summary>
/// Replaces files as a whole: what is written goes beside the file and then takes its place, so that whoever reads it, and
/// whoever comes after a crash, sees the old content or the new one.
/// </summary>
internal static class WholeFile
{
    /// <param name="path">The file; its folder is made where there is none.</param>
    /// <param name="write">Writes the new content. What it throws leaves the file as it was, and nothing beside it.</param>
    /// <param name="written">Called with the path of the new content when that is on disk, and not yet in place.</param>
    public static void Replace(string path, Action<Stream> write, Action<string>? written = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            written?.Invoke(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Whether an exception says that a place cannot be written, or names none.</summary>
    public static bool IsFailure(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;
}
