using System.Collections.Immutable;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models;

/// <summary>
/// Bytes of a quantized checkpoint, matrix by matrix. Parameters that are no matrix, and matrices that the scheme leaves
/// alone, take the element type's bits (routers' correction biases in FP32 are counted as the rest).
/// </summary>
internal sealed class WeightStorage
{
    private readonly ShardedBytes[] _layersBefore;
    private readonly (WeightMatrix Matrix, WeightFormat? Format)[][] _matrices;

    private WeightStorage(ModelArchitecture architecture, ParameterBreakdown parameters, QuantizationScheme scheme, int elementBytes)
    {
        long hidden = architecture.HiddenSize;
        Tally tally = new(elementBytes);
        _layersBefore = new ShardedBytes[architecture.Layers.Length + 1];
        _matrices = new (WeightMatrix, WeightFormat?)[architecture.Layers.Length][];
        for (int i = 0; i < architecture.Layers.Length; i++)
        {
            int number = i;
            LayerSpec layer = architecture.Layers[i];
            _matrices[i] =
            [
                .. layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden))
                    .Select(matrix => (matrix, scheme.FormatOf(number, matrix))),
            ];
            _layersBefore[i + 1] = _layersBefore[i] + Layer(layer, hidden, elementBytes, tally, _matrices[i]);
        }

        TokenEmbedding = elementBytes * architecture.TokenEmbeddingParameters;
        OtherEmbedding = elementBytes * architecture.OtherEmbeddingParameters;
        OuterNorm = elementBytes * architecture.OuterNormParameters;
        Head = elementBytes * architecture.HeadParameters;
        if (!architecture.HasTiedHead && scheme.FormatOfHead() is { } headFormat)
        {
            WeightMatrix matrix = new(
                ModelComponent.Head, "lm_head", architecture.VocabularySize, hidden, WeightSharding.Split);
            Head += tally.Add(headFormat, matrix) - (elementBytes * matrix.Elements);
        }

        Vision = elementBytes * architecture.VisionParameters;
        if (architecture.VisionParameters > 0 && scheme.FormatOfVision() is { } visionFormat)
        {
            // Its matrices are not known one by one; towers are about a thousand wide.
            const long width = 1024;
            long bytes = visionFormat.Bytes((architecture.VisionParameters / width) + 1, width);
            tally.AddWhole(visionFormat, ModelComponent.Vision, architecture.VisionParameters, bytes);
            Vision = bytes;
        }

        PredictionLayers(architecture, scheme, tally);
        Components = tally.Components(architecture, parameters, elementBytes == 4 ? "FP32" : "16 bits");
        Bytes = Components.Where(c => c.Component != ModelComponent.MultiTokenPrediction).Sum(c => c.Bytes);
        Quantization = tally.Quantization(scheme);
    }

    /// <summary>By component, those that the model has; prediction layers last.</summary>
    public ImmutableArray<WeightBits> Components { get; }

    /// <summary>Bytes of the model proper, without prediction layers.</summary>
    public long Bytes { get; }

    /// <summary>The format of most weights, with their average bits.</summary>
    public Quantization Quantization { get; }

    public long TokenEmbedding { get; }

    public long OtherEmbedding { get; }

    public long Head { get; }

    public long OuterNorm { get; }

    public long Vision { get; }

    /// <summary>Null where the scheme leaves all weights as they are.</summary>
    public static WeightStorage? Of(
        ModelArchitecture architecture, ParameterBreakdown parameters, QuantizationScheme scheme, int elementBytes)
    {
        scheme.Compile();
        WeightStorage storage = new(architecture, parameters, scheme, elementBytes);
        return storage.Quantization.IsQuantized ? storage : null;
    }

    /// <summary>Components of a model whose weights are all of one element type.</summary>
    public static ImmutableArray<WeightBits> Plain(
        ModelArchitecture architecture, ParameterBreakdown parameters, string format, int elementBytes) =>
        new Tally(elementBytes).Components(architecture, parameters, format);

    public ShardedBytes Layers(int first, int count) => _layersBefore[first + count] - _layersBefore[first];

    /// <summary>A layer's matrices with their formats; null for those that keep the element type.</summary>
    public IReadOnlyList<(WeightMatrix Matrix, WeightFormat? Format)> MatricesOf(int layer) => _matrices[layer];

    private static ShardedBytes Layer(
        LayerSpec layer, long hidden, int elementBytes, Tally tally, (WeightMatrix Matrix, WeightFormat? Format)[] matrices)
    {
        ShardedParameters p = layer.Attention.Parameters(hidden) + layer.FeedForward.Parameters(hidden);
        ShardedBytes bytes = new(
            elementBytes * p.SplitVectors,
            elementBytes * p.KeyValueVectors,
            elementBytes * p.ExpertVectors,
            elementBytes * (p.CopiedVectors + layer.NormParameters));
        foreach ((WeightMatrix matrix, WeightFormat? format) in matrices)
        {
            tally.NoteShape(layer, matrix);
            long size = tally.Add(format, matrix);
            bytes += matrix.Sharding switch
            {
                WeightSharding.KeyValue => new ShardedBytes(KeyValue: size),
                WeightSharding.Experts => new ShardedBytes(Experts: size),
                WeightSharding.Copied => new ShardedBytes(Copied: size),
                _ => new ShardedBytes(Split: size),
            };
        }

        return bytes;
    }

    /// <summary>
    /// Checkpoints number prediction layers on from the last one, or call them mtp; their projection of two streams into one
    /// keeps its type.
    /// </summary>
    private static void PredictionLayers(ModelArchitecture architecture, QuantizationScheme scheme, Tally tally)
    {
        if (architecture.PredictionLayer is not { } layer)
        {
            return;
        }

        long hidden = architecture.HiddenSize;
        for (int k = 0; k < architecture.PredictionLayerCount; k++)
        {
            string place = FormattableString.Invariant($"mtp.layers.{k}.");
            foreach (WeightMatrix matrix in layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden)))
            {
                WeightFormat? format = scheme.Excluded.MatchesOutside(place + matrix.Name)
                    ? null
                    : scheme.FormatOf(architecture.Layers.Length + k, matrix);
                tally.Add(format, matrix with { Component = ModelComponent.MultiTokenPrediction });
            }
        }
    }

    /// <summary>Quantized elements and their bytes, by component and by format.</summary>
    private sealed class Tally(int elementBytes)
    {
        private readonly Dictionary<ModelComponent, (long Elements, long Bytes, SortedSet<string> Formats)> _components = [];
        private readonly Dictionary<WeightFormat, (long Elements, long Bytes)> _formats = [];
        private readonly HashSet<ModelComponent> _assumed = [];

        /// <summary>Bytes of the matrix in the format, or in the element type where there is none.</summary>
        public long Add(WeightFormat? format, in WeightMatrix matrix)
        {
            if (format is null)
            {
                return elementBytes * matrix.Elements;
            }

            long bytes = matrix.Count * format.Bytes(matrix.Rows, matrix.Columns);
            Note(format, matrix.Component, matrix.Elements, bytes);
            return bytes;
        }

        public void AddWhole(WeightFormat format, ModelComponent component, long elements, long bytes)
        {
            _assumed.Add(component);
            Note(format, component, elements, bytes);
        }

        public void NoteShape(LayerSpec layer, in WeightMatrix matrix)
        {
            if (matrix.Component == ModelComponent.StateSpace && layer.Attention is RecurrentMixer { Projections.IsEmpty: true })
            {
                _assumed.Add(ModelComponent.StateSpace);
            }
        }

        public ImmutableArray<WeightBits> Components(
            ModelArchitecture architecture, ParameterBreakdown p, string elementType)
        {
            if (architecture is { MultiTokenPredictionParameters: > 0, PredictionLayer: null } && _formats.Count > 0)
            {
                _assumed.Add(ModelComponent.MultiTokenPrediction);
            }

            (ModelComponent Component, long Count)[] all =
            [
                (ModelComponent.Embedding, p.Embedding), (ModelComponent.Attention, p.Attention),
                (ModelComponent.StateSpace, p.StateSpace), (ModelComponent.DenseMlp, p.DenseMlp),
                (ModelComponent.RoutedExperts, p.RoutedExperts), (ModelComponent.SharedExperts, p.SharedExperts),
                (ModelComponent.Router, p.Router), (ModelComponent.Norm, p.Norm), (ModelComponent.Head, p.Head),
                (ModelComponent.Vision, p.Vision), (ModelComponent.MultiTokenPrediction, p.MultiTokenPrediction),
            ];
            var components = ImmutableArray.CreateBuilder<WeightBits>();
            foreach ((ModelComponent component, long count) in all)
            {
                if (count == 0)
                {
                    continue;
                }

                bool isQuantized = _components.TryGetValue(component, out (long Elements, long Bytes, SortedSet<string> Formats) q);
                long bytes = q.Bytes + (elementBytes * (count - q.Elements));
                components.Add(new WeightBits(
                    component,
                    count,
                    8.0 * bytes / count,
                    bytes,
                    isQuantized ? string.Join(", ", q.Formats) : elementType,
                    _assumed.Contains(component) ? Evidence.Assumed : Evidence.Exact));
            }

            return components.ToImmutable();
        }

        /// <summary>The format of most weights; the element type where nothing is quantized.</summary>
        public Quantization Quantization(QuantizationScheme scheme)
        {
            if (_formats.Count == 0)
            {
                return Precision.Quantization.FP16;
            }

            (WeightFormat format, (long elements, long bytes)) = _formats.MaxBy(pair => pair.Value.Elements);
            string others = _formats.Count == 1 ? "" : " (also "
                + string.Join(", ", _formats.Keys.Where(f => f != format).Select(f => f.Name).Distinct().Order(StringComparer.Ordinal)) + ")";
            bool expertsOnly = scheme.IsForExpertsOnly || _components.Keys.All(c => c == ModelComponent.RoutedExperts);
            return Precision.Quantization.OfCheckpoint(
                format.Name,
                8.0 * bytes / elements,
                expertsOnly ? QuantizationScope.RoutedExperts : QuantizationScope.LinearLayers,
                format.ComputeBytes,
                $"{format.Layout}, as {scheme.Method} stores it{others}");
        }

        private void Note(WeightFormat format, ModelComponent component, long elements, long bytes)
        {
            (long Elements, long Bytes, SortedSet<string> Formats) known =
                _components.TryGetValue(component, out (long Elements, long Bytes, SortedSet<string> Formats) c)
                    ? c
                    : (0L, 0L, new SortedSet<string>(StringComparer.Ordinal));
            known.Formats.Add(format.Name);
            _components[component] = (known.Elements + elements, known.Bytes + bytes, known.Formats);
            (long Elements, long Bytes) sum = _formats.GetValueOrDefault(format);
            _formats[format] = (sum.Elements + elements, sum.Bytes + bytes);
        }
    }
}
