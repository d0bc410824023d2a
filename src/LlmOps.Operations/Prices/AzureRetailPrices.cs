using System.Globalization;
using System.Text.Json;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>
/// Reads Microsoft's public list of retail prices for the virtual machines that the catalogue knows: Linux, by the hour, on
/// demand and spot, in USD. The service needs no account.
/// </summary>
public sealed class AzureRetailPrices(PriceFeedOptions options, TimeProvider? clock = null) : IDisposable
{
    public const string Provider = "Azure";
    public const string DefaultEndpoint = "https://prices.azure.com/api/retail/prices";

    /// <summary>A machine has some 400 rows in all regions, and a page up to 1,000.</summary>
    private const int MostPages = 50;

    private const int MostProblems = 100;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Lazy<PriceHttp> _http = new(() => new PriceHttp(options));

    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }
    }

    /// <param name="instances">Names of machines, as the catalogue has them.</param>
    /// <param name="regions">Names or wildcard patterns; null for all regions.</param>
    /// <param name="progress">Told how many machines are done, from any thread.</param>
    /// <param name="cancel">Ends the request at once.</param>
    /// <exception cref="LlmOpsException">The list cannot be had, or is not what it should be: all of it is refused.</exception>
    public async Task<PriceReading> ReadAsync(
        IReadOnlyList<string> instances,
        IReadOnlyList<string>? regions = null,
        Action<PriceProgress>? progress = null,
        CancellationToken cancel = default)
    {
        RegionPatterns wanted = new(regions);
        List<InstancePrice> prices = [];
        List<LlmOpsException> problems = [];
        List<string> missing = [];
        int done = 0;
        foreach (string instance in instances)
        {
            progress?.Invoke(new PriceProgress(done++, instances.Count, instance));
            Machine machine = new(instance, options.Endpoint.Authority, _clock.GetUtcNow(), wanted, problems);
            await ReadAsync(machine, wanted, cancel).ConfigureAwait(false);
            if (machine.Best.Count == 0)
            {
                missing.Add(instance);
            }

            DateOnly today = PriceAge.Today(_clock);
            string source = $"Azure Retail Prices API, {options.Endpoint.AbsoluteUri}";
            prices.AddRange(machine.Best.Select(row => new InstancePrice(
                Provider, instance, row.Key.Region, row.Key.Spot, row.Value.Usd, today, source)));
        }

        problems.AddRange(wanted.WithoutPrice(prices));
        if (prices.Count == 0 && problems.Count == 0)
        {
            throw PriceErrors.NothingFound(options.Endpoint.Authority, string.Join(", ", instances));
        }

        return new PriceReading(prices, problems, missing.Count == 0 || prices.Count == 0
            ? []
            : [$"{options.Endpoint.Authority} has no price of {string.Join(", ", missing)}; what the catalogue had stays."]);
    }

    private async Task ReadAsync(Machine machine, RegionPatterns wanted, CancellationToken cancel)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        Uri? page = new(options.Endpoint.AbsoluteUri + "?currencyCode=" + Uri.EscapeDataString("'USD'")
            + "&$filter=" + Uri.EscapeDataString(Filter(machine.Name, wanted.Exact)));
        while (page is not null)
        {
            if (!seen.Add(page.AbsoluteUri))
            {
                throw machine.Refused("its pages lead back to one that was read.");
            }

            if (seen.Count > MostPages)
            {
                throw machine.Refused(FormattableString.Invariant($"it has more than {MostPages} pages."));
            }

            byte[] answer = await _http.Value.GetAsync(page, machine.Subject, cancel).ConfigureAwait(false);
            page = machine.ReadPage(answer) is { } link ? Next(link, machine) : null;
        }
    }

    private static string Filter(string instance, IReadOnlyList<string>? regions)
    {
        string filter = $"serviceName eq 'Virtual Machines' and priceType eq 'Consumption' and armSkuName eq {Quoted(instance)}";
        return regions is null
            ? filter
            : $"{filter} and ({string.Join(" or ", regions.Select(region => $"armRegionName eq {Quoted(region)}"))})";
    }

    private static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>The next page, where it is at the same place: whoever else is named there was not asked for by the user.</summary>
    private Uri Next(string link, Machine machine) =>
        Uri.TryCreate(link, UriKind.Absolute, out Uri? next)
        && next.UserInfo.Length == 0
        && Uri.Compare(next, options.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0
            ? next
            : throw machine.Refused("its next page is said to be elsewhere.");

    private readonly record struct Row(double Usd, DateTimeOffset Since, bool IsPrimary);

    /// <summary>The prices of one machine, page by page.</summary>
    private sealed class Machine(
        string name, string host, DateTimeOffset now, RegionPatterns wanted, List<LlmOpsException> problems)
    {
        public string Name { get; } = name;

        public PriceSubject Subject { get; } = new($"the price of {name}");

        /// <summary>Of each region the price that is in force.</summary>
        public Dictionary<(string Region, bool Spot), Row> Best { get; } = [];

        public LlmOpsException Refused(string problem, Exception? inner = null) =>
            Subject.Invalid(host, problem, inner);

        /// <returns>Where the next page is; null after the last.</returns>
        public string? ReadPage(byte[] answer)
        {
            JsonDocument document;
            try
            {
                document = JsonDocument.Parse(answer);
            }
            catch (JsonException e)
            {
                throw Refused("it is no valid JSON, or ends early.", e);
            }

            using (document)
            {
                JsonElement root = document.RootElement;
                if (root.ValueKind != JsonValueKind.Object
                    || !root.TryGetProperty("Items", out JsonElement items) || items.ValueKind != JsonValueKind.Array)
                {
                    throw Refused("it has no list of Items.");
                }

                foreach (JsonElement item in items.EnumerateArray())
                {
                    ReadItem(item);
                }

                if (!root.TryGetProperty("NextPageLink", out JsonElement link) || link.ValueKind == JsonValueKind.Null)
                {
                    return null;
                }

                return link.ValueKind == JsonValueKind.String
                    ? Text(link) is { Length: > 0 } next ? next : null
                    : throw Refused("its NextPageLink is no text.");
            }
        }

        private void ReadItem(JsonElement item)
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                Report("an item is no object.", item.ValueKind.ToString());
                return;
            }

            string sku = Text(item, "skuName"), meter = Text(item, "meterName");
            if (!IsLinuxByTheHour(item) || Either(sku, meter, "Low Priority") || !IsInForce(item, out DateTimeOffset since))
            {
                return;
            }

            string region = Text(item, "armRegionName");
            if (region.Length is 0 or > RegionPatterns.LongestName || !region.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            {
                Report("an item has no usable armRegionName.", Shortened(region));
                return;
            }

            if (!wanted.Accept(region))
            {
                return;
            }

            if (Text(item, "currencyCode") is { Length: > 0 } currency && currency != "USD")
            {
                Report($"the price in {region} is in {Shortened(currency)}, not in USD.", Shortened(currency));
                return;
            }

            if (!item.TryGetProperty("retailPrice", out JsonElement price) || price.ValueKind != JsonValueKind.Number
                || !price.TryGetDouble(out double usd) || !InstancePrice.IsPlausible(usd))
            {
                string shown = price.ValueKind == JsonValueKind.Undefined ? "missing" : Shortened(price.GetRawText());
                Report($"retailPrice in {region} is {shown}; expected is {PriceErrors.Range}.", shown);
                return;
            }

            // A change of price that lies ahead, or behind, has a row of its own; so have secondary meters.
            Row row = new(usd, since, item.TryGetProperty("isPrimaryMeterRegion", out JsonElement primary) && primary.ValueKind == JsonValueKind.True);
            (string, bool) key = (region.ToLowerInvariant(), Either(sku, meter, "Spot"));
            if (!Best.TryGetValue(key, out Row best)
                || (row.Since, row.IsPrimary, row.Usd).CompareTo((best.Since, best.IsPrimary, best.Usd)) > 0)
            {
                Best[key] = row;
            }
        }

        private bool IsLinuxByTheHour(JsonElement item) =>
            Text(item, "armSkuName").Equals(Name, StringComparison.OrdinalIgnoreCase)
            && Text(item, "serviceName") is "" or "Virtual Machines"
            && Text(item, "type") == "Consumption"
            && Text(item, "unitOfMeasure") == "1 Hour"
            && !Text(item, "productName").Contains("Windows", StringComparison.OrdinalIgnoreCase)
            && !(item.TryGetProperty("tierMinimumUnits", out JsonElement tier) && tier.ValueKind == JsonValueKind.Number
                && tier.TryGetDouble(out double units) && units > 0);

        private bool IsInForce(JsonElement item, out DateTimeOffset since)
        {
            since = default;
            string start = Text(item, "effectiveStartDate"), end = Text(item, "effectiveEndDate");
            if (start.Length > 0 && !TryTime(start, out since))
            {
                Report("effectiveStartDate is no date.", Shortened(start));
                return false;
            }

            return since <= now && (end.Length == 0 || !TryTime(end, out DateTimeOffset until) || until > now);
        }

        private void Report(string problem, string value)
        {
            if (problems.Count == MostProblems)
            {
                throw Refused(FormattableString.Invariant($"more than {MostProblems} rows are wrong; the last: {problem}"));
            }

            problems.Add(PriceErrors.BadRow($"{host}, {Name}", problem, value));
        }

        private static bool TryTime(string text, out DateTimeOffset time) => DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);

        private static bool Either(string sku, string meter, string end) =>
            sku.EndsWith(end, StringComparison.OrdinalIgnoreCase) || meter.EndsWith(end, StringComparison.OrdinalIgnoreCase);

        private static string Text(JsonElement item, string name) =>
            item.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? Text(value) : "";

        /// <summary>Half of a surrogate pair, which JSON can escape, is no text.</summary>
        private static string Text(JsonElement value)
        {
            try
            {
                return value.GetString()!;
            }
            catch (InvalidOperationException)
            {
                return "";
            }
        }

        private static string Shortened(string text) => text.Length <= 60 ? text : text[..60] + "...";
    }
}
