using System.Text.Json.Serialization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Calibration;

/// <summary>A coefficient of the step-time model that measurements moved.</summary>
/// <param name="Name">As in the data of the model.</param>
/// <param name="Key">The engine, GPU, precision or kind of model that it is of; null for one that is shared.</param>
/// <param name="Before">As it is shipped, or for a GPU that was not fitted as it is shipped for any.</param>
/// <param name="After">As the measurements have it.</param>
public sealed record CoefficientChange(string Name, string? Key, double Before, double After)
{
    public override string ToString() => FormattableString.Invariant($"{Name}{(Key is null ? "" : $"[{Key}]")}: {Before:0.####} -> {After:0.####}");
}

/// <summary>The coefficients of the step-time model as measurements refined them, those shipped being what is expected beforehand.</summary>
/// <param name="Gpus">GPUs that got coefficients of their own.</param>
/// <param name="Changes">The coefficients that moved, the most moved first.</param>
public sealed record RefinedCoefficients(IReadOnlyList<string> Gpus, IReadOnlyList<CoefficientChange> Changes)
{
    private const int MostChanges = 10_000;
    private const double MostMoved = 1000;

    private StepTimeData? _data;

    /// <summary>All coefficients of the model.</summary>
    [JsonIgnore]
    internal StepTimeData Data => _data ??= WithGpus().With(Changes.Select(change => (change.Name, change.Key, change.After)));

    internal static RefinedCoefficients Of(StepTimeFitResult fit, IEnumerable<string> gpus) =>
        new(
            (List<string>)[.. gpus],
            (List<CoefficientChange>)[.. fit.Changes.Select(c => new CoefficientChange(c.Name, c.Key, c.Before, c.After))])
        {
            _data = fit.Data,
        };

    /// <summary>What is wrong with those of a file; null where nothing.</summary>
    internal string? Fault()
    {
        if (Gpus is null || Changes is not { Count: <= MostChanges } || Changes.Any(change => change?.Name is null)
            || Gpus.Any(gpu => gpu is null || !GpuCatalog.TryGet(gpu, out _)))
        {
            return "it is not of this form";
        }

        StepTimeData known = WithGpus();
        foreach (CoefficientChange change in Changes)
        {
            if (!known.Coefficients.TryGetValue(change.Name, out StepTimeCoefficient? coefficient)
                || (change.Key is null) != (coefficient.Shared is not null)
                || (change.Key is not null && !coefficient.Values.ContainsKey(change.Key))
                || !(change.After > 0 && change.After / change.Before is > 1 / MostMoved and < MostMoved))
            {
                return $"the coefficient {MeasurementRow.Shown($"{change.Name} {change.Key}")} is none of the step-time model's";
            }

            double shipped = coefficient.Shared ?? coefficient.Values[change.Key!];
            if (!(Math.Abs((change.Before / shipped) - 1) < 1e-6))
            {
                return "it refines other coefficients than those of this release; make it again from the measurements";
            }
        }

        return null;
    }

    public override string ToString() => FormattableString.Invariant($"{Changes.Count} coefficients");

    private StepTimeData WithGpus() => Gpus.Aggregate(StepTimeData.Instance, (data, gpu) => data.WithGpu(GpuCatalog.Get(gpu)));
}
