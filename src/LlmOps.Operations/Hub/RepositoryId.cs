using LlmOps.Core;

namespace LlmOps.Operations.Hub;

/// <summary>A repository of a hub: <c>organisation/name</c>, checked to be safe in addresses and in paths.</summary>
public sealed class RepositoryId
{
    // What the hub itself allows: 96 characters in all.
    private const int LongestId = 96;

    private RepositoryId(string organisation, string name)
    {
        Organisation = organisation;
        Name = name;
    }

    public string Organisation { get; }

    public string Name { get; }

    /// <exception cref="LlmOpsException">The text is no repository id.</exception>
    public static RepositoryId Parse(string text)
    {
        string[] parts = text.Split('/');
        return text.Length <= LongestId && parts.Length == 2 && parts.All(IsName)
            ? new RepositoryId(parts[0], parts[1])
            : throw HubErrors.InvalidRepository(text);
    }

    public override string ToString() => $"{Organisation}/{Name}";

    // The hub's own rule. Two hyphens are what separates the parts in the cache.
    private static bool IsName(string part) =>
        part.Length > 0
        && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && part[0] is not ('-' or '.')
        && part[^1] is not ('-' or '.')
        && !part.Contains("--", StringComparison.Ordinal)
        && !part.Contains("..", StringComparison.Ordinal);
}
