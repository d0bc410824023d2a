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
    /// Names and repositories of all models, with the place in the file where each begins. A model is a line of the file, and
    /// what it is called stands first in its line. The rest is parsed when the model is asked for: most processes ask for one.
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
            for (int start = 0, next; start < _file.Length; start = next)
            {
                int length = _file.AsSpan(start).IndexOf((byte)'\n') + 1;
                next = length == 0 ? _file.Length : start + length;
                ReadOnlySpan<byte> line = _file.AsSpan(start, next - start);
                if (line.StartsWith("{\"name\""u8))
                {
                    Entry entry = new(start, line.LastIndexOf((byte)'}') + 1, ReadNames(line));
                    order.Add(entry.Name);
                    _entries.Add(entry.Name, entry);
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

        /// <summary>The texts that a line begins with, up to the end of the aliases: a name, then repositories.</summary>
        private static List<string> ReadNames(ReadOnlySpan<byte> line)
        {
            List<string> names = [];
            Utf8JsonReader reader = new(line);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.String)
                {
                    names.Add(reader.GetString()!);
                }
            }

            return names;
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
        /// <param name="names">The name, then the repository and the aliases.</param>
        private sealed class Entry(int start, int length, List<string> names)
        {
            public int Start => start;

            public int Length => length;

            public string Name => names[0];

            public IReadOnlyList<string> Repositories { get; } = names.GetRange(1, names.Count - 1);
        }
    }
}
