using System.Collections.Concurrent;
using System.Text.Json;
using LlmOps.Core.Hardware;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>On what ground a group of constants stands.</summary>
internal readonly record struct Ground(Evidence Evidence, string Source);

/// <summary>How many tokens and sequences a profiling run has where nothing is set.</summary>
internal sealed record VllmScheduler(
    bool IsV1, int ChunkedTokens, int LargeGpuTokens, int Tokens, int LargeGpuSequences, int Sequences, bool A100IsLarge);

/// <summary>Bytes of a logit while sampling, beside those of the model's own type.</summary>
/// <param name="BytesPerLogit">Copies of each sequence's logits.</param>
/// <param name="BufferBytesPerLogit">The same for as many sequences as there are multiprocessors.</param>
/// <param name="LeanBytesPerLogit">What families in <paramref name="LeanFamilies"/> have in their place.</param>
/// <param name="LeanFamilies">Families that the newer model runner serves.</param>
/// <param name="Ground">On what ground.</param>
internal sealed record VllmSampler(
    double BytesPerLogit, double BufferBytesPerLogit, double LeanBytesPerLogit, HashSet<string> LeanFamilies, Ground Ground);

/// <summary>Hidden states beside the MLP's results at the peak of a layer, in copies of the batch.</summary>
/// <param name="HiddenCopies">Compiled.</param>
/// <param name="HiddenCopiesEager">Without compilation.</param>
/// <param name="HiddenCopiesWide">In FP32, and on a stage without the head.</param>
/// <param name="Ground">On what ground.</param>
internal sealed record VllmLayer(double HiddenCopies, double HiddenCopiesEager, double HiddenCopiesWide, Ground Ground);

/// <summary>Memory outside PyTorch on GPUs of a range of compute capabilities.</summary>
internal sealed record VllmNonTorchGpu(
    double FromCapability, double BelowCapability, double SingleGiB, double GroupGiB, double PerRankGiB, double LowGiB,
    double HighGiB, Ground Ground);

internal sealed record VllmGraphs(
    double BaseGiB, double PerLayerGiB, double LatentGiB, double EstimateBaseGiB, double EstimatePerLayerGiB, double LowGiB,
    double HighGiB, Ground Ground);

/// <summary>How the pool of blocks is divided.</summary>
/// <param name="HasLayerGroups">Full and windowed layers are in groups of their own.</param>
/// <param name="AlignsStates">Blocks are as large as a state-space layer's state.</param>
/// <param name="PrintsConcurrencyTokens">Tokens printed are concurrency times the greatest length.</param>
internal sealed record VllmCache(bool HasLayerGroups, bool AlignsStates, bool PrintsConcurrencyTokens);

/// <summary>What one release of vLLM allocates, from <c>Memory/Data/vllm.json</c>.</summary>
internal sealed record VllmConstants
{
    private const string DataFileName = "vllm.json";

    /// <summary>Texts that were asked for; few in any process, and bounded against one that asks for ever new ones.</summary>
    private const int MostKnownTexts = 256;

    private static readonly Lazy<Table> s_table = new(Read);
    private static readonly ConcurrentDictionary<string, VllmConstants> s_byText = new(StringComparer.Ordinal);

    public required string Name { get; init; }

    public required VllmVersion Version { get; init; }

    public required VllmScheduler Scheduler { get; init; }

    public required VllmSampler Sampler { get; init; }

    public required VllmLayer Layer { get; init; }

    /// <summary>The workspace of matrix products from compute capability 9.0 on.</summary>
    public required double HopperWorkspaceGiB { get; init; }

    public required double OtherWorkspaceGiB { get; init; }

    public required bool HoldsExpertsWhileSampling { get; init; }

    /// <summary>Tokens that experts work on at once; 0 for all of the batch.</summary>
    public required int ExpertChunkTokens { get; init; }

    public required double Utilization { get; init; }

    /// <summary>The estimate of CUDA graphs is taken off the pool.</summary>
    public required bool SubtractsGraphs { get; init; }

    public required double PipelineNonTorchGiB { get; init; }

    public required double UnalignedVocabularyGiB { get; init; }

    public required VllmNonTorchGpu[] NonTorch { get; init; }

    public required VllmGraphs Graphs { get; init; }

    public required VllmCache Cache { get; init; }

    /// <summary>Releases whose constants are known, oldest first.</summary>
    public static IReadOnlyList<VllmConstants> Known => s_table.Value.Releases;

    public static IReadOnlyList<string> KnownNames => s_table.Value.Names;

    public static VllmConstants Default => s_table.Value.Default;

    /// <summary>The constants of the newest release that is not newer than the one asked for; null stands for the default.</summary>
    /// <exception cref="LlmOpsException">The text is no version, or one older than all that are known.</exception>
    public static VllmConstants Of(string? version)
    {
        if (version is null)
        {
            return Default;
        }

        if (s_byText.TryGetValue(version, out VllmConstants? known))
        {
            return known;
        }

        VllmConstants found = Find(version);
        if (s_byText.Count < MostKnownTexts)
        {
            s_byText.TryAdd(version, found);
        }

        return found;
    }

    public VllmNonTorchGpu NonTorchOn(GpuSpec? gpu)
    {
        double capability = Capability(gpu);
        foreach (VllmNonTorchGpu row in NonTorch)
        {
            if (capability >= row.FromCapability && capability < row.BelowCapability)
            {
                return row;
            }
        }

        return NonTorch[^1];
    }

    /// <summary>9.0 where no GPU is given, as on the H100 that most was measured on; 0 for other vendors.</summary>
    public static double Capability(GpuSpec? gpu) => gpu is null ? 9.0 : gpu.CapabilityNumber;

    private static VllmConstants Find(string text)
    {
        IReadOnlyList<VllmConstants> releases = Known;
        if (!VllmVersion.TryParse(text, out VllmVersion version))
        {
            throw new LlmOpsException("EngineVersionInvalid", ErrorKind.InvalidArgument,
                $"'{text}' is no version of vLLM; write it as 0.19, v0.8.5.post1 or 0.20.2rc1. The nearest known one is "
                + $"{NameMatcher.Nearest(text, KnownNames) ?? Default.Name}.", text);
        }

        for (int i = releases.Count - 1; i >= 0; i--)
        {
            if (releases[i].Version.CompareTo(version) <= 0)
            {
                return releases[i];
            }
        }

        throw new LlmOpsException("EngineVersionNotSupported", ErrorKind.NotSupported,
            $"vLLM {text} is older than the releases whose memory is known; the nearest is {releases[0].Name}."
            + (text.Trim() is "0.1" or "0.2" ? $" For {text.Trim()}0 write '{text.Trim()}0': in a list without quotes it is a number." : ""),
            text);
    }

    private static Table Read()
    {
        using JsonDocument document = DataFile.Open(DataFileName);
        List<VllmConstants> releases = [];
        Dictionary<string, JsonElement> groups = new(StringComparer.Ordinal);
        foreach (JsonElement release in document.RootElement.GetProperty("releases").EnumerateArray())
        {
            foreach (JsonProperty group in release.EnumerateObject())
            {
                groups[group.Name] = group.Value;
            }

            releases.Add(Release(groups));
        }

        string standard = document.RootElement.GetProperty("default").GetString()!;
        return new Table(releases, releases.First(release => release.Name == standard));
    }

    private static VllmConstants Release(Dictionary<string, JsonElement> groups)
    {
        string name = groups["version"].GetString()!;
        VllmVersion.TryParse(name, out VllmVersion version);
        JsonElement scheduler = groups["scheduler"], sampler = groups["sampler"], layer = groups["layer"];
        JsonElement nonTorch = groups["nonTorch"], graphs = groups["graphs"], cache = groups["cache"];
        return new VllmConstants
        {
            Name = name,
            Version = version,
            Scheduler = new VllmScheduler(
                Flag(scheduler, "isV1"), Whole(scheduler, "chunkedTokens"), Whole(scheduler, "largeGpuTokens"),
                Whole(scheduler, "tokens"), Whole(scheduler, "largeGpuSequences"), Whole(scheduler, "sequences"),
                Flag(scheduler, "a100IsLarge")),
            Sampler = new VllmSampler(
                Number(sampler, "bytesPerLogit"), Number(sampler, "bufferBytesPerLogit"), Number(sampler, "leanBytesPerLogit"),
                sampler.Texts("leanFamilies").ToHashSet(StringComparer.Ordinal), GroundOf(sampler)),
            Layer = new VllmLayer(
                Number(layer, "hiddenCopies"), Number(layer, "hiddenCopiesEager"), Number(layer, "hiddenCopiesWide"),
                GroundOf(layer)),
            HopperWorkspaceGiB = Number(groups["workspace"], "hopperGiB"),
            OtherWorkspaceGiB = Number(groups["workspace"], "otherGiB"),
            HoldsExpertsWhileSampling = Flag(groups["experts"], "isHeldWhileSampling"),
            ExpertChunkTokens = Whole(groups["experts"], "chunkTokens"),
            Utilization = Number(groups["budget"], "utilization"),
            SubtractsGraphs = Flag(groups["budget"], "subtractsGraphs"),
            PipelineNonTorchGiB = Number(nonTorch, "pipelineGiB"),
            UnalignedVocabularyGiB = Number(nonTorch, "unalignedVocabularyGiB"),
            NonTorch =
            [
                .. nonTorch.GetProperty("gpus").EnumerateArray().Select(row => new VllmNonTorchGpu(
                    Number(row, "fromCapability"), Number(row, "belowCapability"), Number(row, "singleGiB"),
                    Number(row, "groupGiB"), Number(row, "perRankGiB"), Number(row, "lowGiB"), Number(row, "highGiB"),
                    GroundOf(row))),
            ],
            Graphs = new VllmGraphs(
                Number(graphs, "baseGiB"), Number(graphs, "perLayerGiB"), Number(graphs, "latentGiB"),
                Number(graphs, "estimateBaseGiB"), Number(graphs, "estimatePerLayerGiB"), Number(graphs, "lowGiB"),
                Number(graphs, "highGiB"), GroundOf(graphs)),
            Cache = new VllmCache(
                Flag(cache, "hasLayerGroups"), Flag(cache, "alignsStates"), Flag(cache, "printsConcurrencyTokens")),
        };
    }

    private static double Number(JsonElement group, string name) => group.GetProperty(name).GetDouble();

    private static int Whole(JsonElement group, string name) => group.GetProperty(name).GetInt32();

    private static bool Flag(JsonElement group, string name) => group.GetProperty(name).GetBoolean();

    private static Ground GroundOf(JsonElement group) => new(
        Enum.Parse<Evidence>(group.GetProperty("evidence").GetString()!), group.GetProperty("source").GetString()!);

    private sealed record Table(IReadOnlyList<VllmConstants> Releases, VllmConstants Default)
    {
        public IReadOnlyList<string> Names { get; } = Releases.Select(release => release.Name).ToList();
    }
}
