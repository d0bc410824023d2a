using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>
/// The user's own prices, in a file of the user's data folder. It is replaced as a whole, so that whoever reads it sees the
/// old prices or the new ones; the file before stays beside it under its date.
/// </summary>
public sealed class PriceStore
{
    private const string FileName = "prices.json";
    private const string LockName = "prices.lock";
    private const string BackupPattern = "prices-*.json";
    private const string DateFormat = "yyyy-MM-dd";
    private const int Format = 1;
    private const int LargestFile = 64 << 20;
    private const int MostBackups = 10;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder;
    private readonly TimeProvider _clock;

    /// <param name="folder">Made when it is first written to.</param>
    /// <param name="clock">Dates the older files.</param>
    public PriceStore(string folder, TimeProvider? clock = null)
    {
        _folder = folder;
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>The store of this user; null where the user has no folder.</summary>
    public static PriceStore? OfUser(Func<string, string?>? environment = null) =>
        UserData.Folder(environment) is { } folder ? new PriceStore(folder) : null;

    /// <summary>The same, for writing.</summary>
    /// <exception cref="LlmOpsException">The user has no folder.</exception>
    public static PriceStore RequireOfUser() => OfUser() ?? throw PriceErrors.Store(null, null);

    public string FilePath => Path.Combine(_folder, FileName);

    /// <summary>Called with the path when the new file is written, and not yet in place.</summary>
    internal Action<string>? Written { get; init; }

    /// <summary>The prices; none where there is no file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged; the message says how.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public IReadOnlyList<InstancePrice> Read()
    {
        try
        {
            using FileStream stream = new(FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stream.Length > LargestFile)
            {
                throw new InvalidDataException(FormattableString.Invariant($"it is larger than {LargestFile} bytes"));
            }

            using JsonDocument document = JsonDocument.Parse(stream);
            return Parse(document.RootElement);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException("it is no valid JSON", e);
        }
    }

    /// <summary>Adds prices; each replaces the one with the same key. Other processes that write wait meanwhile.</summary>
    /// <exception cref="LlmOpsException">It cannot be written, and is as it was before.</exception>
    public void Add(IReadOnlyList<InstancePrice> prices, CancellationToken cancel = default)
    {
        try
        {
            Directory.CreateDirectory(_folder);
            using FileStream alone = Lock(cancel);
            Dictionary<InstancePriceKey, InstancePrice> all = [];
            foreach (InstancePrice price in ReadOrNone().Concat(prices))
            {
                all[price.Key] = price;
            }

            WholeFile.Replace(FilePath, stream => Write(stream, all.Values), temporary =>
            {
                Written?.Invoke(temporary);
                cancel.ThrowIfCancellationRequested();
                Backup();
            });
        }
        catch (Exception e) when (WholeFile.IsFailure(e))
        {
            throw PriceErrors.Store(FilePath, e);
        }
    }

    /// <summary>What is damaged is not lost: it is kept like every older file.</summary>
    private IReadOnlyList<InstancePrice> ReadOrNone()
    {
        try
        {
            return Read();
        }
        catch (InvalidDataException)
        {
            return [];
        }
    }

    private FileStream Lock(CancellationToken cancel)
    {
        DateTimeOffset end = _clock.GetUtcNow() + s_patience;
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(_folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (_clock.GetUtcNow() < end)
            {
                cancel.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(50));
                cancel.ThrowIfCancellationRequested();
            }
        }
    }

    private void Backup()
    {
        if (!File.Exists(FilePath))
        {
            return;
        }

        string stem = Path.Combine(_folder, "prices-" + _clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture));
        string backup = stem + ".json";
        for (int i = 2; File.Exists(backup); i++)
        {
            backup = FormattableString.Invariant($"{stem}-{i}.json");
        }

        File.Copy(FilePath, backup);
        foreach (string old in Directory.GetFiles(_folder, BackupPattern)
            .OrderByDescending(File.GetLastWriteTimeUtc).ThenByDescending(path => path, StringComparer.Ordinal).Skip(MostBackups))
        {
            File.Delete(old);
        }
    }

    /// <summary>A line for each price, so that two of these files can be compared by eye.</summary>
    private static void Write(Stream stream, IEnumerable<InstancePrice> prices)
    {
        using Utf8JsonWriter json = new(stream, s_plain);
        stream.Write("{\"format\": 1, \"prices\": ["u8);
        string separator = "\n";
        foreach (InstancePrice price in prices
            .OrderBy(p => p.Provider, StringComparer.Ordinal).ThenBy(p => p.Instance, StringComparer.Ordinal)
            .ThenBy(p => p.Region, StringComparer.Ordinal).ThenBy(p => p.Spot))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(separator));
            separator = ",\n";
            json.WriteStartObject();
            json.WriteString("provider", price.Provider);
            json.WriteString("instance", price.Instance);
            json.WriteString("region", price.Region);
            json.WriteBoolean("spot", price.Spot);
            json.WriteNumber("usdPerHour", price.UsdPerHour);
            json.WriteString("date", price.Date.ToString(DateFormat, CultureInfo.InvariantCulture));
            json.WriteString("source", price.Source);
            json.WriteEndObject();
            json.Flush();
            json.Reset();
        }

        stream.Write("\n]}\n"u8);
    }

    private static List<InstancePrice> Parse(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("format", out JsonElement format) || format.ValueKind != JsonValueKind.Number
            || !format.TryGetInt32(out int number) || number != Format
            || !root.TryGetProperty("prices", out JsonElement rows) || rows.ValueKind != JsonValueKind.Array)
        {
            throw new InvalidDataException(FormattableString.Invariant($"it is no list of prices of format {Format}"));
        }

        List<InstancePrice> prices = new(rows.GetArrayLength());
        foreach (JsonElement row in rows.EnumerateArray())
        {
            prices.Add(ParseRow(row) ?? throw new InvalidDataException(FormattableString.Invariant(
                $"entry {prices.Count + 1} is no price")));
        }

        return prices;
    }

    private static InstancePrice? ParseRow(JsonElement row) =>
        row.ValueKind == JsonValueKind.Object
        && Text(row, "provider") is { } provider && Text(row, "instance") is { } instance && Text(row, "region") is { } region
        && Text(row, "date") is { } date && Text(row, "source") is { } source
        && DateOnly.TryParseExact(date, DateFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day)
        && row.TryGetProperty("spot", out JsonElement spot) && spot.ValueKind is JsonValueKind.True or JsonValueKind.False
        && row.TryGetProperty("usdPerHour", out JsonElement usd) && usd.ValueKind == JsonValueKind.Number
        && usd.TryGetDouble(out double price) && InstancePrice.IsPlausible(price)
            ? new InstancePrice(provider, instance, region, spot.GetBoolean(), price, day, source)
            : null;

    private static string? Text(JsonElement row, string name)
    {
        const int longest = 1000;
        try
        {
            return row.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
                && value.GetString() is { Length: > 0 and <= longest } text && !text.Any(char.IsControl) ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
