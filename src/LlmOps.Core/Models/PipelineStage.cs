using System.Collections.Concurrent;
using System.Collections.Immutable;
using LlmOps.Core.Models.Quantized;

namespace LlmOps.Core.Models;

/// <summary>What one pipeline stage holds: its layers, and embeddings or head at the ends.</summary>
public sealed class PipelineStage
{
    private readonly LlmModel _model;
    private TrainingShape? _training;
    private readonly ConcurrentDictionary<WeightParts, FusedWeights> _fused = [];
    private FusedWeights? _publishedFused;

    private PipelineStage(LlmModel model, int index, int stageCount, int firstLayer, int layerCount)
    {
        _model = model;
        Index = index;
        FirstLayer = firstLayer;
        LayerCount = layerCount;
        HasHead = index == stageCount - 1;
        KvGroups = model.KvCache.Group(firstLayer, layerCount);

        ModelArchitecture architecture = model.Architecture;
        ShardedParameters layers = model.LayerParameters(firstLayer, layerCount);
        if (index == 0)
        {
            EmbeddingParameters = architecture.TokenEmbeddingParameters + architecture.OtherEmbeddingParameters;
            layers += new ShardedParameters(Split: architecture.VisionParameters);
        }

        if (HasHead)
        {
            // A tied head on another stage than the embeddings is a copy of them.
            EmbeddingParameters += architecture.HasTiedHead && stageCount > 1
                ? architecture.TokenEmbeddingParameters
                : architecture.HeadParameters;
            layers += new ShardedParameters(CopiedVectors: architecture.OuterNormParameters);
        }

        Layers = layers;
        if (model.Storage is { } storage)
        {
            PublishedBytes = storage.Layers(firstLayer, layerCount) + new ShardedBytes(
                Split: index == 0 ? storage.Vision : 0,
                Copied: HasHead ? storage.OuterNorm : 0);
            PublishedEmbeddingBytes = (index == 0 ? storage.TokenEmbedding + storage.OtherEmbedding : 0)
                + (HasHead ? (architecture.HasTiedHead && stageCount > 1 ? storage.TokenEmbedding : storage.Head) : 0);
        }

        for (int i = firstLayer; i < firstLayer + layerCount; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            long attention = layer.Attention.ActivationElementsPerToken;
            long feedForward = layer.FeedForward.ActivationElementsPerToken;
            WidestPartElements = Math.Max(WidestPartElements, Math.Max(attention, feedForward));
            WidestFeedForwardElements = Math.Max(WidestFeedForwardElements, feedForward);
            MostHeads = Math.Max(MostHeads, layer.Attention is RecurrentMixer ? 0 : layer.Attention.HeadCount);
            HasLatentAttention |= layer.Attention is LatentAttention;
            if (layer.FeedForward is MixtureOfExperts experts)
            {
                RoutedLayer ??= experts;
            }
            else
            {
                WidestDenseElements = Math.Max(WidestDenseElements, feedForward);
            }

            if (layer.Attention is RecurrentMixer)
            {
                WidestDenseElements = Math.Max(WidestDenseElements, attention);
            }
        }
    }

    public int Index { get; }

    public int FirstLayer { get; }

    public int LayerCount { get; }

    public bool HasHead { get; }

    /// <summary>Weights of the layers, the final norm and the vision tower, as far as this stage has them.</summary>
    public ShardedParameters Layers { get; }

    /// <summary>Embedding and head matrices on this stage, which tensor parallelism divides by the vocabulary.</summary>
    public long EmbeddingParameters { get; }

    /// <summary>The same as <see cref="Layers"/> in bytes of the published checkpoint, where that is quantized.</summary>
    internal ShardedBytes PublishedBytes { get; }

    /// <summary>The same as <see cref="EmbeddingParameters"/> in bytes of the published checkpoint.</summary>
    internal long PublishedEmbeddingBytes { get; }

    public ImmutableArray<KvLayerGroup> KvGroups { get; }

    /// <summary>The widest intermediate result of any part of a layer, in elements a token.</summary>
    public long WidestPartElements { get; }

    /// <summary>The same, of the feed-forward parts alone.</summary>
    public long WidestFeedForwardElements { get; }

    /// <summary>The most query heads of any layer.</summary>
    public int MostHeads { get; }

    /// <summary>What training needs beyond that, made when it is first asked for.</summary>
    internal TrainingShape Training => _training ??= new TrainingShape(
        _model.Architecture, FirstLayer, LayerCount, hasEmbedding: Index == 0, HasHead);

    /// <summary>The widest intermediate result of a dense MLP or a recurrent mixer, in elements a token.</summary>
    internal long WidestDenseElements { get; }

    /// <summary>The first layer's experts, where a layer has some.</summary>
    internal MixtureOfExperts? RoutedLayer { get; }

    internal bool HasLatentAttention { get; }

    /// <summary>Matrices of the layers and the vision tower that a format which covers those parts leaves in 16 bits.</summary>
    internal ShardedParameters UncoveredMatrices(WeightParts covered)
    {
        ShardedParameters layers = _model.UncoveredMatrices(FirstLayer, LayerCount, covered);
        return Index > 0 ? layers : layers with { Split = layers.Split + _model.Architecture.VisionParameters };
    }

    /// <summary>The layers' matrices as engines load them, with a format in those parts.</summary>
    internal FusedWeights FusedIn(WeightParts covered) => _fused.GetOrAdd(
        covered, static (parts, stage) => FusedWeights.Of(stage._model, stage.FirstLayer, stage.LayerCount, null, parts), this);

    /// <summary>The same as the quantized checkpoint stores them; only for models that have one.</summary>
    internal FusedWeights PublishedFused =>
        _publishedFused ??= FusedWeights.Of(_model, FirstLayer, LayerCount, _model.Storage, WeightParts.All);

    /// <summary>
    /// Layers by stage as vLLM divides them (0.6 on, <c>distributed/utils.py</c>, get_pp_indices): evenly, and what is left
    /// over goes one by one to the stages before the last, which has the head to carry.
    /// </summary>
    internal static ImmutableArray<PipelineStage> Split(LlmModel model, int stageCount)
    {
        int[] sizes = new int[stageCount];
        Array.Fill(sizes, model.LayerCount / stageCount);
        int leftOver = model.LayerCount % stageCount;
        for (int i = 0; i < leftOver; i++)
        {
            sizes[stageCount - 2 - i]++;
        }

        var stages = ImmutableArray.CreateBuilder<PipelineStage>(stageCount);
        int first = 0;
        for (int i = 0; i < stageCount; i++)
        {
            stages.Add(new PipelineStage(model, i, stageCount, first, sizes[i]));
            first += sizes[i];
        }

        return stages.MoveToImmutable();
    }
}
