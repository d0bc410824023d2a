using LlmOps.Core.Memory;

namespace LlmOps.Core.Calibration;

/// <summary>What measurements say about one term of an engine's memory.</summary>
/// <param name="Factor">Median of measured over estimated; 1 where nothing was measured.</param>
/// <param name="Low">The least of measured over (estimated × factor), the rounding of logs included; at most 1.</param>
/// <param name="High">The greatest of the same; at least 1.</param>
/// <param name="Count">Measurements behind it.</param>
public sealed record TermCalibration(double Factor, double Low, double High, int Count)
{
    /// <summary>From so few measurements on their spread says more than what the term's own bounds are.</summary>
    public const int EnoughForBounds = 3;

    public static TermCalibration None { get; } = new(1, 1, 1, 0);

    /// <summary>A factor that says a term is a thousand times what is estimated comes from no measurement.</summary>
    internal bool IsSound => this is { Factor: > 0.001 and < 1000, Low: > -1000 and <= 1, High: >= 1 and < 1000, Count: >= 0 };

    public override string ToString() => FormattableString.Invariant($"x {Factor:0.####} ({Low:0.###}-{High:0.###}, n = {Count})");
}

/// <summary>
/// Corrections of an engine's memory terms, fitted to what servers measured while they started: one factor a term, the
/// median of measured over estimated, and the spread about it as bounds.
/// </summary>
public sealed record MemoryCalibration : ICalibration
{
    /// <inheritdoc/>
    public static CalibrationKind Kind => CalibrationKind.Memory;

    public required string Name { get; init; }

    public required Engine Engine { get; init; }

    /// <summary>The engine's releases that were measured, oldest first by name.</summary>
    public IReadOnlyList<string> EngineVersions { get; init; } = [];

    /// <summary>The GPUs that were measured, as far as the measurements name them.</summary>
    public IReadOnlyList<string> Gpus { get; init; } = [];

    public IReadOnlyList<string> Models { get; init; } = [];

    public required int MeasurementCount { get; init; }

    public TermCalibration ModelWeights { get; init; } = TermCalibration.None;

    public TermCalibration Activations { get; init; } = TermCalibration.None;

    public TermCalibration NonTorch { get; init; } = TermCalibration.None;

    public TermCalibration CudaGraphs { get; init; } = TermCalibration.None;

    /// <summary>
    /// Fits the factors. A term that no measurement has keeps the factor 1; negative and zero figures, which graph capture
    /// can print, say nothing about a factor and are passed over.
    /// </summary>
    /// <exception cref="LlmOpsException">There is nothing to fit, or the measurements are of several engines.</exception>
    public static MemoryCalibration Fit(string name, IReadOnlyCollection<MeasuredStart> starts)
    {
        ValidateName(name);
        if (starts.Count == 0)
        {
            throw new LlmOpsException("NothingToCalibrate", ErrorKind.InvalidArgument,
                $"There is no measurement that the calibration '{name}' could be fitted to.", name);
        }

        Engine engine = starts.First().Request.Engine;
        if (starts.FirstOrDefault(start => start.Request.Engine != engine) is { } other)
        {
            throw new LlmOpsException("EnginesMixed", ErrorKind.InvalidArgument,
                $"The measurements are of {EnumNames.Of(engine)} and of {EnumNames.Of(other.Request.Engine)}; fit one calibration for each engine.",
                EnumNames.Of(other.Request.Engine));
        }

        IReadOnlyDictionary<string, TermComparison>[] compared =
            [.. starts.Select(start => start.Compare().ToDictionary(term => term.Term, StringComparer.Ordinal))];
        return new MemoryCalibration
        {
            Name = name,
            Engine = engine,
            EngineVersions = Distinct(starts.Select(start => start.Measurement.EngineVersion)),
            Gpus = Distinct(starts.Select(start => start.Request.Gpu?.Name)),
            Models = Distinct(starts.Select(start => start.Request.Model.Name)),
            MeasurementCount = starts.Count,
            ModelWeights = Of(compared, TermComparison.ModelWeights),
            Activations = Of(compared, TermComparison.Activations),
            NonTorch = Of(compared, TermComparison.NonTorch),
            CudaGraphs = Of(compared, TermComparison.CudaGraphs),
        };
    }

    /// <exception cref="LlmOpsException">It could not be the name of a file.</exception>
    public static void ValidateName(string name)
    {
        const int longest = 64;
        if (string.IsNullOrWhiteSpace(name) || name.Length > longest || name[0] == '.'
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
        {
            throw new LlmOpsException("CalibrationNameInvalid", ErrorKind.InvalidArgument,
                $"'{name}' is no name for a calibration: use up to {longest} letters, digits, '-', '_' and '.', such as h100-vllm-0.19.",
                name);
        }
    }

    /// <inheritdoc/>
    string? ICalibration.Fault => Enum.IsDefined(Engine) && Name is { Length: > 0 }
        && Models is not null && Gpus is not null && EngineVersions is not null
        && ModelWeights is { IsSound: true } && Activations is { IsSound: true }
        && NonTorch is { IsSound: true } && CudaGraphs is { IsSound: true }
            ? null
            : "it is not of this form";

    internal StageMemory Apply(in StageMemory memory) => memory with
    {
        Weights = memory.Weights * ModelWeights.Factor,
        Activations = memory.Activations * Activations.Factor,
        Runtime = memory.Runtime * NonTorch.Factor,
        CudaGraphs = memory.CudaGraphs * CudaGraphs.Factor,
    };

    /// <summary>A term as it stands after the factor, with the calibration's bounds and source.</summary>
    internal MemoryTerm Apply(MemoryTerm term)
    {
        TermCalibration calibration = term.Name switch
        {
            TermComparison.ModelWeights => ModelWeights,
            TermComparison.Activations => Activations,
            TermComparison.NonTorch => NonTorch,
            TermComparison.CudaGraphs => CudaGraphs,
            _ => TermCalibration.None,
        };
        if (calibration.Count == 0)
        {
            return term;
        }

        double low = term.GiB * calibration.Low, high = term.GiB * calibration.High;
        if (calibration.Count < TermCalibration.EnoughForBounds)
        {
            low = Math.Min(low, term.LowGiB);
            high = Math.Max(high, term.HighGiB);
        }

        return term with
        {
            LowGiB = low,
            HighGiB = high,
            Formula = FormattableString.Invariant($"({term.Formula}) x {calibration.Factor:0.####}"),
            Evidence = Evidence.Fitted,
            Source = FormattableString.Invariant($"calibration '{Name}', {calibration.Count} measured start(s); {term.Source}"),
        };
    }

    public override string ToString() => FormattableString.Invariant(
        $"{Name}: {MeasurementCount} start(s) of {EnumNames.Of(Engine)} {string.Join(", ", EngineVersions)}");

    private static string[] Distinct(IEnumerable<string?> values) =>
        [.. values.OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase)];

    private static TermCalibration Of(IEnumerable<IReadOnlyDictionary<string, TermComparison>> starts, string name)
    {
        TermComparison[] pairs =
        [
            .. starts.Select(start => start.GetValueOrDefault(name)).OfType<TermComparison>()
                .Where(pair => pair is { Measured: > 0, Predicted: > 0 }),
        ];
        if (pairs.Length == 0)
        {
            return TermCalibration.None;
        }

        double[] ratios = [.. pairs.Select(pair => pair.Measured!.Value / pair.Predicted).Order()];
        int middle = ratios.Length / 2;
        double factor = ratios.Length % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2;

        // Logs print hundredths of a GiB.
        const double rounding = 0.005;
        return new TermCalibration(
            factor,
            Math.Min(1, pairs.Min(pair => (pair.Measured!.Value - rounding) / (pair.Predicted * factor))),
            Math.Max(1, pairs.Max(pair => (pair.Measured!.Value + rounding) / (pair.Predicted * factor))),
            pairs.Length);
    }
}
