using System.Globalization;
using System.Text;
using LlmOps.Core;
using LlmOps.Operations.Prices;

namespace LlmOps.Operations.Tests.Prices;

/// <summary>What is read from files in SkyPilot's format, and which rows and files are refused.</summary>
public sealed class SkyPilotCatalogTests : IDisposable
{
    private const string Header = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice,AvailabilityZone\n";
    private const string Info = "\"{'Gpus': [{'Name': 'A10G', 'Count': 1}], 'Total': 22888}\"";

    private static readonly DateOnly s_day = new(2026, 6, 1);
    private static readonly FixedClock s_clock = new(PriceServer.Now);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Row(
        string price = "1.006", string spot = "0.4", string region = "us-east-1", string zone = "use1-az1", string instance = "g5.xlarge") =>
        $"{instance},A10G,1.0,4.0,16.0,{price},{region},{Info},{spot},{zone}\n";

    private PriceReading Read(string text, string provider = "AWS", DateOnly? date = null, string[]? regions = null) =>
        SkyPilotCatalog.Read(_folder.Write("vms.csv", text), provider, date ?? s_day, regions, s_clock);

    private LlmOpsException Refused(string id, string text, string provider = "AWS")
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Read(text, provider));
        Assert.Equal(id, e.ErrorId);
        return e;
    }

    [Fact]
    public void Of_the_zones_of_a_region_the_highest_spot_price_counts()
    {
        PriceReading reading = Read(Header + Row(spot: "0.4") + Row(spot: "0.7", zone: "use1-az2") + Row(spot: "", zone: "use1-az3")
            + Row(region: "eu-south-9", price: "1.5", spot: "") + Row(instance: "m5.large", price: "nonsense"));

        Assert.Equal(
            [("us-east-1", false, 1.006), ("us-east-1", true, 0.7), ("eu-south-9", false, 1.5)],
            reading.Prices.Select(p => (p.Region, p.Spot, p.UsdPerHour)));
        Assert.All(reading.Prices, p => Assert.Equal(("AWS", "g5.xlarge", s_day, "SkyPilot catalogue, vms.csv"),
            (p.Provider, p.Instance, p.Date, p.Source)));
        Assert.Empty(reading.Problems);
    }

    [Fact]
    public void Columns_are_found_by_name_and_line_ends_and_marks_do_not_matter()
    {
        PriceReading reading = Read("\ufeffRegion,Price,Other,InstanceType\r\nus-east-1,1.1,\"a\r\nb \"\"c\"\"\",G5.XLARGE\r\n\r\nus-west-2,1.2,,g5.xlarge");

        Assert.Equal([("g5.xlarge", 1.1), ("g5.xlarge", 1.2)], reading.Prices.Select(p => (p.Instance, p.UsdPerHour)));
    }

    [Fact]
    public void Machines_of_Google_cost_their_host_and_their_GPUs()
    {
        const string header = "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice\n";
        PriceReading reading = Read(header
            + "a2-highgpu-2g,24.0,170.0,,,,us-central1,us-central1-a,1.47895,0.7395\n"
            + "a2-highgpu-2g,24.0,170.0,,,,us-central1,us-central1-b,1.47895,0.7395\n"
            + "a2-highgpu-2g,24.0,170.0,,,,us-nowhere1,us-nowhere1-a,1.47895,0.7395\n"
            + "a3-megagpu-8g,208.0,1872.0,,,,us-central1,us-central1-a,10,3\n"
            + "n1-highmem-8,8.0,52.0,,,,us-central1,us-central1-a,0.47,0.1\n"
            + ",,,A100,1,{'Gpus': [{'MemoryInfo': {'SizeInMiB': 40960}}]},us-central1,us-central1-a,2.93391,1.4341\n"
            + ",,,A100,2,{'Gpus': [{'MemoryInfo': {'SizeInMiB': 40960}}]},us-central1,us-central1-a,5.86782,2.8682\n"
            + ",,,A100-80GB,2,,us-central1,us-central1-a,99,98\n"
            + ",,,H100,8,,us-central1,us-central1-a,77,7\n"
            + ",,,H100-MEGA,8,,us-central1,us-central1-a,80,20\n"
            + ",,,T4,1.0,,us-central1,us-central1-a,0.35,0.11\n", "GCP");

        Assert.Equal(
            [
                ("a2-highgpu-2g", "us-central1", false, "7.34677"), ("a2-highgpu-2g", "us-central1", true, "3.60770"),
                ("a3-megagpu-8g", "us-central1", false, "90.00000"), ("a3-megagpu-8g", "us-central1", true, "23.00000"),
                ("n1-highmem-8+1xT4", "us-central1", false, "0.82000"), ("n1-highmem-8+1xT4", "us-central1", true, "0.21000"),
            ],
            reading.Prices.OrderBy(p => p.Instance, StringComparer.Ordinal).ThenBy(p => p.Spot)
                .Select(p => (p.Instance, p.Region, p.Spot, p.UsdPerHour.ToString("F5", CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("\"1,5\"")]
    [InlineData("\"1,234.5\"")]
    [InlineData("$1.5")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1e400")]
    [InlineData("1e7")]
    [InlineData("=1+1")]
    public void One_bad_row_is_one_error_with_its_line_and_value(string price)
    {
        PriceReading reading = Read(Header + Row() + Row(price: price, region: "us-west-2") + Row(region: "eu-west-1"));

        Assert.Equal(["us-east-1", "eu-west-1"], reading.Prices.Where(p => !p.Spot).Select(p => p.Region));
        LlmOpsException problem = Assert.Single(reading.Problems);
        Assert.Equal((PriceErrors.RowInvalid, price.Trim('"')), (problem.ErrorId, problem.Target));
        Assert.Contains("vms.csv', line 3: ", problem.Message, StringComparison.Ordinal);
        Assert.Contains($"'{price.Trim('"')}'", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_row_does_not_count()
    {
        PriceReading reading = Read(Header + Row(spot: "x") + Row(region: "us-west-2"));

        Assert.All(reading.Prices, p => Assert.Equal("us-west-2", p.Region));
        Assert.Contains("SpotPrice is 'x'", Assert.Single(reading.Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("g5.xlarge,A10G,1.0\n", "3 fields")]
    [InlineData(",A10G,1.0,4.0,16.0,1,us-east-1,,,\n", "InstanceType")]
    [InlineData("g5.xlarge,A10G,1.0,4.0,16.0,1,,,,\n", "Region")]
    [InlineData("g5.xlarge,A10G,1.0,4.0,16.0,1,\"us\u001beast\",,,\n", "Region")]
    public void A_row_that_is_none_is_an_error(string row, string saying)
    {
        PriceReading reading = Read(Header + row + Row());

        Assert.Equal(2, reading.Prices.Count);
        Assert.Contains(saying, Assert.Single(reading.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_prices_on_demand_in_a_region_are_an_error_and_the_first_counts()
    {
        PriceReading reading = Read(Header + Row() + Row(price: "2", zone: "use1-az2"));

        Assert.Equal(1.006, reading.Prices.Single(p => !p.Spot).UsdPerHour);
        Assert.Contains("line 3: Price is 2, and 1.006", Assert.Single(reading.Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("InstanceType,Region\ng5.xlarge,us-east-1\n", "lacks Price")]
    [InlineData("InstanceType,Price,Price,Region\n", "two columns 'Price'")]
    [InlineData("InstanceType,Price,Region\ng5.xlarge,\"1,us-east-1\n", "line 2: a quote is never closed")]
    [InlineData("InstanceType,Price,Region\ng5.xlarge,1\"0,us-east-1\n", "line 2: a quote stands within")]
    [InlineData("InstanceType,Price,Region\ng5.xlarge,\"1\"0,us-east-1\n", "line 2: text follows")]
    [InlineData("<html><body>Not found</body></html>", "lacks InstanceType")]
    [InlineData("{\"prices\": []}", "a quote stands within")]
    public void A_file_that_is_no_catalogue_is_refused(string text, string saying) =>
        Assert.Contains(saying, Refused(PriceErrors.FileInvalid, text).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_of_nothing_but_bad_rows_is_refused() => Assert.Contains("more than 100 of its rows",
        Refused(PriceErrors.FileInvalid, Header + Row() + string.Concat(Enumerable.Repeat(Row(price: "x"), 200))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_without_a_known_machine_is_an_error()
    {
        Refused(PriceErrors.NoMatch, Header + Row(instance: "m5.large"));
        Refused(PriceErrors.NoMatch, Header + Row(), "Azure");
        Refused(PriceErrors.NoMatch, Header);
        Refused(PriceErrors.NoMatch, "");
    }

    [Fact]
    public void A_file_that_is_not_text_is_refused()
    {
        string path = Path.Combine(_folder.Path, "binary.csv");
        File.WriteAllBytes(path, [.. Encoding.ASCII.GetBytes(Header), 0xff, 0xfe, 0x00, 0x80]);

        Assert.Equal(PriceErrors.FileInvalid, Assert.Throws<LlmOpsException>(() => SkyPilotCatalog.Read(path, "AWS", s_day)).ErrorId);
    }

    [Fact]
    public void A_file_that_is_not_there_or_a_folder_is_an_error()
    {
        Assert.Equal(PriceErrors.FileNotFound, Assert.Throws<LlmOpsException>(
            () => SkyPilotCatalog.Read(Path.Combine(_folder.Path, "none.csv"), "AWS")).ErrorId);
        Assert.Equal(PriceErrors.FileNotReadable, Assert.Throws<LlmOpsException>(() => SkyPilotCatalog.Read(_folder.Path, "AWS")).ErrorId);
    }

    [Fact]
    public void The_day_is_that_of_the_files_last_change_unless_given()
    {
        string path = _folder.Write("vms.csv", Header + Row());
        File.SetLastWriteTimeUtc(path, new DateTime(2026, 5, 4, 23, 0, 0, DateTimeKind.Utc));

        Assert.Equal(new DateOnly(2026, 5, 4), SkyPilotCatalog.Read(path, "AWS", clock: s_clock).Prices[0].Date);
        Assert.Equal(new DateOnly(2026, 6, 16), SkyPilotCatalog.Read(path, "AWS", new DateOnly(2026, 6, 16), clock: s_clock).Prices[0].Date);
    }

    [Theory]
    [InlineData("1999-12-31")]
    [InlineData("2026-06-17")]
    [InlineData("9999-12-31")]
    public void A_day_that_cannot_be_is_refused(string day)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => Read(Header + Row(), date: DateOnly.ParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture)));
        Assert.Equal(PriceErrors.DateInvalid, e.ErrorId);
        Assert.Contains(day, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Regions_can_be_chosen()
    {
        string text = Header + Row() + Row(region: "us-west-2") + Row(region: "eu-west-1", price: "x");

        Assert.Equal(["us-east-1", "us-west-2"], Read(text, regions: ["us-*"]).Prices.Where(p => !p.Spot).Select(p => p.Region));
        PriceReading none = Read(text, regions: ["us-west-3"]);
        Assert.Empty(none.Prices);
        Assert.Equal("RegionNotFound", Assert.Single(none.Problems).ErrorId);
    }

    [Fact]
    public void Reading_stops_when_asked()
    {
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => SkyPilotCatalog.Read(_folder.Write("a.csv", Header + Row()), "AWS", cancel: stop.Token));
    }

    [Fact]
    public void A_German_reads_the_same_prices_and_writes_the_same_messages()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            PriceReading reading = Read(Header + Row() + Row(price: "\"1,5\"", region: "us-west-2") + Row(price: "2.5", zone: "b"));
            Assert.Equal(1.006, reading.Prices[0].UsdPerHour);
            Assert.Equal(2, reading.Problems.Count);
            Assert.Contains("Price is 2.5, and 1.006", reading.Problems[1].Message, StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
