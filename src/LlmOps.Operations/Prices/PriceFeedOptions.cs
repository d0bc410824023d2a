using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Prices;

/// <summary>Which feed is asked, and how patiently.</summary>
public sealed class PriceFeedOptions : EndpointOptions
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    public PriceFeedOptions() => Timeout = s_timeout;

    /// <param name="endpoint">Null for Microsoft's own.</param>
    /// <param name="timeoutSeconds">Default: 10 seconds to connect, 30 without progress.</param>
    /// <exception cref="LlmOpsException">One of them cannot be used.</exception>
    public static PriceFeedOptions Create(string? endpoint = null, double? timeoutSeconds = null)
    {
        TimeSpan? timeout = ParseTimeout(timeoutSeconds);
        return new PriceFeedOptions
        {
            Endpoint = ParseEndpoint(endpoint ?? AzureRetailPrices.DefaultEndpoint, PriceErrors.InvalidEndpoint),
            Timeout = timeout ?? s_timeout,
            ConnectTimeout = timeout ?? TimeSpan.FromSeconds(10),
        };
    }
}
