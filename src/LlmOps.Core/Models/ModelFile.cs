using LlmOps.Core.Models.Files;

namespace LlmOps.Core.Models;

/// <summary>Reads a model's architecture from what an operator has on disk.</summary>
public static class ModelFile
{
    /// <summary>Whether there is a folder of that path with a model's files in it.</summary>
    public static bool IsModelFolder(string path) =>
        Directory.Exists(path) && Guarded(path, path, () => ModelFolder.LooksLikeModel(new DiskModelFileSet(path)));

    /// <summary>
    /// Reads a model: a configuration, GGUF file, safetensors file or index, recognised by its content, or the folder that
    /// they lie in. Of weights only headers are read, and they win over a configuration for counts.
    /// </summary>
    /// <param name="path">The file or folder. A configuration is read with the weights beside it.</param>
    /// <param name="stop">Ends the reading of a model of many files.</param>
    /// <exception cref="LlmOpsException">There is nothing there that can be read as a model.</exception>
    public static LlmModel Read(string path, CancellationToken stop = default)
    {
        if (Directory.Exists(path))
        {
            return Guarded(path, path, () => ModelFolder.ReadAll(new DiskModelFileSet(path), stop));
        }

        return Guarded(path, path, () =>
        {
            string full = Path.GetFullPath(path);
            DiskModelFileSet neighbours = new(Path.GetDirectoryName(full) ?? full);
            return ModelFolder.ReadFile(neighbours, Path.GetFileName(full), stop);
        });
    }

    /// <summary>Reads the model of a set of files, such as a repository's.</summary>
    /// <param name="files">The files; of weights no more than headers need be at hand.</param>
    /// <param name="name">The one to read; null finds what describes the model.</param>
    /// <param name="stop">Ends the reading of a model of many files.</param>
    /// <exception cref="LlmOpsException">There is nothing there that can be read as a model.</exception>
    public static LlmModel Read(IModelFileSet files, string? name = null, CancellationToken stop = default) =>
        Guarded(name ?? files.Origin, files.Origin, () =>
        {
            LlmModel model = name is null ? ModelFolder.ReadAll(files, stop) : ModelFolder.ReadFile(files, name, stop);
            return files.Repository is { } repository ? model.Of(repository, files.Origin) : model;
        });

    /// <summary>
    /// The first part of the split model that a file is part of; the file itself where it is none. All parts stand for the
    /// same model.
    /// </summary>
    public static string FirstPart(string path) =>
        GgufModel.FirstPart(Path.GetFileName(path)) is { } first ? Path.Combine(Path.GetDirectoryName(path) ?? "", first) : path;

    private static T Guarded<T>(string target, string shown, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new LlmOpsException("ModelFileNotFound", ErrorKind.NotFound,
                $"There is no file '{shown}'. A path leads to a {ModelFolder.ConfigName}, a GGUF file or the folder of a model.",
                target, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new LlmOpsException("ModelFileNotReadable", ErrorKind.InvalidData,
                $"'{shown}' cannot be read: {e.Message}", target, e);
        }
    }
}
