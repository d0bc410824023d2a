namespace LlmOps.Core.Calibration;

/// <summary>Reads the logs that inference servers write while they start.</summary>
public static class ServerLog
{
    private const int LinesBetweenReports = 1 << 15;

    /// <summary>What a log must hold, in words.</summary>
    public const string Expected =
        "expected are lines that vLLM 0.3 or later prints while it starts, such as 'Initializing a V1 LLM engine (v0.11.0) with "
        + "config: …', 'Model loading took 14.99 GiB …' or '# GPU blocks: 7191, # CPU blocks: 512'";

    /// <summary>Reads each start of a server in a log, as far as it came.</summary>
    /// <param name="path">The file, of any size; a server may be writing to it.</param>
    /// <param name="report">Is told now and then how many bytes of how many have been read.</param>
    /// <param name="stop">Ends the reading.</param>
    /// <returns>The starts, each as soon as the next one begins.</returns>
    /// <exception cref="LlmOpsException">The file cannot be read, or holds no start.</exception>
    public static IEnumerable<ServerLogMeasurement> Read(
        string path, Action<long, long>? report = null, CancellationToken stop = default)
    {
        using Stream stream = Guarded(path, () => Open(path));
        using LogLines lines = new(stream);
        ServerLogReader reader = new(path);
        bool isFound = false;
        while (Guarded(path, () => ReadSome(lines, reader, stop)) is { IsMore: true } step)
        {
            if (stream.CanSeek)
            {
                report?.Invoke(stream.Position, stream.Length);
            }

            if (step.Start is { } start)
            {
                isFound = true;
                yield return start;
            }
        }

        foreach (ServerLogMeasurement start in reader.Complete())
        {
            isFound = true;
            yield return start;
        }

        if (!isFound)
        {
            throw NoStart($"'{path}'", path);
        }
    }

    /// <summary>The error of a text without any start.</summary>
    public static LlmOpsException NoStart(string what, object? target) => new(
        "ServerLogInvalid", ErrorKind.InvalidData, $"{what} holds no start of a vLLM server; {Expected}.", target);

    // Up to the next start, or so many lines that it is time for a report.
    private static (bool IsMore, ServerLogMeasurement? Start) ReadSome(LogLines lines, ServerLogReader reader, CancellationToken stop)
    {
        for (int i = 0; i < LinesBetweenReports; i++)
        {
            if (!lines.Read(stop, out ReadOnlySpan<char> line))
            {
                return (false, null);
            }

            if (reader.Read(line, lines.Number) is { } start)
            {
                return (true, start);
            }
        }

        return (true, null);
    }

    private static FileStream Open(string path) => Directory.Exists(path)
        ? throw new IOException("it is a folder. Give the files in it, as Get-ChildItem lists them.")
        : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 16);

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new LlmOpsException("ServerLogNotFound", ErrorKind.NotFound,
                $"There is no file '{path}'. A path leads to a log of a vLLM server.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LlmOpsException("ServerLogNotReadable", ErrorKind.InvalidData, $"'{path}' cannot be read: {e.Message}", path, e);
        }
    }
}
