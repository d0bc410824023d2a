using LlmOps.Core;

namespace LlmOps.Operations.Http;

/// <summary>A failure that may pass: the request is made again, and only the last such failure is reported.</summary>
internal sealed class PassingFault(LlmOpsException report, int mostTries = PassingFault.UsualTries, TimeSpan? retryAfter = null)
    : Exception(report.Message, report)
{
    /// <summary>Tries altogether, where nothing speaks for fewer.</summary>
    public const int UsualTries = 4;

    /// <summary>What the user is told where it does not pass.</summary>
    public LlmOpsException Report { get; } = report;

    public int MostTries { get; } = mostTries;

    /// <summary>The wait that the server asked for.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
