namespace LlmOps.Core.Models;

/// <summary>Exact parameter counts by component.</summary>
public sealed record ParameterBreakdown
{
    /// <summary>For counts that come from the tensors themselves.</summary>
    internal ParameterBreakdown()
    {
    }

    internal ParameterBreakdown(ModelArchitecture architecture)
    {
        long hidden = architecture.HiddenSize;
        long attention = 0, stateSpace = 0, denseMlp = 0, routed = 0, shared = 0, router = 0, idle = 0;
        long norm = architecture.OuterNormParameters;
        foreach (LayerSpec layer in architecture.Layers)
        {
            long mixer = layer.Attention.Parameters(hidden).Total;
            if (layer.Attention is RecurrentMixer)
            {
                stateSpace += mixer;
            }
            else
            {
                attention += mixer;
            }

            norm += layer.NormParameters;
            if (layer.FeedForward is MixtureOfExperts experts)
            {
                routed += experts.RoutedParameters(hidden);
                shared += experts.SharedParameters(hidden) + experts.LatentParameters(hidden);
                router += experts.RouterParameters(hidden);
                idle += (experts.ExpertCount - experts.ExpertsPerToken) * experts.ExpertParameters(hidden);
            }
            else
            {
                denseMlp += layer.FeedForward.Parameters(hidden).Total;
            }
        }

        Embedding = architecture.TokenEmbeddingParameters + architecture.OtherEmbeddingParameters;
        Attention = attention;
        StateSpace = stateSpace;
        DenseMlp = denseMlp;
        RoutedExperts = routed;
        SharedExperts = shared;
        Router = router;
        Norm = norm;
        Head = architecture.HeadParameters;
        Vision = architecture.VisionParameters;
        MultiTokenPrediction = architecture.MultiTokenPredictionParameters;
        Total = Embedding + Attention + StateSpace + DenseMlp + RoutedExperts + SharedExperts + Router + Norm + Head + Vision;
        Active = Total - idle;
    }

    /// <summary>Token and learned position embeddings.</summary>
    public long Embedding { get; internal init; }

    public long Attention { get; internal init; }

    /// <summary>State-space and linear-attention layers.</summary>
    public long StateSpace { get; internal init; }

    public long DenseMlp { get; internal init; }

    public long RoutedExperts { get; internal init; }

    public long SharedExperts { get; internal init; }

    public long Router { get; internal init; }

    public long Norm { get; internal init; }

    /// <summary>The output head; 0 where it is tied to the embeddings.</summary>
    public long Head { get; internal init; }

    /// <summary>Vision tower and projector.</summary>
    public long Vision { get; internal init; }

    /// <summary>Tensors of a file whose names do not say what they are for; 0 where the count follows from the architecture.</summary>
    public long Other { get; internal init; }

    /// <summary>Multi-token-prediction layers; not part of <see cref="Total"/>.</summary>
    public long MultiTokenPrediction { get; internal init; }

    public long Total { get; internal init; }

    /// <summary>What one token passes through: all but the routed experts that are not picked for it.</summary>
    public long Active { get; internal init; }
}
