namespace LlmOps.Operations.Hub;

/// <summary>What was fetched of a repository at one commit: small files whole, of weights the headers.</summary>
/// <param name="Endpoint">Where the hub is.</param>
/// <param name="Repository">Which repository.</param>
/// <param name="Commit">The commit that the revision stood for.</param>
/// <param name="Files">What of it is on disk.</param>
public sealed record HubSnapshot(Uri Endpoint, RepositoryId Repository, string Commit, IReadOnlyList<HubFile> Files)
{
    /// <summary>Names the place in errors and as the source of figures.</summary>
    public string Origin => $"{Endpoint.OriginalString.TrimEnd('/')}/{Repository}@{Commit}";

    public HubFile? Find(string path) => Files.FirstOrDefault(file => file.Path == path);
}

/// <summary>A file of a repository, as far as it was fetched.</summary>
/// <param name="Path">In the repository, with forward slashes.</param>
/// <param name="Length">Bytes that the hub claims the whole file has.</param>
/// <param name="StoredLength">Bytes from its start that are on disk.</param>
/// <param name="LocalPath">Where they are.</param>
public sealed record HubFile(string Path, long Length, long StoredLength, string LocalPath)
{
    /// <summary>The stored bytes. Other processes may replace the file meanwhile.</summary>
    public Stream Open() => new FileStream(LocalPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
}

/// <summary>How far fetching a repository is.</summary>
public sealed record HubProgress(int FilesDone, int FilesTotal);
