using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Operations.Prices;

namespace LlmOps.Commands;

/// <summary>Reads current prices from a provider's public feed or from a CSV file, and has the catalogue use them.</summary>
[Cmdlet(VerbsData.Update, "GpuInstancePrice", SupportsShouldProcess = true, DefaultParameterSetName = FeedSet)]
[OutputType(typeof(GpuInstancePriceChange))]
public sealed class UpdateGpuInstancePriceCommand : LlmOpsCmdlet
{
    private const string FeedSet = "Feed";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ProviderCompleter))]
    public string Provider { get; set; } = "";

    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    public DateTime? Date { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(RegionCompleter))]
    public string[]? Region { get; set; }

    [Parameter(ParameterSetName = FeedSet)]
    [ValidateNotNullOrEmpty]
    public string? Endpoint { get; set; }

    [Parameter(ParameterSetName = FeedSet)]
    [Converted(typeof(double?), IsSingle = true)]
    public double? TimeoutSeconds { get; set; }

    protected override string PathNotFoundId => PriceErrors.FileNotFound;

    protected override void BeginProcessing() => LoadPrices();

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case PathSet:
                UseFiles(Path, UpdateFrom);
                break;
            case LiteralPathSet:
                UseLiteralFiles(LiteralPath, UpdateFrom);
                break;
            default:
                Try(() => Update(PriceFeeds.CheckFeed(Provider), ReadFeed()));
                break;
        }
    }

    private PriceReading ReadFeed() =>
        PriceReader.ReadAzure(this, PriceFeedOptions.Create(Endpoint, TimeoutSeconds), Region, StopToken);

    private void UpdateFrom(string file)
    {
        string provider = PriceFeeds.CheckProvider(Provider);
        DateOnly? date = Date is { } day ? DateOnly.FromDateTime(day) : null;
        Update(provider, SkyPilotCatalog.Read(file, provider, date, Region, cancel: StopToken));
    }

    /// <summary>Writes what was read, all at once, and only then says what has changed.</summary>
    private void Update(string provider, PriceReading reading)
    {
        foreach (LlmOpsException problem in reading.Problems)
        {
            Try(() => throw problem);
        }

        PricePlan plan = PricePlan.Make(reading.Prices, InstanceCatalog.All);
        foreach (string warning in reading.Notes.Concat(plan.Warnings))
        {
            WriteWarning(warning);
        }

        PriceStore store = PriceStore.RequireOfUser();
        if (plan.Prices.Count == 0
            || !ShouldProcess(store.FilePath, FormattableString.Invariant($"Update {plan.Prices.Count} prices of {provider}")))
        {
            return;
        }

        store.Add(plan.Prices, StopToken);
        LoadPrices();
        WriteObject(plan.Changes, enumerateCollection: true);
    }
}
