using System.Net;
using System.Net.Http.Headers;
using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Hub;

/// <summary>
/// Requests to a hub: redirects followed by hand, so that the token stays with the endpoint; everything bounded in size.
/// </summary>
internal sealed class HubHttp : IDisposable
{
    private const int MostRedirects = 5;

    private readonly HubOptions _options;
    private readonly PatientClient _client;

    public HubHttp(HubOptions options)
    {
        _options = options;
        _client = new PatientClient(options);
    }

    public void Dispose() => _client.Dispose();

    /// <summary>A whole file or answer.</summary>
    /// <param name="path">Below the endpoint, escaped.</param>
    /// <param name="mostBytes">What is longer is refused.</param>
    /// <param name="subject">What errors call it.</param>
    /// <param name="cancel">Ends the request at once.</param>
    public Task<byte[]> GetWholeAsync(string path, long mostBytes, HubSubject subject, CancellationToken cancel) =>
        TryAsync(path, null, subject, async (response, body, patience) =>
        {
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw HubErrors.Invalid(subject, "a part was sent where the whole was asked for.");
            }

            if (response.Content.Headers.ContentLength > mostBytes)
            {
                throw TooLong(subject, mostBytes);
            }

            using MemoryStream content = new();
            await patience.ReadAsync(body, content, mostBytes + 1).ConfigureAwait(false);
            return content.Length <= mostBytes ? content.ToArray() : throw TooLong(subject, mostBytes);
        }, cancel);

    /// <summary>The start of a file, as far as its header goes, and the length of the whole file.</summary>
    public async Task<(byte[] Start, long Length)> GetHeaderAsync(
        string path, HeaderMeasure.Measure measure, HubSubject subject, CancellationToken cancel)
    {
        using MemoryStream have = new();
        long? length = null;
        long wanted;
        while ((wanted = Measured(measure, have, subject)) > have.Length)
        {
            if (length is { } whole && have.Length >= whole)
            {
                throw EndsInHeader(subject, whole);
            }

            // Asked anew for each try, because a connection that ended early brought some of it.
            long end = 0;
            RangeHeaderValue Missing()
            {
                end = Math.Max(have.Length + 1, Math.Min(Measured(measure, have, subject), length ?? long.MaxValue));
                return new RangeHeaderValue(have.Length, end - 1);
            }

            length = await TryAsync(path, Missing, subject,
                (response, body, patience) => AppendAsync(response, body, have, end, measure, length, subject, patience),
                cancel).ConfigureAwait(false);
        }

        return (have.GetBuffer().AsSpan(0, (int)wanted).ToArray(), length!.Value);
    }

    /// <summary>Adds what a response to a range request brings.</summary>
    /// <returns>The length of the whole file.</returns>
    private static async Task<long> AppendAsync(
        HttpResponseMessage response,
        Stream body,
        MemoryStream have,
        long wanted,
        HeaderMeasure.Measure measure,
        long? knownLength,
        HubSubject subject,
        Patience patience)
    {
        HttpContentHeaders headers = response.Content.Headers;
        bool isPart = response.StatusCode == HttpStatusCode.PartialContent;
        long length = response.StatusCode switch
        {
            HttpStatusCode.RequestedRangeNotSatisfiable => throw NotSatisfiable(headers, have.Length, subject),
            HttpStatusCode.PartialContent => Whole(headers.ContentRange, have.Length, wanted, subject),
            _ => headers.ContentLength
                ?? throw HubErrors.Invalid(subject, "the server ignores ranges and does not say how long the file is."),
        };
        if (length < 0 || (knownLength is { } known && known != length))
        {
            throw HubErrors.Invalid(subject, FormattableString.Invariant(
                $"the file's length is given as {length} bytes, and was {knownLength} before."));
        }

        if (isPart)
        {
            long end = headers.ContentRange!.To!.Value + 1;
            await patience.ReadAsync(body, have, end).ConfigureAwait(false);
            return have.Length == end ? length : throw Truncated(subject, have.Length);
        }

        // The server ignores ranges: what is there already comes again, and as much of the rest is read as is needed.
        using MemoryStream again = new();
        await patience.ReadAsync(body, again, Math.Min(have.Length, length)).ConfigureAwait(false);
        while ((wanted = Math.Min(Measured(measure, have, subject), length)) > have.Length)
        {
            long before = have.Length;
            await patience.ReadAsync(body, have, wanted).ConfigureAwait(false);
            if (have.Length < wanted)
            {
                throw Truncated(subject, have.Length - before);
            }
        }

        return have.Length == length && Measured(measure, have, subject) > length ? throw EndsInHeader(subject, length) : length;
    }

    private static long Measured(HeaderMeasure.Measure measure, MemoryStream have, HubSubject subject)
    {
        try
        {
            return measure(have.GetBuffer().AsSpan(0, (int)have.Length));
        }
        catch (InvalidDataException e)
        {
            throw HubErrors.Invalid(subject, e.Message, e);
        }
    }

    private static long Whole(ContentRangeHeaderValue? range, long from, long wanted, HubSubject subject) =>
        range is { Unit: "bytes", From: { } first, To: { } last, Length: { } length }
            && first == from && last < wanted && last < length && (last == wanted - 1 || last == length - 1)
            ? length
            : throw HubErrors.Invalid(subject, FormattableString.Invariant(
                $"bytes {from} to {wanted - 1} were asked for, and '{range}' was sent."));

    private static LlmOpsException NotSatisfiable(HttpContentHeaders headers, long from, HubSubject subject) =>
        headers.ContentRange is { Length: { } length } && length <= from
            ? EndsInHeader(subject, length)
            : HubErrors.Invalid(subject, FormattableString.Invariant($"the server cannot send the bytes from {from} on."));

    private static LlmOpsException EndsInHeader(HubSubject subject, long length) =>
        HubErrors.Invalid(subject, FormattableString.Invariant($"the file has {length} bytes and ends within its header."));

    private static LlmOpsException TooLong(HubSubject subject, long mostBytes) =>
        HubErrors.Invalid(subject, FormattableString.Invariant($"it is longer than {mostBytes} bytes."));

    private static PassingFault Truncated(HubSubject subject, long received) =>
        new(HubErrors.Invalid(subject, FormattableString.Invariant($"the connection ended after {received} bytes of it.")));

    private Task<T> TryAsync<T>(
        string path,
        Func<RangeHeaderValue>? range,
        HubSubject subject,
        Func<HttpResponseMessage, Stream, Patience, Task<T>> read,
        CancellationToken cancel)
    {
        Uri uri = new(_options.Endpoint.AbsoluteUri.TrimEnd('/') + path);
        return _client.GetAsync(
            uri.Authority,
            (client, stop) => SendAsync(client, uri, range?.Invoke(), subject, stop),
            async (response, host, patience) =>
            {
                Check(response, host, range is not null, subject);
                Stream body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
                return await read(response, body, patience).ConfigureAwait(false);
            },
            subject,
            cancel);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpClient client, Uri uri, RangeHeaderValue? range, HubSubject subject, CancellationToken cancel)
    {
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage request = new(HttpMethod.Get, uri);
            request.Headers.Range = range;
            if (_options.Token is { } token && IsEndpoint(uri))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            HttpResponseMessage response =
                await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel).ConfigureAwait(false);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
            {
                return response;
            }

            using (response)
            {
                uri = redirects < MostRedirects
                    ? Redirected(uri, response.Headers.Location, subject)
                    : throw HubErrors.Invalid(subject, FormattableString.Invariant($"it was redirected more than {MostRedirects} times."));
            }
        }
    }

    private bool IsEndpoint(Uri uri) => Uri.Compare(
        uri, _options.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    internal Uri Redirected(Uri from, Uri? location, HubSubject subject)
    {
        if (location is null || !Uri.TryCreate(from, location, out Uri? to) || to.Scheme is not ("https" or "http")
            || to.UserInfo.Length > 0)
        {
            throw HubErrors.Invalid(subject, "it was redirected to what is no address.");
        }

        // A hub elsewhere has no business with what listens on this machine.
        if (to.IsLoopback && !_options.Endpoint.IsLoopback)
        {
            throw HubErrors.Invalid(subject, "it was redirected to this machine.");
        }

        return from.Scheme == Uri.UriSchemeHttp || to.Scheme == Uri.UriSchemeHttps || to.IsLoopback
            ? to
            : throw HubErrors.Invalid(subject, $"it was redirected from https to http ({to.Host}).");
    }

    private void Check(HttpResponseMessage response, string host, bool isRange, HubSubject subject)
    {
        int status = (int)response.StatusCode;
        string? code = response.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? codes) ? codes.FirstOrDefault() : null;
        switch (status)
        {
            case 200 or 206:
            case 416 when isRange:
                return;
            case 401 when code == "RepoNotFound":
                throw HubErrors.NoRepository(subject, host, mayBePrivate: true);
            case 401 or 403:
                throw HubErrors.Denied(subject, status, code, _options.Token is not null, host);
            case 404 or 410 when code == "RevisionNotFound":
                throw HubErrors.NoRevision(subject, host);
            case 404 or 410 when code == "RepoNotFound":
                throw HubErrors.NoRepository(subject, host, mayBePrivate: false);
            case 404 or 410 when subject.File is not null:
                throw HubErrors.NoFile(subject, host);
            case 404 or 410:
                throw HubErrors.NoRepositoryOrRevision(subject, host);
            default:
                throw HubErrors.Invalid(subject, FormattableString.Invariant($"{host} answered with status {status}."));
        }
    }
}
