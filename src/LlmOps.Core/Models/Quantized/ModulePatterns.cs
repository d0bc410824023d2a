using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// Names of modules as quantization configurations list them: plain ones, which stand for everything below them; ones with
/// wildcards (ModelOpt, gpt-oss); and regular expressions behind <c>re:</c> (compressed-tensors), matched from the start of
/// a name as Python's <c>re.match</c> does. Lists come from files: work on them is bounded, whatever they hold.
/// </summary>
internal sealed class ModulePatterns
{
    private const int LongestPattern = 1024;
    private const int MostExpressions = 256;

    /// <summary>Comparisons with wildcards over a whole model; the longest published lists need about 10,000.</summary>
    private const int MostComparisons = 5_000_000;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(1);

    /// <summary>What lies before the layers of the text model.</summary>
    private static readonly HashSet<string> s_roots = new(StringComparer.Ordinal)
    {
        "model", "language_model", "text_model", "backbone", "transformer", "decoder", "gpt_neox", "llm",
    };

    private static readonly string[] s_layerHolders = ["layers", "h", "blocks"];

    private readonly ConfigFields _fields;
    private readonly Dictionary<int, HashSet<string>> _namesByLayer = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<int, List<string>> _wildcardsByLayer = [];
    private readonly List<string> _wildcards = [];
    private readonly List<string> _expressions = [];
    private readonly Lazy<Regex[]> _compiled;
    private readonly Stopwatch _inExpressions = new();
    private int _comparisons;

    /// <param name="fields">The configuration, for errors.</param>
    /// <param name="patterns">The list.</param>
    public ModulePatterns(ConfigFields fields, IEnumerable<string> patterns)
    {
        _fields = fields;

        // Takes longer than all the rest of a model, and nothing but its published bytes needs it.
        _compiled = new Lazy<Regex[]>(() => [.. _expressions.Select(Compiled)]);
        foreach (string pattern in patterns)
        {
            Add(pattern);
        }
    }

    /// <summary>Compiles the regular expressions.</summary>
    /// <exception cref="LlmOpsException">One of them is none.</exception>
    public void Compile() => _ = _compiled.Value;

    public bool IsEmpty =>
        _namesByLayer.Count + _names.Count + _wildcardsByLayer.Count + _wildcards.Count + _expressions.Count == 0;

    /// <summary>Whether one of the names lies in a vision tower or a projector.</summary>
    public bool NamesVision { get; private set; }

    /// <summary>Whether one of the patterns stands for a module within a layer.</summary>
    /// <param name="layer">The layer's number; prediction layers are numbered on from the model's last one.</param>
    /// <param name="spellings">The module's name within the layer, as different codes call it.</param>
    public bool MatchesInLayer(int layer, IReadOnlyList<string> spellings)
    {
        string place = FormattableString.Invariant($"layers.{layer}.");
        foreach (string spelling in spellings)
        {
            if ((_namesByLayer.TryGetValue(layer, out HashSet<string>? names) && HasPrefixIn(names, spelling))
                || HasRunIn(_names, spelling)
                || MatchesWildcard(layer, place + spelling))
            {
                return true;
            }
        }

        return _expressions.Count > 0 && MatchesExpression(spellings, place);
    }

    /// <summary>Whether one of the patterns stands for a module outside the layers.</summary>
    public bool MatchesOutside(params string[] spellings)
    {
        foreach (string spelling in spellings)
        {
            if (HasRunIn(_names, spelling) || MatchesWildcard(-1, spelling))
            {
                return true;
            }
        }

        return _expressions.Count > 0 && MatchesExpression(spellings, "");
    }

    private void Add(string pattern)
    {
        if (pattern.Length > LongestPattern)
        {
            throw _fields.Contradiction(
                $"a module name of its quantization has {pattern.Length} characters; none has more than {LongestPattern}.");
        }

        if (pattern.StartsWith("re:", StringComparison.Ordinal))
        {
            AddExpression(pattern[3..]);
            return;
        }

        string name = WithoutRoots(pattern, out bool isText);
        NamesVision |= name.StartsWith("vis", StringComparison.Ordinal)
            || name.Contains("projector", StringComparison.Ordinal) || name.Contains("embed_vision", StringComparison.Ordinal);
        bool hasWildcard = name.AsSpan().ContainsAny('*', '?');
        int layer = -1;
        string inLayer = "";
        bool isInLayer = isText && TrySplitLayer(name, out layer, out inLayer);
        if (hasWildcard)
        {
            if (isInLayer)
            {
                Of(_wildcardsByLayer, layer).Add(name);
            }
            else
            {
                _wildcards.Add(name);
            }
        }
        else if (isInLayer)
        {
            Of(_namesByLayer, layer).Add(inLayer);
        }
        else if (name.Length > 0)
        {
            _names.Add(name);
        }
    }

    private static TList Of<TList>(Dictionary<int, TList> lists, int layer)
        where TList : new()
    {
        if (!lists.TryGetValue(layer, out TList? list))
        {
            lists.Add(layer, list = new TList());
        }

        return list;
    }

    private void AddExpression(string expression)
    {
        if (_expressions.Count == MostExpressions)
        {
            throw _fields.Contradiction($"its quantization has more than {MostExpressions} regular expressions.");
        }

        _expressions.Add(expression);
    }

    /// <summary>
    /// Linear in the input where the expression allows it; one that looks around is tried step by step, within the time
    /// that all of them have together.
    /// </summary>
    private Regex Compiled(string expression)
    {
        string anchored = $@"\A(?:{expression})";
        const RegexOptions options = RegexOptions.CultureInvariant;
        try
        {
            try
            {
                return new Regex(anchored, options | RegexOptions.NonBacktracking, s_timeout);
            }
            catch (NotSupportedException)
            {
                return new Regex(anchored, options, s_timeout);
            }
        }
        catch (ArgumentException e)
        {
            throw _fields.Contradiction($"'{expression}' in its quantization is no regular expression: {e.Message}");
        }
    }

    /// <summary><c>model.language_model.layers.0.mlp</c> is <c>layers.0.mlp</c>; what is not of the text model is kept.</summary>
    private static string WithoutRoots(string pattern, out bool isText)
    {
        string name = pattern;
        int dot;
        while ((dot = name.IndexOf('.', StringComparison.Ordinal)) > 0 && s_roots.Contains(name[..dot]))
        {
            name = name[(dot + 1)..];
        }

        isText = Array.Exists(s_layerHolders, holder => name.StartsWith(holder + ".", StringComparison.Ordinal));
        return name;
    }

    /// <summary><c>layers.7.mlp.gate</c> into 7 and <c>mlp.gate</c>; a layer alone has an empty rest.</summary>
    private static bool TrySplitLayer(string name, out int layer, out string rest)
    {
        int start = name.IndexOf('.', StringComparison.Ordinal) + 1;
        int end = name.IndexOf('.', start);
        ReadOnlySpan<char> number = end < 0 ? name.AsSpan(start) : name.AsSpan(start, end - start);
        rest = end < 0 ? "" : name[(end + 1)..];
        layer = -1;
        return (number.Length == 1 || !number.StartsWith("0", StringComparison.Ordinal))
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out layer);
    }

    /// <summary>Whether the name, or a module that it lies in, is listed.</summary>
    private static bool HasPrefixIn(HashSet<string> names, string name)
    {
        if (names.Contains("") || names.Contains(name))
        {
            return true;
        }

        for (int dot = name.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = name.IndexOf('.', dot + 1))
        {
            if (names.Contains(name[..dot]))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether some of the name's parts in a row are listed: <c>experts</c> for <c>mlp.experts.0.up_proj</c>.</summary>
    private static bool HasRunIn(HashSet<string> names, string name)
    {
        if (names.Count == 0)
        {
            return false;
        }

        for (int start = 0; start >= 0 && start < name.Length;)
        {
            if (HasPrefixIn(names, name[start..]))
            {
                return true;
            }

            int dot = name.IndexOf('.', start);
            start = dot < 0 ? -1 : dot + 1;
        }

        return false;
    }

    private bool MatchesWildcard(int layer, string name) =>
        MatchesAny(_wildcards, name) || (_wildcardsByLayer.TryGetValue(layer, out List<string>? list) && MatchesAny(list, name));

    private bool MatchesAny(List<string> wildcards, string name)
    {
        foreach (string wildcard in wildcards)
        {
            if (++_comparisons > MostComparisons)
            {
                throw _fields.Contradiction("its quantization lists more modules with wildcards than any model has.");
            }

            if (Covers(wildcard, name))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether the name, or a module that it lies in, is one that the wildcards stand for. Greedy, without recursion.</summary>
    private static bool Covers(string wildcard, string name)
    {
        int w = 0, n = 0, star = -1, resume = 0;
        while (true)
        {
            if (w == wildcard.Length && (n == name.Length || name[n] == '.'))
            {
                return true;
            }

            if (w < wildcard.Length && wildcard[w] == '*')
            {
                star = w++;
                resume = n;
            }
            else if (n < name.Length && w < wildcard.Length && (wildcard[w] == '?' || wildcard[w] == name[n]))
            {
                w++;
                n++;
            }
            else if (star >= 0 && resume < name.Length)
            {
                w = star + 1;
                n = ++resume;
            }
            else
            {
                return false;
            }
        }
    }

    private bool MatchesExpression(IReadOnlyList<string> spellings, string place)
    {
        _inExpressions.Start();
        try
        {
            foreach (Regex expression in _compiled.Value)
            {
                // Behind .* the root makes no difference.
                bool anyRoot = expression.ToString().StartsWith(@"\A(?:.*", StringComparison.Ordinal);

                // One that says what a name must not hold would find another spelling that does not.
                int known = expression.Options.HasFlag(RegexOptions.NonBacktracking) ? spellings.Count : 1;
                for (int i = 0; i < known; i++)
                {
                    string name = place + spellings[i];
                    if (expression.IsMatch("model." + name)
                        || (!anyRoot && (expression.IsMatch(name)
                            || expression.IsMatch("language_model.model." + name)
                            || expression.IsMatch("model.language_model." + name))))
                    {
                        return true;
                    }
                }

                if (_inExpressions.Elapsed > 3 * s_timeout)
                {
                    throw TooSlow();
                }
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw TooSlow();
        }
        finally
        {
            _inExpressions.Stop();
        }

        return false;
    }

    private LlmOpsException TooSlow() =>
        _fields.Contradiction("a regular expression of its quantization takes longer to match than any published one.");
}
