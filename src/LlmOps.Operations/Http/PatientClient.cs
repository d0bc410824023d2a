using System.Net;
using System.Net.Http.Headers;
using LlmOps.Core;

namespace LlmOps.Operations.Http;

/// <summary>
/// Requests to one endpoint: failures that may pass are tried again, with growing waits or those that the server asks for;
/// all others, and silence, are errors in the caller's words.
/// </summary>
internal sealed class PatientClient : IDisposable
{
    private const int MostConnectionTries = 3;
    private const int MostSilentTries = 2;

    private readonly EndpointOptions _options;
    private readonly HttpClient _client;

    public PatientClient(EndpointOptions options)
    {
        _options = options;
        SocketsHttpHandler handler = new()
        {
            // Whoever redirects has to be looked at first.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.ConnectTimeout,

            // Of a body that nobody wants, such as that of a server which ignores ranges, nothing more is read.
            MaxResponseDrainSize = 0,
            Proxy = new DirectToLoopback(options.Proxy ?? HttpClient.DefaultProxy),
            UseCookies = false,
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("LlmOps", "0.1"));
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    /// <summary>Sends one request.</summary>
    /// <returns>The response as soon as its headers are there.</returns>
    public delegate Task<HttpResponseMessage> Send(HttpClient client, CancellationToken cancel);

    /// <summary>Reads a response, whose status has been found to be no passing failure.</summary>
    /// <exception cref="PassingFault">It broke off; the request is made again.</exception>
    public delegate Task<T> Read<T>(HttpResponseMessage response, string host, Patience patience);

    public void Dispose() => _client.Dispose();

    /// <param name="host">Who is asked first.</param>
    /// <param name="send">Called anew for each try.</param>
    /// <param name="read">Called anew for each response.</param>
    /// <param name="errors">What failures are called.</param>
    /// <param name="cancel">Ends the request, or the wait for the next, at once.</param>
    /// <exception cref="LlmOpsException">It cannot be had.</exception>
    public async Task<T> GetAsync<T>(string host, Send send, Read<T> read, IRequestErrors errors, CancellationToken cancel)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await OnceAsync(host, send, read, errors, cancel).ConfigureAwait(false);
            }
            catch (PassingFault fault)
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

    private async Task<T> OnceAsync<T>(string host, Send send, Read<T> read, IRequestErrors errors, CancellationToken cancel)
    {
        using Patience patience = new(_options.Timeout, cancel);
        try
        {
            using HttpResponseMessage response = await send(_client, patience.Token).ConfigureAwait(false);
            host = response.RequestMessage?.RequestUri?.Authority ?? host;
            ThrowIfPassing(response, host, errors);
            return await read(response, host, patience).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new PassingFault(errors.Silent(host, _options.Timeout), MostSilentTries);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is
            HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded or HttpRequestError.VersionNegotiationError)
        {
            throw errors.Invalid(host, e.Message, e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError is HttpRequestError.SecureConnectionError)
        {
            throw errors.NoConnection(host, e.InnerException ?? e);
        }
        catch (HttpIOException e) when (e.HttpRequestError is HttpRequestError.ResponseEnded)
        {
            throw new PassingFault(errors.Invalid(host, "the connection ended before it was complete.", e));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new PassingFault(errors.NoConnection(host, e), MostConnectionTries);
        }
    }

    private static void ThrowIfPassing(HttpResponseMessage response, string host, IRequestErrors errors)
    {
        int status = (int)response.StatusCode;
        if (status == 429)
        {
            TimeSpan? wait = RetryAfter(response);
            throw new PassingFault(errors.TooMany(host, wait), retryAfter: wait);
        }

        if (status is 408 or (>= 500 and <= 599))
        {
            throw new PassingFault(errors.Failing(host, status), retryAfter: RetryAfter(response));
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
}
