using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Files;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>
/// What llama.cpp places layer by layer: bytes of the weights of one GGUF file, and what each layer caches. Computed once for
/// a model and a quantization, so that an estimate only subtracts sums.
/// </summary>
internal sealed class LlamaCppLayout
{
    private static readonly ConditionalWeakTable<LlmModel, ConcurrentDictionary<(Quantization, bool), LlamaCppLayout>> s_layouts = [];

    /// <summary>
    /// Families with a window in their configuration that llama.cpp gives the whole context all the same: their GGUF
    /// architecture has none, or does not use it (phi3: llama-model.cpp, issue 13676).
    /// </summary>
    private static readonly HashSet<string> s_withoutWindow = new(StringComparer.Ordinal)
    {
        "llama", "mistral", "mixtral", "phi3", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "starcoder2",
    };

    private readonly LayerSums[] _before;
    private readonly long[] _largestCopy;

    private LlamaCppLayout(LlmModel model, Quantization quantization, bool asPublished)
    {
        ModelArchitecture architecture = model.Architecture;
        int layers = architecture.Layers.Length;
        long[] weights = new long[layers];
        long[] copied = new long[layers];
        if (asPublished && IsGguf(model))
        {
            FromFile(model, weights, copied);
            IsFromFile = true;
        }
        else
        {
            FromRecipe(model, GgufRecipe.Find(quantization)!, weights, copied);
        }

        _before = new LayerSums[layers + 1];
        _largestCopy = new long[layers + 1];
        for (int i = 0; i < layers; i++)
        {
            AttentionSpec attention = architecture.Layers[i].Attention;
            int window = s_withoutWindow.Contains(model.Family) ? 0 : attention.Window ?? 0;
            _before[i + 1] = _before[i] + new LayerSums(
                weights[i],
                window == 0 ? attention.CacheElementsPerToken : 0,
                window == 0 ? 0 : attention.CacheElementsPerToken,
                attention.CacheFixedBytesPerToken,
                attention.StateElementsPerSequence);
            _largestCopy[i + 1] = Math.Max(_largestCopy[i], copied[i]);
            Window = Math.Max(Window, window);
            if (attention is GroupedAttention or LatentAttention)
            {
                QueryHeads = Math.Max(QueryHeads, attention.HeadCount);
            }

            WidestLayer = Math.Max(WidestLayer, Math.Max(
                FeedForwardElements(architecture.Layers[i].FeedForward, architecture.HiddenSize),
                AttentionElements(attention)));
        }
    }

    /// <summary>Whether the sizes are those of the tensors in a file, and not those that a file of the type would have.</summary>
    public bool IsFromFile { get; }

    /// <summary>The embeddings, which stay in the host's memory.</summary>
    public long InputBytes { get; private set; }

    /// <summary>The output matrix and the norm before it; where the matrix is the embeddings', a second copy of them.</summary>
    public long OutputBytes { get; private set; }

    /// <summary>The same where the output stays on the host too, which needs no second copy.</summary>
    public long OutputBytesBesideInput { get; private set; }

    /// <summary>The output matrix alone.</summary>
    public long OutputMatrixBytes { get; private set; }

    /// <summary>Tokens of the widest window; 0 where no layer has one.</summary>
    public int Window { get; }

    public int QueryHeads { get; }

    /// <summary>Elements a token of the results that are alive at once in the widest part of a layer.</summary>
    public long WidestLayer { get; }

    public static LlamaCppLayout Of(in MemoryRequest request)
    {
        (Quantization Quantization, bool AsPublished) key = (request.EffectiveQuantization,
            request.IsCheckpoint);
        ConcurrentDictionary<(Quantization, bool), LlamaCppLayout> layouts = s_layouts.GetOrCreateValue(request.Model);
        return layouts.TryGetValue(key, out LlamaCppLayout? known)
            ? known
            : layouts.GetOrAdd(key, new LlamaCppLayout(request.Model, key.Quantization, key.AsPublished));
    }

    /// <summary>Whether the model was read from a GGUF file with its tensors.</summary>
    public static bool IsGguf(LlmModel model) =>
        model.Tensors is { } inventory && inventory.Tensors.Any(tensor => tensor.Name == "token_embd.weight");

    /// <summary>Sums over the layers from one up to, without, another.</summary>
    public LayerSums Layers(int first, int end) => first < end ? _before[end] - _before[first] : default;

    /// <summary>Bytes of the largest set of MLP matrices that large batches copy to the GPU, among that many first layers.</summary>
    public long LargestCopy(int layers) => _largestCopy[layers];

    private void FromFile(LlmModel model, long[] weights, long[] copied)
    {
        long output = 0, norm = 0, tokens = 0;
        foreach (TensorInfo tensor in model.Tensors!.Tensors)
        {
            if (Layer(tensor.Name) is { } layer)
            {
                // Prediction layers follow the model's own and are not loaded.
                if (layer < weights.Length)
                {
                    weights[layer] += tensor.ByteCount;
                    copied[layer] += tensor.Name.Contains(".ffn_", StringComparison.Ordinal) && tensor.Shape.Length > 1
                        ? tensor.ByteCount
                        : 0;
                }
            }
            else if (tensor.Name == "token_embd.weight")
            {
                tokens = tensor.ByteCount;
                InputBytes += tensor.ByteCount;
            }
            else if (tensor.Name == "output.weight")
            {
                output = tensor.ByteCount;
            }
            else if (tensor.Name.StartsWith("output", StringComparison.Ordinal))
            {
                norm += tensor.ByteCount;
            }
            else
            {
                // Position tables, norms of embeddings and tables of rotations are read on the host or are small.
                InputBytes += tensor.ByteCount;
            }
        }

        SetOutput(output, tokens, norm);
    }

    private void FromRecipe(LlmModel model, GgufRecipe recipe, long[] weights, long[] copied)
    {
        ModelArchitecture architecture = model.Architecture;
        long hidden = architecture.HiddenSize;
        GgufTraits traits = GgufTraits.Of(model);
        bool fused = GgufRecipe.IsFused(model);
        for (int i = 0; i < weights.Length; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            ShardedParameters p = layer.Attention.Parameters(hidden) + layer.FeedForward.Parameters(hidden);

            // Norms, biases and routers are never quantized.
            weights[i] = sizeof(float)
                * (p.SplitVectors + p.KeyValueVectors + p.ExpertVectors + p.CopiedVectors + layer.NormParameters);
            foreach (WeightMatrix matrix in layer.Attention.Matrices(hidden))
            {
                weights[i] += Bytes(recipe, matrix, i, traits, fused);
            }

            foreach (WeightMatrix matrix in layer.FeedForward.Matrices(hidden))
            {
                long bytes = Bytes(recipe, matrix, i, traits, fused);
                weights[i] += bytes;
                copied[i] += bytes;
            }
        }

        GgmlType embedding = recipe.EmbeddingType(model, traits);
        GgmlType head = recipe.HeadType(model, traits);
        long tokens = architecture.TokenEmbeddingParameters / embedding.BlockSize * embedding.BlockBytes;
        long output = architecture.HasTiedHead
            ? 0
            : architecture.VocabularySize * hidden / head.BlockSize * head.BlockBytes;
        InputBytes = tokens + (2 * architecture.OtherEmbeddingParameters);
        SetOutput(output, tokens, sizeof(float) * (architecture.OuterNormParameters + (architecture.HasHeadBias ? architecture.VocabularySize : 0L)));
    }

    private void SetOutput(long output, long tokens, long norm)
    {
        OutputMatrixBytes = output > 0 ? output : tokens;
        OutputBytes = OutputMatrixBytes + norm;
        OutputBytesBesideInput = output + norm;
    }

    private static long Bytes(GgufRecipe recipe, in WeightMatrix matrix, int layer, in GgufTraits traits, bool fused)
    {
        GgmlType type = recipe.TypeOf(matrix, layer, traits, fused);
        return matrix.Elements / type.BlockSize * type.BlockBytes;
    }

    /// <summary>Gate, up and their product; of experts those of all that a token passes, or their outputs weighted.</summary>
    private static long FeedForwardElements(FeedForwardSpec feedForward, long hidden) => feedForward switch
    {
        DenseMlp dense => (dense.IsGated ? 3L : 2L) * dense.IntermediateSize,
        MixtureOfExperts experts => Math.Max(
            (experts.IsGated ? 3L : 2L) * Math.Max(
                (long)experts.ExpertsPerToken * experts.ExpertIntermediateSize, experts.SharedIntermediateSize),
            experts.ExpertsPerToken * (experts.ExpertIntermediateSize + (2 * hidden))),
        _ => feedForward.ActivationElementsPerToken,
    };

    /// <summary>Queries, keys and values; with latent attention queries as wide as what is cached, twice, and the output.</summary>
    private static long AttentionElements(AttentionSpec attention) => attention is LatentAttention latent
        ? 3L * latent.HeadCount * (latent.KeyValueRank + latent.RopeDimension)
        : attention.ActivationElementsPerToken;

    private static int? Layer(string name)
    {
        if (!name.StartsWith("blk.", StringComparison.Ordinal))
        {
            return null;
        }

        int dot = name.IndexOf('.', 4);
        return dot > 0 && int.TryParse(name.AsSpan(4, dot - 4), NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            ? layer
            : null;
    }

    /// <summary>Sums over a run of layers.</summary>
    /// <param name="Weights">Bytes.</param>
    /// <param name="FullElements">Cached elements a token in layers that keep all tokens.</param>
    /// <param name="WindowElements">The same in layers with a window.</param>
    /// <param name="FixedBytes">Bytes a token that the cache's type does not change.</param>
    /// <param name="StateElements">Elements a sequence of recurrent states.</param>
    public readonly record struct LayerSums(
        long Weights, long FullElements, long WindowElements, long FixedBytes, long StateElements)
    {
        public static LayerSums operator +(in LayerSums a, in LayerSums b) => new(
            a.Weights + b.Weights, a.FullElements + b.FullElements, a.WindowElements + b.WindowElements,
            a.FixedBytes + b.FixedBytes, a.StateElements + b.StateElements);

        public static LayerSums operator -(in LayerSums a, in LayerSums b) => new(
            a.Weights - b.Weights, a.FullElements - b.FullElements, a.WindowElements - b.WindowElements,
            a.FixedBytes - b.FixedBytes, a.StateElements - b.StateElements);
    }
}
