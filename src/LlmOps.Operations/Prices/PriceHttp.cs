using System.Net.Http.Headers;
using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Prices;

/// <summary>Fetches JSON from a price feed, bounded in size; nobody but the endpoint is asked.</summary>
internal sealed class PriceHttp(PriceFeedOptions options) : IDisposable
{
    /// <summary>A page of a thousand prices has 0.7 MB.</summary>
    public const int LargestAnswer = 16 << 20;

    private readonly PatientClient _client = new(options);

    public void Dispose() => _client.Dispose();

    /// <param name="address">What to get.</param>
    /// <param name="errors">What failures are called.</param>
    /// <param name="cancel">Ends the request at once.</param>
    /// <exception cref="LlmOpsException">It cannot be had.</exception>
    public Task<byte[]> GetAsync(Uri address, IRequestErrors errors, CancellationToken cancel) =>
        _client.GetAsync(
            address.Authority,
            async (client, stop) =>
            {
                using HttpRequestMessage request = new(HttpMethod.Get, address);
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
                return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).ConfigureAwait(false);
            },
            (response, host, patience) => ReadAsync(response, host, patience, errors),
            errors,
            cancel);

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, string host, Patience patience, IRequestErrors errors)
    {
        Check(response, host, errors);
        using Stream body = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        using MemoryStream content = new();
        await patience.ReadAsync(body, content, LargestAnswer + 1).ConfigureAwait(false);
        return content.Length <= LargestAnswer
            ? content.ToArray()
            : throw errors.Invalid(host, FormattableString.Invariant($"it is longer than {LargestAnswer} bytes."));
    }

    private static void Check(HttpResponseMessage response, string host, IRequestErrors errors)
    {
        int status = (int)response.StatusCode;
        switch (status)
        {
            case 200:
                // Sign-in pages of networks come as a success too.
                string? type = response.Content.Headers.ContentType?.MediaType;
                if (type is null || !type.EndsWith("json", StringComparison.OrdinalIgnoreCase))
                {
                    throw errors.Invalid(host, $"it is of the type '{type}', not JSON.");
                }

                return;
            case >= 300 and <= 399:
                throw errors.Invalid(host, FormattableString.Invariant(
                    $"it redirects with status {status}; give the address that it redirects to with -Endpoint."));
            default:
                throw errors.Invalid(host, FormattableString.Invariant($"its status is {status}."));
        }
    }
}
