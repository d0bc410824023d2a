using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>
/// What TensorRT-LLM printed at start-up: "Memory usage when calculating max tokens in paged kv cache: total, available",
/// "Allocated ... GiB for max tokens in paged KV cache (...)".
/// </summary>
public sealed class TensorRtLlmReportTests(ITestOutputHelper output)
{
    /// <summary>Where a log does not name the model, one with as many bytes a token stands for it.</summary>
    private static readonly Report[] s_reports =
    [
        new("Llama-2-7B", KvCacheDataType.FP8, 0.9, Available: 70.48, Tokens: 259_840, Cache: 63.44), // docs/source/reference/memory.md
        new("Qwen1.5-7B", KvCacheDataType.BF16, 0.9, Available: 21.89, Tokens: 40_384, Cache: 19.72), // issue 2268: 631 blocks of 64
        new("Llama-3.1-8B", KvCacheDataType.FP8, 0.9, Available: 17.83, Tokens: 263_008, Cache: 16.05), // RTX 5090, blocks of 32
        new("Llama-2-7B", KvCacheDataType.FP8, 0.9, Available: 85.57, Tokens: 315_488, Cache: 77.02), // 262144 B a token, multimodal guide of the Triton backend
        new("Llama-2-7B", KvCacheDataType.FP8, 0.9, Available: 1.42, Tokens: 5_248, Cache: 1.28), // a card of 22.18 GiB, 82 blocks of 64; 262144 B a token
        new("Llama-2-7B", KvCacheDataType.BF16, 0.9, Available: 0, Tokens: 132_608, Cache: 64.75), // issue 1400
        new("Llama-3.1-8B", KvCacheDataType.BF16, 0.9, Available: 0, Tokens: 220_480, Cache: 26.91), // guide of Dynamo, blocks of 64
        new("DeepSeek-V3", KvCacheDataType.FP8, 0.85, Available: 48.35, Tokens: 1_256_318, Cache: 41.11), // 35136 B a token, H200: 139.81 less 91.46
    ];

    [Fact]
    public void A_token_takes_what_was_allocated_for_it()
    {
        foreach (Report report in s_reports)
        {
            double cache = Units.ToGiB(KvCacheCalculator.Measure(report.Request()).BytesPerToken * report.Tokens);
            output.WriteLine(FormattableString.Invariant($"{report.Model}: {cache:0.00} for {report.Cache:0.00}"));
            Assert.InRange(cache / report.Cache, 0.997, 1.003);
        }
    }

    /// <summary>The fraction is one of what is free beside weights, activations and buffers.</summary>
    [Fact]
    public void The_fraction_of_what_is_free_is_the_pool()
    {
        TensorRtLlmMemory engine = new();
        foreach (Report report in s_reports.Where(report => report.Available > 0))
        {
            double pool = engine.KvPool(report.Request(), default, report.Available * Units.BytesPerGiB) / Units.BytesPerGiB;
            output.WriteLine(FormattableString.Invariant($"{report.Model}: {pool:0.00} for {report.Cache:0.00}"));

            // A block is rounded up, and the figures to two digits.
            Assert.InRange(pool / report.Cache, 0.995, 1.002);
        }
    }

    /// <summary>From the data sheet alone.</summary>
    [Theory]
    [InlineData("Llama-2-7B", "FP8", KvCacheDataType.FP8, "H100-80GB", 8192L, null, 259_840)]
    [InlineData("Qwen1.5-7B", null, KvCacheDataType.Auto, "A100-40GB", null, null, 40_384)]
    [InlineData("Llama-2-7B", "INT8", KvCacheDataType.Auto, "A100-80GB", 4096L, 1L, 132_608)]
    public void Capacities_are_near_what_was_printed(
        string model, string? quantization, KvCacheDataType cache, string gpu, long? tokens, long? sequences, long printed)
    {
        KvCacheMeasurement measured = KvCacheCalculator.Measure(new MemoryRequest(ModelCatalog.Get(model))
        {
            Engine = Engine.TensorRtLlm,
            Quantization = quantization is null ? null : Quantization.Parse(quantization),
            KvCacheDataType = cache,
            Gpu = GpuCatalog.Get(gpu),
            MaxBatchedTokens = tokens,
            MaxSequences = sequences,
        });
        double error = ((double)measured.TokenCapacity!.Value / printed) - 1;
        output.WriteLine(FormattableString.Invariant($"{model}: {measured.TokenCapacity} for {printed}, {error:+0.0%;-0.0%}"));
        Assert.InRange(error, -0.06, 0.06);
        Assert.Equal(0, measured.TokenCapacity % 32);
    }

    [Fact]
    public void The_engine_is_named_as_its_makers_name_it()
    {
        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get("Llama-2-7B"))
        {
            Engine = Engine.TensorRtLlm, Gpu = GpuCatalog.Get("H100-80GB"),
        });
        Assert.Equal("TensorRT-LLM", estimate.Engine);
        Assert.Contains("free_gpu_memory_fraction", estimate.Terms.Single(term => term.Name == "KvCache").Formula, StringComparison.Ordinal);
        foreach (string spelling in new[] { "TensorRT-LLM", "tensorrt_llm", "TensorRtLlm", "tensorrt llm" })
        {
            Assert.Equal(Engine.TensorRtLlm, EnumNames.Find(typeof(Engine), spelling));
        }

        Assert.Equal(Engine.LlamaCpp, EnumNames.Find(typeof(Engine), "llama.cpp"));
        Assert.Null(EnumNames.Find(typeof(Engine), "2"));
        Assert.Null(EnumNames.Find(typeof(Engine), " - "));
        Assert.Equal(["vLLM", "SGLang", "TensorRT-LLM", "Transformers", "LlamaCpp", "DeepSpeed"], EnumNames.All(typeof(Engine)));
    }

    private sealed record Report(
        string Model, KvCacheDataType Type, double Fraction, double Available, long Tokens, double Cache)
    {
        public MemoryRequest Request() => new(ModelCatalog.Get(Model))
        {
            Engine = Engine.TensorRtLlm, KvCacheDataType = Type, GpuMemoryUtilization = Fraction,
        };
    }
}
