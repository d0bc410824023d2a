namespace LlmOps.Core.Memory;

/// <summary>Where a term of an estimate is held.</summary>
public enum MemoryPlace
{
    Gpu,

    /// <summary>The host's memory.</summary>
    Host,

    Disk,
}

/// <summary>One term of an estimate, with its bounds and its ground.</summary>
/// <param name="Name">The framework's name of the term.</param>
/// <param name="GiB">The estimate.</param>
/// <param name="LowGiB">What it may come down to.</param>
/// <param name="HighGiB">What it may go up to.</param>
/// <param name="Formula">How it was computed, in words.</param>
/// <param name="Evidence">On what ground.</param>
/// <param name="Source">Where the formula or its coefficients come from.</param>
/// <param name="Place">Which memory it is in.</param>
public sealed record MemoryTerm(
    string Name,
    double GiB,
    double LowGiB,
    double HighGiB,
    string Formula,
    Evidence Evidence,
    string Source,
    MemoryPlace Place = MemoryPlace.Gpu)
{
    public override string ToString() => FormattableString.Invariant($"{Name}: {GiB:0.00} GiB");
}
