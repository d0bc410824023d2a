namespace LlmOps.Core.Models;

/// <summary>The parts of a model that parameters and bytes are counted by.</summary>
public enum ModelComponent
{
    Embedding,
    Attention,
    StateSpace,
    DenseMlp,
    RoutedExperts,
    SharedExperts,
    Router,
    Norm,
    Head,
    Vision,

    /// <summary>Layers that predict further tokens; part of no total.</summary>
    MultiTokenPrediction,
}
