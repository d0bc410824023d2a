using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Calibration;

/// <summary>
/// Corrections of the times that users of a server wait for, fitted to measurements of servers: a factor and a constant for the time
/// to the first token, and for the time of each token after it.
/// </summary>
public sealed record TimeCalibration : ICalibration
{
    /// <summary>What is read at the most; a million requests of one benchmark are one measurement.</summary>
    public const int MostMeasurements = 10_000;

    private readonly IReadOnlyList<TimeResidual> _residuals = new List<TimeResidual>();
    private HashSet<Deployment>? _deployments;

    /// <inheritdoc/>
    public static CalibrationKind Kind => CalibrationKind.Time;

    public required string Name { get; init; }

    /// <summary>The engines that were measured, by the names that users write.</summary>
    public IReadOnlyList<string> Engines { get; init; } = [];

    public IReadOnlyList<string> EngineVersions { get; init; } = [];

    public IReadOnlyList<string> Gpus { get; init; } = [];

    public IReadOnlyList<string> Models { get; init; } = [];

    public required int MeasurementCount { get; init; }

    /// <summary>Null where it was not measured, and stays as it is estimated.</summary>
    public PhaseTimeCalibration? TimeToFirstToken { get; init; }

    /// <summary>Null where it was not measured, and stays as it is estimated.</summary>
    public PhaseTimeCalibration? TimePerOutputToken { get; init; }

    /// <summary>
    /// The coefficients of the step-time model, where they and not the times were fitted; the factors of the times are then 1. Null
    /// for a factor and a constant.
    /// </summary>
    public RefinedCoefficients? Coefficients { get; init; }

    /// <summary>Each measurement beside its estimates.</summary>
    public IReadOnlyList<TimeResidual> Residuals
    {
        get => _residuals;
        init => (_residuals, _deployments) = (value, null);
    }

    /// <summary>Fits a factor and a constant for each of the two times.</summary>
    /// <exception cref="LlmOpsException">There is nothing to fit, or far too much.</exception>
    public static TimeCalibration Fit(string name, IReadOnlyList<TimeMeasurement> measurements)
    {
        Validate(name, measurements);
        List<TimeResidual> residuals = [.. measurements.Select(TimeResidual.Of)];
        return Of(name, measurements) with
        {
            TimePerOutputToken = TimePhase.OutputToken.Fit(measurements, residuals),
            TimeToFirstToken = TimePhase.FirstToken.Fit(measurements, residuals),
            Residuals = residuals,
        };
    }

    /// <summary>
    /// Refines the coefficients of the step-time model, those shipped being what is expected beforehand: for measurements of many
    /// lengths, batches and layouts, whose parts of a time are off by different factors.
    /// </summary>
    /// <param name="name">What it is saved under.</param>
    /// <param name="measurements">Of vLLM, SGLang or TensorRT-LLM.</param>
    /// <param name="cancel">Ends the fit, and those that leave out a group of measurements each.</param>
    /// <exception cref="LlmOpsException">There is nothing to fit, far too much, or an engine that has no coefficients.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static TimeCalibration FitCoefficients(
        string name, IReadOnlyList<TimeMeasurement> measurements, CancellationToken cancel = default)
    {
        Validate(name, measurements);
        List<TimeResidual> residuals = [.. measurements.Select(TimeResidual.Of)];
        TimeCalibration refined = Of(name, measurements) with { Coefficients = CoefficientFit.Of(measurements, cancel) };
        TimeCalibration?[] leftOut = CoefficientFit.LeftOut(measurements, refined, cancel);
        return refined with
        {
            TimePerOutputToken = TimePhase.OutputToken.Judge(measurements, refined, leftOut, residuals),
            TimeToFirstToken = TimePhase.FirstToken.Judge(measurements, refined, leftOut, residuals),
            Residuals = residuals,
        };
    }

    private static void Validate(string name, IReadOnlyList<TimeMeasurement> measurements)
    {
        MemoryCalibration.ValidateName(name);
        if (measurements.Count == 0)
        {
            throw new LlmOpsException("NothingToCalibrate", ErrorKind.InvalidArgument,
                $"There is no measurement that the calibration '{name}' could be fitted to.", name);
        }

        Guard.InRange(measurements.Count, 1, MostMeasurements, "The number of measurements");
    }

    /// <summary>What was measured, with nothing fitted.</summary>
    private static TimeCalibration Of(string name, IReadOnlyList<TimeMeasurement> measurements) => new()
    {
        Name = name,
        Engines = Distinct(measurements.Select(m => EnumNames.Of(m.Request.Deployment.Engine))),
        EngineVersions = Distinct(measurements.Select(m => m.EngineVersion)),
        Gpus = Distinct(measurements.Select(m => m.Request.Deployment.Gpu!.Name)),
        Models = Distinct(measurements.Select(m => m.Request.Deployment.Model.Name)),
        MeasurementCount = measurements.Count,
    };

    /// <summary>
    /// Whether the model was measured in this precision on this engine and as many of this GPU. Elsewhere the model's own bounds hold
    /// where they are wider.
    /// </summary>
    public bool Covers(in PerformanceEstimateRequest request)
    {
        _deployments ??= [.. Residuals.Select(r => new Deployment(
            r.ModelName, r.Engine, r.Gpu, r.Quantization, r.TensorParallelSize, r.PipelineParallelSize, r.ExpertParallelSize))];
        Memory.MemoryRequest memory = request.Deployment;
        return _deployments.Contains(new Deployment(
            memory.Model.Name, EnumNames.Of(memory.Engine), memory.Gpu!.Name, memory.EffectiveQuantization.Name,
            memory.Parallelism.Tensor, memory.Parallelism.Pipeline, memory.Parallelism.Expert));
    }

    /// <summary>
    /// What is to be said about an estimate with this calibration: that its engine or GPU was not measured, or that no measured time
    /// was nearly as short or long.
    /// </summary>
    public IEnumerable<string> WarningsOf(PerformanceEstimate estimate)
    {
        string? other = !Engines.Contains(estimate.Engine, StringComparer.OrdinalIgnoreCase) ? $"{string.Join(", ", Engines)}, not {estimate.Engine}"
            : !Gpus.Contains(estimate.Gpu, StringComparer.OrdinalIgnoreCase) ? $"{string.Join(", ", Gpus)}, not {estimate.Gpu}"
            : null;
        if (other is not null)
        {
            yield return $"The calibration '{Name}' was fitted to measurements of {other}: what it says there is a guess.";
        }

        if (estimate.Times is { } times)
        {
            if (TimePerOutputToken?.Reaches(times.Parts.TimePerOutputToken) == false)
            {
                yield return Beyond("times per output token", TimePerOutputToken);
            }

            if (TimeToFirstToken?.Reaches(times.Parts.TimeToFirstToken) == false)
            {
                yield return Beyond("times to the first token", TimeToFirstToken);
            }
        }
    }

    /// <inheritdoc/>
    string? ICalibration.Fault =>
        Name is { Length: > 0 } && MeasurementCount is > 0 and <= MostMeasurements
        && AreNames(Engines) && AreNames(EngineVersions) && AreNames(Gpus) && AreNames(Models)
        && (TimePerOutputToken ?? TimeToFirstToken) is not null
        && (TimePerOutputToken is null or { IsSound: true }) && (TimeToFirstToken is null or { IsSound: true })
        && Residuals is { Count: <= MostMeasurements }
        && Residuals.All(r => r is { ModelName: not null, Engine: not null, Gpu: not null, Quantization: not null })
            ? Coefficients?.Fault()
            : "it is not of this form";

    public override string ToString() => FormattableString.Invariant(
        $"{Name}: {MeasurementCount} measurement(s) of {string.Join(", ", Engines)} on {string.Join(", ", Gpus)}");

    /// <summary>Times as they stand after it, not below what the hardware allows.</summary>
    internal PerformanceTimes Apply(in PerformanceEstimateRequest request, PerformanceTimes times)
    {
        bool isCovered = Covers(request);
        StepTimeParts parts = times.Parts;
        double tokenAdded = TimePerOutputToken?.Added(parts.TimePerOutputToken) ?? 0;
        double firstAdded = TimeToFirstToken?.Added(parts.TimeToFirstToken) ?? 0;
        double token = Math.Max(times.TokenFloorMs, parts.TimePerOutputToken + tokenAdded);
        double first = Math.Max(times.FirstTokenFloorMs, parts.TimeToFirstToken + firstAdded);
        ResidualBounds tokenBounds = times.Bounds.TimePerOutputToken, firstBounds = times.Bounds.TimeToFirstToken;
        tokenBounds = TimePerOutputToken?.Bounds(tokenBounds, parts.TimePerOutputToken, isCovered) ?? tokenBounds;
        firstBounds = TimeToFirstToken?.Bounds(firstBounds, parts.TimeToFirstToken, isCovered) ?? firstBounds;

        // Throughput is least where both times are longest.
        double steps = request.OutputLength - 1, whole = first + (steps * token);
        return times with
        {
            TimePerOutputTokenMs = token,
            TimeToFirstTokenMs = first,
            TokenCalibrationMs = tokenAdded,
            FirstTokenCalibrationMs = firstAdded,
            Bounds = new StepTimeBounds(tokenBounds, firstBounds, new ResidualBounds(
                whole / ((first * firstBounds.High) + (steps * token * tokenBounds.High)),
                whole / ((first * firstBounds.Low) + (steps * token * tokenBounds.Low)))),
        };
    }

    private string Beyond(string what, PhaseTimeCalibration phase) => FormattableString.Invariant(
        $"The calibration '{Name}' was fitted to {what} that are computed as {phase.LeastComputedMs:0.###} to {phase.MostComputedMs:0.###} ms: what it says far beyond is a guess.");

    private static bool AreNames(IReadOnlyList<string>? names) => names is not null && names.All(name => name is not null);

    private static List<string> Distinct(IEnumerable<string?> values) =>
        [.. values.OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase)];

    private readonly record struct Deployment(
        string Model, string Engine, string Gpu, string Quantization, int Tensor, int Pipeline, int Expert);
}
