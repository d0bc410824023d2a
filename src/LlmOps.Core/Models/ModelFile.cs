namespace LlmOps.Core.Models;

/// <summary>Reads a model's architecture from what an operator has on disk.</summary>
public static class ModelFile
{
    private const string ConfigName = "config.json";

    /// <summary>Whether there is a folder of that path with a configuration in it.</summary>
    public static bool IsModelFolder(string path) => File.Exists(Path.Combine(path, ConfigName));

    /// <param name="path">A configuration, or the folder that it lies in.</param>
    /// <exception cref="LlmOpsException">There is nothing there that can be read as a model.</exception>
    public static LlmModel Read(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, ConfigName) : path;
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
            return HuggingFaceConfig.Read(ReadBounded(stream, file), Path.GetFullPath(file));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new LlmOpsException("ModelFileNotFound", ErrorKind.NotFound,
                $"There is no file '{file}'. A path leads to a {ConfigName} or to the folder that it lies in.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LlmOpsException("ModelFileNotReadable", ErrorKind.InvalidData,
                $"'{file}' cannot be read: {e.Message}", path, e);
        }
    }

    /// <summary>
    /// Reads to the end, or to one byte past what a configuration can have: a file's length is a claim, and a device has
    /// none.
    /// </summary>
    private static byte[] ReadBounded(FileStream stream, string file)
    {
        using MemoryStream content = new();
        byte[] buffer = new byte[81920];
        int read;
        while ((read = stream.Read(buffer, 0, buffer.Length)) > 0)
        {
            content.Write(buffer, 0, read);
            if (content.Length > HuggingFaceConfig.MaximumBytes)
            {
                throw new LlmOpsException("ModelConfigInvalid", ErrorKind.InvalidData,
                    $"'{file}' is larger than {HuggingFaceConfig.MaximumBytes} bytes, which no configuration is.", file);
            }
        }

        return content.ToArray();
    }
}
