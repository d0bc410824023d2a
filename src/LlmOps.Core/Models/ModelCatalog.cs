using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json;

namespace LlmOps.Core.Models;

/// <summary>
/// Published models that are known by name. The file is read at first use; a model is built when it is first asked for.
/// </summary>
public static class ModelCatalog
{
    private static readonly Lazy<Index> s_index = new(() => new Index());

    /// <summary>Names of all models, in the catalogue's order: by family, then by size.</summary>
    public static IReadOnlyList<string> Names => s_index.Value.Names;

    public static IEnumerable<LlmModel> All => Names.Select(Get);

    /// <summary>
    /// The model of that name: the published one (<c>Llama-3.1-8B</c>), a repository id (<c>meta-llama/Llama-3.1-8B</c>)
    /// or its last part; case, spaces, hyphens and underscores do not matter.
    /// </summary>
    /// <exception cref="LlmOpsException">No model is known by that name.</exception>
    public static LlmModel Get(string name)
    {
        if (TryGet(name, out LlmModel? model))
        {
            return model;
        }

        string? nearest = NameMatcher.Nearest(name, Names);
        string hint = nearest is null ? "" : $" Did you mean {nearest}?";
        throw new LlmOpsException("ModelNotFound", ErrorKind.NotFound,
            $"No model is named '{name}'.{hint} Get-LlmModel or 'llmops models' lists the {Names.Count} known ones; "
            + "a config.json can be read from its path.", name);
    }

    public static bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LlmModel? model) =>
        s_index.Value.TryGet(name, out model);

    /// <summary>Models whose name or one of whose repositories matches a wildcard pattern.</summary>
    public static IEnumerable<LlmModel> Find(string pattern)
    {
        foreach (string name in Names)
        {
            if (WildcardName.Matches(pattern, name) || s_index.Value.Repositories(name).Any(
                repository => WildcardName.Matches(pattern, repository)))
            {
                yield return Get(name);
            }
        }
    }

    private sealed class Index
    {
        private readonly JsonDocument _document = DataFile.Open("models.json");
        private readonly Dictionary<string, JsonElement> _entries = new(StringComparer.Ordinal);
        private readonly ConcurrentDictionary<string, LlmModel> _built = new(StringComparer.Ordinal);
        private readonly FrozenDictionary<string, string> _names;

        public Index()
        {
            Dictionary<string, string> names = new(StringComparer.Ordinal);
            List<string> order = [];
            foreach (JsonElement entry in _document.RootElement.GetProperty("models").EnumerateArray())
            {
                string name = entry.GetProperty("name").GetString()!;
                order.Add(name);
                _entries.Add(name, entry);
            }

            // Names first, then repositories, then the repositories' last parts: where two models share a spelling, the
            // stronger claim wins.
            foreach (string name in order)
            {
                names.Add(NameMatcher.Canonical(name), name);
            }

            foreach (string name in order)
            {
                foreach (string repository in Repositories(name))
                {
                    names.TryAdd(NameMatcher.Canonical(repository), name);
                }
            }

            foreach (string name in order)
            {
                foreach (string repository in Repositories(name))
                {
                    names.TryAdd(NameMatcher.Canonical(repository[(repository.IndexOf('/') + 1)..]), name);
                }
            }

            Names = order;
            _names = names.ToFrozenDictionary(StringComparer.Ordinal);
        }

        public IReadOnlyList<string> Names { get; }

        public IEnumerable<string> Repositories(string name)
        {
            JsonElement entry = _entries[name];
            return entry.OptionalText("repository") is { } repository
                ? entry.Texts("aliases").Prepend(repository)
                : entry.Texts("aliases");
        }

        public bool TryGet(string spelling, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LlmModel? model)
        {
            model = _names.TryGetValue(NameMatcher.Canonical(spelling), out string? name)
                ? _built.GetOrAdd(name, Build)
                : null;
            return model is not null;
        }

        private LlmModel Build(string name)
        {
            JsonElement entry = _entries[name];
            return HuggingFaceConfig.Read(
                entry.GetProperty("config"),
                name,
                name,
                entry.OptionalText("source") ?? "",
                entry.OptionalText("repository"),
                entry.Texts("aliases"));
        }
    }
}
