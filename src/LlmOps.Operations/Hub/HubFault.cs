using LlmOps.Core;

namespace LlmOps.Operations.Hub;

/// <summary>A failure that may pass: the request is made again, and only the last such failure is reported.</summary>
internal sealed class HubFault(LlmOpsException report, int mostTries, TimeSpan? retryAfter = null)
    : Exception(report.Message, report)
{
    /// <summary>What the user is told where it does not pass.</summary>
    public LlmOpsException Report { get; } = report;

    public int MostTries { get; } = mostTries;

    /// <summary>The wait that the server asked for.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
