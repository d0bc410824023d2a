namespace LlmOps.Core.Performance;

/// <summary>What a user waits for.</summary>
public enum PerformancePhase
{
    /// <summary>The time to the first token.</summary>
    FirstToken,

    /// <summary>The time of each token after the first.</summary>
    OutputToken,
}

/// <summary>What the greatest part of a time goes to.</summary>
public enum PerformanceBottleneck
{
    /// <summary>Arithmetic, that of prompts between the steps included.</summary>
    Compute,

    /// <summary>Reading weights and KV cache.</summary>
    Memory,

    /// <summary>Exchange between GPUs.</summary>
    Communication,

    /// <summary>Launching kernels, scheduling, and work on the host for each sequence.</summary>
    Overhead,
}

/// <summary>One part of a time, with its ground. The terms of a phase add up to its time.</summary>
/// <param name="Phase">What it is a part of.</param>
/// <param name="Name">What the time is spent on.</param>
/// <param name="Milliseconds">The part; negative for a correction downwards.</param>
/// <param name="Formula">How it was computed, in words.</param>
/// <param name="Evidence">On what ground.</param>
/// <param name="Source">Where the formula or its coefficients come from.</param>
public sealed record PerformanceTerm(
    PerformancePhase Phase, string Name, double Milliseconds, string Formula, Evidence Evidence, string Source)
{
    public override string ToString() => FormattableString.Invariant($"{Name}: {Milliseconds:0.000} ms");
}
