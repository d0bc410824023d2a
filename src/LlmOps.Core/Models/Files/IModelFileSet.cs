namespace LlmOps.Core.Models.Files;

/// <summary>
/// Files that lie together: a folder, or a repository of which only headers are at hand. A stream may end before the file
/// does; what a header claims is checked against <see cref="Length"/>, and no reader goes past the header.
/// </summary>
public interface IModelFileSet
{
    /// <summary>What messages call the place.</summary>
    string Origin { get; }

    /// <summary>The repository that the files are of (<c>org/name</c>); null where they are of none.</summary>
    string? Repository => null;

    /// <summary>Names of all files, in any order, relative to <see cref="Origin"/>.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>What messages call one of the files.</summary>
    string OriginOf(string name);

    /// <summary>Bytes of the whole file, whether or not they are all at hand.</summary>
    long Length(string name);

    /// <summary>The file from its first byte on. The caller disposes of it; it need not be able to seek.</summary>
    Stream Open(string name);
}
