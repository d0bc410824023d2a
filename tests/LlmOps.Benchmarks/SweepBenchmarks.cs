using BenchmarkDotNet.Attributes;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Benchmarks;

/// <summary>1,000 configurations: 10 batch sizes x 10 lengths x 5 precisions x 2 GPUs.</summary>
[MemoryDiagnoser]
public class SweepBenchmarks
{
    private static readonly ServiceObjectives s_objectives = new() { TimeToFirstTokenMs = 1000, TimePerOutputTokenMs = 50 };

    private readonly long[] _batches = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
    private readonly long[] _lengths = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];
    private readonly Quantization[] _quantizations = [.. new[] { "BF16", "FP8", "INT8", "AWQ", "INT4" }.Select(Quantization.Parse)];
    private readonly GpuSpec[] _gpus = [GpuCatalog.Get("H100-80GB"), GpuCatalog.Get("L4")];
    private readonly LlmModel _model = ModelCatalog.Get("Llama-3.1-8B");

    [Benchmark]
    public int Sweep1000()
    {
        int fitting = 0;
        foreach (MemoryRequest request in new Sweep<MemoryRequest>(new MemoryRequest(_model))
            .Over(_gpus, (r, value) => r with { Gpu = value })
            .Over(_quantizations, (r, value) => r with { Quantization = value })
            .Over(_lengths, (r, value) => r with { SequenceLength = value })
            .Over(_batches, (r, value) => r with { BatchSize = value })
            .Enumerate())
        {
            fitting += MemoryEstimator.Estimate(request).Fits == true ? 1 : 0;
        }

        return fitting;
    }

    /// <summary>All instances of the catalogue in their cheapest regions, each in every layout, for a batch.</summary>
    [Benchmark]
    public int RankInstances() => Rank(Job);

    /// <summary>The same in four precisions, and for a rate of requests under latencies.</summary>
    [Benchmark]
    public int RankInstancesForRate() => Rank(Job with { RequestsPerSecond = 50, Objectives = s_objectives, AllowedQuantizations = _quantizations });

    /// <summary>The same for as many users as can be, with the front of all ways.</summary>
    [Benchmark]
    public int FrontOfInstances() =>
        Rank(Job with { Saturate = true, Pareto = true, Objectives = s_objectives, AllowedQuantizations = _quantizations });

    private OptimizationRequest Job => new(new Core.Performance.Workload(_model, 32, 512, 512));

    private static int Rank(in OptimizationRequest request) => InstanceOptimizer.Evaluate(request).Count;
}
