using System.Globalization;
using System.Text;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>
/// Reads prices from a CSV file in the format of SkyPilot's catalogues: a row for each machine and zone, columns found by
/// their names. Zones of a region have one price on demand; of their spot prices the highest counts. Rows of machines that
/// the catalogue does not know are passed over.
/// </summary>
public static class SkyPilotCatalog
{
    /// <summary>No machine was let by the hour before that year.</summary>
    internal static readonly DateOnly FirstDay = new(2006, 1, 1);

    /// <summary>The largest published one, of all machines of AWS, has 3 MB.</summary>
    private const int LargestFile = 64 << 20;

    private const int MostProblems = 100;
    private const double SamePrice = 1e-3;

    /// <param name="path">The file.</param>
    /// <param name="provider">Whose machines they are: a provider of the catalogue.</param>
    /// <param name="date">The day of the prices; null for that of the file's last change.</param>
    /// <param name="regions">Names or wildcard patterns; null for all regions.</param>
    /// <param name="clock">What day it is.</param>
    /// <param name="cancel">Stops between two rows.</param>
    /// <exception cref="LlmOpsException">The file is no such catalogue, or holds no known machine.</exception>
    public static PriceReading Read(
        string path,
        string provider,
        DateOnly? date = null,
        IReadOnlyList<string>? regions = null,
        TimeProvider? clock = null,
        CancellationToken cancel = default)
    {
        (string text, DateOnly changed) = ReadText(path);
        DateOnly day = date ?? changed;
        DateOnly today = PriceAge.Today(clock);

        // East of Greenwich tomorrow starts earlier.
        if (day < FirstDay || day > today.AddDays(1))
        {
            throw PriceErrors.InvalidDate(day, today);
        }

        RegionPatterns wanted = new(regions);
        Rows rows = new(path, provider, wanted);
        try
        {
            foreach (CsvRecord record in CsvRecords.Read(text))
            {
                cancel.ThrowIfCancellationRequested();
                rows.Add(record);
            }
        }
        catch (InvalidDataException e)
        {
            throw PriceErrors.BadFile(path, e.Message, e);
        }

        string source = $"SkyPilot catalogue, {Path.GetFileName(path)}";
        InstancePrice[] prices = [.. rows.Prices().Select(row => new InstancePrice(
            provider, row.Key.Instance, row.Key.Region, row.Key.Spot, row.Usd, day, source))];
        List<LlmOpsException> problems = [.. rows.Problems, .. wanted.WithoutPrice(prices)];
        return prices.Length > 0 || problems.Count > 0
            ? new PriceReading(prices, problems, [])
            : throw PriceErrors.NothingKnown(path, provider);
    }

    private static (string Text, DateOnly Changed) ReadText(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (!stream.CanSeek || stream.Length > LargestFile)
            {
                throw PriceErrors.BadFile(path, FormattableString.Invariant($"it is no file of at most {LargestFile} bytes."));
            }

            using StreamReader reader = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true));
            return (reader.ReadToEnd(), DateOnly.FromDateTime(File.GetLastWriteTimeUtc(path)));
        }
        catch (DecoderFallbackException e)
        {
            throw PriceErrors.BadFile(path, "it is not encoded in UTF-8.", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw PriceErrors.NoFile(path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw PriceErrors.NotReadable(path, e);
        }
    }

    /// <summary>Google's lists have the host and its GPUs in rows of their own, and the machine costs both.</summary>
    private static bool HasPartsApart(string provider) => provider.Equals("GCP", StringComparison.OrdinalIgnoreCase);

    /// <summary>What SkyPilot calls the GPUs of a machine of Google's.</summary>
    private static string GpuNameOf(GpuInstance instance) => instance.Gpu.Name switch
    {
        _ when instance.Name.StartsWith("a3-megagpu-", StringComparison.OrdinalIgnoreCase) => "H100-MEGA",
        "A100-40GB" => "A100",
        "H100-80GB" => "H100",
        "V100-16GB" => "V100",
        string other => other,
    };

    /// <summary>The machine without the GPUs that are attached to it: <c>n1-highmem-8+1xT4</c> is an <c>n1-highmem-8</c>.</summary>
    private static string HostOf(string instance) => instance.Split('+')[0];

    private readonly record struct PriceKey(string Instance, string Region, bool Spot);

    private sealed class Rows(string path, string provider, RegionPatterns wanted)
    {
        private static readonly string[] s_required = ["InstanceType", "Price", "Region"];
        private static readonly string[] s_requiredApart = [.. s_required, "AcceleratorName", "AcceleratorCount"];

        private readonly bool _apart = HasPartsApart(provider);
        private readonly GpuInstance[] _machines = [.. InstanceCatalog.BuiltIn
            .Where(i => i.Provider.Equals(provider, StringComparison.OrdinalIgnoreCase))
            .DistinctBy(i => i.Name, StringComparer.OrdinalIgnoreCase)];

        private readonly Dictionary<string, int> _columns = new(StringComparer.OrdinalIgnoreCase);
        private readonly Dictionary<PriceKey, double> _prices = [];
        private readonly Dictionary<string, string> _known = new(StringComparer.OrdinalIgnoreCase);
        private int _width;

        public List<LlmOpsException> Problems { get; } = [];

        public void Add(in CsvRecord record)
        {
            if (_width == 0)
            {
                ReadHeader(record);
            }
            else if (record.Fields.Count != _width)
            {
                Report(record, FormattableString.Invariant(
                    $"the row has {record.Fields.Count} fields, the header has {_width}."), string.Join(",", record.Fields));
            }
            else
            {
                ReadRow(record);
            }
        }

        public IEnumerable<(PriceKey Key, double Usd)> Prices() => _apart
            ? _machines.SelectMany(WithGpus)
            : _prices.Select(price => (price.Key, price.Value));

        private IEnumerable<(PriceKey Key, double Usd)> WithGpus(GpuInstance machine)
        {
            string host = HostOf(machine.Name), gpus = GpuKey(GpuNameOf(machine), machine.GpuCount);
            return _prices.Where(price => price.Key.Instance == host)
                .Where(price => _prices.ContainsKey(price.Key with { Instance = gpus }))
                .Select(price => (price.Key with { Instance = machine.Name }, price.Value + _prices[price.Key with { Instance = gpus }]));
        }

        private static string GpuKey(string gpu, double count) => FormattableString.Invariant($"+{count}x{gpu.ToUpperInvariant()}");

        private void ReadHeader(in CsvRecord record)
        {
            _width = record.Fields.Count;
            for (int i = 0; i < _width; i++)
            {
                if (!_columns.TryAdd(record.Fields[i].Trim(), i))
                {
                    throw PriceErrors.BadFile(path, $"it has two columns '{Shortened(record.Fields[i])}'.");
                }
            }

            string[] missing = [.. (_apart ? s_requiredApart : s_required).Where(name => !_columns.ContainsKey(name))];
            if (missing.Length > 0)
            {
                throw PriceErrors.BadFile(path,
                    $"its header lacks {string.Join(", ", missing)}; expected are SkyPilot's columns InstanceType, Price, SpotPrice, Region.");
            }

            foreach (GpuInstance machine in _machines)
            {
                string key = _apart ? HostOf(machine.Name) : machine.Name;
                _known.TryAdd(key, key);
            }
        }

        private void ReadRow(in CsvRecord record)
        {
            if (!TryMachine(record, out string? machine) || machine is null)
            {
                return;
            }

            string region = Field(record, "Region").Trim();
            if (region.Length is 0 or > RegionPatterns.LongestName || region.Any(char.IsControl))
            {
                Report(record, "Region is missing or no name.", region);
                return;
            }

            // Both are read before either counts: half a row is a wrong row.
            if (wanted.Accept(region)
                && TryPrice(record, "Price", out double? onDemand) && TryPrice(record, "SpotPrice", out double? spot))
            {
                Keep(record, new PriceKey(machine, region, Spot: false), onDemand);
                Keep(record, new PriceKey(machine, region, Spot: true), spot);
            }
        }

        /// <summary>Null where it is a machine that the catalogue does not know.</summary>
        private bool TryMachine(in CsvRecord record, out string? machine)
        {
            string name = Field(record, "InstanceType").Trim();
            machine = _known.GetValueOrDefault(name);
            if (!_apart || name.Length > 0)
            {
                if (name.Length == 0)
                {
                    Report(record, "InstanceType is missing.", name);
                }

                return name.Length > 0;
            }

            string count = Field(record, "AcceleratorCount").Trim();
            if (!double.TryParse(count, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double gpus) || gpus is <= 0 or > 1000)
            {
                Report(record, $"AcceleratorCount is '{Shortened(count)}'; expected is a number of GPUs.", Shortened(count));
                return false;
            }

            machine = GpuKey(Field(record, "AcceleratorName").Trim(), gpus);
            return true;
        }

        private bool TryPrice(in CsvRecord record, string column, out double? usd)
        {
            usd = null;
            string text = Field(record, column).Trim();
            if (text.Length == 0)
            {
                return true;
            }

            const NumberStyles styles = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;
            if (double.TryParse(text, styles, CultureInfo.InvariantCulture, out double price) && InstancePrice.IsPlausible(price))
            {
                usd = price;
                return true;
            }

            Report(record, $"{column} is '{Shortened(text)}'; expected is {PriceErrors.Range}.", Shortened(text));
            return false;
        }

        private void Keep(in CsvRecord record, PriceKey key, double? usd)
        {
            if (usd is not { } price)
            {
                return;
            }

            if (!_prices.TryGetValue(key, out double known))
            {
                _prices.Add(key, price);
            }
            else if (key.Spot)
            {
                _prices[key] = Math.Max(known, price);
            }
            else if (Math.Abs(price - known) > SamePrice * known)
            {
                Report(record, FormattableString.Invariant(
                    $"Price is {price}, and {known} in another row of {key.Instance} in {key.Region}, which is kept."), price);
            }
        }

        private string Field(in CsvRecord record, string column) =>
            _columns.TryGetValue(column, out int index) ? record.Fields[index] : "";

        private void Report(in CsvRecord record, string problem, object value)
        {
            if (Problems.Count == MostProblems)
            {
                throw PriceErrors.BadFile(path, FormattableString.Invariant(
                    $"more than {MostProblems} of its rows are wrong. Line {record.Line}: {problem}"));
            }

            Problems.Add(PriceErrors.BadRow(
                FormattableString.Invariant($"'{path}', line {record.Line}"), problem, value is string text ? Shortened(text) : value));
        }

        /// <summary>Without control characters, which have no business in a message.</summary>
        private static string Shortened(string text)
        {
            string plain = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
            return plain.Length <= 60 ? plain : plain[..60] + "...";
        }
    }
}
