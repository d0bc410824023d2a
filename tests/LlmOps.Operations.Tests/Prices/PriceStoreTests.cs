using System.Globalization;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Operations.Tests.Prices;

/// <summary>The user's prices on disk: all of them or none, whatever happens.</summary>
public sealed class PriceStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string DataFolder => Path.Combine(_folder.Path, "data");

    private PriceStore Store(Action<string>? written = null) =>
        new(DataFolder, new FixedClock(PriceServer.Now)) { Written = written };

    private IEnumerable<string> Files => Directory.GetFiles(DataFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal)!;

    [Fact]
    public void What_is_written_is_read()
    {
        Assert.Empty(Store().Read());
        InstancePrice[] prices = [Some.Price(0.1), Some.Price(1.0 / 3, spot: true), Some.Price(2, "westus") with { Source = "\"quoted\", ümläut <&>" }];

        Store().Add(prices);

        Assert.Equal(prices, Store().Read());
        Assert.Equal(["prices.json", "prices.lock"], Files);
    }

    [Fact]
    public void A_price_replaces_the_one_before_and_no_other()
    {
        Store().Add([Some.Price(1), Some.Price(2, spot: true), Some.Price(3, "westus")]);
        Store().Add([Some.Price(9, "EASTUS")]);

        Assert.Equal([("EASTUS", false, 9.0), ("eastus", true, 2), ("westus", false, 3)],
            Store().Read().Select(p => (p.Region, p.Spot, p.UsdPerHour)));
    }

    [Fact]
    public void The_older_file_is_kept_under_its_date_and_not_more_than_ten_of_them()
    {
        for (int i = 1; i <= 13; i++)
        {
            Store().Add([Some.Price(i)]);
        }

        string[] older = Directory.GetFiles(DataFolder, "prices-*.json");
        Assert.Equal(10, older.Length);
        Assert.All(older, path => Assert.StartsWith("prices-20260615T120000Z", Path.GetFileName(path), StringComparison.Ordinal));
        Assert.Equal(13, Assert.Single(Store().Read()).UsdPerHour);
        Assert.DoesNotContain(Files, name => name.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void A_failure_in_the_middle_leaves_the_prices_as_they_were()
    {
        Store().Add([Some.Price(1)]);
        byte[] before = File.ReadAllBytes(Store().FilePath);

        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => Store(_ => throw new IOException("No space left on device")).Add([Some.Price(2)]));

        Assert.Equal(PriceErrors.StoreFailed, e.ErrorId);
        Assert.Contains("No space left on device", e.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(Store().FilePath));
        Assert.Equal(["prices.json", "prices.lock"], Files);
    }

    [Fact]
    public void A_process_that_dies_in_the_middle_leaves_the_prices_as_they_were()
    {
        Store().Add([Some.Price(1)]);
        Assert.Throws<InvalidTimeZoneException>(() => Store(path =>
        {
            Assert.NotEqual(Store().FilePath, path);
            Assert.Equal(1, Assert.Single(Store().Read()).UsdPerHour);
            throw new InvalidTimeZoneException();
        }).Add([Some.Price(2)]));

        Assert.Equal(1, Assert.Single(Store().Read()).UsdPerHour);
    }

    [Fact]
    public void Ctrl_C_before_the_end_leaves_the_prices_as_they_were()
    {
        Store().Add([Some.Price(1)]);
        using CancellationTokenSource stop = new();

        Assert.ThrowsAny<OperationCanceledException>(() => Store(_ => stop.Cancel()).Add([Some.Price(2)], stop.Token));
        Assert.Equal(1, Assert.Single(Store().Read()).UsdPerHour);
        Assert.Equal(["prices.json", "prices.lock"], Files);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_an_error()
    {
        File.WriteAllText(DataFolder, "a file");
        Assert.Equal(PriceErrors.StoreFailed, Assert.Throws<LlmOpsException>(() => Store().Add([Some.Price()])).ErrorId);
        File.Delete(DataFolder);
        Directory.CreateDirectory(Path.Combine(Store().FilePath, "x"));
        Assert.Equal(PriceErrors.StoreFailed, Assert.Throws<LlmOpsException>(() => Store().Add([Some.Price()])).ErrorId);
        Assert.Equal(["prices.lock"], Files);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"format\": 1, \"prices\": [")]
    [InlineData("[]")]
    [InlineData("{\"format\": 2, \"prices\": []}")]
    [InlineData("{\"format\": 1, \"prices\": {}}")]
    [InlineData("{\"format\": 1, \"prices\": [7]}")]
    [InlineData("""{"format": 1, "prices": [{"provider":"Azure","instance":"a","region":"b","spot":false,"usdPerHour":0,"date":"2026-01-01","source":"s"}]}""")]
    [InlineData("""{"format": 1, "prices": [{"provider":"Azure","instance":"a","region":"b","spot":0,"usdPerHour":1,"date":"2026-01-01","source":"s"}]}""")]
    [InlineData("""{"format": 1, "prices": [{"provider":"Azure","instance":"a","region":"b","spot":false,"usdPerHour":1,"date":"01.02.2026","source":"s"}]}""")]
    [InlineData("""{"format": 1, "prices": [{"provider":"Azure","instance":"a\u001b[31m","region":"b","spot":false,"usdPerHour":1,"date":"2026-01-01","source":"s"}]}""")]
    public void A_damaged_file_is_said_to_be_and_kept_when_it_is_replaced(string text)
    {
        Directory.CreateDirectory(DataFolder);
        File.WriteAllText(Store().FilePath, text);

        Assert.Throws<InvalidDataException>(() => Store().Read());
        Store().Add([Some.Price(2)]);
        Assert.Equal(2, Assert.Single(Store().Read()).UsdPerHour);
        Assert.Equal(text, File.ReadAllText(Path.Combine(DataFolder, "prices-20260615T120000Z.json")));
    }

    [Fact]
    public async Task Many_at_once_lose_nothing()
    {
        await Parallel.ForAsync(0, 20, (i, _) =>
        {
            Store().Add([Some.Price(i + 1, FormattableString.Invariant($"region{i}"))]);
            return ValueTask.CompletedTask;
        });

        Assert.Equal(20, Store().Read().Count);
    }

    [Fact]
    public void A_German_writes_the_same_file()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");
            Store().Add([Some.Price(0.5)]);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        Assert.Contains("\"usdPerHour\":0.5,\"date\":\"2026-06-15\"", File.ReadAllText(Store().FilePath), StringComparison.Ordinal);
    }

    [Fact]
    public void The_folder_is_the_users_own_unless_a_variable_says_otherwise()
    {
        static string? Of(string variable, string value) =>
            PriceStore.OfUser(name => name == variable ? value : null)?.FilePath;

        Assert.Equal(Path.Combine(Path.GetFullPath("/some/data"), "prices.json"), Of("LLMOPS_DATA", "/some/data"));
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has a known folder instead of variables.");
        Assert.Equal("/xdg/LlmOps/prices.json", Of("XDG_DATA_HOME", "/xdg"));
        string? usual = Of("LLMOPS_DATA", " ");
        Assert.EndsWith("/.local/share/LlmOps/prices.json", usual, StringComparison.Ordinal);
        Assert.Equal(usual, Of("XDG_DATA_HOME", "relative"));
    }
}
