using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Planning;

public sealed class PublishedQualityTests
{
    private static IReadOnlyList<QualityDelta> Find(string model, string from, string to) =>
        PublishedQuality.Find(ModelCatalog.Get(model), Quantization.Parse(from), Quantization.Parse(to));

    /// <summary>Rows of the published tables, read again.</summary>
    [Theory]
    [InlineData("Llama-2-7B", "FP16", "AWQ", 5.47, 5.60)]
    [InlineData("Llama-65B", "FP16", "GPTQ", 3.53, 3.66)]
    [InlineData("OPT-6.7B", "FP16", "GPTQ", 10.86, 11.39)]
    [InlineData("Llama-3-8B", "BF16", "Q4_K_M", 6.233160, 6.407115)]
    [InlineData("Llama-2-70B", "BF16", "Q4_0", 3.4313, 3.5550)]
    [InlineData("Qwen2-7B-Instruct", "BF16", "AWQ", 70.5, 67.4)]
    [InlineData("Llama-2-70B", "FP16", "FP8", 69.1, 68.5)]
    [InlineData("Llama-3.1-405B", "BF16", "FP8", 86.79, 86.78)]
    [InlineData("DeepSeek-R1", "FP8", "NVFP4", 69.7, 69.2)]
    [InlineData("Llama-13B", "BF16", "NF4", 47.2, 47.5)]
    [InlineData("Qwen3-8B", "BF16", "NVFP4", 90.9, 86.4)]
    public void A_model_has_what_was_published_for_it(string model, string from, string to, double before, double after)
    {
        QualityDelta delta = Assert.Single(Find(model, from, to), d => Math.Abs(d.Before - before) < 1e-12 && Math.Abs(d.After - after) < 1e-12);

        Assert.Equal(QualityMatch.Same, delta.Match);
        Assert.Equal(after - before, delta.Delta, 9);
        Assert.NotEmpty(delta.Source);
    }

    [Theory]
    [InlineData("Llama-3.3-70B", "AWQ", QualityMatch.Series, "Llama-3.1-70B-Instruct")]
    [InlineData("Llama-3.1-8B", "Q4_K_M", QualityMatch.Series, "Llama-3-8B")]
    [InlineData("Qwen2.5-7B", "GPTQ", QualityMatch.Series, "Qwen2-7B-Instruct")]
    [InlineData("DeepSeek-R1-Distill-Llama-70B", "FP8", QualityMatch.Architecture, "Llama-3.1-70B-Instruct")]
    [InlineData("Qwen3-30B-A3B", "NVFP4", QualityMatch.Other, "Qwen3-8B")]
    [InlineData("TinyLlama-1.1B", "FP8", QualityMatch.Other, null)]
    [InlineData("DeepSeek-LLM-7B", "AWQ", QualityMatch.Architecture, "Llama-2-7B")]
    [InlineData("Mixtral-8x7B", "FP8", QualityMatch.Other, "Falcon-40B")]
    public void Another_model_s_figures_are_marked(string model, string to, QualityMatch match, string? publishedFor)
    {
        IReadOnlyList<QualityDelta> found = Find(model, "BF16", to);
        if (publishedFor is null)
        {
            Assert.Empty(found);
            return;
        }

        Assert.NotEmpty(found);
        Assert.All(found, d =>
        {
            Assert.Equal(match, d.Match);
            Assert.Equal(publishedFor, d.PublishedFor);
        });
    }

    [Theory]
    [InlineData("Llama-3.1-8B", "BF16", "MXFP4")]
    [InlineData("Llama-3.1-8B", "FP32", "FP8")]
    [InlineData("Llama-3.1-8B", "FP8", "AWQ")]
    [InlineData("Llama-3.1-8B", "BF16", "TQ1_0")]
    public void What_nobody_published_is_not_made_up(string model, string from, string to) => Assert.Empty(Find(model, from, to));

    /// <summary>A typing error in a figure would show as a loss, or a gain, that nobody has seen.</summary>
    [Fact]
    public void Every_figure_has_its_source_and_is_plausible()
    {
        Assert.All(PublishedQuality.Models, model => Assert.Contains(model, ModelCatalog.Names));
        Assert.All(PublishedQuality.All, d =>
        {
            Assert.Contains(d.Format, Quantization.Known.Select(q => q.Name));
            Assert.Contains(d.Baseline, Quantization.Known.Select(q => q.Name));
            Assert.True(d.Source.Length > 20 && d.Dataset.Length > 3 && d.PublishedFor.Length > 3);
            Assert.Equal(d.Metric == "Perplexity", d.LowerIsBetter);
            int bits = Quantization.Parse(d.Format).NominalBits;
            (double worst, double best) = bits >= 8 ? (-10, 6) : bits >= 4 ? (-25.0, 4) : (-1000, 0);
            Assert.InRange(d.ChangePercent, worst, best);
            Assert.InRange(d.Before, 1, 100);
        });
        Assert.Equal(50, PublishedQuality.All.Select(d => (d.Source, d.Dataset, d.Baseline)).Distinct().Count());
    }
}
