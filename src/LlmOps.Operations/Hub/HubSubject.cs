using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Hub;

/// <summary>What a request is about, as errors call it.</summary>
/// <param name="Repository">Whose it is.</param>
/// <param name="Revision">As the user named it.</param>
/// <param name="File">A path in the repository; null for the repository itself.</param>
internal sealed record HubSubject(RepositoryId Repository, string Revision, string? File = null) : IRequestErrors
{
    /// <summary>The offending value of errors.</summary>
    public string Target => Repository.ToString();

    public override string ToString() =>
        File is null ? $"'{Repository}' at {Revision}" : $"'{File}' of '{Repository}' at {Revision}";

    LlmOpsException IRequestErrors.Silent(string host, TimeSpan limit) => HubErrors.Silent(this, host, limit);

    LlmOpsException IRequestErrors.NoConnection(string host, Exception inner) => HubErrors.NoConnection(this, host, inner);

    LlmOpsException IRequestErrors.TooMany(string host, TimeSpan? retryAfter) => HubErrors.TooMany(this, host, retryAfter);

    LlmOpsException IRequestErrors.Failing(string host, int status) => HubErrors.Failing(this, host, status);

    /// <param name="host">Not named: storage elsewhere may have answered.</param>
    /// <param name="problem">Why the answer is refused.</param>
    /// <param name="inner">What was thrown for it.</param>
    LlmOpsException IRequestErrors.Invalid(string host, string problem, Exception? inner) => HubErrors.Invalid(this, problem, inner);
}
