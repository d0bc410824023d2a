using System.Text.Json;

namespace LlmOps.Operations.Hub;

/// <summary>Reads the two JSON files that say which other files there are.</summary>
internal static class HubListing
{
    private const int MostFiles = 100_000;

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <summary>The hub's description of a revision: its commit, and the names of its files.</summary>
    public static (string Commit, IReadOnlyList<string> Files) ReadRevision(byte[] json, HubSubject subject) =>
        Read(json, subject, root =>
        {
            string commit = root.TryGetProperty("sha", out JsonElement sha) ? sha.GetString() ?? "" : "";
            if (!HubNames.IsCommit(commit))
            {
                throw HubErrors.Invalid(subject, "it names no commit ('sha').");
            }

            List<string> files = [];
            foreach (JsonElement sibling in root.GetProperty("siblings").EnumerateArray())
            {
                string path = sibling.GetProperty("rfilename").GetString() ?? "";
                if (IsOfInterest(path))
                {
                    files.Add(Checked(path, subject));
                }
            }

            return (commit, (IReadOnlyList<string>)Bounded(files.Distinct(StringComparer.Ordinal), subject));
        });

    /// <summary>The files that an index of weights spreads the tensors over.</summary>
    public static IReadOnlyList<string> ReadShards(byte[] json, IReadOnlyList<string> listing, HubSubject subject) =>
        Read(json, subject, root =>
        {
            HashSet<string> shards = new(StringComparer.Ordinal);
            foreach (JsonProperty tensor in root.GetProperty("weight_map").EnumerateObject())
            {
                shards.Add(Checked(tensor.Value.GetString() ?? "", subject));
            }

            return shards.FirstOrDefault(path => !WeightsChoice.IsWeights(path) || !listing.Contains(path)) is { } missing
                ? throw HubErrors.Invalid(subject, $"it names '{missing}', which the repository does not have.")
                : (IReadOnlyList<string>)Bounded(shards.Order(StringComparer.Ordinal), subject);
        });

    // What else a repository has may be called anything; it is never touched.
    private static bool IsOfInterest(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        ? ModelHub.SmallFiles.Any(file => path.EndsWith(file, StringComparison.Ordinal))
        : WeightsChoice.IsWeights(path);

    private static string Checked(string path, HubSubject subject) => HubNames.IsFilePath(path)
        ? path
        : throw HubErrors.Invalid(subject, "it names a file outside of the repository, or one that no file system can hold.");

    private static List<string> Bounded(IEnumerable<string> files, HubSubject subject)
    {
        List<string> bounded = [.. files.Take(MostFiles + 1)];
        return bounded.Count <= MostFiles
            ? bounded
            : throw HubErrors.Invalid(subject, FormattableString.Invariant($"it names more than {MostFiles} files."));
    }

    private static T Read<T>(byte[] json, HubSubject subject, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw HubErrors.Invalid(subject, "it is not the JSON that a hub sends.", e);
        }
    }
}
