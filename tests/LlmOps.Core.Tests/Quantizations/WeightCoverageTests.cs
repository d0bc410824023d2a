using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Quantizations;

/// <summary>Formats that are chosen by name, against published checkpoints in them.</summary>
public sealed class WeightCoverageTests
{
    private const WeightParts Feeding = WeightParts.RoutedExperts | WeightParts.SharedExperts | WeightParts.DenseMlp;

    private static readonly Quantization s_nvFp4 = Quantization.Parse("NVFP4");

    /// <summary>
    /// nvidia/DeepSeek-R1-0528-NVFP4-v2 has 413,340,567,567 bytes in 350 files (edwardsp/blobcache, benchmarks, mount of 2026-04-30). They
    /// also hold the prediction layer in 16 bits with copies of embedding and head, two FP32 scales a matrix, headers of some 180,000
    /// tensors and a tokenizer: 0.02 %.
    /// </summary>
    [Fact]
    public void DeepSeek_R1_is_as_large_as_its_files()
    {
        LlmModel model = ModelCatalog.Get("DeepSeek-R1");
        long prediction = 2 * (model.Parameters.MultiTokenPrediction + (2L * model.VocabularySize * model.HiddenSize));

        Assert.InRange(413_340_567_567 - (WeightFiles.Bytes(model, s_nvFp4) + prediction), 0, 80_000_000);
    }

    /// <summary>
    /// Elements that Hugging Face counts in nvidia/DeepSeek-R1-0528-NVFP4-v2 and in nvidia/DeepSeek-R1-NVFP4, whose attention is all in 16
    /// bits (llmrun.dev): two weights a byte, a scale for 16, and the rest with the prediction layer.
    /// </summary>
    [Theory]
    [InlineData(true, 393.6)]
    [InlineData(false, 396.8)]
    public void DeepSeek_R1_has_as_many_elements_as_its_files(bool quantizesOutput, double billion)
    {
        LlmModel model = ModelCatalog.Get("DeepSeek-R1");
        WeightParts covered = quantizesOutput ? WeightCoverage.Of(model, s_nvFp4) : Feeding;
        ShardedParameters uncovered = model.UncoveredMatrices(0, model.LayerCount, covered);
        double quantized = model.Architecture.Layers.Sum(layer => layer.Attention.Matrices(model.HiddenSize)
            .Concat(layer.FeedForward.Matrices(model.HiddenSize)).Sum(m => m.Elements)) - uncovered.Total;
        double elements = model.ParameterCount + model.Parameters.MultiTokenPrediction
            + (2.0 * model.VocabularySize * model.HiddenSize) - (quantized * (1 - (1 / 2.0) - (1 / 16.0)));

        Assert.Equal(billion, elements / 1e9, 0.051);
    }

    /// <summary>
    /// nvidia/Qwen3-235B-A22B-NVFP4 at 21cfa2c9: 134 GB, attention in NVFP4 (design notes of a loader, kairyu G4.1);
    /// nvidia/Kimi-K2.5-NVFP4: 591 GB (forums.developer.nvidia.com/t/359810). Both to a GB.
    /// </summary>
    [Theory]
    [InlineData("Qwen3-235B-A22B", 134)]
    [InlineData("Kimi-K2.5", 591)]
    public void Mixtures_are_as_large_as_published(string name, double gb)
    {
        Assert.Equal(gb, WeightFiles.Bytes(ModelCatalog.Get(name), s_nvFp4) / 1e9, 0.5);
    }

    /// <summary>Lists of exclude_modules (hf_quant_config.json, ai-dynamo/aiconfigurator at 095f58a5).</summary>
    [Theory]
    [InlineData("DeepSeek-V3", "NVFP4", (int)(Feeding | WeightParts.AttentionOutput))]
    [InlineData("DeepSeek-V3.2", "NVFP4", (int)(Feeding | WeightParts.AttentionOutput))]
    [InlineData("GLM-5", "NVFP4", (int)Feeding)]
    [InlineData("MiniMax-M2.7", "NVFP4", (int)Feeding)]
    [InlineData("Qwen3-235B-A22B", "NVFP4", (int)WeightParts.Linear)]
    [InlineData("Gemma-4-26B-A4B", "NVFP4", (int)WeightParts.RoutedExperts)]
    [InlineData("Gemma-4-31B", "NVFP4", (int)WeightParts.DenseMlp)]
    [InlineData("Llama-3.1-8B", "NVFP4", (int)WeightParts.Linear)]
    [InlineData("DeepSeek-V3", "MXFP4", (int)Feeding)]
    [InlineData("DeepSeek-V3", "FP8", (int)WeightParts.Linear)]
    [InlineData("Qwen3-30B-A3B", "GPTQ", (int)WeightParts.Linear)]
    [InlineData("Qwen3-30B-A3B", "BF16", (int)WeightParts.All)]
    public void Formats_cover_what_checkpoints_quantize(string name, string format, int parts)
    {
        Assert.Equal((WeightParts)parts, WeightCoverage.Of(ModelCatalog.Get(name), Quantization.Parse(format)));
    }

    /// <summary>Of a vision tower no published list quantizes anything: 16 bits in every format.</summary>
    [Theory]
    [InlineData("FP8", 8)]
    [InlineData("AWQ", 4 + (20 / 128.0))]
    public void A_vision_tower_stays_in_16_bits(string format, double bits)
    {
        LlmModel model = ModelCatalog.Get("Gemma-3-27B");
        ParameterBreakdown p = model.Parameters;
        double expected = ((p.Attention + p.DenseMlp) * bits / 8) + (2.0 * (p.Total - p.Attention - p.DenseMlp));

        Assert.Equal(expected, WeightFiles.Bytes(model, Quantization.Parse(format)), 1e-4 * expected);
        Assert.True(p.Vision > 400_000_000);
    }

    /// <summary>Memory and step times take the same bytes of the layers from the one rule.</summary>
    [Fact]
    public void Step_times_read_the_bytes_that_memory_holds()
    {
        foreach (string name in (string[])["DeepSeek-V3", "Qwen3-235B-A22B", "GLM-5", "MiniMax-M2.5", "Qwen3.5-397B-A17B", "Gemma-4-26B-A4B"])
        {
            LlmModel model = ModelCatalog.Get(name);
            StepTimeShape s = StepTimeShape.Of(model, s_nvFp4);
            double matrices = s.AttentionSplit.Bytes + s.AttentionKeyValue.Bytes + s.AttentionCopied.Bytes
                + s.Dense.Bytes + s.Shared.Bytes + s.Routed.Bytes;
            ParameterBreakdown p = model.Parameters;
            double others = 2.0 * (p.Embedding + p.Head + p.Vision);

            Assert.Equal(1, (matrices + others) / WeightFiles.Bytes(model, s_nvFp4), 3);
        }
    }

    [Fact]
    public void Where_checkpoints_differ_the_term_says_so_and_bounds_them()
    {
        MemoryTerm term = Weights("DeepSeek-R1", "NVFP4");
        double published = 396.7 / 386.4; // The first release, with all of attention in 16 bits.

        Assert.Equal(Evidence.Assumed, term.Evidence);
        Assert.Contains("attention but its output", term.Formula, StringComparison.Ordinal);
        Assert.InRange(published * term.GiB, term.LowGiB, term.HighGiB);
        Assert.True(term.LowGiB < term.GiB);
        Assert.Equal(Evidence.Exact, Weights("DeepSeek-R1", "AWQ").Evidence);
        Assert.Equal(Evidence.Exact, Weights("Llama-3.1-8B", "NVFP4").Evidence);

        static MemoryTerm Weights(string model, string format) => MemoryEstimator.Estimate(
            new MemoryRequest(ModelCatalog.Get(model)) { Engine = Engine.Transformers, Quantization = Quantization.Parse(format) })
            .Terms.Single(t => t.Name == "ModelWeights");
    }
}
