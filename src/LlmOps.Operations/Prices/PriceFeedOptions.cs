using System.Net;
using LlmOps.Core;

namespace LlmOps.Operations.Prices;

/// <summary>Which feed is asked, and how patiently.</summary>
public sealed class PriceFeedOptions
{
    /// <summary>Longest patience that can be asked for, in seconds.</summary>
    public const double LongestTimeoutSeconds = 3600;

    /// <summary>Where the feed is, without a query.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>How long the server may stay silent.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Wait before the second try; each further one waits twice as long.</summary>
    internal TimeSpan FirstBackoff { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Longest wait between tries; a server that asks for more is reported instead.</summary>
    internal TimeSpan LongestWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The proxy for other hosts than this one; null for the system's.</summary>
    internal IWebProxy? Proxy { get; init; }

    /// <param name="endpoint">Null for Microsoft's own.</param>
    /// <param name="timeoutSeconds">Default: 10 seconds to connect, 30 without progress.</param>
    /// <exception cref="LlmOpsException">One of them cannot be used.</exception>
    public static PriceFeedOptions Create(string? endpoint = null, double? timeoutSeconds = null)
    {
        TimeSpan? timeout = timeoutSeconds is { } seconds
            ? TimeSpan.FromSeconds(Guard.InRange(seconds, 0.1, LongestTimeoutSeconds, "TimeoutSeconds"))
            : null;
        return new PriceFeedOptions
        {
            Endpoint = Parse(endpoint ?? AzureRetailPrices.DefaultEndpoint),
            Timeout = timeout ?? TimeSpan.FromSeconds(30),
            ConnectTimeout = timeout ?? TimeSpan.FromSeconds(10),
        };
    }

    private static Uri Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http") || uri.Host.Length == 0)
        {
            throw PriceErrors.InvalidEndpoint(
                text.Contains('@', StringComparison.Ordinal) ? "" : text, "it is no address with https:// or http://.");
        }

        // Not repeated where there is a user in it, because a password may be too.
        return uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0
            ? uri
            : throw PriceErrors.InvalidEndpoint(uri.Host, "it has a user, a query or a fragment in it.");
    }
}
