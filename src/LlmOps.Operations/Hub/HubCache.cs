using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace LlmOps.Operations.Hub;

/// <summary>
/// What was fetched of one repository, on disk: a folder for each commit with a manifest, and what each revision last
/// stood for. What processes overwrite of each other is the same, or fetched again.
/// </summary>
internal sealed class HubCache
{
    private const string ManifestName = "snapshot.json";
    private const int Format = 1;
    private const int LargestManifest = 64 << 20;

    private static readonly ConcurrentDictionary<string, object> s_locks = new(StringComparer.Ordinal);

    private readonly string _folder;

    public HubCache(HubOptions options, RepositoryId repository) =>
        _folder = Path.Combine(
            options.CacheFolder, options.EndpointFolder, $"{repository.Organisation}--{repository.Name}");

    public string Folder => _folder;

    /// <summary>The commit that a revision stood for, not longer ago than <paramref name="life"/>.</summary>
    public string? FindCommit(string revision, TimeSpan life)
    {
        if (ReadJson<Reference>(ReferencePath(revision), 1 << 16) is not { } reference
            || reference.Revision != revision || !HubNames.IsCommit(reference.Commit ?? ""))
        {
            return null;
        }

        TimeSpan age = DateTimeOffset.UtcNow - reference.Time;
        return life == Timeout.InfiniteTimeSpan || (age >= TimeSpan.Zero && age <= life) ? reference.Commit : null;
    }

    public void KeepCommit(string revision, string commit) =>
        WriteJson(ReferencePath(revision), new Reference(revision, commit, DateTimeOffset.UtcNow));

    /// <summary>All files that the repository has at a commit; null where that is not known.</summary>
    public IReadOnlyList<string>? FindListing(string commit) =>
        ReadManifest(commit)?.Listing is { } listing && listing.All(path => path is not null && HubNames.IsFilePath(path)) ? listing : null;

    public void KeepListing(string commit, IReadOnlyList<string> listing) =>
        Change(commit, manifest => manifest with { Listing = [.. listing] });

    /// <summary>Those files that were fetched before and are as they were then.</summary>
    public IReadOnlyDictionary<string, HubFile> Find(string commit, IEnumerable<string> paths, CancellationToken cancel)
    {
        Dictionary<string, HubFile> found = new(StringComparer.Ordinal);
        SortedDictionary<string, Entry>? entries = ReadManifest(commit)?.Files;
        foreach (string path in paths)
        {
            if (entries?.GetValueOrDefault(path) is { } entry && IsIntact(LocalPath(commit, path), entry, cancel))
            {
                found.Add(path, new HubFile(path, entry.Length, entry.Stored, LocalPath(commit, path)));
            }
        }

        return found;
    }

    public HubFile Keep(string commit, string path, byte[] start, long length)
    {
        string local = LocalPath(commit, path);
        Write(local, start);
        Entry entry = new(length, start.Length, Convert.ToHexString(SHA256.HashData(start)));
        Change(commit, manifest => manifest with
        {
            Files = new SortedDictionary<string, Entry>(manifest.Files ?? [], StringComparer.Ordinal) { [path] = entry },
        });
        return new HubFile(path, length, start.Length, local);
    }

    // The names were checked when they came in; this is the last line.
    private string LocalPath(string commit, string path) => HubNames.IsFilePath(path) && HubNames.IsCommit(commit)
        ? Path.Combine([_folder, commit, .. path.Split('/')])
        : throw new InvalidOperationException($"'{path}' at '{commit}' was not checked.");

    private string ReferencePath(string revision) => Path.Combine(_folder, "refs", Uri.EscapeDataString(revision) + ".json");

    private string ManifestPath(string commit) => Path.Combine(_folder, commit, ManifestName);

    private Manifest? ReadManifest(string commit) =>
        ReadJson<Manifest>(ManifestPath(commit), LargestManifest) is { Format: Format } manifest && manifest.Commit == commit
            ? manifest
            : null;

    /// <summary>One at a time in this process. What another process adds meanwhile may be lost, and is then fetched again.</summary>
    private void Change(string commit, Func<Manifest, Manifest> change)
    {
        string path = ManifestPath(commit);
        lock (s_locks.GetOrAdd(path, _ => new object()))
        {
            WriteJson(path, change(ReadManifest(commit) ?? new Manifest(Format, commit, null, null)));
        }
    }

    private static T? ReadJson<T>(string path, long mostBytes)
        where T : class
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return stream.Length <= mostBytes ? JsonSerializer.Deserialize<T>(stream) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static void WriteJson<T>(string path, T value) => Write(path, JsonSerializer.SerializeToUtf8Bytes(value));

    private static void Write(string path, byte[] content)
    {
        try
        {
            WholeFile.Replace(path, stream => stream.Write(content));
        }
        catch (Exception e) when (WholeFile.IsFailure(e))
        {
            throw HubErrors.Cache(path, e);
        }
    }

    private static bool IsIntact(string local, Entry entry, CancellationToken cancel)
    {
        try
        {
            using FileStream stream = new(local, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return stream.Length == entry.Stored && entry.Stored <= entry.Length && Hash(stream, cancel) == entry.Sha256;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string Hash(Stream stream, CancellationToken cancel)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 16];
        int read;
        while ((read = stream.Read(buffer, 0, buffer.Length)) > 0)
        {
            cancel.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private sealed record Reference(string? Revision, string? Commit, DateTimeOffset Time);

    private sealed record Manifest(int Format, string? Commit, string[]? Listing, SortedDictionary<string, Entry>? Files);

    /// <param name="Length">Of the whole file, as the hub claims it.</param>
    /// <param name="Stored">Of what is on disk.</param>
    /// <param name="Sha256">Of what is on disk.</param>
    private sealed record Entry(long Length, long Stored, string Sha256);
}
