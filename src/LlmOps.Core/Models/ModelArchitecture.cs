using System.Collections.Immutable;

namespace LlmOps.Core.Models;

/// <summary>One layer: attention, feed-forward part and the parameters of its norms.</summary>
public sealed record LayerSpec(AttentionSpec Attention, FeedForwardSpec FeedForward, long NormParameters);

/// <summary>
/// What a model is made of, in the detail that exact counts need. Every figure that the product gives about a model
/// (parameters, memory, KV cache, operations) is derived from this record and from nothing else.
/// </summary>
public sealed record ModelArchitecture
{
    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    public required int VocabularySize { get; init; }

    /// <summary>The longest sequence that the model was trained or extended to.</summary>
    public required int ContextLength { get; init; }

    /// <summary>All layers in order. Equal layers share one instance.</summary>
    public required ImmutableArray<LayerSpec> Layers { get; init; }

    /// <summary>Whether the output head is the embedding matrix itself.</summary>
    public required bool HasTiedHead { get; init; }

    /// <summary>Width of the token embedding where it differs from the residual stream (OPT-350M); else 0.</summary>
    public int EmbeddingSize { get; init; }

    /// <summary>Rows of a learned position table; 0 for rotary and relative positions.</summary>
    public int LearnedPositionCount { get; init; }

    /// <summary>Norms outside the layers: the final one, and one on the embeddings where there is one.</summary>
    public required long OuterNormParameters { get; init; }

    public bool HasHeadBias { get; init; }

    /// <summary>Vision tower and projector, counted apart.</summary>
    public long VisionParameters { get; init; }

    /// <summary>What an image becomes, where vLLM's profiling of the tower was looked up; null elsewhere.</summary>
    public VisionInput? VisionInput { get; init; }

    /// <summary>Tables of rotary positions; empty for models without, and where a file does not say.</summary>
    public ImmutableArray<RotaryTable> RotaryTables { get; init; } = [];

    /// <summary>
    /// Multi-token-prediction layers, which published checkpoints carry beside the model proper and servers load only for
    /// speculative decoding. Never part of a total.
    /// </summary>
    public long MultiTokenPredictionParameters { get; init; }

    /// <summary>
    /// One of those layers where all are alike, with a projection of two residual streams into one beside it; null where
    /// only their number of parameters is known.
    /// </summary>
    public LayerSpec? PredictionLayer { get; init; }

    public int PredictionLayerCount { get; init; }

    public long TokenEmbeddingParameters => (long)VocabularySize * (EmbeddingSize == 0 ? HiddenSize : EmbeddingSize);

    /// <summary>Learned positions, and the projections between embedding and residual stream (OPT-350M).</summary>
    public long OtherEmbeddingParameters =>
        ((long)LearnedPositionCount * HiddenSize) + (EmbeddingSize == 0 ? 0 : 2L * EmbeddingSize * HiddenSize);

    /// <summary>The head's own parameters: none where it is tied.</summary>
    public long HeadParameters =>
        (HasTiedHead ? 0 : (long)VocabularySize * HiddenSize) + (HasHeadBias ? VocabularySize : 0);
}
