using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;

namespace LlmOps.Core.Tests.Properties;

/// <summary>Whoever is asked whether a served model fits gives the same answer.</summary>
public sealed class FitAgreementTests
{
    /// <summary>Few ranks and long sequences, so that about as many fit as do not.</summary>
    private static readonly Gen<MemoryRequest> s_requests =
        from request in Gen.OneOf(Samples.Request, Samples.Request, Samples.Request, Samples.LlamaCpp)
        from gpu in Samples.Gpu
        from length in Samples.Length(16)
        from setUtilization in Gen.Elements(true, false)
        from isDivided in Gen.Elements(true, false, false)
        from lift in Gen.Elements<int?>(null, null, 8, 64)
        select request with
        {
            Gpu = gpu,
            GpuLayers = null,
            SequenceLength = length + 1,
            MaxModelLength = lift * (length + 1),
            Parallelism = isDivided ? request.Parallelism : Parallelism.None,
            GpuMemoryUtilization = setUtilization ? request.GpuMemoryUtilization : null,
        };

    [Fact]
    public void Memory_cache_and_times_agree_on_what_fits()
    {
        int all = 0, some = 0, none = 0, longest = 0;
        Always.Holds(s_requests, 4000, request =>
        {
            MemoryEstimate memory = MemoryEstimator.Estimate(request);
            KvCacheMeasurement cache = KvCacheCalculator.Measure(request);
            bool starts = MemoryEstimator.Estimate(request with { BatchSize = 1 }).Fits!.Value;

            // All sequences at once.
            Assert.Equal(memory.Fits, cache.Fits);
            Assert.Equal(memory.SequenceCapacity, cache.SequenceCapacity);
            bool holdsAll = memory.SequenceCapacity is not { } held || held >= request.BatchSize;
            if (request.Engine == Engine.vLLM && request.MaxModelLength is not null)
            {
                Assert.Equal(holdsAll && cache.MaxConcurrency is null or >= 1, memory.Fits);
                longest += holdsAll && memory.Fits == false ? 1 : 0;
            }
            else if (request.Engine != Engine.SGLang || request.EffectiveUtilization < 0.8)
            {
                // Nearer to 1 SGLang's fraction can leave too little for what comes after the pool.
                Assert.Equal(holdsAll, memory.Fits);
                Assert.Equal(memory.SequenceCapacity is null or >= 1, starts);
            }

            // A server that starts; the others wait.
            PerformanceEstimate times = PerformanceEstimator.Estimate(
                new PerformanceEstimateRequest(request, request.SequenceLength - 1, 1));
            Assert.Equal(starts, times.Fits);
            int ranks = Math.Max(1, request.Parallelism.Expert / request.Parallelism.Tensor);
            double most = EngineMemory.Of(request.Engine).MostSequences(request);
            Assert.True(memory.Fits != true || times.RunningBatch == Math.Min(request.BatchSize, most) * ranks);
            (all, some, none) = memory.Fits == true ? (all + 1, some, none) : starts ? (all, some + 1, none) : (all, some, none + 1);
        });
        Assert.True(all > 200 && some > 100 && none > 500 && longest > 3, $"{all} {some} {none} {longest}");
    }

    [Fact]
    public void Layouts_and_instances_fit_where_the_estimators_say_so()
    {
        var cases =
            from model in Samples.Model
            from engine in Gen.Elements(Engine.vLLM, Engine.SGLang, Engine.TensorRtLlm, Engine.Transformers)
            from gpu in Samples.Gpu
            from count in Gen.Elements(1, 2, 3, 4, 8)
            from users in Samples.Length(8)
            from input in Samples.Length(15)
            from output in Samples.Length(11)
            from utilization in Gen.Elements<double?>(null, 0.3, 0.6, 0.85, 0.95)
            select (
                Request: new ParallelismRequest(
                    new MemoryRequest(model) { Gpu = gpu, Engine = engine, BatchSize = users, GpuMemoryUtilization = utilization },
                    [count],
                    input,
                    output),
                Count: count);
        int fitting = 0, tooSmall = 0;
        Always.Holds(cases, 600, c =>
        {
            MemoryRequest deployment = c.Request.Deployment;
            IReadOnlyList<ParallelismLayout> layouts = ParallelismFinder.Find(c.Request);
            foreach (ParallelismLayout layout in layouts.Where(l => l.TotalGiB is not null))
            {
                MemoryRequest one = deployment with
                {
                    Parallelism = new Parallelism(
                        layout.TensorParallelSize, layout.PipelineParallelSize, layout.ExpertParallelSize, layout.DataParallelSize),
                    BatchSize = 1,
                    SequenceLength = c.Request.InputLength + c.Request.OutputLength,
                };
                Assert.Equal(MemoryEstimator.Estimate(one).Fits, layout.Fits);
                (fitting, tooSmall) = layout.Fits ? (fitting + 1, tooSmall) : (fitting, tooSmall + 1);
            }

            InstanceEvaluation instance = InstanceOptimizer.Evaluate(
                new OptimizationRequest(new Workload(deployment.Model, deployment.BatchSize, c.Request.InputLength, c.Request.OutputLength))
                {
                    Engine = deployment.Engine,
                    Offloading = KvCacheOffloading.Never,
                    SafetyFactor = deployment.GpuMemoryUtilization,
                },
                [Machine(deployment.Gpu!, c.Count)])[0];
            Assert.True(layouts.Any(layout => layout.Fits) == instance.Feasible, instance.RejectionReason);

            ConfigurationRequest load = new(1000, 1e9)
            {
                Deployment = deployment,
                Quantizations = [deployment.EffectiveQuantization],
                BatchSizes = [840],
                InputLength = c.Request.InputLength,
                OutputLength = c.Request.OutputLength,
            };
            if (int.IsPow2(c.Count) && !layouts.Any(layout => layout.PipelineParallelSize > 1 && layout.Fits))
            {
                Assert.Equal(instance.Feasible, ConfigurationFinder.Evaluate(load, [Machine(deployment.Gpu!, c.Count)])[0].EstimatedLatencyMs is not null);
            }
        });
        Assert.True(fitting > 300 && tooSmall > 300, $"{fitting} {tooSmall}");
    }

    private static GpuInstance Machine(GpuSpec gpu, int count) => new()
    {
        Provider = "any", Name = "machine", Region = "here", Gpu = gpu, GpuCount = count, UsdPerHour = 1, PriceSource = "none",
    };
}
