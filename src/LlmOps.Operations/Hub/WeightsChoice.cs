using System.Text.RegularExpressions;
using LlmOps.Core;

namespace LlmOps.Operations.Hub;

/// <summary>Which of a repository's files are the weights of its model.</summary>
internal static partial class WeightsChoice
{
    public const string SafetensorsSuffix = ".safetensors";
    public const string GgufSuffix = ".gguf";

    public static bool IsGguf(string path) => path.EndsWith(GgufSuffix, StringComparison.OrdinalIgnoreCase);

    public static bool IsWeights(string path) =>
        IsGguf(path) || path.EndsWith(SafetensorsSuffix, StringComparison.OrdinalIgnoreCase);

    /// <param name="listing">The repository's files.</param>
    /// <param name="shards">What its index names; null where it has none.</param>
    /// <param name="pattern">What the user chose; null for what loaders take.</param>
    /// <param name="subject">What errors call the repository.</param>
    /// <exception cref="LlmOpsException">There is no such file, or several models to choose from.</exception>
    public static IReadOnlyList<string> Choose(
        IReadOnlyList<string> listing, IReadOnlyList<string>? shards, string? pattern, HubSubject subject)
    {
        if (pattern is not null)
        {
            string[] weights = [.. listing.Where(IsWeights)];
            string[] matches = [.. weights.Where(path => WildcardName.Matches(pattern, path))];
            return matches.Length > 0 ? OneModel(matches, subject) : throw HubErrors.NoSuchFile(subject, pattern, weights);
        }

        if (shards is not null)
        {
            return shards;
        }

        // Beside the model may lie the same weights in its maker's own format (consolidated.safetensors), and adapters.
        string[] top = [.. listing.Where(path => IsWeights(path) && !IsGguf(path) && !path.Contains('/', StringComparison.Ordinal))];
        string[] named = [.. top.Where(path => path == "model.safetensors" || Shard().IsMatch(path) && path.StartsWith("model-", StringComparison.Ordinal))];
        string[] safetensors = named.Length > 0
            ? named
            : [.. top.Where(path => !path.StartsWith("adapter_", StringComparison.Ordinal))];
        if (safetensors.Length > 0)
        {
            return safetensors;
        }

        // Vision projectors and importance matrices come as files of their own beside each model.
        string[] gguf = [.. listing.Where(path => IsGguf(path) && !NameOf(path).StartsWith("mmproj", StringComparison.OrdinalIgnoreCase)
            && !NameOf(path).StartsWith("imatrix", StringComparison.OrdinalIgnoreCase))];
        return gguf.Length > 0 && ModelsIn(gguf).Length > 1 && listing.Contains("config.json") ? [] : OneModel(gguf, subject);
    }

    private static string[] OneModel(string[] files, HubSubject subject)
    {
        string[] models = ModelsIn([.. files.Where(IsGguf)]);
        return models.Length <= 1 ? files : throw HubErrors.Ambiguous(subject, models);
    }

    /// <summary>The first part of each model that is split, and those that are not.</summary>
    private static string[] ModelsIn(string[] files) =>
        [.. files.GroupBy(path => Shard().Replace(path, ""), StringComparer.Ordinal).Select(parts => parts.Min(StringComparer.Ordinal)!)];

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>Part 2 of 4: <c>-00002-of-00004</c>, then the extension.</summary>
    [GeneratedRegex(@"-\d{5}-of-\d{5}(?=\.[a-z]+$)", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Shard();
}
