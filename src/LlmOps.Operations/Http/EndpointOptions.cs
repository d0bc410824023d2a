using System.Net;
using LlmOps.Core;

namespace LlmOps.Operations.Http;

/// <summary>Which server is asked, and how patiently.</summary>
public abstract class EndpointOptions
{
    /// <summary>Longest patience that can be asked for, in seconds.</summary>
    public const double LongestTimeoutSeconds = 3600;

    /// <summary>Where the server is, without a query.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>How long the server may stay silent.</summary>
    public TimeSpan Timeout { get; init; }

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Wait before the second try; each further one waits twice as long.</summary>
    internal TimeSpan FirstBackoff { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Longest wait between tries; a server that asks for more is reported instead.</summary>
    internal TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The proxy for other hosts than this one; null for the system's.</summary>
    internal IWebProxy? Proxy { get; init; }

    /// <param name="seconds">What the user gave; null for the default.</param>
    /// <exception cref="LlmOpsException">It is no such time.</exception>
    protected static TimeSpan? ParseTimeout(double? seconds) => seconds is { } given
        ? TimeSpan.FromSeconds(Guard.InRange(given, 0.1, LongestTimeoutSeconds, "TimeoutSeconds"))
        : null;

    /// <param name="text">What the user gave.</param>
    /// <param name="invalid">Makes the error, of what can be shown of the text and of what is wrong with it.</param>
    protected static Uri ParseEndpoint(string text, Func<string, string, LlmOpsException> invalid)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http") || uri.Host.Length == 0)
        {
            throw invalid(text.Contains('@', StringComparison.Ordinal) ? "" : text, "it is no address with https:// or http://.");
        }

        // Not repeated where there is a user in it, because a password may be too.
        return uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0
            ? uri
            : throw invalid(uri.Host, "it has a user, a query or a fragment in it.");
    }
}
