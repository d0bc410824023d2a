using System.Collections.Frozen;
using System.Globalization;

namespace LlmOps.Core.Calibration;

/// <summary>What a column of a table of measured times holds.</summary>
public enum MeasurementColumn
{
    Model,
    Gpu,
    Engine,
    EngineVersion,
    Quantization,
    KvCacheDataType,
    TensorParallelSize,
    PipelineParallelSize,
    ExpertParallelSize,
    DataParallelSize,
    GpuMemoryUtilization,
    MaxSequences,

    /// <summary>Users of one copy, as estimates count them.</summary>
    BatchSize,

    /// <summary>Users of the whole server, as benchmarks count them.</summary>
    Concurrency,

    /// <summary>Tokens of a prompt.</summary>
    InputLength,

    /// <summary>Tokens of an answer.</summary>
    OutputLength,

    /// <summary>Mean time to the first token, in milliseconds.</summary>
    TtftMs,

    /// <summary>The same in seconds.</summary>
    TtftSeconds,

    /// <summary>Mean time of each token after the first, in milliseconds.</summary>
    TpotMs,

    /// <summary>The same in seconds.</summary>
    TpotSeconds,

    /// <summary>Output tokens of all users in a second.</summary>
    TokensPerSecond,

    // What benchmark programs write in place of the above.
    TotalInputTokens,
    TotalOutputTokens,
    Completed,
    RequestRate,
    RequestsPerSecond,
    PromptCount,
    EndToEndMs,
}

/// <summary>
/// One row of a table of measured times: values by the names of their columns, wherever it comes from. Case, blanks, hyphens and
/// underscores of names make no difference. Blank values count as absent.
/// </summary>
public sealed class MeasurementRow
{
    private const int LongestShown = 60;
    private const int LongestName = 1024;

    // Means before medians: estimates are means. The first that has a value counts.
    private static readonly (MeasurementColumn Column, string[] Names)[] s_names =
    [
        (MeasurementColumn.Model, ["model", "modelname", "modelid", "modelpath", "hfmodel"]),
        (MeasurementColumn.Gpu, ["gpu", "gpuname", "gputype", "hardware", "accelerator"]),
        (MeasurementColumn.Engine, ["engine", "framework", "backend"]),
        (MeasurementColumn.EngineVersion, ["engineversion", "frameworkversion", "version"]),
        (MeasurementColumn.Quantization, ["quantization", "quant", "precision"]),
        (MeasurementColumn.KvCacheDataType, ["kvcachedatatype", "kvcachedtype"]),
        (MeasurementColumn.TensorParallelSize, ["tensorparallelsize", "tp", "tpsize"]),
        (MeasurementColumn.PipelineParallelSize, ["pipelineparallelsize", "pp", "ppsize"]),
        (MeasurementColumn.ExpertParallelSize, ["expertparallelsize", "ep", "epsize"]),
        (MeasurementColumn.DataParallelSize, ["dataparallelsize", "dp", "dpsize"]),
        (MeasurementColumn.GpuMemoryUtilization, ["gpumemoryutilization"]),
        (MeasurementColumn.MaxSequences, ["maxsequences", "maxnumseqs"]),
        (MeasurementColumn.BatchSize, ["batchsize", "batch", "bs"]),
        (MeasurementColumn.Concurrency, ["maxconcurrency", "concurrency", "users", "conc"]),
        (MeasurementColumn.InputLength, ["inputlength", "isl", "inputlen", "inputsequencelength", "inputtokens", "prompttokens"]),
        (MeasurementColumn.OutputLength, ["outputlength", "osl", "outputlen", "outputsequencelength", "outputtokens", "completiontokens"]),
        (MeasurementColumn.TtftMs, ["ttftms", "meanttftms", "avgttftms", "timetofirsttokenms", "medianttftms", "p50ttftms"]),
        (MeasurementColumn.TtftSeconds, ["ttftseconds", "ttfts", "meanttftseconds", "timetofirsttokenseconds"]),
        (MeasurementColumn.TpotMs, ["tpotms", "meantpotms", "avgtpotms", "timeperoutputtokenms", "mediantpotms", "p50tpotms"]),
        (MeasurementColumn.TpotSeconds, ["tpotseconds", "tpots", "meantpotseconds", "timeperoutputtokenseconds"]),
        (MeasurementColumn.TokensPerSecond,
            ["tokenspersecond", "outputtokenspersecond", "outputthroughput", "outputtokenthroughput"]),
        (MeasurementColumn.TotalInputTokens, ["totalinputtokens"]),
        (MeasurementColumn.TotalOutputTokens, ["totaloutputtokens"]),
        (MeasurementColumn.Completed, ["completed"]),
        (MeasurementColumn.RequestRate, ["requestrate"]),
        (MeasurementColumn.RequestsPerSecond, ["requestthroughput"]),
        (MeasurementColumn.PromptCount, ["numprompts"]),
        (MeasurementColumn.EndToEndMs, ["meane2elms", "meane2elatencyms"]),
    ];

    private static readonly FrozenDictionary<string, MeasurementColumn> s_columns = s_names
        .SelectMany(pair => pair.Names.Select(name => (name, pair.Column)))
        .ToFrozenDictionary(pair => pair.name, pair => pair.Column, StringComparer.Ordinal);

    private readonly Dictionary<MeasurementColumn, (string Name, object Value)> _values = [];
    private readonly Dictionary<MeasurementColumn, int> _ranks = [];
    private readonly List<string> _others = [];

    /// <param name="place">Where the row stands, as errors name it: <c>line 7 of 'x.csv'</c>.</param>
    /// <param name="values">Names of columns and what stands there: texts, numbers, or a model or GPU.</param>
    public MeasurementRow(string place, IEnumerable<KeyValuePair<string, object?>> values)
    {
        Place = place;
        foreach ((string name, object? value) in values)
        {
            string canonical = NameMatcher.Canonical(name.Trim());
            if (value is null || (value is string text && string.IsNullOrWhiteSpace(text)))
            {
                continue;
            }

            if (!s_columns.TryGetValue(canonical, out MeasurementColumn column))
            {
                _others.Add(name);
                continue;
            }

            int rank = Array.IndexOf(Array.Find(s_names, pair => pair.Column == column).Names, canonical);
            if (!_ranks.TryGetValue(column, out int known) || rank < known)
            {
                _ranks[column] = rank;
                _values[column] = (name.Trim(), value is string s ? s.Trim() : value);
            }
        }
    }

    public string Place { get; }

    /// <summary>Whether a benchmark held the number of requests at once down to a limit.</summary>
    internal bool HasLimit => _values.TryGetValue(MeasurementColumn.Concurrency, out (string Name, object Value) found)
        && NameMatcher.Canonical(found.Name) == "maxconcurrency";

    /// <summary>Whether a column of that name is known.</summary>
    public static bool IsColumn(string name) => s_columns.ContainsKey(NameMatcher.Canonical(name.Trim()));

    /// <summary>The names that are documented, one a column.</summary>
    public static IReadOnlyList<string> ColumnNames => [.. Enum.GetNames<MeasurementColumn>().Take((int)MeasurementColumn.TotalInputTokens)];

    /// <summary>What stands in a column; null where it is blank or absent.</summary>
    public object? this[MeasurementColumn column] => _values.TryGetValue(column, out (string Name, object Value) found) ? found.Value : null;

    /// <summary>The same as text, in the invariant culture.</summary>
    public string? Text(MeasurementColumn column) => this[column] switch
    {
        null => null,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        object other => other.ToString(),
    };

    /// <summary>The same of a name, which a message may repeat; null where the column is blank or absent.</summary>
    /// <exception cref="LlmOpsException">It is longer than any name.</exception>
    public string? NameIn(MeasurementColumn column) => Text(column) is not { } text ? null
        : text.Length <= LongestName ? text
        : throw Wrong(column, "is longer than any name");

    /// <summary>A number between bounds; null where the column is blank or absent.</summary>
    /// <exception cref="LlmOpsException">It is no number, or out of bounds.</exception>
    public double? Number(MeasurementColumn column, double least, double most)
    {
        if (Text(column) is not { } text)
        {
            return null;
        }

        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
        {
            throw Wrong(column, text.Contains(',', StringComparison.Ordinal)
                ? "is no number: decimals are written with a point and thousands with nothing between, whatever the culture, such as 12.5"
                : "is no number");
        }

        return value >= least && value <= most
            ? value
            : throw Wrong(column, FormattableString.Invariant($"is not between {least:0.######} and {most:0.######}"));
    }

    /// <summary>A whole number between bounds; null where the column is blank or absent.</summary>
    public long? Whole(MeasurementColumn column, long least, long most) => Number(column, least, most) is not { } number ? null
        : double.IsInteger(number) ? (long)number
        : throw Wrong(column, "is no whole number");

    /// <summary>An error of this row that names the column and what stands there.</summary>
    public LlmOpsException Wrong(MeasurementColumn column, string what, string id = "MeasurementInvalid") =>
        Wrong($"column {_values[column].Name}: '{Shown(Text(column) ?? "")}' {what}.", id: id);

    /// <summary>An error of this row.</summary>
    public LlmOpsException Wrong(string what, Exception? inner = null, string id = "MeasurementInvalid") =>
        new(id, ErrorKind.InvalidData, $"{Capital(Place)}, {what}", Place, inner);

    /// <summary>An error that says what a row lacks, and which of its columns may be meant.</summary>
    public LlmOpsException Lacks(string what, params MeasurementColumn[] columns)
    {
        string[] names = [.. columns.SelectMany(column => Array.Find(s_names, pair => pair.Column == column).Names)];
        string? unitless = _others.Find(name => NameMatcher.Canonical(name) is "ttft" or "tpot" or "meanttft" or "meantpot" or "medianttft" or "mediantpot");
        string? alike = _others.Find(name => NameMatcher.Nearest(name, names) is not null);
        string hint = unitless is not null && columns.Contains(MeasurementColumn.TtftMs)
                ? $" The column {Shown(unitless)} does not say its unit: name it {Shown(unitless)}Ms or {Shown(unitless)}Seconds."
            : alike is not null ? $" The column {Shown(alike)} is not known; is it meant?"
            : "";
        return Wrong($"{what}{hint}");
    }

    /// <summary>A value as messages show it, however long it is.</summary>
    public static string Shown(string text)
    {
        string clean = new([.. text.Take(LongestShown).Select(c => char.IsControl(c) ? ' ' : c)]);
        return text.Length > LongestShown ? clean + "..." : clean;
    }

    private static string Capital(string place) => place.Length == 0 ? place : char.ToUpperInvariant(place[0]) + place[1..];
}
