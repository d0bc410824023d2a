using LlmOps.Core;
using LlmOps.Core.Models;

namespace LlmOps.Operations.Hub;

/// <summary>
/// Fetches from a Hugging Face-compatible hub what says how a model is built: its configuration, and of its weights the
/// headers. What was fetched is kept by commit, and never fetched again.
/// </summary>
public sealed class ModelHub(HubOptions options) : IDisposable
{
    internal const string ConfigName = "config.json";
    internal const string IndexName = "model.safetensors.index.json";

    private const int LargestIndex = 64 << 20;
    private const int LargestListing = 64 << 20;
    private const long MostStored = 2L << 30;
    private const int Parallelism = 8;

    private readonly Lazy<HubHttp> _http = new(() => new HubHttp(options));

    /// <summary>Files that are fetched whole.</summary>
    internal static IReadOnlyList<string> SmallFiles { get; } = [ConfigName, "hf_quant_config.json", IndexName];

    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }
    }

    /// <summary>The model that a repository holds.</summary>
    /// <inheritdoc cref="GetSnapshotAsync"/>
    public async Task<LlmModel> GetModelAsync(
        string repository,
        string revision = "main",
        string? file = null,
        Action<HubProgress>? progress = null,
        CancellationToken cancel = default)
    {
        HubSnapshot snapshot = await GetSnapshotAsync(repository, revision, file, progress, cancel).ConfigureAwait(false);
        return HubModelReader.Read(snapshot, cancel);
    }

    /// <param name="repository"><c>organisation/name</c>.</param>
    /// <param name="revision">A branch, a tag or a commit.</param>
    /// <param name="file">Which weights, with wildcards; null for those that loaders take.</param>
    /// <param name="progress">Told how many files are done, from any thread.</param>
    /// <param name="cancel">Ends all requests at once.</param>
    /// <exception cref="LlmOpsException">It cannot be had.</exception>
    public async Task<HubSnapshot> GetSnapshotAsync(
        string repository,
        string revision = "main",
        string? file = null,
        Action<HubProgress>? progress = null,
        CancellationToken cancel = default)
    {
        RepositoryId id = RepositoryId.Parse(repository);
        if (!HubNames.IsRevision(revision))
        {
            throw HubErrors.InvalidRevision(revision);
        }

        cancel.ThrowIfCancellationRequested();
        HubSubject subject = new(id, revision);
        HubCache cache = new(options, id);
        (string commit, IReadOnlyList<string> listing) = await ResolveAsync(subject, cache, cancel).ConfigureAwait(false);
        Fetch fetch = new(this, cache, subject, commit, progress, cancel);

        // An index speaks of all weights; where the user chose some, it would only mislead.
        IEnumerable<string> small = SmallFiles.Where(name => listing.Contains(name) && (file is null || name != IndexName));
        List<HubFile> files = await fetch.AllAsync([.. small]).ConfigureAwait(false);
        IReadOnlyList<string>? shards = files.Find(found => found.Path == IndexName) is { } index
            ? HubListing.ReadShards(ReadAll(index), listing, subject with { File = IndexName })
            : null;
        IReadOnlyList<string> weights = WeightsChoice.Choose(listing, shards, file, subject);
        if (weights.Count == 0 && !listing.Contains(ConfigName))
        {
            throw HubErrors.NoModel(subject);
        }

        files.AddRange(await fetch.AllAsync(weights).ConfigureAwait(false));
        return new HubSnapshot(options.Endpoint, id, commit, files);
    }

    private async Task<(string Commit, IReadOnlyList<string> Listing)> ResolveAsync(
        HubSubject subject, HubCache cache, CancellationToken cancel)
    {
        string? known = HubNames.IsCommit(subject.Revision)
            ? subject.Revision
            : cache.FindCommit(subject.Revision, options.Offline ? Timeout.InfiniteTimeSpan : options.RevisionLife);
        if (known is not null && cache.FindListing(known) is { } kept)
        {
            return (known, kept);
        }

        if (options.Offline)
        {
            throw HubErrors.NotCached(subject, cache.Folder);
        }

        byte[] answer = await _http.Value.GetWholeAsync(
            $"/api/models/{subject.Repository}/revision/{Uri.EscapeDataString(subject.Revision)}", LargestListing, subject, cancel)
            .ConfigureAwait(false);
        (string commit, IReadOnlyList<string> listing) = HubListing.ReadRevision(answer, subject);
        if (HubNames.IsCommit(subject.Revision) && commit != subject.Revision)
        {
            throw HubErrors.Invalid(subject, $"it is for the commit {commit}.");
        }

        cache.KeepListing(commit, listing);
        cache.KeepCommit(subject.Revision, commit);
        return (commit, listing);
    }

    private static byte[] ReadAll(HubFile file)
    {
        try
        {
            using Stream stream = file.Open();
            using MemoryStream content = new();
            stream.CopyTo(content);
            return content.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HubErrors.Cache(file.LocalPath, e);
        }
    }

    /// <summary>Fetches files of one commit, and counts them.</summary>
    private sealed class Fetch(
        ModelHub hub, HubCache cache, HubSubject subject, string commit, Action<HubProgress>? progress, CancellationToken cancel)
    {
        private int _done;
        private int _total;
        private long _stored;

        /// <summary>Those files, from the cache or from the hub, in the same order.</summary>
        public async Task<List<HubFile>> AllAsync(IReadOnlyList<string> paths)
        {
            _total += paths.Count;
            IReadOnlyDictionary<string, HubFile> kept = cache.Find(commit, paths, cancel);
            _done += kept.Count;
            progress?.Invoke(new HubProgress(_done, _total));
            if (hub.IsOffline && paths.FirstOrDefault(path => !kept.ContainsKey(path)) is { } missing)
            {
                throw HubErrors.NotCached(subject with { File = missing }, cache.Folder);
            }

            HubFile[] files = new HubFile[paths.Count];
            await EachAsync(paths.Count, async (i, stop) =>
            {
                files[i] = kept.GetValueOrDefault(paths[i]) ?? await OneAsync(paths[i], stop).ConfigureAwait(false);
            }).ConfigureAwait(false);
            return [.. files];
        }

        /// <summary>The first failure ends the others, and is the one that is reported.</summary>
        private async Task EachAsync(int count, Func<int, CancellationToken, ValueTask> action)
        {
            try
            {
                await Parallel.ForAsync(
                    0, count, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancel }, action)
                    .ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                cancel.ThrowIfCancellationRequested();
                throw;
            }
        }

        private async Task<HubFile> OneAsync(string path, CancellationToken stop)
        {
            HubSubject file = subject with { File = path };
            string address = $"/{subject.Repository}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}";
            byte[] start;
            long length;
            if (WeightsChoice.IsWeights(path))
            {
                (start, length) = await hub._http.Value.GetHeaderAsync(
                    address, WeightsChoice.IsGguf(path) ? HeaderMeasure.Gguf : HeaderMeasure.Safetensors, file, stop)
                    .ConfigureAwait(false);
            }
            else
            {
                int most = path == IndexName ? LargestIndex : HuggingFaceConfig.MaximumBytes;
                start = await hub._http.Value.GetWholeAsync(address, most, file, stop).ConfigureAwait(false);
                length = start.Length;
            }

            if (Interlocked.Add(ref _stored, start.Length) > MostStored)
            {
                throw HubErrors.Invalid(file, FormattableString.Invariant($"the headers have more than {MostStored} bytes in all."));
            }

            HubFile kept = cache.Keep(commit, path, start, length);
            progress?.Invoke(new HubProgress(Interlocked.Increment(ref _done), _total));
            return kept;
        }
    }

    private bool IsOffline => options.Offline;
}
