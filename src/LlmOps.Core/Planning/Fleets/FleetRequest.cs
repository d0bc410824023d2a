using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>What a fleet is asked to carry.</summary>
/// <param name="Deployment">
/// The model and how it is run. GPU, parallelism, batch size and sequence length are chosen, and so is the precision where
/// <see cref="Quantizations"/> has several.
/// </param>
/// <param name="Sizes">The sizes of the requests; weights in proportion to their numbers.</param>
/// <param name="RequestsPerSecond">Requests of all sizes in a second, on average.</param>
public readonly record struct FleetRequest(
    MemoryRequest Deployment, IReadOnlyList<RequestSize> Sizes, double RequestsPerSecond)
{
    /// <summary>The most requests a second that a fleet is planned for.</summary>
    public const double MostRequestsPerSecond = 1e5;

    /// <summary>Machines that may be lost at once, at most.</summary>
    public const int MostSpares = 3;

    /// <summary>The most sizes at a time.</summary>
    public const int MostSizes = 250;

    /// <summary>The precisions to choose from; null for that of the deployment alone.</summary>
    public IReadOnlyList<Quantization>? Quantizations { get; init; } = null;

    /// <summary>The latencies that are promised on average; its throughput and percentile are not used.</summary>
    public ServiceObjectives Objectives { get; init; } = new();

    /// <summary>
    /// Share of what an instance can answer that may be asked of it, above 0, at most 1. Requests come at random, and near 1 queues
    /// grow without bounds.
    /// </summary>
    public double TargetUtilization { get; init; } = 0.9;

    /// <summary>Instances, whichever they are, that can be lost while the others still carry the load within the target.</summary>
    public int SpareInstance { get; init; } = 0;

    /// <summary>The most instances of one type that can be had; null for no limit.</summary>
    public int? MaxCount { get; init; } = null;

    public PriceType PriceType { get; init; } = PriceType.OnDemand;

    internal IReadOnlyList<Quantization> AllowedQuantizations => Quantizations ?? [Deployment.EffectiveQuantization];

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        Guard.InRange(RequestsPerSecond, 1e-6, MostRequestsPerSecond, nameof(RequestsPerSecond));
        Guard.InRange(TargetUtilization, 0.01, 1, nameof(TargetUtilization));
        Guard.InRange(SpareInstance, 0, MostSpares, nameof(SpareInstance));
        Guard.InRange(Sizes.Count, 1, MostSizes, "The number of request sizes");
        foreach (RequestSize size in Sizes)
        {
            size.Validate();
            Guard.InRange(size.Weight, double.Epsilon, double.MaxValue, nameof(size.Weight));
        }

        if (MaxCount is { } most)
        {
            Guard.InRange(most, 1, 1_000_000, nameof(MaxCount));
        }

        Objectives.Validate();
    }
}
