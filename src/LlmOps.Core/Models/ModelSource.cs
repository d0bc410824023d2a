namespace LlmOps.Core.Models;

/// <summary>Finds the model that a text stands for, wherever one may be named.</summary>
public static class ModelSource
{
    /// <summary>Whether the text leads to a file, or to a folder with a model's files in it.</summary>
    public static bool IsFile(string text) => File.Exists(text) || ModelFile.IsModelFolder(text);

    /// <summary>
    /// A name of the catalogue, a repository id, or the path of a model's file or folder. A name of the catalogue
    /// wins over a file of the same name; <c>./name</c> is always a file.
    /// </summary>
    /// <param name="text">What the user wrote.</param>
    /// <param name="resolvePath">Turns a path of the user's shell into one of the file system; null where it is one.</param>
    /// <exception cref="LlmOpsException">There is no such model, or the file is none.</exception>
    public static LlmModel Resolve(string text, Func<string, string>? resolvePath = null)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new LlmOpsException("ModelNotFound", ErrorKind.NotFound, "The model's name is empty.", text);
        }

        if (ModelCatalog.TryGet(text, out LlmModel? known))
        {
            return known;
        }

        string path = resolvePath?.Invoke(text) ?? text;

        // With neither file nor the look of a path, it was meant to be a name: the catalogue says which is nearest.
        return IsFile(path) || LooksLikePath(text) ? ModelFile.Read(path) : ModelCatalog.Get(text);
    }

    private static bool LooksLikePath(string text) =>
        IsRootedAnywhere(text)
        || text.Contains('\\', StringComparison.Ordinal)
        || text.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        || text.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
        || text.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
        || Directory.Exists(text);

    /// <summary>Starts at a root, here, at home, or on a drive of the shell.</summary>
    private static bool IsRootedAnywhere(string text) =>
        Path.IsPathRooted(text) || text.StartsWith('.') || text.StartsWith('~') || text.Contains(':', StringComparison.Ordinal);
}
