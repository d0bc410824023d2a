using System.CommandLine;
using System.Globalization;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops prices update</c>: current prices from a feed or a file.</summary>
internal static class PricesCommand
{
    private static readonly Column<GpuInstancePriceChange>[] s_columns =
    [
        Column.Text<GpuInstancePriceChange>("Provider", c => c.Provider) with { IsContext = true, DropOrder = 1 },
        Column.Text<GpuInstancePriceChange>("Instance", c => c.Instance),
        Column.Text<GpuInstancePriceChange>("Region", c => c.Region),
        Column.Text<GpuInstancePriceChange>("Spot", c => c.Spot ? "yes" : "no"),
        Column.Number<GpuInstancePriceChange>("Old USD/h", "N3", c => c.OldUsdPerHour),
        Column.Number<GpuInstancePriceChange>("New USD/h", "N3", c => c.NewUsdPerHour),
        Column.Number<GpuInstancePriceChange>("Change %", "N1", c => c.ChangePercent) with { DropOrder = 2 },
    ];

    public static Command Create(Terminal terminal)
    {
        Option<string?> provider = Options.Single("--provider", "NAME", "Whose prices; Azure has a public feed, others need --file");
        provider.Required = true;
        Option<string?> file = Options.Single("--file", "PATH", "A CSV file in SkyPilot's catalogue format [default: the feed]");
        Option<string?> date = Options.Single("--date", "yyyy-MM-dd", "The day of the file's prices [default: of its last change]");
        Option<string[]> region = Options.List("--region", "NAME", "Only these regions, by name or wildcard [default: all]");
        Option<string?> endpoint = Options.Single("--endpoint", "URL", $"A mirror of the feed [default: {AzureRetailPrices.DefaultEndpoint}]");
        Option<string?> timeout = Options.Single("--timeout-seconds", "SECONDS", "How long the feed may stay silent [default: 30]");
        Option<bool> dry = Options.Switch("--dry-run", "Show what would change, and keep the prices as they are");
        Option<string?> output = Options.Output();
        Command update = new("update", "Reads current prices; from then on they count instead of those that llmops came with.")
        {
            provider, file, date, region, endpoint, timeout, dry, output,
        };
        update.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            OutputFormat format = parse.Format(output);
            LoadUserPrices(terminal, diagnostics);
            string[]? regions = parse.GetResult(region) is null
                ? null
                : [.. (parse.GetValue(region) ?? []).SelectMany(r => r.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
            PriceReading reading = parse.GetValue(file) is { } path
                ? SkyPilotCatalog.Read(path, PriceFeeds.CheckProvider(parse.GetValue(provider)!), ReadDate(parse.GetValue(date)),
                    regions, terminal.Clock, terminal.Cancellation)
                : ReadFeed(parse.GetValue(provider)!, PriceFeedOptions.Create(
                    parse.GetValue(endpoint), parse.Number(timeout, "TimeoutSeconds")), regions, terminal);
            foreach (LlmOpsException problem in reading.Problems)
            {
                diagnostics.Error(problem);
            }

            PricePlan plan = PricePlan.Make(reading.Prices, InstanceCatalog.All);
            foreach (string warning in reading.Notes.Concat(plan.Warnings))
            {
                diagnostics.Warning(warning);
            }

            if (!parse.GetValue(dry) && plan.Prices.Count > 0)
            {
                PriceStore.RequireOfUser().Add(plan.Prices, terminal.Cancellation);
            }

            RecordWriter<GpuInstancePriceChange> writer = RecordWriter<GpuInstancePriceChange>.Create(
                format, terminal, rows => Table.Show(terminal, rows, s_columns));
            foreach (GpuInstancePriceChange change in plan.Changes)
            {
                writer.Write(change);
            }

            writer.Complete(!diagnostics.HasErrors);
            return diagnostics.ExitCodeFor(plan.Changes.Count > 0);
        }));
        return new Command("prices", "Keeps the prices of cloud machines current.") { update };
    }

    /// <summary>Has the catalogue use the user's own prices, where this run is one of a user.</summary>
    public static void LoadUserPrices(Terminal terminal, Diagnostics diagnostics)
    {
        if (terminal.UsesPricesOfUser)
        {
            UserPrices.Load(diagnostics.Warning);
        }
    }

    private static PriceReading ReadFeed(string provider, PriceFeedOptions options, string[]? regions, Terminal terminal)
    {
        PriceFeeds.CheckFeed(provider);
        string[] instances = [.. InstanceCatalog.BuiltIn.Where(i => i.Provider == AzureRetailPrices.Provider).Select(i => i.Name).Distinct()];
        using AzureRetailPrices feed = new(options, terminal.Clock);
        return feed.ReadAsync(instances, regions, cancel: terminal.Cancellation).GetAwaiter().GetResult();
    }

    private static DateOnly? ReadDate(string? text) =>
        text is null ? null
        : DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date) ? date
        : throw new LlmOpsException(PriceErrors.DateInvalid, ErrorKind.InvalidArgument,
            $"'{text}' is no day; expected is one such as 2026-01-31.", text);
}
