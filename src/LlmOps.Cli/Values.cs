using System.Globalization;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Cli;

/// <summary>
/// Turns what stands on the command line into values, always by the invariant culture: scripts do not change with the user's
/// settings, and a comma separates the values of a list.
/// </summary>
internal static class Values
{
    private const string InvalidId = "ValueInvalid";

    /// <summary>The values of a list, without those that are wrong, which are reported.</summary>
    public static List<T> ParseList<T>(IEnumerable<string> tokens, Diagnostics diagnostics, Func<string, T> parse)
    {
        List<T> values = [];
        foreach (string token in Split(tokens))
        {
            diagnostics.Try(() => values.Add(parse(token)));
        }

        return values;
    }

    /// <summary>Models by name, wildcard or path; a path may contain a comma.</summary>
    public static List<LlmModel> ParseModels(IEnumerable<string> tokens, Diagnostics diagnostics)
    {
        List<LlmModel> models = [];
        foreach (string token in tokens.SelectMany(t => ModelSource.IsFile(t) ? [t] : Split([t])))
        {
            diagnostics.Try(() =>
            {
                LlmModel[] found = WildcardName.HasWildcard(token) && !ModelSource.IsFile(token)
                    ? [.. ModelCatalog.Find(token)]
                    : [ModelSource.Resolve(token)];
                models.AddRange(found.Length > 0 ? found : throw new LlmOpsException(
                    "ModelNotFound", ErrorKind.NotFound, $"No model matches '{token}'; 'llmops models' lists them.", token));
            });
        }

        return models;
    }

    /// <summary>GPUs by name or wildcard.</summary>
    public static List<GpuSpec> ParseGpus(IEnumerable<string> tokens, Diagnostics diagnostics) =>
        [.. ParseList(tokens, diagnostics, GpuCatalog.Match).SelectMany(found => found)];

    /// <exception cref="LlmOpsException">Not a whole number, or more than 64 bits hold.</exception>
    public static long Whole(string text, string name) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new LlmOpsException(InvalidId, ErrorKind.InvalidArgument,
                $"{name} is '{text}', but must be a whole number, such as 8.", text);

    /// <exception cref="LlmOpsException">Not a whole number of 32 bits.</exception>
    public static int SmallWhole(string text, string name) => (int)Guard.InRange(Whole(text, name), int.MinValue, int.MaxValue, name);

    /// <summary>NaN and infinity are numbers here; the bounds of the value refuse them by name.</summary>
    /// <exception cref="LlmOpsException">Not a number.</exception>
    public static double Number(string text, string name) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new LlmOpsException(InvalidId, ErrorKind.InvalidArgument,
                $"{name} is '{text}', but must be a number with a decimal point, such as 0.9.", text);

    /// <exception cref="LlmOpsException">Not one of the names.</exception>
    public static T OneOf<T>(string text, string name)
        where T : struct, Enum
    {
        if (EnumNames.Find(typeof(T), text) is { } found)
        {
            return (T)found;
        }

        IReadOnlyList<string> names = EnumNames.All(typeof(T));
        string hint = NameMatcher.Suggest(text, names);
        throw new LlmOpsException(InvalidId, ErrorKind.InvalidArgument,
            $"{name} is '{text}', but must be one of {string.Join(", ", names)}.{hint}", text);
    }

    private static IEnumerable<string> Split(IEnumerable<string> tokens) =>
        tokens.SelectMany(token => token.Split(',', StringSplitOptions.TrimEntries));
}
