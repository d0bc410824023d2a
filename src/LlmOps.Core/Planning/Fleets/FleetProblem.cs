namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// Which machines, and how many of each, carry a load at the least cost: minimize Σ price·count, where every item of the load is
/// divided over the machines and none is loaded beyond 1. Counts are whole, shares are not.
/// </summary>
/// <param name="Prices">Of one machine of each kind; positive.</param>
/// <param name="Loads">
/// By kind and item, the machines of the kind that would carry the whole item; positive, and infinite where the kind cannot carry it.
/// </param>
internal sealed record FleetProblem(double[] Prices, double[][] Loads)
{
    /// <summary>How many machines, whichever they are, can be lost without the rest failing to carry the load.</summary>
    public int Spares { get; init; }

    /// <summary>The most machines of a group that can be had; null for no limit.</summary>
    public int? MostOfGroup { get; init; }

    /// <summary>The group of each kind: the same machine used in another way.</summary>
    public required int[] Groups { get; init; }

    public int KindCount => Prices.Length;

    public int ItemCount => Loads.Length == 0 ? 0 : Loads[0].Length;
}

/// <summary>The machines that were found.</summary>
/// <param name="Counts">Of each kind; null where no machines can carry the load within the limits.</param>
/// <param name="Cost">Of all of them.</param>
/// <param name="LowerBound">What no fleet costs less than: the cost itself where the search came to its end.</param>
internal sealed record FleetSolution(int[]? Counts, double Cost, double LowerBound)
{
    /// <summary>Whether it is proved that no other fleet is cheaper, or that there is none.</summary>
    public bool IsOptimal { get; init; }
}
