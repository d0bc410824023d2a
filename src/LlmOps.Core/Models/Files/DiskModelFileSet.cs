namespace LlmOps.Core.Models.Files;

/// <summary>The files of a folder on disk; folders in it are not looked into.</summary>
public sealed class DiskModelFileSet : IModelFileSet
{
    private readonly Lazy<IReadOnlyCollection<string>> _names;

    /// <param name="folder">The folder; it is listed when its names are first asked for.</param>
    public DiskModelFileSet(string folder)
    {
        Origin = Path.GetFullPath(folder);
        _names = new(() => [.. Directory.EnumerateFiles(Origin).Select(file => Path.GetFileName(file))]);
    }

    public string Origin { get; }

    public IReadOnlyCollection<string> Names => _names.Value;

    public string OriginOf(string name) => Path.Combine(Origin, name);

    /// <summary>0 for what has no length, such as a device.</summary>
    public long Length(string name) => new FileInfo(OriginOf(name)).Length;

    /// <summary>Opened without a buffer: readers ask for no byte past a header.</summary>
    public Stream Open(string name) =>
        new FileStream(OriginOf(name), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
}
