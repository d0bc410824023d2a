namespace LlmOps.Core.Models;

/// <summary>Exact parameter counts by component.</summary>
public sealed record ParameterBreakdown
{
    internal ParameterBreakdown(ModelArchitecture architecture)
    {
        long hidden = architecture.HiddenSize;
        Embedding = architecture.TokenEmbeddingParameters + architecture.OtherEmbeddingParameters;
        Head = architecture.HeadParameters;
        Norm = architecture.OuterNormParameters;
        Vision = architecture.VisionParameters;
        MultiTokenPrediction = architecture.MultiTokenPredictionParameters;

        long idleExperts = 0;
        foreach (LayerSpec layer in architecture.Layers)
        {
            long mixer = layer.Attention.Parameters(hidden).Total;
            StateSpace += layer.Attention is RecurrentMixer ? mixer : 0;
            Attention += layer.Attention is RecurrentMixer ? 0 : mixer;
            Norm += layer.NormParameters;
            if (layer.FeedForward is MixtureOfExperts experts)
            {
                RoutedExperts += experts.RoutedParameters(hidden);
                SharedExperts += experts.SharedParameters(hidden) + experts.LatentParameters(hidden);
                Router += experts.RouterParameters(hidden);
                idleExperts += (experts.ExpertCount - experts.ExpertsPerToken) * experts.ExpertParameters(hidden);
            }
            else
            {
                DenseMlp += layer.FeedForward.Parameters(hidden).Total;
            }
        }

        Total = Embedding + Attention + StateSpace + DenseMlp + RoutedExperts + SharedExperts + Router + Norm + Head + Vision;
        Active = Total - idleExperts;
    }

    /// <summary>Token and learned position embeddings.</summary>
    public long Embedding { get; }

    public long Attention { get; }

    /// <summary>State-space and linear-attention layers.</summary>
    public long StateSpace { get; }

    public long DenseMlp { get; }

    public long RoutedExperts { get; }

    public long SharedExperts { get; }

    public long Router { get; }

    public long Norm { get; }

    /// <summary>The output head; 0 where it is tied to the embeddings.</summary>
    public long Head { get; }

    /// <summary>Vision tower and projector.</summary>
    public long Vision { get; }

    /// <summary>Multi-token-prediction layers; not part of <see cref="Total"/>.</summary>
    public long MultiTokenPrediction { get; }

    public long Total { get; }

    /// <summary>What one token passes through: all but the routed experts that are not picked for it.</summary>
    public long Active { get; }
}
