namespace LlmOps.Cli;

/// <summary>What a script can tell from the exit of <c>llmops</c>.</summary>
internal static class ExitCode
{
    /// <summary>There is an answer.</summary>
    public const int Found = 0;

    /// <summary>The question was good, but nothing fits, meets the objective or matches.</summary>
    public const int NothingFound = 1;

    /// <summary>The command line or a value or file that it names is wrong.</summary>
    public const int BadInput = 2;

    /// <summary>Stopped by Ctrl+C: 128 + SIGINT, as shells report it.</summary>
    public const int Cancelled = 130;
}
