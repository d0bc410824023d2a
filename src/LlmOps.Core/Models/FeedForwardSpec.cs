namespace LlmOps.Core.Models;

/// <summary>The feed-forward part of one layer.</summary>
public abstract record FeedForwardSpec
{
    /// <summary>
    /// Three matrices instead of two: the first is gated by another (Shazeer 2020), as in Llama and its descendants.
    /// </summary>
    public required bool IsGated { get; init; }

    /// <summary>Biases on all projections.</summary>
    public bool HasBias { get; init; }

    /// <summary>Widest intermediate result for one token, in elements.</summary>
    public abstract long ActivationElementsPerToken { get; }

    public abstract ShardedParameters Parameters(long hidden);

    /// <summary>The matrices among them, by name and shape; together as many elements as <see cref="Parameters"/> has.</summary>
    public abstract IEnumerable<WeightMatrix> Matrices(long hidden);

    private protected IEnumerable<WeightMatrix> Mlp(
        ModelComponent component, string holder, long hidden, long width, WeightSharding sharding, long count = 1)
    {
        if (IsGated)
        {
            yield return new WeightMatrix(component, holder + ".gate_proj", width, hidden, sharding, count);
        }

        yield return new WeightMatrix(component, holder + ".up_proj", width, hidden, sharding, count);
        yield return new WeightMatrix(component, holder + ".down_proj", hidden, width, sharding, count);
    }

    /// <summary>Elements of the intermediate results of a gated or plain MLP of that width.</summary>
    protected long ActivationElements(long width) => (IsGated ? 3 : 2) * width;

    protected long Matrices(long hidden, long width) => (IsGated ? 3 : 2) * hidden * width;

    /// <summary>Biases of the projections into the intermediate width, which are divided with their matrices.</summary>
    protected long InnerBias(long width) => HasBias ? (IsGated ? 2 : 1) * width : 0;

    /// <summary>Bias of the projection back into the residual stream.</summary>
    protected long OuterBias(long hidden) => HasBias ? hidden : 0;
}

/// <summary>One MLP that each token passes through.</summary>
public sealed record DenseMlp : FeedForwardSpec
{
    public required int IntermediateSize { get; init; }

    public override long ActivationElementsPerToken => ActivationElements(IntermediateSize);

    public override ShardedParameters Parameters(long hidden) => new(
        Split: Matrices(hidden, IntermediateSize),
        SplitVectors: InnerBias(IntermediateSize),
        CopiedVectors: OuterBias(hidden));

    public override IEnumerable<WeightMatrix> Matrices(long hidden) =>
        Mlp(ModelComponent.DenseMlp, "mlp", hidden, IntermediateSize, WeightSharding.Split);
}

/// <summary>Experts of which a router picks some for each token, and shared ones that each token passes through.</summary>
public sealed record MixtureOfExperts : FeedForwardSpec
{
    public required int ExpertCount { get; init; }

    public required int ExpertsPerToken { get; init; }

    /// <summary>Intermediate width of one routed expert.</summary>
    public required int ExpertIntermediateSize { get; init; }

    /// <summary>Intermediate width of all shared experts together; 0 where there are none.</summary>
    public int SharedIntermediateSize { get; init; }

    /// <summary>A learned gate of one row on the shared experts (Qwen2-MoE).</summary>
    public bool HasSharedGate { get; init; }

    /// <summary>
    /// Width of the space that routed experts work in, with a projection into and out of it (Nemotron-3-Super); 0 where
    /// they work on the residual stream.
    /// </summary>
    public int LatentSize { get; init; }

    /// <summary>One bias an expert in the router: a bias (gpt-oss) or the load-balancing correction (DeepSeek-V3).</summary>
    public bool HasRouterBias { get; init; }

    public override long ActivationElementsPerToken =>
        ActivationElements(((long)ExpertsPerToken * ExpertIntermediateSize) + SharedIntermediateSize);

    public long RouterParameters(long hidden) => (hidden * ExpertCount) + (HasRouterBias ? ExpertCount : 0);

    public long RoutedParameters(long hidden) => ExpertCount * ExpertParameters(hidden);

    /// <summary>Parameters of one routed expert.</summary>
    public long ExpertParameters(long hidden) =>
        Matrices(ExpertHidden(hidden), ExpertIntermediateSize) + InnerBias(ExpertIntermediateSize) + OuterBias(hidden);

    /// <summary>Projections into the routed experts' space and back.</summary>
    public long LatentParameters(long hidden) => 2 * hidden * LatentSize;

    public long SharedParameters(long hidden) =>
        SharedIntermediateSize == 0
            ? 0
            : Matrices(hidden, SharedIntermediateSize) + InnerBias(SharedIntermediateSize) + OuterBias(hidden)
                + (HasSharedGate ? hidden : 0);

    public override ShardedParameters Parameters(long hidden)
    {
        bool shared = SharedIntermediateSize > 0;
        return new ShardedParameters(
            Split: Matrices(hidden, SharedIntermediateSize) + LatentParameters(hidden),
            SplitVectors: InnerBias(SharedIntermediateSize),
            Experts: ExpertCount * Matrices(ExpertHidden(hidden), ExpertIntermediateSize),
            ExpertVectors: ExpertCount * (InnerBias(ExpertIntermediateSize) + OuterBias(hidden)),
            CopiedVectors: RouterParameters(hidden)
                + (shared ? OuterBias(hidden) + (HasSharedGate ? hidden : 0) : 0));
    }

    /// <summary>The first expert stands for all of them. The router is none of the matrices that formats touch.</summary>
    public override IEnumerable<WeightMatrix> Matrices(long hidden)
    {
        IEnumerable<WeightMatrix> matrices = Mlp(ModelComponent.RoutedExperts, "mlp.experts.0", ExpertHidden(hidden),
            ExpertIntermediateSize, WeightSharding.Experts, ExpertCount);
        if (SharedIntermediateSize > 0)
        {
            matrices = matrices.Concat(Mlp(ModelComponent.SharedExperts, "mlp.shared_experts", hidden,
                SharedIntermediateSize, WeightSharding.Split));
        }

        if (LatentSize > 0)
        {
            matrices = matrices
                .Append(new WeightMatrix(
                    ModelComponent.SharedExperts, "mlp.fc1_latent_proj", LatentSize, hidden, WeightSharding.Split))
                .Append(new WeightMatrix(
                    ModelComponent.SharedExperts, "mlp.fc2_latent_proj", hidden, LatentSize, WeightSharding.Split));
        }

        return matrices;
    }

    private long ExpertHidden(long hidden) => LatentSize == 0 ? hidden : LatentSize;
}

/// <summary>A layer without a feed-forward part, or with what pruning left of one.</summary>
public sealed record NoFeedForward : FeedForwardSpec
{
    /// <summary>A matrix that stands in its place (Nemotron-NAS).</summary>
    public long MatrixParameters { get; init; }

    public override long ActivationElementsPerToken => 0;

    public override ShardedParameters Parameters(long hidden) => new(Split: MatrixParameters);

    public override IEnumerable<WeightMatrix> Matrices(long hidden) => MatrixParameters == 0
        ? []
        : [new WeightMatrix(ModelComponent.DenseMlp, "mlp.linear", MatrixParameters / hidden, hidden, WeightSharding.Split)];
}
