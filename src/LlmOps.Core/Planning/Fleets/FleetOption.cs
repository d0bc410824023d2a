using LlmOps.Core.Hardware;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>An instance run in one way: what a fleet is made of.</summary>
internal sealed class FleetOption
{
    /// <param name="instance">The machine.</param>
    /// <param name="usdPerHour">Its price.</param>
    /// <param name="layout">How copies of the model are put on its GPUs.</param>
    /// <param name="quantization">The precision of their weights.</param>
    /// <param name="ofCopy">By request size, one copy at its capacity; null where it cannot answer such requests.</param>
    public FleetOption(
        GpuInstance instance,
        double usdPerHour,
        ParallelLayout layout,
        Quantization quantization,
        IReadOnlyList<PerformanceEstimate?> ofCopy)
    {
        Instance = instance;
        UsdPerHour = usdPerHour;
        Layout = layout;
        Quantization = quantization;
        OfCopy = ofCopy;
        Capacities = [.. ofCopy.Select(estimate => layout.Copies * (estimate?.RequestsPerSecond ?? 0))];
    }

    public GpuInstance Instance { get; }

    public double UsdPerHour { get; }

    public ParallelLayout Layout { get; }

    public Quantization Quantization { get; }

    public IReadOnlyList<PerformanceEstimate?> OfCopy { get; }

    /// <summary>By request size, the requests that one instance answers in a second if it answers no others.</summary>
    public double[] Capacities { get; }

    /// <summary>
    /// Leaves out options that others make superfluous: of no use, or as many of another as cost no more answer as many requests
    /// of every size. That holds with spare instances too: of several smaller machines no more are lost than of one larger.
    /// </summary>
    /// <param name="options">Of two that are alike the first stays.</param>
    /// <param name="isLimited">Whether instances are scarce, so that a second choice may be needed when the first is used up.</param>
    public static List<FleetOption> Useful(IEnumerable<FleetOption> options, bool isLimited)
    {
        List<FleetOption> useful = [];
        foreach (FleetOption option in options)
        {
            if (option.Capacities.Any(capacity => capacity > 0) && !useful.Exists(other => other.Replaces(option, isLimited)))
            {
                useful.RemoveAll(other => option.Replaces(other, isLimited));
                useful.Add(option);
            }
        }

        return useful;
    }

    private bool Replaces(FleetOption other, bool isLimited)
    {
        if (isLimited && !ReferenceEquals(Instance, other.Instance))
        {
            return false;
        }

        double times = isLimited ? 1 : Math.Floor((other.UsdPerHour / UsdPerHour) + FleetSearch.Tolerance);
        if (times < 1)
        {
            return false;
        }

        for (int size = 0; size < Capacities.Length; size++)
        {
            if (times * Capacities[size] < other.Capacities[size])
            {
                return false;
            }
        }

        return true;
    }
}
