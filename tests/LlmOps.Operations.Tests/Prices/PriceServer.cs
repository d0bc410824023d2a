using System.Collections.Concurrent;
using System.Text;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;
using LlmOps.Operations.Tests.Http;

namespace LlmOps.Operations.Tests.Prices;

/// <summary>Azure's list of retail prices on this machine: pages in the shape of the real one.</summary>
internal sealed class PriceServer : IAsyncDisposable
{
    public const string T4 = "Standard_NC4as_T4_v3";
    public const string A100 = "Standard_NC24ads_A100_v4";
    public static readonly DateTimeOffset Now = new(2026, 6, 15, 12, 0, 0, TimeSpan.Zero);

    private const string Json = "Content-Type: application/json; charset=utf-8\r\n";

    public PriceServer() => Server = new LoopbackServer(AnswerAsync);

    public LoopbackServer Server { get; }

    /// <summary>The items of each machine, page by page.</summary>
    public Dictionary<string, string[][]> Pages { get; } = [];

    /// <summary>What is answered instead; each is used once, in order.</summary>
    public ConcurrentQueue<Func<Request, Stream, CancellationToken, Task>> Instead { get; } = [];

    public IEnumerable<string> Asked => Server.Requests.Select(request => Uri.UnescapeDataString(request.Path));

    public static string Item(
        string instance = T4, string region = "eastus", string price = "0.526", string sku = "NC4as T4 v3", string more = "",
        string product = "Virtual Machines NCasT4_v3 Series", string since = "2024-03-01T00:00:00Z", string type = "Consumption",
        string unit = "1 Hour", string primary = "true", string currency = "USD") => $$"""
        {"currencyCode":"{{currency}}","tierMinimumUnits":0.0,"retailPrice":{{price}},"unitPrice":{{price}},"armRegionName":"{{region}}",
         "location":"somewhere","effectiveStartDate":"{{since}}","meterId":"5d5d1f7a-0000-0000-0000-000000000000","meterName":"{{sku}}",
         "productId":"DZH318Z0CSHK","skuId":"DZH318Z0CSHK/00HP","availabilityId":null,"productName":"{{product}}","skuName":"{{sku}}",
         "serviceName":"Virtual Machines","serviceId":"DZH313Z7MMC8","serviceFamily":"Compute","unitOfMeasure":"{{unit}}","type":"{{type}}",
         "isPrimaryMeterRegion":{{primary}},"armSkuName":"{{instance}}"{{more}}}
        """;

    public static string Page(IEnumerable<string> items, string? next = null)
    {
        string[] all = [.. items];
        return $$"""
            {"BillingCurrency":"USD","CustomerEntityId":"Default","CustomerEntityType":"Retail","Items":[{{string.Join(',', all)}}],
             "NextPageLink":{{(next is null ? "null" : $"\"{next}\"")}},"Count":{{all.Length}}}
            """;
    }

    public PriceFeedOptions Options(TimeSpan? timeout = null, TimeSpan? longestWait = null) => new()
    {
        Endpoint = new Uri(Server.Address + "/api/retail/prices"),
        Timeout = timeout ?? TimeSpan.FromSeconds(10),
        FirstBackoff = TimeSpan.FromMilliseconds(5),
        LongestWait = longestWait ?? TimeSpan.FromSeconds(5),

        // Nothing listens there: what goes through a proxy fails.
        Proxy = new System.Net.WebProxy("http://127.0.0.1:9"),
    };

    public async Task<PriceReading> ReadAsync(
        IReadOnlyList<string>? instances = null, IReadOnlyList<string>? regions = null, PriceFeedOptions? options = null,
        Action<PriceProgress>? progress = null, CancellationToken cancel = default)
    {
        using AzureRetailPrices feed = new(options ?? Options(), new FixedClock(Now));
        return await feed.ReadAsync(instances ?? [T4], regions, progress, cancel);
    }

    public async Task<LlmOpsException> RefusedAsync(string id, PriceFeedOptions? options = null, IReadOnlyList<string>? instances = null)
    {
        LlmOpsException e = await Assert.ThrowsAsync<LlmOpsException>(() => ReadAsync(instances, options: options));
        Assert.Equal(id, e.ErrorId);
        return e;
    }

    /// <summary>Answers the next requests in another way.</summary>
    public void Once(string status, string body = "", string headers = Json, int times = 1, long? length = null)
    {
        for (int i = 0; i < times; i++)
        {
            Instead.Enqueue((_, stream, _) => Server.SendAsync(stream, status, Encoding.UTF8.GetBytes(body), headers, length));
        }
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    private async Task AnswerAsync(Request request, Stream stream, CancellationToken stop)
    {
        if (Instead.TryDequeue(out Func<Request, Stream, CancellationToken, Task>? answer))
        {
            await answer(request, stream, stop);
            return;
        }

        string asked = Uri.UnescapeDataString(request.Path);
        string name = Pages.Keys.FirstOrDefault(name => asked.Contains($"armSkuName eq '{name}'", StringComparison.Ordinal)) ?? "";
        int skip = asked.Contains("&$skip=", StringComparison.Ordinal) ? int.Parse(asked[(asked.IndexOf("&$skip=", StringComparison.Ordinal) + 7)..], System.Globalization.CultureInfo.InvariantCulture) : 0;
        string[][] pages = Pages.GetValueOrDefault(name) ?? [[]];
        string? next = skip + 1 < pages.Length
            ? FormattableString.Invariant($"{Server.Address}{request.Path.Split("&$skip=")[0]}&$skip={skip + 1}")
            : null;
        await Server.SendAsync(stream, "200 OK", Encoding.UTF8.GetBytes(Page(pages[skip], next)), Json);
    }
}

/// <summary>So that no day is today.</summary>
internal sealed class FixedClock(DateTimeOffset now) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => now;
}

internal static class Some
{
    public static InstancePrice Price(
        double usd = 0.5, string region = "eastus", bool spot = false, string instance = PriceServer.T4, DateOnly? date = null) =>
        new("Azure", instance, region, spot, usd, date ?? new DateOnly(2026, 6, 15), "a test");
}
