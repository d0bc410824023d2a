using System.CommandLine;
using System.Globalization;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops instances</c>: cloud machines with dated prices.</summary>
internal static class InstancesCommand
{
    private const double HighestPrice = 1e6;

    private static readonly Column<GpuInstance>[] s_columns =
    [
        Column.Text<GpuInstance>("Provider", i => i.Provider) with { IsContext = true, DropOrder = 1 },
        Column.Text<GpuInstance>("Instance", i => i.Name),
        Column.Text<GpuInstance>("Region", i => i.Region) with { IsContext = true, DropOrder = 3 },
        Column.Text<GpuInstance>("GPUs", i => $"{i.GpuCount} x {i.Gpu.Name}"),
        Column.Number<GpuInstance>("vCPU", "N0", i => i.VcpuCount) with { DropOrder = 5 },
        Column.Number<GpuInstance>("RAM GiB", "N0", i => i.MemoryGiB) with { DropOrder = 4 },
        Column.Number<GpuInstance>("USD/h", "N3", i => i.UsdPerHour),
        Column.Number<GpuInstance>("Spot USD/h", "N3", i => i.SpotUsdPerHour) with { DropOrder = 2 },
        Column.Text<GpuInstance>("Price date", i => i.PriceDate?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
    ];

    public static Command Create(Terminal terminal)
    {
        Argument<string?> pattern = Options.Pattern("instance");
        InstanceOptions filter = new(greedy: false);
        Option<string?> most = Options.Single("--max-usd-per-hour", "USD", "Highest price on demand, USD an hour [default: any]");
        Option<bool> allRegions = Options.Switch("--all-regions", "A row for each region, not the cheapest alone");
        Option<string?> output = Options.Output();
        Command command = new("instances",
            "Lists cloud machines with GPUs, cheapest first. Prices are on demand for the whole machine, in USD, dated.")
        {
            pattern,
        };
        filter.AddTo(command);
        command.Add(most);
        command.Add(allRegions);
        command.Add(output);
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            OutputFormat format = parse.Format(output);
            PricesCommand.LoadUserPrices(terminal, diagnostics);
            double limit = parse.Number(most, "MaxUsdPerHour") is { } usd
                ? Guard.InRange(usd, 0, HighestPrice, "MaxUsdPerHour")
                : HighestPrice;
            string wildcard = CatalogSearch.Wildcard(parse.GetValue(pattern));
            IEnumerable<GpuInstance> found = InstanceCatalog.All.Where(filter.Read(parse, diagnostics).Accepts)
                .Where(i => WildcardName.Matches(wildcard, i.Name) && i.UsdPerHour <= limit);
            if (!parse.GetValue(allRegions) && !filter.NamesRegion(parse))
            {
                found = InstanceCatalog.CheapestRegions(found);
            }

            List<GpuInstance> shown = [.. found.OrderBy(i => i.UsdPerHour).ThenBy(i => i.Name, StringComparer.Ordinal)];
            if (new StalePriceNotice(terminal.Clock).About(shown.Select(i => (i.Provider, i.PriceDate, i.PriceSource))) is { } stale)
            {
                diagnostics.Warning(stale);
            }

            return CatalogSearch.Show(terminal, diagnostics, shown, format, s_columns, "no instance matches");
        }));
        return command;
    }
}
