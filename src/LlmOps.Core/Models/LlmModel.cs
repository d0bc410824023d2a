using System.Collections.Concurrent;
using System.Collections.Immutable;
using LlmOps.Core.Models.Files;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models;

/// <summary>
/// A model's architecture with the figures that follow from it. Immutable; made by <see cref="ModelCatalog"/> and by the
/// readers of model files.
/// </summary>
public sealed class LlmModel
{
    private readonly Quantization _elements;

    // Made when first asked for, because a list of models does not need them: matching a scheme's patterns to every matrix
    // takes longer than all the rest.
    private readonly Lazy<WeightStorage?> _storage;
    private readonly Lazy<ShardedParameters[]> _layersBefore;
    private readonly Lazy<AttentionLayerGroup[]> _attentionGroups;
    private readonly ConcurrentDictionary<int, ImmutableArray<PipelineStage>> _stages = [];
    private readonly ConcurrentDictionary<WeightParts, ShardedParameters[]> _uncoveredBefore = [];

    /// <param name="name">As published.</param>
    /// <param name="family">As configurations name it.</param>
    /// <param name="architecture">What the model is made of.</param>
    /// <param name="published">How the weights are stored, or with a scheme those that it leaves alone.</param>
    /// <param name="source">Where the architecture was read.</param>
    /// <param name="scheme">The checkpoint's quantization; null where it has none.</param>
    internal LlmModel(
        string name, string family, ModelArchitecture architecture, Quantization published, string source,
        QuantizationScheme? scheme = null)
    {
        Name = name;
        Family = family;
        Architecture = architecture;
        Source = source;
        foreach (LayerSpec layer in architecture.Layers)
        {
            FirstAttention ??= layer.Attention is GroupedAttention or LatentAttention ? layer.Attention : null;
            FirstFeedForward ??= layer.FeedForward is NoFeedForward ? null : layer.FeedForward;
            RoutedLayer ??= layer.FeedForward as MixtureOfExperts;
        }

        _elements = published;
        _storage = new Lazy<WeightStorage?>(scheme is null ? () => null : () => StoreIn(scheme));
        _layersBefore = new Lazy<ShardedParameters[]>(() => SumLayers(architecture));
        _attentionGroups = new Lazy<AttentionLayerGroup[]>(() => AttentionLayerGroup.Of(architecture.Layers));
        try
        {
            Parameters = new ParameterBreakdown(architecture);
            PublishedKvCacheDataType = scheme?.KvCacheDataType ?? KvCacheDataType.Auto;
            KvCache = new KvCacheGeometry(architecture.Layers);
            KvBytesPerToken = (long)KvCache.BytesPerToken(KvElementBytes);
        }
        catch (OverflowException e)
        {
            throw TooLarge(e);
        }
    }

    /// <summary>As published, without the organisation: <c>Llama-3.1-8B</c>.</summary>
    public string Name { get; private set; }

    /// <summary>The architecture's family, as configurations name it (<c>llama</c>, <c>qwen3_moe</c>).</summary>
    public string Family { get; }

    /// <summary>The repository that the weights are published in; null for a file.</summary>
    public string? Repository { get; internal set; }

    /// <summary>Other repositories of the same architecture.</summary>
    public IReadOnlyList<string> Aliases { get; internal init; } = [];

    /// <summary>Exact for a known family, Assumed where the architecture was derived from fields alone.</summary>
    public Evidence Evidence { get; internal init; } = Evidence.Exact;

    /// <summary>Where the architecture was read.</summary>
    public string Source { get; private set; }

    public ModelArchitecture Architecture { get; }

    /// <summary>Parameters by component: those that the files hold where their headers were read, else the architecture's.</summary>
    public ParameterBreakdown Parameters { get; private set; }

    /// <summary>The tensors that the files hold, as their headers say; null where no header was read.</summary>
    public TensorInventory? Tensors { get; private set; }

    /// <summary>Bytes of the weight files, headers included; null where there are none.</summary>
    public long? FileBytes { get; private set; }

    /// <summary>What a user of these figures should know: disagreements between files, and what was not counted and why.</summary>
    public IReadOnlyList<string> Notes { get; internal set; } = [];

    /// <summary>What a token adds to the KV cache, by layer.</summary>
    public KvCacheGeometry KvCache { get; }

    /// <summary>How the published weights are stored; FP16 where the configuration does not say.</summary>
    public Quantization PublishedQuantization => Storage?.Quantization ?? _elements;

    /// <summary>Whether the checkpoint has its routed experts, and nothing else, in MXFP4 (gpt-oss).</summary>
    internal bool HasMxfp4Experts => PublishedQuantization is { Name: "MXFP4", Scope: QuantizationScope.RoutedExperts };

    /// <summary>Whether the configuration says how the weights are stored.</summary>
    public bool HasPublishedType { get; internal init; } = true;

    /// <summary>Bits and bytes of the published weights by component, scales and zero points included.</summary>
    public ImmutableArray<WeightBits> WeightBits => Storage?.Components ?? WeightStorage.Plain(
        Architecture, Parameters, PublishedQuantization.Name, PublishedQuantization.UnquantizedBits / 8);

    /// <summary>Bytes of the published weights, without multi-token-prediction layers.</summary>
    public long WeightBytes => Storage?.Bytes ?? (ParameterCount * (_elements.UnquantizedBits / 8));

    /// <summary>Bits of a weight of the published checkpoint on average, scales and zero points included.</summary>
    public double AverageBitsPerWeight => 8.0 * WeightBytes / ParameterCount;

    /// <summary>
    /// The type that the checkpoint was calibrated to cache keys and values in, which vLLM then uses by itself; <c>Auto</c>
    /// where it says nothing.
    /// </summary>
    public KvCacheDataType PublishedKvCacheDataType { get; }

    /// <summary>All parameters of the model proper, tied ones once, without multi-token-prediction layers and buffers.</summary>
    public long ParameterCount => Parameters.Total;

    /// <summary>What one token passes through; less than all for mixtures of experts.</summary>
    public long ActiveParameterCount => Parameters.Active;

    public int LayerCount => Architecture.Layers.Length;

    public int HiddenSize => Architecture.HiddenSize;

    /// <summary>Query heads of the first layer that has some; 0 for a model without attention.</summary>
    public int AttentionHeadCount => FirstAttention?.HeadCount ?? 0;

    /// <summary>
    /// KV heads of the first layer that has some; with latent attention the query heads, which share one cached vector.
    /// </summary>
    public int KeyValueHeadCount => FirstAttention switch
    {
        GroupedAttention grouped => grouped.KeyValueHeadCount,
        { } other => other.HeadCount,
        null => 0,
    };

    /// <summary>Elements of a query or key head of the first layer that has some.</summary>
    public int HeadDimension => FirstAttention switch
    {
        GroupedAttention grouped => grouped.HeadDimension,
        LatentAttention latent => latent.NopeDimension + latent.RopeDimension,
        _ => 0,
    };

    /// <summary>Width of the first MLP: a dense one's, or one expert's.</summary>
    public int IntermediateSize => FirstFeedForward switch
    {
        DenseMlp dense => dense.IntermediateSize,
        MixtureOfExperts experts => experts.ExpertIntermediateSize,
        _ => 0,
    };

    public int VocabularySize => Architecture.VocabularySize;

    public int ContextLength => Architecture.ContextLength;

    /// <summary>Routed experts of a layer; 0 for a dense model.</summary>
    public int ExpertCount => RoutedLayer?.ExpertCount ?? 0;

    /// <summary>Routed experts that a token passes through; 0 for a dense model.</summary>
    public int ExpertsPerToken => RoutedLayer?.ExpertsPerToken ?? 0;

    /// <summary>
    /// Bytes that a token adds to the KV cache over all layers, in the published precision: 16 bits where only the weights
    /// are quantized, <see cref="PublishedKvCacheDataType"/> where the checkpoint has one.
    /// </summary>
    public long KvBytesPerToken { get; }

    /// <summary>Bytes of a cached element where the KV-cache type is not chosen.</summary>
    public int KvElementBytes => PublishedKvCacheDataType is KvCacheDataType.FP8 or KvCacheDataType.INT8
        ? 1
        : _elements.UnquantizedBits / 8;

    /// <summary>What each pipeline stage holds.</summary>
    /// <param name="pipelineParallelSize">Number of stages, between 1 and the number of layers.</param>
    public ImmutableArray<PipelineStage> Stages(int pipelineParallelSize) =>
        _stages.GetOrAdd(pipelineParallelSize, static (size, model) => PipelineStage.Split(model, size), this);

    /// <summary>Bytes of the published weights, matrix by matrix; null where they are not quantized.</summary>
    internal WeightStorage? Storage => _storage.Value;

    /// <summary>
    /// The same where a quantization is the checkpoint's own; null where it was chosen, and where the checkpoint has none.
    /// </summary>
    internal WeightStorage? StorageIn(Quantization quantization) =>
        ReferenceEquals(quantization, PublishedQuantization) ? Storage : null;

    /// <summary>What a format that was asked for by its name stands for: the checkpoint's own weights, where they are in that format.</summary>
    internal Quantization Named(Quantization quantization) =>
        HasPublishedType && quantization.Name == PublishedQuantization.Name ? PublishedQuantization : quantization;

    /// <summary>Bytes of a cached element where the KV-cache type is not chosen but the weights' may be.</summary>
    internal int KvElementBytesWith(Quantization weights) =>
        ReferenceEquals(weights, PublishedQuantization) ? KvElementBytes : weights.UnquantizedBits / 8;

    /// <summary>The same model under the name of the repository that its files were read from.</summary>
    internal LlmModel Of(string repository, string source)
    {
        LlmModel copy = (LlmModel)MemberwiseClone();
        copy.Name = repository[(repository.LastIndexOf('/') + 1)..];
        copy.Repository = repository;
        copy.Source = source;
        return copy;
    }

    /// <summary>The same model with what its weight files say.</summary>
    /// <param name="parameters">Counts that win over the architecture's; null where there are none.</param>
    /// <param name="tensors">The files' tensors; null where no header was read.</param>
    /// <param name="fileBytes">Bytes of the files; null where there are none.</param>
    /// <param name="notes">Added to those that are there.</param>
    internal LlmModel WithFiles(
        ParameterBreakdown? parameters, TensorInventory? tensors, long? fileBytes, IEnumerable<string> notes)
    {
        LlmModel copy = (LlmModel)MemberwiseClone();
        copy.Parameters = parameters ?? Parameters;
        copy.Tensors = tensors ?? Tensors;
        copy.FileBytes = fileBytes ?? FileBytes;
        copy.Notes = [.. Notes, .. notes];
        return copy;
    }

    /// <summary>Work of attention by layer; grouped once, because every prediction of time asks for it.</summary>
    internal ReadOnlySpan<AttentionLayerGroup> AttentionGroups => _attentionGroups.Value;

    /// <summary>Weights of a run of layers, by what parallelism does with them.</summary>
    internal ShardedParameters LayerParameters(int first, int count) =>
        _layersBefore.Value[first + count] - _layersBefore.Value[first];

    /// <summary>Those matrices among them that are none of the parts.</summary>
    internal ShardedParameters UncoveredMatrices(int first, int count, WeightParts covered)
    {
        if (covered == WeightParts.All)
        {
            return default;
        }

        ShardedParameters[] before = _uncoveredBefore.GetOrAdd(
            covered, static (parts, architecture) => SumUncovered(architecture, parts), Architecture);
        return before[first + count] - before[first];
    }

    public override string ToString() => Name;

    /// <summary>Weights of the layers before each one, and of all.</summary>
    private static ShardedParameters[] SumLayers(ModelArchitecture architecture)
    {
        ShardedParameters[] before = new ShardedParameters[architecture.Layers.Length + 1];
        for (int i = 0; i < architecture.Layers.Length; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            before[i + 1] = before[i]
                + layer.Attention.Parameters(architecture.HiddenSize)
                + layer.FeedForward.Parameters(architecture.HiddenSize)
                + new ShardedParameters(CopiedVectors: layer.NormParameters);
        }

        return before;
    }

    private static ShardedParameters[] SumUncovered(ModelArchitecture architecture, WeightParts covered)
    {
        ShardedParameters[] before = new ShardedParameters[architecture.Layers.Length + 1];
        long hidden = architecture.HiddenSize;
        for (int i = 0; i < architecture.Layers.Length; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            before[i + 1] = before[i];
            foreach (WeightMatrix matrix in layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden)))
            {
                if (!covered.Includes(matrix))
                {
                    before[i + 1] += matrix.Sharding switch
                    {
                        WeightSharding.KeyValue => new ShardedParameters(KeyValue: matrix.Elements),
                        WeightSharding.Experts => new ShardedParameters(Experts: matrix.Elements),
                        WeightSharding.Copied => new ShardedParameters(Copied: matrix.Elements),
                        _ => new ShardedParameters(Split: matrix.Elements),
                    };
                }
            }
        }

        return before;
    }

    private WeightStorage? StoreIn(QuantizationScheme scheme)
    {
        try
        {
            return WeightStorage.Of(Architecture, new ParameterBreakdown(Architecture), scheme, _elements.UnquantizedBits / 8);
        }
        catch (OverflowException e)
        {
            throw TooLarge(e);
        }
    }

    private LlmOpsException TooLarge(OverflowException inner) => new("ModelTooLarge", ErrorKind.InvalidData,
        $"The configuration of '{Name}' claims more parameters than 2^63; no such model exists.", Name, inner);

    private MixtureOfExperts? RoutedLayer { get; }

    private AttentionSpec? FirstAttention { get; }

    private FeedForwardSpec? FirstFeedForward { get; }
}
