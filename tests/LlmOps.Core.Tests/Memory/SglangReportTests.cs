using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>
/// What SGLang printed at start-up: "Load weight end ... avail mem, mem usage", "KV Cache is allocated. #tokens: ..." (its GB
/// are GiB). From logs in public repositories on GitHub.
/// </summary>
public sealed class SglangReportTests(ITestOutputHelper output)
{
    /// <summary>
    /// Before is what was free before loading: what is printed as available and used after it. Where a log does not name the
    /// card, an RTX 4090 stands for one of 24 GB.
    /// </summary>
    private static readonly Report[] s_reports =
    [
        new("Qwen2.5-32B", "RTX-4090", 4, 0.85, Before: 21.63, Weights: 15.54, Tokens: 46_611, Cache: 2.84), // cards of 24 GB, 8 March 2025, default of TP 4
        new("Qwen3-14B", "RTX-4090", 4, 0.80, Before: 23.08, Weights: 7.08, Tokens: 298_447, Cache: 11.38), // cards of 24 GB
        new("Qwen2.5-7B", "RTX-4090", 1, 0.88, Before: 22.76, Weights: 14.39, Tokens: 105_531, Cache: 5.64), // a card of 24 GB, 4 February 2025, default
        new("Llama-3.1-8B", "RTX-4090", 1, 0.879, Before: 22.39, Weights: 15.02, Tokens: 38_141, Cache: 4.66), // 14 July 2025, default
        new("Qwen3-0.6B", "H100-80GB", 1, 0.30, Before: 78.47, Weights: 1.18, Tokens: 208_651, Cache: 22.29), // reranker
        new("Qwen3-235B-A22B", "H100-80GB", 4, 0.93, Before: 0, Weights: 0, Tokens: 367_404, Cache: 16.46, Quantization: "FP8"), // vllm issue 21348
        new("Kimi-K2", "MI355X", 8, 0.826, Before: 283.56, Weights: 73.58, Tokens: 2_454_421, Cache: 160.63, Quantization: "INT4"), // Kimi-K2.5, MI355X
    ];

    /// <summary>Tokens times the bytes of one are the cache that was printed, with latent attention too.</summary>
    [Fact]
    public void A_token_takes_what_was_allocated_for_it()
    {
        foreach (Report report in s_reports)
        {
            KvCacheMeasurement measured = KvCacheCalculator.Measure(report.Request());
            double cache = Units.ToGiB(measured.BytesPerToken / report.Ranks * report.Tokens);
            output.WriteLine(FormattableString.Invariant($"{report.Model}: {cache:0.00} for {report.Cache:0.00}"));
            Assert.InRange(cache / report.Cache, 0.998, 1.002);
        }
    }

    /// <summary>The fraction is one of what was free before loading, and the weights come out of it.</summary>
    [Fact]
    public void The_fraction_of_what_was_free_less_the_weights_is_the_pool()
    {
        foreach (Report report in s_reports.Where(report => report.Before > 0))
        {
            double pool = new SglangMemory().KvPool(
                report.Request(), new StageMemory { Weights = report.Weights * Units.BytesPerGiB }, report.Before * Units.BytesPerGiB)
                / Units.BytesPerGiB;
            output.WriteLine(FormattableString.Invariant($"{report.Model}: {pool:0.00} for {report.Cache:0.00}"));
            Assert.InRange(pool - report.Cache, -0.2, 0.2);
        }
    }

    /// <summary>From the data sheet alone. Small pools are small differences of large numbers.</summary>
    [Fact]
    public void Capacities_are_near_what_was_printed()
    {
        List<double> errors = [];
        foreach (Report report in s_reports)
        {
            KvCacheMeasurement measured = KvCacheCalculator.Measure(report.Request());
            double error = ((double)measured.TokenCapacity!.Value / report.Tokens) - 1;
            output.WriteLine(FormattableString.Invariant($"{report.Model}: {measured.TokenCapacity} for {report.Tokens}, {error:+0.0%;-0.0%}"));
            errors.Add(Math.Abs(error));
        }

        errors.Sort();
        output.WriteLine(FormattableString.Invariant(
            $"{errors.Count} rows: median {errors[errors.Count / 2]:0.0%}, mean {errors.Average():0.0%}, worst {errors[^1]:0.0%}"));
        Assert.InRange(errors[errors.Count / 2], 0, 0.1);
        Assert.InRange(errors[^1], 0, 0.15);
    }

    /// <summary>512 MiB, 1.5 MiB a token of the chunk, 2 MiB a captured sequence and 1/8 GiB a GPU; 10 GiB at least on large GPUs.</summary>
    [Theory]
    [InlineData("RTX-4090", 1, 2048, 24)]
    [InlineData("RTX-4090", 4, 2048, 80)]
    [InlineData("H100-80GB", 1, 8192, 256)]
    [InlineData("H200", 8, 8192, 512)]
    [InlineData("B200", 8, 16384, 512)]
    public void The_default_fraction_leaves_room_for_activations_and_graphs(string gpu, int ranks, int chunk, int graphs)
    {
        GpuSpec spec = GpuCatalog.Get(gpu);
        double memory = spec.MemoryGiB * 1024;
        double reserved = 512 + (1.5 * chunk) + (2 * graphs) + (ranks * 128);
        reserved = memory > 61440 ? Math.Max(10240, reserved) : reserved;
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Engine = Engine.SGLang, Gpu = spec, Parallelism = Parallelism.None with { Tensor = ranks },
        };
        Assert.Equal((memory - reserved) / memory, request.EffectiveUtilization, 0.0006);
    }

    [Fact]
    public void What_does_not_fit_the_fraction_does_not_fit_though_memory_would_do()
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Engine = Engine.SGLang, Gpu = GpuCatalog.Get("H100-80GB"), BatchSize = 32, SequenceLength = 8192,
            GpuMemoryUtilization = 0.5,
        };
        MemoryEstimate tight = MemoryEstimator.Estimate(request);
        Assert.True(tight.TotalGiB < 79 && tight.Fits == false);
        Assert.True(MemoryEstimator.Estimate(request with { GpuMemoryUtilization = 0.8 }).Fits);
        Assert.Contains("before loading", tight.Terms.Single(term => term.Name == "KvCache").Formula, StringComparison.Ordinal);
    }

    private sealed record Report(
        string Model, string Gpu, int Ranks, double Fraction, double Before, double Weights, long Tokens, double Cache,
        string? Quantization = null)
    {
        public MemoryRequest Request() => new(ModelCatalog.Get(Model))
        {
            Engine = Engine.SGLang,
            Quantization = Quantization is null ? null : Core.Precision.Quantization.Parse(Quantization),
            KvCacheDataType = KvCacheDataType.BF16,
            Gpu = GpuCatalog.Get(Gpu),
            GpuMemoryUtilization = Fraction,
            Parallelism = Parallelism.None with { Tensor = Ranks },
        };
    }
}
