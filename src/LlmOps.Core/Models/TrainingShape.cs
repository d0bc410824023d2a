namespace LlmOps.Core.Models;

/// <summary>Tensors of a layer that a backward pass needs, in elements a token.</summary>
/// <param name="Stream">As wide as the residual stream, in the compute type: what norms make and matrices read.</param>
/// <param name="StreamFp32">The same in FP32: what RMS norms compute in.</param>
/// <param name="Wide">Between the matrices of attention and MLP, which tensor parallelism divides.</param>
/// <param name="RepeatedKeyValue">Further copies of keys and values where attention wants as many as queries.</param>
/// <param name="ScoreHeads">Heads whose scores are held where attention is not fused.</param>
internal readonly record struct ActivationShape(
    long Stream, long StreamFp32, long Wide, long RepeatedKeyValue, long ScoreHeads)
{
    public static ActivationShape operator +(in ActivationShape a, in ActivationShape b) => new(
        a.Stream + b.Stream,
        a.StreamFp32 + b.StreamFp32,
        a.Wide + b.Wide,
        a.RepeatedKeyValue + b.RepeatedKeyValue,
        a.ScoreHeads + b.ScoreHeads);

    public ActivationShape Max(in ActivationShape other) => new(
        Math.Max(Stream, other.Stream),
        Math.Max(StreamFp32, other.StreamFp32),
        Math.Max(Wide, other.Wide),
        Math.Max(RepeatedKeyValue, other.RepeatedKeyValue),
        Math.Max(ScoreHeads, other.ScoreHeads));

    /// <summary>
    /// What PyTorch's autograd keeps of one layer, operator by operator. An RMS norm keeps its input in FP32, the
    /// normalised and the scaled tensor; a layer norm its input and its output; a gated MLP gate, activated gate, up
    /// projection and their product; a plain one its matrix's output before and after the activation. Each routed expert
    /// reads a copy of its tokens, and its output is kept to be weighted.
    /// </summary>
    public static ActivationShape Of(LayerSpec layer, long hidden)
    {
        bool isGated = layer.FeedForward.IsGated;
        long normWidth = isGated ? hidden : 2 * hidden;
        long norms = layer.NormParameters == 0 ? 2 : (layer.NormParameters + normWidth - 1) / normWidth;
        long routed = 0, gated = 0, repeated = 0;
        if (layer.FeedForward is MixtureOfExperts experts)
        {
            routed = 2L * experts.ExpertsPerToken * hidden;
        }

        if (isGated)
        {
            gated = layer.FeedForward.ActivationElementsPerToken / 3;
        }

        if (layer.Attention is GroupedAttention attention)
        {
            repeated = 2L * (attention.HeadCount - attention.KeyValueHeadCount) * attention.HeadDimension;
        }

        return new ActivationShape(
            (2 * norms * hidden) + routed,
            isGated ? norms * hidden : 0,
            layer.Attention.ActivationElementsPerToken + layer.FeedForward.ActivationElementsPerToken + gated,
            Math.Max(0, repeated),
            layer.Attention is GroupedAttention or LatentAttention ? layer.Attention.HeadCount : 0);
    }
}

/// <summary>What training needs to know of a pipeline stage beyond what inference does.</summary>
internal sealed class TrainingShape
{
    public TrainingShape(ModelArchitecture architecture, int firstLayer, int layerCount, bool hasEmbedding, bool hasHead)
    {
        long hidden = architecture.HiddenSize;
        long vocabulary = architecture.VocabularySize;
        LayerSpec? last = null;
        Matrices known = default;
        ActivationShape activation = default;
        for (int i = firstLayer; i < firstLayer + layerCount; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            if (!ReferenceEquals(layer, last))
            {
                // Equal layers share one instance.
                known = Matrices.Of(layer, hidden);
                activation = ActivationShape.Of(layer, hidden);
                last = layer;
            }

            LargestMatrix = Math.Max(LargestMatrix, known.Largest);
            FactoredElements += known.Sides + known.Vectors;
            LinearSides += known.LinearSides;
            ExpertSides += known.ExpertSides;
            AttentionSides += known.AttentionSides;
            QueryValueSides += known.QueryValueSides;
            Activations += activation;
            LayerActivations = LayerActivations.Max(activation);
        }

        LargestModule = LargestMatrix;
        if (hasEmbedding || hasHead)
        {
            LargestModule = Math.Max(LargestModule, architecture.TokenEmbeddingParameters);
            int matrices = (hasEmbedding ? 1 : 0) + (hasHead && !(hasEmbedding && architecture.HasTiedHead) ? 1 : 0);
            FactoredElements += matrices * (vocabulary + hidden);
        }
    }

    /// <summary>Elements of the largest matrix of the layers: what is expanded at a time where weights are quantized.</summary>
    public long LargestMatrix { get; }

    /// <summary>The same with the embeddings: the largest module that ZeRO-3 gathers.</summary>
    public long LargestModule { get; }

    /// <summary>Rows and columns of all matrices, and the elements of all vectors: Adafactor's second moments.</summary>
    public long FactoredElements { get; }

    /// <summary>
    /// Rows and columns of all matrices that can have adapters, routed experts aside; times the rank, the adapters'
    /// parameters.
    /// </summary>
    public long LinearSides { get; }

    /// <summary>The same of routed experts.</summary>
    public long ExpertSides { get; }

    public long AttentionSides { get; }

    public long QueryValueSides { get; }

    /// <summary>All layers together.</summary>
    public ActivationShape Activations { get; }

    /// <summary>The largest layer.</summary>
    public ActivationShape LayerActivations { get; }

    private readonly record struct Matrices(
        long Largest, long Sides, long Vectors, long LinearSides, long ExpertSides, long AttentionSides, long QueryValueSides)
    {
        public static Matrices Of(LayerSpec layer, long hidden)
        {
            long largest = 0, sides = 0, elements = 0, linear = 0, experts = 0, attention = 0, queryValue = 0;
            foreach (WeightMatrix matrix in layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden)))
            {
                long side = matrix.Count * (matrix.Rows + matrix.Columns);
                largest = Math.Max(largest, matrix.Rows * matrix.Columns);
                sides += side;
                elements += matrix.Elements;
                if (!matrix.IsQuantizable)
                {
                    continue;
                }

                bool isExpert = matrix.Sharding == WeightSharding.Experts;
                linear += isExpert ? 0 : side;
                experts += isExpert ? side : 0;
                bool isMixer = matrix.Component is ModelComponent.Attention or ModelComponent.StateSpace;
                attention += isMixer ? side : 0;
                queryValue += isMixer && (matrix.Name.Contains(".q_", StringComparison.Ordinal)
                    || matrix.Name.Contains("v_proj", StringComparison.Ordinal)
                    || matrix.Name.Contains("kv_b_", StringComparison.Ordinal)) ? side : 0;
            }

            long all = layer.Attention.Parameters(hidden).Total + layer.FeedForward.Parameters(hidden).Total;
            return new Matrices(
                largest, sides, layer.NormParameters + Math.Max(0, all - elements), linear, experts, attention, queryValue);
        }
    }
}
