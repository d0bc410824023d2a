using System.Collections.Frozen;
using System.Text.Json;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>One name of the step-time model: a shared value, or one for each key, such as an engine. It never changes.</summary>
internal sealed class StepTimeCoefficient
{
    private readonly Dictionary<string, double> _values;
    private readonly double _unknown;

    private StepTimeCoefficient(double prior, double priorLogSd, double? shared, Dictionary<string, double> values)
    {
        Prior = prior;
        PriorLogSd = priorLogSd;
        Shared = shared;
        _values = values;
        _unknown = IsMultiplier || values.Count == 0 ? 1 : Math.Exp(values.Values.Average(Math.Log));
    }

    /// <summary>Median of the log-normal prior of each value.</summary>
    public double Prior { get; }

    /// <summary>Standard deviation of the prior's logarithm.</summary>
    public double PriorLogSd { get; }

    /// <summary>The value for all; null where there is one for each key.</summary>
    public double? Shared { get; }

    /// <summary>Whether it multiplies a shared value, so that 1 is right for an unknown key.</summary>
    public bool IsMultiplier => Math.Abs(Prior - 1) < 1e-9;

    public IReadOnlyDictionary<string, double> Values => _values;

    public IReadOnlyCollection<string> Keys => _values.Keys;

    public static StepTimeCoefficient Read(JsonElement element)
    {
        double? shared = element.OptionalNumber("value");
        return new StepTimeCoefficient(
            element.GetProperty("prior").GetDouble(),
            element.GetProperty("priorLogSd").GetDouble(),
            shared,
            shared is null ? new Dictionary<string, double>(StepTimeData.Numbers(element.GetProperty("values"))) : []);
    }

    public double Of(string key) => _values.TryGetValue(key, out double value) ? value : _unknown;

    public StepTimeCoefficient With(string? key, double value) => key is null
        ? new StepTimeCoefficient(Prior, PriorLogSd, value, _values)
        : new StepTimeCoefficient(Prior, PriorLogSd, Shared, new Dictionary<string, double>(_values) { [key] = value });

    /// <summary>Without the values of an engine or GPU, alone or in a pair such as Dense|vLLM.</summary>
    public StepTimeCoefficient Without(string key) => new(Prior, PriorLogSd, Shared, _values
        .Where(pair => !pair.Key.Split('|').Contains(key)).ToDictionary(pair => pair.Key, pair => pair.Value));
}

/// <summary>Factors on the times of groups that measurements are known for.</summary>
internal sealed record StepTimeCorrections(double TimePerOutputToken, double TimeToFirstToken)
{
    public static StepTimeCorrections None { get; } = new(1, 1);

    /// <summary>Whether the family was measured on that engine and GPU in that precision.</summary>
    public bool IsMeasured { get; private init; }

    /// <summary>The groups that a case belongs to, from the widest to the narrowest; * stands for any.</summary>
    public static string[] KeysOf(string? family, string engine, string gpu, PrecisionClass precision)
    {
        string f = family ?? "", e = engine, g = gpu, p = precision.ToString();
        return
        [
            $"{f}|*|*|*", $"*|{e}|{g}|*", $"{f}|{e}|*|*", $"{f}|*|*|{p}", $"*|{e}|*|{p}", $"{f}|{e}|{g}|*", $"{f}|{e}|*|{p}",
            $"{f}|{e}|{g}|{p}",
        ];
    }

    public static StepTimeCorrections Of(StepTimeData data, string? family, string engine, string gpu, PrecisionClass precision)
    {
        string[] keys = KeysOf(family, engine, gpu, precision);
        return new StepTimeCorrections(Factor(data.TimePerOutputTokenGroups), Factor(data.TimeToFirstTokenGroups))
        {
            IsMeasured = data.TimePerOutputTokenGroups.ContainsKey(keys[^1]),
        };

        double Factor(FrozenDictionary<string, double> groups) =>
            Math.Exp(keys.Sum(key => groups.TryGetValue(key, out double value) ? value : 0));
    }
}
