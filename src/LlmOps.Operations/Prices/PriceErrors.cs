using LlmOps.Core;
using LlmOps.Core.Hardware;
using static System.FormattableString;

namespace LlmOps.Operations.Prices;

/// <summary>Makes every error of price feeds, price files and of the user's own prices.</summary>
public static class PriceErrors
{
    public const string FeedNotKnown = "PriceFeedNotKnown";
    public const string EndpointInvalid = "PriceEndpointInvalid";
    public const string Timeout = "PriceFeedTimeout";
    public const string Unreachable = "PriceFeedUnreachable";
    public const string RateLimited = "PriceFeedRateLimited";
    public const string Unavailable = "PriceFeedUnavailable";
    public const string ResponseInvalid = "PriceFeedInvalid";
    public const string Empty = "PriceFeedEmpty";
    public const string RowInvalid = "PriceRowInvalid";
    public const string FileInvalid = "PriceFileInvalid";
    public const string FileNotReadable = "PriceFileNotReadable";
    public const string FileNotFound = "PriceFileNotFound";
    public const string DateInvalid = "PriceDateInvalid";
    public const string NoMatch = "NoPriceMatches";
    public const string StoreFailed = "PriceStoreFailed";

    internal static LlmOpsException NoFeed(string provider) => new(
        FeedNotKnown, ErrorKind.NotSupported,
        $"No public price feed of {provider} is known; Azure has one. Prices of {provider} are read from a file in SkyPilot's "
        + "catalogue format (-Path, --file).", provider);

    internal static LlmOpsException InvalidEndpoint(string shown, string problem) => new(
        EndpointInvalid, ErrorKind.InvalidArgument,
        $"The endpoint '{shown}' cannot be used: {problem} Expected is an address such as {AzureRetailPrices.DefaultEndpoint}.", shown);

    internal static LlmOpsException Silent(string host, string subject, TimeSpan limit) => new(
        Timeout, ErrorKind.Timeout,
        Invariant($"{host} made no progress with {subject} for {limit.TotalSeconds:0.###} seconds; -TimeoutSeconds allows more."), subject);

    internal static LlmOpsException NoConnection(string host, string subject, Exception inner) => new(
        Unreachable, ErrorKind.Unavailable, $"{host} cannot be reached for {subject}: {inner.Message}", subject, inner);

    internal static LlmOpsException TooMany(string host, string subject, TimeSpan? retryAfter) => new(
        RateLimited, ErrorKind.Unavailable,
        $"{host} answers {subject} with status 429, too many requests"
        + (retryAfter is { } wait ? Invariant($", and asks to wait {wait.TotalSeconds:0} seconds.") : "; try again later."), subject);

    internal static LlmOpsException Failing(string host, string subject, int status) => new(
        Unavailable, ErrorKind.Unavailable, Invariant($"{host} answers {subject} with status {status}; try again later."), subject);

    internal static LlmOpsException Invalid(string host, string subject, string problem, Exception? inner = null) => new(
        ResponseInvalid, ErrorKind.InvalidData, $"The answer of {host} for {subject} is refused: {problem}", subject, inner);

    internal static LlmOpsException NothingFound(string host, string what) => new(
        Empty, ErrorKind.NotFound, $"{host} has no price of {what}. The prices are as before.", what);

    internal static LlmOpsException BadRow(string where, string problem, object? value) => new(
        RowInvalid, ErrorKind.InvalidData, $"{where}: {problem} The row is left out.", value);

    internal static LlmOpsException BadFile(string path, string problem, Exception? inner = null) => new(
        FileInvalid, ErrorKind.InvalidData, $"'{path}' is no price list: {problem}", path, inner);

    internal static LlmOpsException NoFile(string path, Exception inner) => new(
        FileNotFound, ErrorKind.NotFound, $"There is no file '{path}'.", path, inner);

    internal static LlmOpsException NotReadable(string path, Exception inner) => new(
        FileNotReadable, ErrorKind.InvalidData, $"'{path}' cannot be read: {inner.Message}", path, inner);

    internal static LlmOpsException NothingKnown(string path, string provider) => new(
        NoMatch, ErrorKind.NotFound,
        $"'{path}' has no price of a machine of {provider} that the catalogue knows. Get-GpuInstance -Provider {provider} lists them.", path);

    internal static LlmOpsException NoSuchRegion(string region, IEnumerable<string> regions) => new(
        "RegionNotFound", ErrorKind.NotFound,
        $"No price was found in a region '{region}'.{NameMatcher.Suggest(region, regions)}", region);

    internal static LlmOpsException InvalidDate(DateOnly date, DateOnly today) => new(
        DateInvalid, ErrorKind.InvalidArgument,
        Invariant($"A price of {date:yyyy-MM-dd} cannot be: expected is a day from {SkyPilotCatalog.FirstDay:yyyy-MM-dd} to today, {today:yyyy-MM-dd}."), date);

    internal static LlmOpsException Store(string? path, Exception? inner) => new(
        StoreFailed, ErrorKind.InvalidData, path is null
            ? "There is no folder for the user's data; LLMOPS_DATA names one."
            : $"The prices cannot be written to '{path}': {inner?.Message} They are as before. LLMOPS_DATA names another folder.", path, inner);

    internal static string Range { get; } =
        Invariant($"a number of USD from {InstancePrice.Least} to {InstancePrice.Most:0}, with a decimal point");
}
