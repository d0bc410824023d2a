using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json;
using LlmOps.Core.Hardware;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>Measured over predicted: what lies between the 10th and the 90th percentile.</summary>
internal readonly record struct ResidualBounds(double Low, double High)
{
    /// <summary>The widest of both.</summary>
    public ResidualBounds Or(in ResidualBounds other) => new(Math.Min(Low, other.Low), Math.Max(High, other.High));
}

/// <summary>Bounds of the three figures that are predicted.</summary>
internal readonly record struct StepTimeBounds(
    ResidualBounds TimePerOutputToken, ResidualBounds TimeToFirstToken, ResidualBounds TokensPerSecond)
{
    public StepTimeBounds Or(in StepTimeBounds other) => new(
        TimePerOutputToken.Or(other.TimePerOutputToken),
        TimeToFirstToken.Or(other.TimeToFirstToken),
        TokensPerSecond.Or(other.TokensPerSecond));
}

/// <summary>A GPU as the fit saw it.</summary>
internal readonly record struct FittedGpu(
    double MemoryBandwidthGBps, double Bits16Tflops, double Fp8Tflops, double Fp4Tflops, double LinkGBps);

/// <summary>
/// The coefficients of the step-time model: those of the embedded file, or others that a fit tries. An instance never changes,
/// and keeps what is derived from it.
/// </summary>
internal sealed class StepTimeData
{
    private static readonly Lazy<StepTimeData> s_instance = new(() => new StepTimeData());

    private readonly Dictionary<string, StepTimeCoefficient> _coefficients;
    private readonly FrozenDictionary<string, StepTimeBounds> _bounds;
    private readonly (string Prefix, string Family)[] _families;
    private readonly ConcurrentDictionary<(string Engine, string Gpu, PrecisionClass, ModelClass), StepTimeProfile> _profiles = [];
    private readonly ConcurrentDictionary<(string? Family, string Engine, string Gpu, PrecisionClass), StepTimeCorrections> _corrections = [];

    private StepTimeData()
    {
        using JsonDocument document = DataFile.Open("step-time.json");
        JsonElement root = document.RootElement;
        Source = root.GetProperty("source").GetString()!;
        _coefficients = root.GetProperty("coefficients").EnumerateObject()
            .ToDictionary(property => property.Name, property => StepTimeCoefficient.Read(property.Value));
        _bounds = root.GetProperty("bounds").EnumerateObject().Where(property => property.Name != "about")
            .ToFrozenDictionary(property => property.Name, property => Bounds(property.Value));
        Gpus = root.GetProperty("gpus").GetProperty("values").EnumerateObject()
            .ToFrozenDictionary(property => property.Name, property => new FittedGpu(
                property.Value.GetProperty("memoryBandwidthGBps").GetDouble(),
                property.Value.GetProperty("bits16Tflops").GetDouble(),
                property.Value.GetProperty("fp8Tflops").GetDouble(),
                property.Value.GetProperty("fp4Tflops").GetDouble(),
                property.Value.GetProperty("linkGBps").GetDouble()));
        _families =
        [
            .. root.GetProperty("families").GetProperty("values").EnumerateObject()
                .SelectMany(family => family.Value.EnumerateArray().Select(prefix => (prefix.GetString()!, family.Name))),
        ];
        JsonElement groups = root.GetProperty("groups");
        TimePerOutputTokenGroups = Numbers(groups.GetProperty("timePerOutputToken"));
        TimeToFirstTokenGroups = Numbers(groups.GetProperty("timeToFirstToken"));
        LlamaCpp = LlamaCppCoefficients.Read(root.GetProperty("llamaCpp"));
    }

    private StepTimeData(StepTimeData from, Dictionary<string, StepTimeCoefficient> coefficients)
    {
        Source = from.Source;
        _coefficients = coefficients;
        _bounds = from._bounds;
        _families = from._families;
        Gpus = from.Gpus;
        TimePerOutputTokenGroups = from.TimePerOutputTokenGroups;
        TimeToFirstTokenGroups = from.TimeToFirstTokenGroups;
        LlamaCpp = from.LlamaCpp;
    }

    /// <summary>As shipped.</summary>
    public static StepTimeData Instance => s_instance.Value;

    public string Source { get; }

    public FrozenDictionary<string, FittedGpu> Gpus { get; private init; }

    /// <summary>Logarithms of corrections, by family|engine|GPU|precision.</summary>
    public FrozenDictionary<string, double> TimePerOutputTokenGroups { get; private init; }

    public FrozenDictionary<string, double> TimeToFirstTokenGroups { get; private init; }

    public LlamaCppCoefficients LlamaCpp { get; }

    public IReadOnlyDictionary<string, StepTimeCoefficient> Coefficients => _coefficients;

    public double this[string name] => _coefficients[name].Shared
        ?? throw new InvalidOperationException($"The coefficient {name} has no shared value.");

    /// <summary>The value for a key; where the key is not known, 1 for a multiplier, and else the geometric mean of those known.</summary>
    public double this[string name, string key] => _coefficients[name].Of(key);

    public StepTimeBounds BoundsWithout(string what) => _bounds[what];

    /// <summary>The fitted model that a model's name begins with; null where none was fitted.</summary>
    public string? FamilyOf(string modelName) =>
        Array.Find(_families, family => modelName.StartsWith(family.Prefix, StringComparison.OrdinalIgnoreCase)).Family;

    /// <summary>The name under which a GPU was fitted; empty for the others.</summary>
    public string KeyOf(GpuSpec gpu) => Gpus.ContainsKey(gpu.Name) ? gpu.Name : "";

    public StepTimeProfile ProfileOf(string engine, string gpu, PrecisionClass precision, ModelClass kind) =>
        _profiles.GetOrAdd(
            (engine, gpu, precision, kind),
            static (key, data) => new StepTimeProfile(data, key.Engine, key.Gpu, key.Item3, key.Item4),
            this);

    public StepTimeCorrections CorrectionsOf(string modelName, string engine, string gpu, PrecisionClass precision) =>
        TimePerOutputTokenGroups.Count == 0 && TimeToFirstTokenGroups.Count == 0
            ? StepTimeCorrections.None
            : _corrections.GetOrAdd(
                (FamilyOf(modelName), engine, gpu, precision),
                static (key, data) => StepTimeCorrections.Of(data, key.Family, key.Engine, key.Gpu, key.Item4),
                this);

    /// <summary>The same with other values of some coefficients; a key is null for a shared value.</summary>
    public StepTimeData With(IEnumerable<(string Name, string? Key, double Value)> values)
    {
        Dictionary<string, StepTimeCoefficient> coefficients = new(_coefficients);
        foreach ((string name, string? key, double value) in values)
        {
            coefficients[name] = coefficients[name].With(key, value);
        }

        return new StepTimeData(this, coefficients);
    }

    /// <summary>The same with other corrections of groups.</summary>
    public StepTimeData WithGroups(IReadOnlyDictionary<string, double> timePerOutputToken, IReadOnlyDictionary<string, double> timeToFirstToken) =>
        new(this, _coefficients)
        {
            TimePerOutputTokenGroups = timePerOutputToken.ToFrozenDictionary(),
            TimeToFirstTokenGroups = timeToFirstToken.ToFrozenDictionary(),
        };

    public StepTimeData WithoutGroups() => new(this, _coefficients)
    {
        TimePerOutputTokenGroups = FrozenDictionary<string, double>.Empty,
        TimeToFirstTokenGroups = FrozenDictionary<string, double>.Empty,
    };

    /// <summary>As if an engine or a GPU had not been fitted: without the values of that key.</summary>
    public StepTimeData Without(string key) =>
        new(this, _coefficients.ToDictionary(pair => pair.Key, pair => pair.Value.Without(key)))
        {
            Gpus = Gpus.Where(pair => pair.Key != key).ToFrozenDictionary(),
        };

    /// <summary>With a GPU that has not been fitted, by the data sheet and with the multipliers of an unknown one, so that a fit can move them.</summary>
    public StepTimeData WithGpu(GpuSpec gpu)
    {
        if (Gpus.ContainsKey(gpu.Name))
        {
            return this;
        }

        FittedGpu fitted = new(
            gpu.MemoryBandwidthGBps, gpu.Fp16Tflops, gpu.DenseTflops.Fp8 ?? 0, gpu.DenseTflops.Fp4 ?? 0, gpu.GpuLinkGBps);
        return new StepTimeData(this, _coefficients.ToDictionary(
            pair => pair.Key,
            pair => pair.Value.Keys.Any(Gpus.ContainsKey) ? pair.Value.With(gpu.Name, pair.Value.Of(gpu.Name)) : pair.Value))
        {
            Gpus = Gpus.Append(new(gpu.Name, fitted)).ToFrozenDictionary(),
        };
    }

    internal static FrozenDictionary<string, double> Numbers(JsonElement element) =>
        element.EnumerateObject().ToFrozenDictionary(property => property.Name, property => property.Value.GetDouble());

    internal static ResidualBounds Residuals(JsonElement element) =>
        new(element.GetProperty("low").GetDouble(), element.GetProperty("high").GetDouble());

    private static StepTimeBounds Bounds(JsonElement element) => new(
        Residuals(element.GetProperty("timePerOutputToken")),
        Residuals(element.GetProperty("timeToFirstToken")),
        Residuals(element.GetProperty("tokensPerSecond")));
}
