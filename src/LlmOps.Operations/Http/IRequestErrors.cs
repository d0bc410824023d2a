using LlmOps.Core;

namespace LlmOps.Operations.Http;

/// <summary>Makes the errors of requests about one thing, in the words of whoever asked for it.</summary>
internal interface IRequestErrors
{
    LlmOpsException Silent(string host, TimeSpan limit);

    LlmOpsException NoConnection(string host, Exception inner);

    /// <param name="host">Who answered.</param>
    /// <param name="retryAfter">The wait that it asks for; null where it asks for none.</param>
    LlmOpsException TooMany(string host, TimeSpan? retryAfter);

    LlmOpsException Failing(string host, int status);

    /// <param name="host">Who answered.</param>
    /// <param name="problem">Why the answer is refused, as a sentence without its subject.</param>
    /// <param name="inner">What was thrown for it.</param>
    LlmOpsException Invalid(string host, string problem, Exception? inner = null);
}
