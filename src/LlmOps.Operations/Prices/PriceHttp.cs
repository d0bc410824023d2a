using System.Net;
using System.Net.Http.Headers;
using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Prices;

/// <summary>Fetches JSON from a price feed: failures that may pass are tried again, size and time are bounded.</summary>
internal sealed class PriceHttp : IDisposable
{
    /// <summary>A page of a thousand prices has 0.7 MB.</summary>
    public const int LargestAnswer = 16 << 20;

    private const int MostTries = 4;
    private const int MostSilentTries = 2;
    private const int BufferBytes = 64 << 10;

    private readonly PriceFeedOptions _options;
    private readonly HttpClient _client;

    public PriceHttp(PriceFeedOptions options)
    {
        _options = options;
        _client = new HttpClient(new SocketsHttpHandler
        {
            // Whoever answers speaks for the endpoint; nobody else is asked.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.ConnectTimeout,
            MaxResponseDrainSize = 0,
            Proxy = new DirectToLoopback(options.Proxy ?? HttpClient.DefaultProxy),
            UseCookies = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("LlmOps", "0.1"));
        _client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    public void Dispose() => _client.Dispose();

    /// <param name="address">What to get.</param>
    /// <param name="subject">What errors call it.</param>
    /// <param name="cancel">Ends the request at once.</param>
    /// <exception cref="LlmOpsException">It cannot be had.</exception>
    public async Task<byte[]> GetAsync(Uri address, string subject, CancellationToken cancel)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await OnceAsync(address, subject, cancel).ConfigureAwait(false);
            }
            catch (Fault fault)
            {
                TimeSpan wait = fault.RetryAfter ?? Backoff(tries);
                if (tries >= fault.MostTries || wait > _options.LongestWait)
                {
                    throw fault.Report;
                }

                await Task.Delay(wait, cancel).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Twice as long with every try; up to half as much more, so that clients do not come back all at once.</summary>
    private TimeSpan Backoff(int tries) =>
        _options.FirstBackoff * Math.Pow(2, tries - 1) * (1 + (0.5 * Random.Shared.NextDouble()));

    private async Task<byte[]> OnceAsync(Uri address, string subject, CancellationToken cancel)
    {
        using Patience patience = new(_options.Timeout, cancel);
        string host = address.Authority;
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Get, address);
            using HttpResponseMessage response = await _client
                .SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
            Check(response, host, subject);
            using Stream body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
            return await ReadAsync(body, host, subject, patience).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new Fault(PriceErrors.Silent(host, subject, _options.Timeout), MostSilentTries);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is
            HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded)
        {
            throw PriceErrors.Invalid(host, subject, e.Message, e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.SecureConnectionError)
        {
            throw PriceErrors.NoConnection(host, subject, e.InnerException ?? e);
        }
        catch (HttpIOException e) when (e.HttpRequestError is HttpRequestError.ResponseEnded)
        {
            throw new Fault(PriceErrors.Invalid(host, subject, "the connection ended before it was complete.", e), MostTries);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new Fault(PriceErrors.NoConnection(host, subject, e), MostTries);
        }
    }

    private static async Task<byte[]> ReadAsync(Stream body, string host, string subject, Patience patience)
    {
        // Grows with what arrives, never with what is claimed.
        using MemoryStream content = new();
        byte[] buffer = new byte[BufferBytes];
        int read;
        while ((read = await body.ReadAsync(buffer, patience.Token).ConfigureAwait(false)) > 0)
        {
            content.Write(buffer, 0, read);
            patience.Received(read);
            if (content.Length > LargestAnswer)
            {
                throw PriceErrors.Invalid(host, subject, FormattableString.Invariant($"it is longer than {LargestAnswer} bytes."));
            }
        }

        return content.ToArray();
    }

    private static void Check(HttpResponseMessage response, string host, string subject)
    {
        int status = (int)response.StatusCode;
        switch (status)
        {
            case 200:
                // Sign-in pages of networks come as a success too.
                string? type = response.Content.Headers.ContentType?.MediaType;
                if (type is null || !type.EndsWith("json", StringComparison.OrdinalIgnoreCase))
                {
                    throw PriceErrors.Invalid(host, subject, $"it is of the type '{type}', not JSON.");
                }

                return;
            case 429:
                TimeSpan? wait = RetryAfter(response);
                throw new Fault(PriceErrors.TooMany(host, subject, wait), MostTries, wait);
            case 408 or (>= 500 and <= 599):
                throw new Fault(PriceErrors.Failing(host, subject, status), MostTries, RetryAfter(response));
            case >= 300 and <= 399:
                throw PriceErrors.Invalid(host, subject, FormattableString.Invariant(
                    $"it redirects with status {status}; give the address that it redirects to with -Endpoint."));
            default:
                throw PriceErrors.Invalid(host, subject, FormattableString.Invariant($"its status is {status}."));
        }
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        TimeSpan? wait = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - DateTimeOffset.UtcNow,
            _ => null,
        };
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    /// <summary>A failure that may pass; only the last one is reported.</summary>
    private sealed class Fault(LlmOpsException report, int mostTries, TimeSpan? retryAfter = null) : Exception(report.Message, report)
    {
        public LlmOpsException Report { get; } = report;

        public int MostTries { get; } = mostTries;

        public TimeSpan? RetryAfter { get; } = retryAfter;
    }
}
