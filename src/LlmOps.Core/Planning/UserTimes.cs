namespace LlmOps.Core.Planning;

/// <summary>What the users of one copy of a model wait for on average, while each of them has a request.</summary>
/// <param name="Users">Users of the copy.</param>
/// <param name="TimeToFirstTokenMs">Waiting included.</param>
/// <param name="TimePerOutputTokenMs">From one token of an answer to the next.</param>
/// <param name="OutputLength">Tokens of an answer.</param>
internal readonly record struct UserTimes(
    double Users, double TimeToFirstTokenMs, double TimePerOutputTokenMs, long OutputLength)
{
    /// <summary>The time per output token where an answer has a token after the first; null where no user waits for one.</summary>
    public double? LaterTokenMs => OutputLength > 1 ? TimePerOutputTokenMs : null;

    public double EndToEndMs => TimeToFirstTokenMs + (TimePerOutputTokenMs * (OutputLength - 1));

    /// <summary>Requests that the copy answers in a second.</summary>
    public double RequestsPerSecond => 1000 * Users / EndToEndMs;
}

/// <summary>The same where requests arrive at a rate.</summary>
/// <param name="Utilization">The rate over the greatest that the copy can answer.</param>
/// <param name="MeanUsers">Requests that are in the copy on average.</param>
/// <param name="Median">What half of the requests stay within.</param>
/// <param name="High">What 95 % of them stay within.</param>
/// <param name="AtPercentile">What the share that objectives hold for stays within.</param>
internal readonly record struct ArrivalTimes(
    double Utilization, double MeanUsers, UserTimes Median, UserTimes High, UserTimes AtPercentile);
