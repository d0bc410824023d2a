using BenchmarkDotNet.Attributes;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Benchmarks;

/// <summary>One estimate. Targets: memory at most 1 µs, with timing at most 10 µs.</summary>
[MemoryDiagnoser]
public class EstimateBenchmarks
{
    private MemoryRequest _memory;
    private MemoryRequest _training;
    private PerformanceRequest _performance;
    private PerformanceEstimateRequest _fitted;

    /// <summary>A dense model, one with windowed layers, and one with latent attention and experts.</summary>
    [Params("Llama-3.1-8B", "Gemma-3-27B", "DeepSeek-V3")]
    public string Model { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        LlmModel model = ModelCatalog.Get(Model);
        GpuSpec gpu = GpuCatalog.Get("MI355X");
        _memory = new MemoryRequest(model)
        {
            Gpu = gpu,
            Quantization = Quantization.Parse("FP8"),
            Parallelism = new Parallelism(8),
            BatchSize = 32,
            SequenceLength = 4096,
        };
        _training = _memory with
        {
            Engine = Engine.DeepSpeed,
            Quantization = Quantization.BF16,
            Parallelism = new Parallelism(1, 1, 1, 64),
            TrainingSettings = new TrainingSettings { ZeroStage = 3, ActivationCheckpointing = ActivationCheckpointing.Full },
        };
        _performance = new PerformanceRequest(
            new Workload(model, 32, 2048, 2048) { Quantization = Quantization.Parse("FP8") }, gpu, 8);
        _fitted = new PerformanceEstimateRequest(_memory, 2048, 2048);
    }

    [Benchmark]
    public double Memory() => MemoryEstimator.Estimate(_memory).TotalGiB;

    [Benchmark]
    public double Training() => MemoryEstimator.Estimate(_training).TotalGiB;

    [Benchmark]
    public double MemoryAndTiming() =>
        MemoryEstimator.Estimate(_memory).TotalGiB + RooflineModel.Instance.Predict(_performance).TotalSeconds;

    [Benchmark]
    public double? Performance() => PerformanceEstimator.Estimate(_fitted).TokensPerSecond;

    [Benchmark]
    public long KvCache() => KvCacheCalculator.Measure(_memory).TotalBytes;
}
