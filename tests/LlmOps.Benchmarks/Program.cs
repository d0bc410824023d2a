using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using LlmOps.Benchmarks;

// dotnet run -c Release --project tests/LlmOps.Benchmarks -- --filter '*'
// dotnet run -c Release --project tests/LlmOps.Benchmarks -- --cold
if (args.Contains("--cold"))
{
    ColdStart.Run(Console.Out);
    return;
}

// In this process: generated projects would inherit the repository's strict settings.
Job job = (args.Contains("--long") ? Job.Default : Job.ShortRun).WithToolchain(InProcessEmitToolchain.Instance);
BenchmarkSwitcher.FromAssembly(typeof(ColdStart).Assembly).Run(
    [.. args.Where(argument => argument != "--long")], DefaultConfig.Instance.AddJob(job));
