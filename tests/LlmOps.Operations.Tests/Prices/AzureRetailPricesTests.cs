using System.Diagnostics;
using System.Globalization;
using System.Text;
using LlmOps.Core;
using LlmOps.Operations.Prices;
using static LlmOps.Operations.Tests.Prices.PriceServer;

namespace LlmOps.Operations.Tests.Prices;

/// <summary>What is read from Azure's list, and how it fails.</summary>
public sealed class AzureRetailPricesTests
{
    private const string Elsewhere = "https://prices.example.com/api/retail/prices?$skip=1";

    [Fact]
    public async Task Prices_on_demand_and_spot_come_from_all_pages()
    {
        await using PriceServer server = new();
        server.Pages[T4] =
        [
            [Item(), Item(sku: "NC4as T4 v3 Spot", price: "0.0627")],
            [Item(region: "westeurope", price: "0.6")],
            [Item(region: "westus2", price: "0.526", sku: "NC4as T4 v3 Spot")],
        ];

        PriceReading reading = await server.ReadAsync();

        Assert.Equal(
            [("eastus", false, 0.526), ("eastus", true, 0.0627), ("westeurope", false, 0.6), ("westus2", true, 0.526)],
            reading.Prices.Select(p => (p.Region, p.Spot, p.UsdPerHour)));
        Assert.All(reading.Prices, p => Assert.Equal(
            ("Azure", T4, new DateOnly(2026, 6, 15), $"Azure Retail Prices API, {server.Server.Address}/api/retail/prices"),
            (p.Provider, p.Instance, p.Date, p.Source)));
        Assert.Empty(reading.Problems);
        Assert.Empty(reading.Notes);
        Assert.Equal(3, server.Server.Requests.Count);
    }

    [Fact]
    public async Task The_question_is_put_as_the_service_understands_it()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item(), Item(region: "westus")]];

        PriceReading reading = await server.ReadAsync(regions: ["EastUS", "westus"]);

        Assert.Equal(2, reading.Prices.Count);
        Assert.Equal("/api/retail/prices?currencyCode='USD'&$filter=serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and "
            + $"armSkuName eq '{T4}' and (armRegionName eq 'eastus' or armRegionName eq 'westus')", Assert.Single(server.Asked));
    }

    [Theory]
    [InlineData("skuName", "NC4as T4 v3 Low Priority")]
    [InlineData("product", "Virtual Machines NCasT4_v3 Series Windows")]
    [InlineData("type", "Reservation")]
    [InlineData("type", "DevTestConsumption")]
    [InlineData("unit", "1 Month")]
    [InlineData("since", "2027-01-01T00:00:00Z")]
    [InlineData("instance", "Standard_NC8as_T4_v3")]
    [InlineData("service", "Cloud Services")]
    [InlineData("ended", "2025-01-01T00:00:00Z")]
    public async Task What_is_not_the_machine_itself_by_the_hour_is_passed_over(string field, string value)
    {
        await using PriceServer server = new();
        string other = field switch
        {
            "skuName" => Item(price: "9", sku: value),
            "product" => Item(price: "9", product: value),
            "type" => Item(price: "9", type: value),
            "unit" => Item(price: "9", unit: value),
            "since" => Item(price: "9", since: value),
            "instance" => Item(price: "9", instance: value),
            "service" => Item(price: "9").Replace("\"serviceName\":\"Virtual Machines\"", $"\"serviceName\":\"{value}\"", StringComparison.Ordinal),
            _ => Item(price: "9", more: $",\"effectiveEndDate\":\"{value}\"", since: "2024-09-01T00:00:00Z"),
        };
        server.Pages[T4] = [[Item(), other]];

        Assert.Equal(0.526, Assert.Single((await server.ReadAsync()).Prices).UsdPerHour);
    }

    [Fact]
    public async Task The_price_in_force_counts_and_of_two_meters_the_primary_one()
    {
        await using PriceServer server = new();
        server.Pages[T4] =
        [
            [Item(price: "0.7", since: "2022-01-01T00:00:00Z"), Item(price: "0.5", since: "2025-01-01T00:00:00Z")],
            [Item(price: "0.9", since: "2025-01-01T00:00:00Z", primary: "false"), Item(price: "0.6", since: "2023-01-01T00:00:00Z")],
        ];

        Assert.Equal(0.5, Assert.Single((await server.ReadAsync()).Prices).UsdPerHour);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1e300")]
    [InlineData("1e999")]
    [InlineData("\"0.5\"")]
    [InlineData("null")]
    public async Task A_price_that_cannot_be_is_left_out_by_itself(string price)
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item(price: price), Item(region: "westus")]];

        PriceReading reading = await server.ReadAsync();

        Assert.Equal("westus", Assert.Single(reading.Prices).Region);
        LlmOpsException problem = Assert.Single(reading.Problems);
        Assert.Equal(PriceErrors.RowInvalid, problem.ErrorId);
        Assert.Contains($"retailPrice in eastus is {price};", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hostile_items_are_left_out()
    {
        await using PriceServer server = new();
        server.Pages[T4] =
        [
            [
                "7", "null", "[[]]", Item(region: "east\\u001b[31mus"), Item(region: "../.."), Item(region: ""), Item(since: "soon"),
                Item(currency: "EUR", region: "westeurope"), Item(sku: "\\ud800"), Item(region: "westus"),
            ],
        ];

        PriceReading reading = await server.ReadAsync();

        Assert.Equal(["eastus", "westus"], reading.Prices.Select(p => p.Region));
        Assert.Equal(8, reading.Problems.Count);
        Assert.Contains(reading.Problems, p => p.Message.Contains("in EUR, not in USD", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_list_of_nothing_but_nonsense_is_refused()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[.. Enumerable.Repeat("7", 200)]];

        Assert.Contains("more than 100 rows", (await server.RefusedAsync(PriceErrors.ResponseInvalid)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_requests_are_made_again_when_the_server_says()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item()]];
        server.Once("429 Too Many Requests", headers: "Retry-After: 1\r\n");
        server.Once("500 Internal Server Error");
        Stopwatch wait = Stopwatch.StartNew();

        Assert.Single((await server.ReadAsync()).Prices);
        Assert.True(wait.Elapsed >= TimeSpan.FromSeconds(0.9));
        Assert.Equal(3, server.Server.Requests.Count);
    }

    [Fact]
    public async Task Who_asks_for_too_long_a_wait_is_reported_at_once()
    {
        await using PriceServer server = new();
        server.Once("429 Too Many Requests", headers: "Retry-After: 86400\r\n");

        Assert.Contains("86400", (await server.RefusedAsync(PriceErrors.RateLimited)).Message, StringComparison.Ordinal);
        Assert.Single(server.Server.Requests);
    }

    [Fact]
    public async Task A_server_that_fails_is_asked_four_times()
    {
        await using PriceServer server = new();
        server.Once("503 Service Unavailable", times: 9);

        await server.RefusedAsync(PriceErrors.Unavailable);
        Assert.Equal(4, server.Server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_is_silent_is_given_up()
    {
        await using PriceServer server = new();
        for (int i = 0; i < 5; i++)
        {
            server.Instead.Enqueue((_, _, stop) => Task.Delay(Timeout.Infinite, stop));
        }

        LlmOpsException e = await server.RefusedAsync(PriceErrors.Timeout, server.Options(timeout: TimeSpan.FromSeconds(0.2)));
        Assert.Equal(ErrorKind.Timeout, e.Kind);
        Assert.Equal(2, server.Server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_falls_silent_within_a_page_is_given_up()
    {
        await using PriceServer server = new();
        for (int i = 0; i < 5; i++)
        {
            server.Instead.Enqueue(async (_, stream, stop) =>
            {
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"Items\":["u8.ToArray(), stop);
                await Task.Delay(Timeout.Infinite, stop);
            });
        }

        await server.RefusedAsync(PriceErrors.Timeout, server.Options(timeout: TimeSpan.FromSeconds(0.2)));
    }

    [Fact]
    public async Task Ctrl_C_ends_it_at_once()
    {
        await using PriceServer server = new();
        server.Instead.Enqueue((_, _, stop) => Task.Delay(Timeout.Infinite, stop));
        using CancellationTokenSource stop = new(TimeSpan.FromSeconds(0.2));
        Stopwatch wait = Stopwatch.StartNew();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => server.ReadAsync(cancel: stop.Token));
        Assert.True(wait.Elapsed < TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Nobody_there_is_said_so()
    {
        PriceFeedOptions options;
        await using (PriceServer server = new())
        {
            options = server.Options();
        }

        using AzureRetailPrices feed = new(options);
        LlmOpsException e = await Assert.ThrowsAsync<LlmOpsException>(() => feed.ReadAsync([T4]));
        Assert.Equal(PriceErrors.Unreachable, e.ErrorId);
    }

    [Fact]
    public async Task A_page_that_ends_early_is_read_again()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item()]];
        server.Once("200 OK", Page([Item()])[..200], length: 5000);

        Assert.Single((await server.ReadAsync()).Prices);
        Assert.Equal(2, server.Server.Requests.Count);
    }

    public static TheoryData<string, string> BadAnswers => new()
    {
        { "truncated", Page([Item()])[..200] },
        { "empty", "" },
        { "no object", "[]" },
        { "no items", "{\"Count\": 0}" },
        { "items of another kind", "{\"Items\": {\"a\": 1}, \"NextPageLink\": null}" },
        { "a link of another kind", "{\"Items\": [], \"NextPageLink\": 7}" },
        { "nested too deeply", "{\"Items\": " + new string('[', 5000) + new string(']', 5000) + "}" },
        { "a link to elsewhere", Page([Item()], Elsewhere) },
        { "a link with a user", Page([Item()], "http://user@127.0.0.1/") },
        { "a link to a file", Page([Item()], "file:///etc/passwd") },
        { "a link that is none", Page([Item()], "::") },
        { "no text", "\xff\xfe" },
    };

    [Theory]
    [MemberData(nameof(BadAnswers))]
    public async Task An_answer_that_is_not_the_list_is_refused(string kind, string body)
    {
        await using PriceServer server = new();
        server.Once("200 OK", body);

        LlmOpsException e = await server.RefusedAsync(PriceErrors.ResponseInvalid);
        Assert.True(Assert.Single(server.Asked).Length > 0, kind);
        Assert.DoesNotContain("passwd", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("200 OK", "Content-Type: text/html\r\n", "text/html")]
    [InlineData("200 OK", "", "JSON")]
    [InlineData("302 Found", "Location: http://127.0.0.1:9/\r\n", "-Endpoint")]
    [InlineData("400 Bad Request", "", "400")]
    [InlineData("404 Not Found", "", "404")]
    public async Task Another_kind_of_answer_is_refused(string status, string headers, string saying)
    {
        await using PriceServer server = new();
        server.Once(status, Page([Item()]), headers);

        Assert.Contains(saying, (await server.RefusedAsync(PriceErrors.ResponseInvalid)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_that_lead_in_a_circle_are_refused()
    {
        await using PriceServer server = new();
        string again = $"{server.Server.Address}/api/retail/prices?$skip=1";
        server.Once("200 OK", Page([Item()], again), times: 5);

        Assert.Contains("lead back", (await server.RefusedAsync(PriceErrors.ResponseInvalid)).Message, StringComparison.Ordinal);
        Assert.Equal(2, server.Server.Requests.Count);
    }

    [Fact]
    public async Task Pages_without_end_are_refused()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [.. Enumerable.Repeat<string[]>([Item()], 60)];

        Assert.Contains("50 pages", (await server.RefusedAsync(PriceErrors.ResponseInvalid)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_end_is_refused()
    {
        await using PriceServer server = new();
        server.Instead.Enqueue(async (_, stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Items\":["u8.ToArray(), stop);
            byte[] filling = Encoding.ASCII.GetBytes(new string(' ', 1 << 20));
            for (int i = 0; i < 100; i++)
            {
                await stream.WriteAsync(filling, stop);
            }
        });

        Assert.Contains("longer than", (await server.RefusedAsync(PriceErrors.ResponseInvalid)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_list_is_an_error_and_a_machine_without_price_a_note()
    {
        await using PriceServer server = new();
        await server.RefusedAsync(PriceErrors.Empty);
        server.Pages[T4] = [[Item()]];

        PriceReading reading = await server.ReadAsync([A100, T4]);
        Assert.Single(reading.Prices);
        Assert.Contains(A100, Assert.Single(reading.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_region_without_price_is_an_error_beside_the_others()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item(), Item(region: "eastus2"), Item(region: "westus")]];

        PriceReading reading = await server.ReadAsync(regions: ["east*", "westuss"]);

        Assert.Equal(["eastus", "eastus2"], reading.Prices.Select(p => p.Region));
        LlmOpsException problem = Assert.Single(reading.Problems);
        Assert.Equal(("RegionNotFound", "westuss"), (problem.ErrorId, problem.Target));
        Assert.Contains("Did you mean westus?", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_counts_machines()
    {
        await using PriceServer server = new();
        server.Pages[T4] = [[Item()]];
        List<PriceProgress> seen = [];

        await server.ReadAsync([T4, A100], progress: seen.Add);

        Assert.Equal([new PriceProgress(0, 2, T4), new PriceProgress(1, 2, A100)], seen);
    }

    [Theory]
    [InlineData("prices.azure.com")]
    [InlineData("ftp://prices.azure.com")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user:password@prices.azure.com")]
    [InlineData("https://prices.azure.com?x=password")]
    [InlineData(" ")]
    public void An_endpoint_that_is_none_is_refused(string endpoint)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => PriceFeedOptions.Create(endpoint));

        Assert.Equal(PriceErrors.EndpointInvalid, e.ErrorId);
        Assert.DoesNotContain("password", e.Message + e.Target, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(double.NaN)]
    [InlineData(1e9)]
    public void A_timeout_is_bounded(double seconds) => Assert.Equal(Guard.OutOfRangeId,
        Assert.Throws<LlmOpsException>(() => PriceFeedOptions.Create(timeoutSeconds: seconds)).ErrorId);

    [Fact]
    public async Task A_German_reads_the_same_prices()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            await using PriceServer server = new();
            server.Pages[T4] = [[Item(price: "1234.5")]];
            Assert.Equal(1234.5, Assert.Single((await server.ReadAsync()).Prices).UsdPerHour);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
