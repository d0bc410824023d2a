using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>
/// Sizes that llama.cpp printed when it loaded models, in MiB: "model buffer size", "KV buffer size", "compute buffer size" of
/// the GPU and of the host. From logs in public repositories and issues on GitHub; the comment says which machine.
/// </summary>
public sealed class LlamaCppReportTests(ITestOutputHelper output)
{
    private static readonly Report[] s_reports =
    [
        // Builds before June 2026, which reserve logits of a whole batch.
        new("Llama-3.1-8B", "Q4_K_M", 8192, Flash: false, Weights: 4403.49, Host: 281.81, Cache: 1024, Compute: 560.00), // CUDA, December 2025
        new("Llama-2-7B", "FP16", 2048, Flash: false, Weights: 12603.02, Host: 250.00, Cache: 1024, Compute: 164.00), // V100, ggml-org/ci
        new("Phi-3-mini-4k", "Q4_K_M", 4096, Flash: false, Batch: 256, Weights: 2228.82, Host: 52.84, Cache: 1536, Compute: 150.00), // CUDA
        new("Qwen3-32B", "Q4_K_M", 8192, Layers: 30, Build: LlamaCppBuild.OutputLast, Type: KvCacheDataType.Q8_0, Cache: 493, HostCache: 595, Compute: 916.08), // CUDA, ngl 29 without output
        new("Llama-3.1-70B", "Q4_K_M", 4096, Flash: false, Gpus: 2, Host: 563.62, Cache: 656, Compute: 588.01), // two RPC servers on Graviton
        new("Qwen2.5-7B", "Q4_K_M", 4096, Flash: false, Cache: 224, Compute: 304.00), // Arc A770, SYCL
        new("Llama-3.2-3B", "Q4_K_M", 4096, Cache: 448, Compute: 256.50), // CPU, April 2026
        new("Qwen3-1.7B", "Q4_K_M", 1024, Cache: 112, Compute: 300.75), // Apple, CPU
        new("Mistral-7B", "Q4_K_M", 8192, Flash: false, Batch: 256, Whole: 4165.38, Cache: 1024, Compute: 280.00), // CPU
        new("Llama-2-7B", "Q4_K_M", 2048, Flash: false, Whole: 3891.24, Cache: 1024, Compute: 164.01), // CPU, October 2024
        new("Llama-2-7B", "Q5_K_M", 2048, Flash: false, Whole: 4560.87, Cache: 1024, Compute: 164.01), // CPU
        new("Command-R-v01", "Q4_K_M", 4096, Flash: false, Cache: 5120, Host: 1640.62, Compute: 672.01), // pull request 6122, two GPUs in a pipeline
        new("Qwen2.5-3B", "Q8_0", 4096, Batch: 4096, Weights: 3127.61, Host: 315.30, Cache: 144, Compute: 2470.16), // Qwen2.5-VL-3B, RTX 40
        new("Gemma-3-1B", "Q4_K_M", 1536, Layers: 14, Batch: 64, Weights: 535.31, Cache: 11.25, Compute: 64.28), // GeForce 940M, December 2025
        new("Gemma-2-2B", "Q4_K_M", 8192, Compute: 509.00), // CPU
        new("gpt-oss-20b", "MXFP4", 8192, Batch: 128, Type: KvCacheDataType.Q8_0, Cache: 105.19), // Hexagon

        // Builds since, with logits of one token a slot.
        new("Qwen3-4B", "Q4_K_M", 8192, Build: LlamaCppBuild.Current, Weights: 2375.91, Host: 304.28, Cache: 1152, Compute: 85.01), // CUDA, October 2026
        new("Llama-3-8B", "Q4_K_M", 8192, Build: LlamaCppBuild.Current, Weights: 4403, Cache: 1024, Compute: 124), // Apple M5, in whole MiB
        new("Llama-3.1-8B", "Q4_K_M", 32768, Build: LlamaCppBuild.Current, Layers: 15, Cache: 1792, HostCache: 2304, Compute: 248.00), // CUDA, ngl 15
    ];

    /// <summary>What is allocated tensor by tensor is right to a thousandth: weights, embeddings on the host, KV cache.</summary>
    [Fact]
    public void Weights_and_cache_are_as_printed()
    {
        foreach (Report report in s_reports)
        {
            MemoryEstimate estimate = report.Estimate();
            Check(report, "weights", report.Weights, MiB(estimate, "ModelWeights"), 0.001);
            Check(report, "host weights", report.Host, MiB(estimate, "HostWeights"), 0.001);
            Check(report, "all weights", report.Whole, MiB(estimate, "ModelWeights") + MiB(estimate, "HostWeights"), 0.001);
            Check(report, "cache", report.Cache, MiB(estimate, "KvCache"), 0.001);
            Check(report, "host cache", report.HostCache, MiB(estimate, "HostKvCache"), 0.001);
        }
    }

    [Fact]
    public void Compute_buffers_are_near_what_was_printed_and_within_the_bounds()
    {
        List<double> errors = [];
        foreach (Report report in s_reports.Where(report => report.Compute > 0))
        {
            MemoryEstimate estimate = report.Estimate();
            MemoryTerm term = Assert.Single(estimate.Terms, term => term.Name == "Activations");
            double computed = LlamaCppMemory.ComputeBuffer(
                report.Request(), report.Request().Model.Stages(report.Gpus)[0], report.Build) / (1 << 20);
            double error = (computed / report.Compute) - 1;
            output.WriteLine(FormattableString.Invariant($"{report.Model} {report.Context}: {computed:0.00} for {report.Compute:0.00}, {error:+0.0%;-0.0%}"));
            errors.Add(Math.Abs(error));

            // The upper bound stands for both kinds of builds.
            Assert.InRange(report.Compute, term.LowGiB * 1024, term.HighGiB * 1024);
        }

        errors.Sort();
        output.WriteLine(FormattableString.Invariant(
            $"{errors.Count} rows: median {errors[errors.Count / 2]:0.0%}, mean {errors.Average():0.0%}, worst {errors[^1]:0.0%}"));
        Assert.InRange(errors[errors.Count / 2], 0, 0.02);
        Assert.InRange(errors.Average(), 0, 0.04);
        Assert.InRange(errors[^1], 0, 0.14);
    }

    private void Check(Report report, string what, double printed, double computed, double tolerance)
    {
        if (printed > 0)
        {
            output.WriteLine(FormattableString.Invariant($"{report.Model} {report.Quantization} {what}: {computed:0.00} for {printed:0.00}"));
            Assert.InRange(computed / printed, 1 - tolerance, 1 + tolerance);
        }
    }

    private static double MiB(MemoryEstimate estimate, string term) =>
        1024 * Assert.Single(estimate.Terms, t => t.Name == term).GiB;

    private sealed record Report(
        string Model, string Quantization, long Context, bool Flash = true, long Batch = 512, int? Layers = null, int Gpus = 1,
        KvCacheDataType Type = KvCacheDataType.Auto, LlamaCppBuild Build = LlamaCppBuild.AllOutputs, double Weights = 0, double Host = 0, double Whole = 0,
        double Cache = 0, double HostCache = 0, double Compute = 0)
    {
        public MemoryRequest Request() => new(ModelCatalog.Get(Model))
        {
            Engine = Engine.LlamaCpp,
            Quantization = Core.Precision.Quantization.Parse(Quantization),
            SequenceLength = Context,
            MaxBatchedTokens = Batch,
            GpuLayers = Layers,
            KvCacheDataType = Type,
            FlashAttention = Flash ? FlashAttention.On : FlashAttention.Off,
            Parallelism = Parallelism.None with { Pipeline = Gpus },
        };

        public MemoryEstimate Estimate() => MemoryEstimator.Estimate(Request());
    }
}
