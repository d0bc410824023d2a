using LlmOps.Core;
using LlmOps.Core.Models;

namespace LlmOps.Cli;

/// <summary>
/// Finds the model that a user means: a name of the catalogue, a repository id, or the path of a <c>config.json</c> or of a
/// folder with one. A name of the catalogue wins over a file of the same name; <c>./name</c> is always a file.
/// </summary>
internal static class ModelReference
{
    private const string ConfigFile = "config.json";

    public static bool IsFile(string text) => File.Exists(text) || File.Exists(Path.Combine(text, ConfigFile));

    /// <exception cref="LlmOpsException">There is no such model, or the file is none.</exception>
    public static LlmModel Resolve(string text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new LlmOpsException("ModelNotFound", ErrorKind.NotFound, "The model's name is empty.", text);
        }

        if (ModelCatalog.TryGet(text, out LlmModel? known))
        {
            return known;
        }

        if (File.Exists(text))
        {
            return HuggingFaceConfig.Read(ReadFile(text), text);
        }

        string inFolder = Path.Combine(text, ConfigFile);
        if (File.Exists(inFolder))
        {
            return HuggingFaceConfig.Read(ReadFile(inFolder), inFolder);
        }

        if (LooksLikePath(text))
        {
            throw new LlmOpsException("PathNotFound", ErrorKind.NotFound, Directory.Exists(text)
                ? $"The folder '{text}' has no {ConfigFile}."
                : $"There is no file '{text}'.", text);
        }

        // Raises the error with the nearest name.
        return ModelCatalog.Get(text);
    }

    private static bool LooksLikePath(string text) =>
        Path.IsPathRooted(text)
        || text.StartsWith('.')
        || text.Contains('\\', StringComparison.Ordinal)
        || text.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        || Directory.Exists(text);

    /// <summary>Reads no further than a configuration can go, so that a device or a weights file does no harm.</summary>
    private static byte[] ReadFile(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            using MemoryStream content = new();
            byte[] buffer = new byte[1 << 16];
            int read;
            while (content.Length <= HuggingFaceConfig.MaximumBytes && (read = stream.Read(buffer)) > 0)
            {
                content.Write(buffer, 0, read);
            }

            return content.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LlmOpsException("FileNotReadable", ErrorKind.InvalidData, $"'{path}' cannot be read: {e.Message}", path, e);
        }
    }
}
