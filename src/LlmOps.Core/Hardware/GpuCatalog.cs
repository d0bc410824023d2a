using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;

namespace LlmOps.Core.Hardware;

/// <summary>GPUs that are known by name.</summary>
public static class GpuCatalog
{
    private static readonly Lazy<IReadOnlyList<GpuSpec>> s_all = new(Read);
    private static readonly Lazy<FrozenDictionary<string, GpuSpec>> s_byName = new(Index);

    public static IReadOnlyList<GpuSpec> All => s_all.Value;

    /// <summary>
    /// The GPU of that name in any of the usual spellings: <c>H100-80GB</c>, <c>h100_sxm</c>,
    /// <c>NVIDIA A100-SXM4-80GB</c>.
    /// </summary>
    /// <exception cref="LlmOpsException">No GPU is known by that name.</exception>
    public static GpuSpec Get(string name)
    {
        if (TryGet(name, out GpuSpec? gpu))
        {
            return gpu;
        }

        string? nearest = NameMatcher.Nearest(name, All.SelectMany(g => g.Aliases.Prepend(g.Name)));
        string hint = nearest is null ? "" : $" Did you mean {Get(nearest).Name}?";
        throw new LlmOpsException("GpuNotFound", ErrorKind.NotFound,
            $"No GPU is named '{name}'.{hint} Get-Gpu or 'llmops gpus' lists the {All.Count} known ones.", name);
    }

    public static bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out GpuSpec? gpu)
    {
        string canonical = NameMatcher.Canonical(name);
        return s_byName.Value.TryGetValue(canonical, out gpu)
            || (canonical.StartsWith("nvidia", StringComparison.Ordinal)
                && s_byName.Value.TryGetValue(canonical["nvidia".Length..], out gpu));
    }

    /// <summary>GPUs whose names match; where none does, those that have another spelling that does. H* is no HGX-B200.</summary>
    public static IEnumerable<GpuSpec> Find(string pattern)
    {
        List<GpuSpec> named = [.. All.Where(gpu => WildcardName.Matches(pattern, gpu.Name))];
        return named.Count > 0 ? named : All.Where(gpu => gpu.Aliases.Any(alias => WildcardName.Matches(pattern, alias)));
    }

    /// <summary>All GPUs that a pattern with wildcards stands for, or the one of a name.</summary>
    /// <exception cref="LlmOpsException">There is none.</exception>
    public static IReadOnlyList<GpuSpec> Match(string nameOrPattern)
    {
        if (!WildcardName.HasWildcard(nameOrPattern))
        {
            return [Get(nameOrPattern)];
        }

        List<GpuSpec> found = [.. Find(nameOrPattern)];
        return found.Count > 0 ? found : throw new LlmOpsException("GpuNotFound", ErrorKind.NotFound,
            $"No GPU matches '{nameOrPattern}'. Get-Gpu or 'llmops gpus' lists the {All.Count} known ones.", nameOrPattern);
    }

    private static FrozenDictionary<string, GpuSpec> Index()
    {
        Dictionary<string, GpuSpec> index = new(StringComparer.Ordinal);
        foreach (GpuSpec gpu in All)
        {
            foreach (string name in gpu.Aliases.Prepend(gpu.Name))
            {
                index.TryAdd(NameMatcher.Canonical(name), gpu);
            }
        }

        return index.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static IReadOnlyList<GpuSpec> Read()
    {
        using JsonDocument document = DataFile.Open("gpus.json");
        JsonElement sources = document.RootElement.GetProperty("sources");
        List<GpuSpec> gpus = [];
        foreach (JsonElement row in document.RootElement.GetProperty("gpus").EnumerateArray())
        {
            JsonElement peak = row.GetProperty("denseTflops");
            gpus.Add(new GpuSpec
            {
                Name = row.GetProperty("name").GetString()!,
                Vendor = row.GetProperty("vendor").GetString()!,
                Architecture = row.GetProperty("architecture").GetString()!,
                ComputeCapability = row.OptionalText("computeCapability"),
                CapabilityNumber = double.Parse(row.OptionalText("computeCapability") ?? "0", CultureInfo.InvariantCulture),
                MultiprocessorCount = (int?)row.OptionalNumber("multiprocessors"),
                Aliases = row.Texts("aliases"),
                MemoryGB = row.GetProperty("memoryGB").GetDouble(),
                MemoryGiB = row.GetProperty("usableMemoryGiB").GetDouble(),
                MemoryEvidence = Enum.Parse<Evidence>(row.GetProperty("usableMemoryEvidence").GetString()!),
                MemoryType = row.OptionalText("memoryType"),
                MemoryBandwidthGBps = row.GetProperty("memoryBandwidthGBps").GetDouble(),
                DenseTflops = new DenseThroughput
                {
                    Fp32 = peak.OptionalNumber("fp32"),
                    Tf32 = peak.OptionalNumber("tf32"),
                    Fp16 = peak.OptionalNumber("fp16"),
                    Bf16 = peak.OptionalNumber("bf16"),
                    Fp8 = peak.OptionalNumber("fp8"),
                    Int8 = peak.OptionalNumber("int8"),
                    Fp4 = peak.OptionalNumber("fp4"),
                },
                MeasuredTflops = row.TryGetProperty("measuredTflops", out JsonElement measured)
                    ? measured.OptionalNumber("bf16") ?? measured.OptionalNumber("fp16")
                    : null,
                HostLinkGBps = row.GetProperty("hostLinkGBps").GetDouble(),
                GpuLink = row.OptionalText("gpuLink") ?? "PCIe",
                GpuLinkGBps = row.GetProperty("gpuLinkGBps").GetDouble(),
                TdpWatts = row.OptionalNumber("tdpWatts"),
                Note = row.OptionalText("note"),
                Source = string.Join("; ", row.Texts("sources").Select(
                    key => sources.TryGetProperty(key, out JsonElement where) ? where.GetString() : key)
                    .Append(row.OptionalText("usableMemorySource")).Where(s => !string.IsNullOrEmpty(s))),
            });
        }

        return gpus;
    }
}
