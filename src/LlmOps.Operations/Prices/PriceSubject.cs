using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Prices;

/// <summary>What a feed is asked for, as errors call it.</summary>
internal sealed record PriceSubject(string Name) : IRequestErrors
{
    public LlmOpsException Silent(string host, TimeSpan limit) => PriceErrors.Silent(host, Name, limit);

    public LlmOpsException NoConnection(string host, Exception inner) => PriceErrors.NoConnection(host, Name, inner);

    public LlmOpsException TooMany(string host, TimeSpan? retryAfter) => PriceErrors.TooMany(host, Name, retryAfter);

    public LlmOpsException Failing(string host, int status) => PriceErrors.Failing(host, Name, status);

    public LlmOpsException Invalid(string host, string problem, Exception? inner = null) =>
        PriceErrors.Invalid(host, Name, problem, inner);
}
