namespace LlmOps.Core.Models.Files;

/// <summary>What a tensor is for.</summary>
internal enum TensorRole
{
    /// <summary>A parameter of a kind that is not known; counted.</summary>
    Unknown,
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

    /// <summary>A parameter outside the model proper; counted apart.</summary>
    MultiTokenPrediction,

    /// <summary>A constant that is computed, not learned; not counted.</summary>
    Buffer,

    /// <summary>What a quantization keeps beside the weights; not counted.</summary>
    Scale,

    /// <summary>A second copy of a matrix that is counted already.</summary>
    Copy,
}

/// <summary>Elements by what they are for.</summary>
internal sealed class RoleCounts
{
    private readonly long[] _elements = new long[Enum.GetValues<TensorRole>().Length];

    public long this[TensorRole role] => _elements[(int)role];

    public void Add(TensorRole role, long elements) => _elements[(int)role] += elements;

    /// <summary>Parameters of the model proper.</summary>
    public long Parameters =>
        _elements.Sum() - this[TensorRole.MultiTokenPrediction] - this[TensorRole.Buffer] - this[TensorRole.Scale] - this[TensorRole.Copy];

    /// <param name="expertCount">Routed experts of a layer.</param>
    /// <param name="expertsPerToken">Those that a token passes through.</param>
    public ParameterBreakdown ToBreakdown(int expertCount, int expertsPerToken) => new()
    {
        Embedding = this[TensorRole.Embedding],
        Attention = this[TensorRole.Attention],
        StateSpace = this[TensorRole.StateSpace],
        DenseMlp = this[TensorRole.DenseMlp],
        RoutedExperts = this[TensorRole.RoutedExperts],
        SharedExperts = this[TensorRole.SharedExperts],
        Router = this[TensorRole.Router],
        Norm = this[TensorRole.Norm],
        Head = this[TensorRole.Head],
        Vision = this[TensorRole.Vision],
        Other = this[TensorRole.Unknown],
        MultiTokenPrediction = this[TensorRole.MultiTokenPrediction],
        Total = Parameters,
        Active = Parameters - (expertCount == 0
            ? 0
            : this[TensorRole.RoutedExperts] / expertCount * (expertCount - expertsPerToken)),
    };
}
