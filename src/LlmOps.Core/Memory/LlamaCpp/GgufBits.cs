using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>
/// Bits of a weight that a GGUF file of some type has in a model's matrices, on average: which type a matrix gets depends on its place
/// and on its columns, so that the mean of another model does not hold (<see cref="GgufRecipe"/>). Made once for each model and type.
/// </summary>
/// <param name="Experts">Of the routed experts.</param>
/// <param name="Matrices">Of all other matrices of the layers, routers included.</param>
/// <param name="Embedding">Of the token embeddings.</param>
/// <param name="Head">Of the output matrix.</param>
internal sealed record GgufBits(double Experts, double Matrices, double Embedding, double Head)
{
    private static readonly ConditionalWeakTable<LlmModel, ConcurrentDictionary<Quantization, GgufBits>> s_known = [];

    public static GgufBits Of(LlmModel model, Quantization quantization) =>
        s_known.GetOrCreateValue(model).GetOrAdd(quantization, static (q, m) => Compute(m, GgufRecipe.Find(q)!), model);

    public override string ToString() => (Experts > 0 ? FormattableString.Invariant($"{Experts:0.###} bits a weight of routed experts, ") : "")
        + FormattableString.Invariant($"{Matrices:0.###} bits of other matrices, {Embedding:0.###} of embeddings, {Head:0.###} of the head");

    private static GgufBits Compute(LlmModel model, GgufRecipe recipe)
    {
        GgufTraits traits = GgufTraits.Of(model);
        bool isFused = GgufRecipe.IsFused(model);
        ModelArchitecture architecture = model.Architecture;
        Sum experts = default, matrices = default;
        for (int i = 0; i < architecture.Layers.Length; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            foreach (WeightMatrix matrix in layer.Attention.Matrices(model.HiddenSize).Concat(layer.FeedForward.Matrices(model.HiddenSize)))
            {
                double bits = recipe.TypeOf(matrix, i, traits, isFused).BitsPerWeight;
                if (matrix.Component == ModelComponent.RoutedExperts)
                {
                    experts = experts.With(matrix.Elements, bits);
                }
                else
                {
                    matrices = matrices.With(matrix.Elements, bits);
                }
            }
        }

        return new GgufBits(
            experts.Mean, matrices.Mean, recipe.EmbeddingType(model, traits).BitsPerWeight, recipe.HeadType(model, traits).BitsPerWeight);
    }

    private readonly record struct Sum(double Elements, double Bits)
    {
        public double Mean => Elements > 0 ? Bits / Elements : 0;

        public Sum With(double elements, double bits) => new(Elements + elements, Bits + (elements * bits));
    }
}
