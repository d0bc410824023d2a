using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public sealed class WeightMatrixTests
{
    /// <summary>Shapes are a second account of the same weights: every layer of the catalogue must agree with the first.</summary>
    [Fact]
    public void The_matrices_of_a_layer_hold_as_many_elements_as_are_counted()
    {
        foreach (LlmModel model in ModelCatalog.All)
        {
            long hidden = model.HiddenSize;
            foreach (LayerSpec layer in model.Architecture.Layers.Distinct())
            {
                ShardedParameters counted = layer.Attention.Parameters(hidden) + layer.FeedForward.Parameters(hidden);
                WeightMatrix[] matrices = [.. layer.Attention.Matrices(hidden), .. layer.FeedForward.Matrices(hidden)];
                long Of(WeightSharding sharding) => matrices.Where(m => m.Sharding == sharding).Sum(m => m.Elements);

                Assert.Equal(counted.Split, Of(WeightSharding.Split));
                Assert.Equal(counted.KeyValue, Of(WeightSharding.KeyValue));
                Assert.Equal(counted.Experts, Of(WeightSharding.Experts));
                Assert.Equal(counted.Copied, Of(WeightSharding.Copied));
                Assert.Equal(matrices.Length, matrices.Select(m => m.Name).Distinct().Count());
            }
        }
    }

    [Fact]
    public void Components_add_up_to_the_model()
    {
        foreach (LlmModel model in ModelCatalog.All)
        {
            WeightBits[] own = [.. model.WeightBits.Where(c => c.Component != ModelComponent.MultiTokenPrediction)];
            Assert.Equal(model.ParameterCount, own.Sum(c => c.Parameters));
            Assert.Equal(model.WeightBytes, own.Sum(c => c.Bytes));
            Assert.Equal(8.0 * model.WeightBytes / model.ParameterCount, model.AverageBitsPerWeight, 1e-12);
            Assert.All(own, c => Assert.Equal(c.BitsPerWeight * c.Parameters / 8, c.Bytes, 0.5));
        }
    }
}
