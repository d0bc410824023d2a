using System.Globalization;

namespace LlmOps.Cli;

/// <summary>What a command writes to and what it knows of its surroundings; handed in, so that a test needs no process.</summary>
internal sealed class Terminal
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Columns that a table may take.</summary>
    public int Width { get; init; } = 120;

    /// <summary>Whether <see cref="Out"/> understands colours and wants them.</summary>
    public bool Colour { get; init; }

    /// <summary>The user's, for numbers in tables; files are invariant.</summary>
    public CultureInfo Culture { get; init; } = CultureInfo.InvariantCulture;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether the user's own prices count; not in a test, whose results must not depend on them.</summary>
    public bool UsesPricesOfUser { get; init; }

    public CancellationToken Cancellation { get; init; }
}
