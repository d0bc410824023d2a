using System.Collections.Concurrent;
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

    /// <summary>Repository ids of all models, aliases included, without building the models.</summary>
    public static IEnumerable<string> Repositories => Names.SelectMany(s_index.Value.Repositories);

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

        string hint = NameMatcher.Suggest(name, Names);
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

    /// <summary>
    /// Names and repositories of all models, with the place in the file where each begins. Parsing a model's entry is left
    /// to when it is asked for: most processes ask for one.
    /// </summary>
    private sealed class Index
    {
        private readonly byte[] _file = DataFile.Read("models.json");
        private readonly Dictionary<string, Entry> _entries = new(256, StringComparer.Ordinal);
        private readonly Dictionary<string, string> _names = new(1024, StringComparer.Ordinal);
        private readonly ConcurrentDictionary<string, LlmModel> _built = new(StringComparer.Ordinal);

        public Index()
        {
            List<string> order = new(256);
            Utf8JsonReader reader = new(_file);
            while (reader.Read())
            {
                // The entries are the objects in the one list of the file's root.
                if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 2)
                {
                    (string name, Entry entry) = ReadEntry(ref reader);
                    order.Add(name);
                    _entries.Add(name, entry);
                }
            }

            // Names first, then repositories, then the repositories' last parts: where two models share a spelling, the
            // stronger claim wins.
            foreach (string name in order)
            {
                _names.Add(NameMatcher.Canonical(name), name);
            }

            foreach (string name in order)
            {
                foreach (string repository in _entries[name].Repositories)
                {
                    _names.TryAdd(NameMatcher.Canonical(repository), name);
                }
            }

            foreach (string name in order)
            {
                foreach (string repository in _entries[name].Repositories)
                {
                    _names.TryAdd(NameMatcher.Canonical(repository[(repository.IndexOf('/') + 1)..]), name);
                }
            }

            Names = order;
        }

        public IReadOnlyList<string> Names { get; }

        public IEnumerable<string> Repositories(string name) => _entries[name].Repositories;

        public bool TryGet(string spelling, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out LlmModel? model)
        {
            model = _names.TryGetValue(NameMatcher.Canonical(spelling), out string? name)
                ? _built.GetOrAdd(name, Build)
                : null;
            return model is not null;
        }

        private static (string Name, Entry Entry) ReadEntry(ref Utf8JsonReader reader)
        {
            int start = (int)reader.TokenStartIndex;
            string? name = null;
            List<string> repositories = [];
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isName = reader.ValueTextEquals("name"u8), isRepository = reader.ValueTextEquals("repository"u8);
                bool isAliases = reader.ValueTextEquals("aliases"u8);
                reader.Read();
                if (isName)
                {
                    name = reader.GetString();
                }
                else if (isRepository && reader.GetString() is { } repository)
                {
                    repositories.Insert(0, repository);
                }
                else if (isAliases)
                {
                    while (reader.Read() && reader.TokenType == JsonTokenType.String)
                    {
                        repositories.Add(reader.GetString()!);
                    }
                }
                else
                {
                    reader.Skip();
                }
            }

            return (name!, new Entry(start, (int)reader.BytesConsumed - start, repositories));
        }

        private LlmModel Build(string name)
        {
            Entry place = _entries[name];
            using JsonDocument document = JsonDocument.Parse(_file.AsMemory(place.Start, place.Length));
            JsonElement entry = document.RootElement;
            return HuggingFaceConfig.Read(
                entry.GetProperty("config"),
                name,
                name,
                entry.OptionalText("source") ?? "",
                entry.OptionalText("repository"),
                entry.Texts("aliases"));
        }

        /// <summary>A class, because collections of a value type are compiled at first use.</summary>
        /// <param name="start">Where the model's object begins in the file.</param>
        /// <param name="length">Its length in bytes.</param>
        /// <param name="repositories">The repository, then the aliases.</param>
        private sealed class Entry(int start, int length, IReadOnlyList<string> repositories)
        {
            public int Start => start;

            public int Length => length;

            public IReadOnlyList<string> Repositories => repositories;
        }
    }
}
