using System.Diagnostics;
using System.Globalization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Benchmarks;

/// <summary>
/// What the first calls in a new process cost, compilation included. Each can be the first only once, so that they are timed
/// with a stopwatch and a process each run.
/// </summary>
internal static class ColdStart
{
    public static void Run(TextWriter output)
    {
        void Time(string what, Action action)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{what,-44} {Stopwatch.GetElapsedTime(start).TotalMilliseconds,8:0.00} ms"));
        }

        LlmModel? model = null;
        Time("first model (reads the catalogue)", () => model = ModelCatalog.Get("Llama-3.1-8B"));
        Time("second model", () => ModelCatalog.Get("Mixtral-8x7B"));
        Time("all models", () => _ = ModelCatalog.All.Sum(m => m.ParameterCount));
        Time("first GPU (reads the catalogue)", () => GpuCatalog.Get("H100-80GB"));
        Time("first instances (reads the catalogue)", () => _ = InstanceCatalog.All.Count);
        Time("first estimate", () => MemoryEstimator.Estimate(new MemoryRequest(model!) { Gpu = GpuCatalog.Get("H100-80GB") }));
    }
}
