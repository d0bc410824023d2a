using FsCheck.Fluent;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Properties;

/// <summary>What must hold for every model, engine, precision, GPU and size.</summary>
public sealed class MemoryPropertyTests
{
    /// <summary>From wide to narrow; formats of linear layers, of 4-bit floats and of GGUF leave different weights in 16 bits.</summary>
    private static readonly string[][] s_narrowing =
    [
        ["FP32", "FP16", "BF16", "FP8", "INT8", "INT4", "GPTQ", "AWQ", "NF4"],
        ["FP32", "BF16", "NVFP4"],
        ["FP32", "BF16", "MXFP4"],
        ["FP32", "FP16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"],
    ];

    [Fact]
    public void A_lower_precision_never_raises_weights()
    {
        Always.Holds(Samples.Request, 2000, request =>
        {
            foreach (string[] names in s_narrowing)
            {
                MemoryBreakdown[]? wider = null;
                foreach (string name in names)
                {
                    // A checkpoint in the format is what it is, often with more in 16 bits than a conversion leaves.
                    if (name == request.Model.PublishedQuantization.Name)
                    {
                        continue;
                    }

                    MemoryBreakdown[] stages = Stages(request with { Quantization = Quantization.Parse(name) });
                    AssertNoLarger(stages, wider, $"{request.Model} in {name}", bytes => bytes.ModelWeights);
                    wider = stages;
                }
            }
        });
    }

    [Fact]
    public void A_smaller_cache_type_never_raises_the_cache()
    {
        KvCacheDataType[] narrowing = [KvCacheDataType.FP32, KvCacheDataType.BF16, KvCacheDataType.FP16, KvCacheDataType.FP8,
            KvCacheDataType.INT8, KvCacheDataType.INT4];
        Always.Holds(Samples.Request, 2000, request =>
        {
            MemoryBreakdown[]? wider = null;
            foreach (KvCacheDataType type in narrowing)
            {
                MemoryBreakdown[] stages = Stages(request with { KvCacheDataType = type });
                AssertNoLarger(stages, wider, $"{request.Model} in {type}", bytes => bytes.KvCache);
                wider = stages;
            }
        });
    }

    /// <summary>
    /// Non-torch memory does grow with the ranks (vLLM 0.19 printed 0.25, 2.07 and 2.13 GiB for 1, 2 and 4 of them), so that a small
    /// model's total may. Everything else does not: rounding by PyTorch's allocator never gives less for more bytes. SGLang is told to
    /// capture no graphs: by itself it captures larger batches from four ranks on.
    /// </summary>
    [Fact]
    public void More_tensor_ranks_never_raise_anything_but_the_memory_outside_PyTorch()
    {
        Always.Holds(Samples.Request.Where(r => r.Parallelism.Expert == 1), 2000, request =>
        {
            MemoryBreakdown[]? fewer = null;
            foreach (int tensor in Samples.TensorSizes(request.Model))
            {
                MemoryBreakdown[] stages = Stages(
                    request with
                    {
                        Parallelism = new Parallelism(tensor, request.Parallelism.Pipeline),
                        EnforceEager = request.Engine == Engine.SGLang,
                    });
                string what = $"{request.Model} on {tensor} ranks";
                AssertNoLarger(stages, fewer, what, bytes => bytes.Activations);
                AssertNoLarger(stages, fewer, what, bytes => bytes.CudaGraphs);
                AssertNoLarger(stages, fewer, what, bytes => bytes.Base - bytes.CompilationOverhead);
                fewer = stages;
            }
        });
    }

    [Fact]
    public void A_larger_batch_of_tokens_never_raises_the_capacity()
    {
        var cases =
            from request in Samples.Request
            from gpu in Samples.Gpu
            from version in Gen.Elements(EngineVersions.Of(Engine.vLLM).ToArray())
            from tokens in Samples.Length(16)
            from more in Samples.Length(16)
            from longest in Gen.Elements<long?>(null, 1 << 20)
            select (Request: request with
            {
                Engine = Engine.vLLM,
                EngineVersion = version,
                Gpu = gpu,
                MaxBatchedTokens = tokens,
                MaxModelLength = longest is null ? null : Math.Max(longest.Value, request.SequenceLength),
            }, More: tokens + more);
        Always.Holds(cases, 5000, c =>
        {
            KvCacheMeasurement few = KvCacheCalculator.Measure(c.Request);
            KvCacheMeasurement many = KvCacheCalculator.Measure(c.Request with { MaxBatchedTokens = c.More });
            Assert.True((many.TokenCapacity ?? 0) <= (few.TokenCapacity ?? 0), $"{c.Request.Model} {c.Request.EngineVersion}");
            Assert.True(many.SequenceCapacity <= few.SequenceCapacity);
            Assert.True(many.PoolGiB <= few.PoolGiB);
        });
    }

    /// <summary>The whole space at random: models, engines, releases, formats, GPUs, ranks and sizes.</summary>
    [Fact]
    public void No_term_is_negative_or_not_a_number_anywhere()
    {
        FsCheck.Gen<MemoryRequest> space =
            from request in Samples.Request
            from tokens in Samples.Length(20)
            from sequences in Samples.Length(14)
            from limits in Gen.Choose(0, 3)
            from eager in Gen.Elements(true, false)
            select request with
            {
                MaxBatchedTokens = (limits & 1) == 0 ? null : tokens,
                MaxSequences = (limits & 2) == 0 ? null : sequences,
                EnforceEager = eager,
            };
        Always.Holds(space, 100_000, request =>
        {
            request.Validate();
            foreach (PipelineStage stage in request.Model.Stages(request.Parallelism.Pipeline))
            {
                StageMemory m = EngineMemory.Of(request.Engine).Compute(request, stage);
                foreach (double term in (ReadOnlySpan<double>)[m.Weights, m.Activations, m.KvCache, m.CudaGraphs, m.Runtime, m.ReservedForGraphs])
                {
                    Assert.True(double.IsFinite(term) && term >= 0);
                }
            }
        });
    }

    [Fact]
    public void More_tensor_ranks_never_raise_weights_or_cache_of_a_GPU()
    {
        Always.Holds(Samples.Request, 2000, request =>
        {
            MemoryBreakdown[]? fewer = null;
            foreach (int tensor in Samples.TensorSizes(request.Model))
            {
                MemoryBreakdown[] stages = Stages(
                    request with { Parallelism = new Parallelism(tensor, request.Parallelism.Pipeline) });
                AssertNoLarger(stages, fewer, $"{request.Model} on {tensor} ranks", bytes => bytes.ModelWeights);
                AssertNoLarger(stages, fewer, $"{request.Model} on {tensor} ranks", bytes => bytes.KvCache);
                fewer = stages;
            }
        });
    }

    /// <summary>Numbers of ranks that divide the experts: an uneven division leaves more on the fullest rank.</summary>
    [Fact]
    public void More_expert_ranks_never_raise_weights_or_cache_of_a_GPU()
    {
        var cases =
            from model in Samples.Mixture
            from request in Samples.RequestOn(model)
            select request;
        Always.Holds(cases, 2000, request =>
        {
            (int tensor, int pipeline, _, _) = request.Parallelism;
            MemoryBreakdown[]? fewer = null;
            foreach (int expert in Samples.ExpertSizes(request.Model, tensor).Where(size => request.Model.ExpertCount % size == 0))
            {
                MemoryBreakdown[] stages = Stages(request with { Parallelism = new Parallelism(tensor, pipeline, expert) });
                string what = $"{request.Model} on {tensor} tensor and {expert} expert ranks";
                AssertNoLarger(stages, fewer, what, bytes => bytes.ModelWeights);
                AssertNoLarger(stages, fewer, what, bytes => bytes.KvCache);
                fewer = stages;
            }
        });
    }

    /// <summary>
    /// A stage never holds more than the whole. Between two numbers of stages the fullest one may be another, with fewer windowed or
    /// more dense layers, so that only doubling, where each stage is halved, is sure to help. Buffers for what a stage receives,
    /// and the wider peak of one without a head, may make up for it in activations.
    /// </summary>
    [Fact]
    public void More_pipeline_stages_never_raise_weights_or_cache_of_a_GPU()
    {
        Always.Holds(Samples.Request, 2000, request =>
        {
            MemoryBreakdown At(int stages) => MemoryEstimator.Estimate(
                request with { Parallelism = request.Parallelism with { Pipeline = stages } }).Bytes;
            MemoryBreakdown whole = At(1), some = At(request.Parallelism.Pipeline);
            Assert.True(some.ModelWeights <= whole.ModelWeights);
            Assert.True(some.KvCache <= whole.KvCache);

            for (int stages = 1; request.Model.LayerCount % (stages * 2) == 0; stages *= 2)
            {
                MemoryBreakdown[] fewer = Stages(request with { Parallelism = request.Parallelism with { Pipeline = stages } });
                MemoryBreakdown[] more = Stages(request with { Parallelism = request.Parallelism with { Pipeline = stages * 2 } });
                for (int i = 0; i < more.Length; i++)
                {
                    Assert.True(more[i].CudaGraphs <= fewer[i / 2].CudaGraphs, $"{request.Model} in {stages * 2} stages");
                    Assert.True(Held(more[i]) <= Held(fewer[i / 2]), $"{request.Model} in {stages * 2} stages");
                }
            }
        });
    }

    [Fact]
    public void The_cache_grows_with_batch_and_sequence()
    {
        var cases =
            from request in Samples.Request
            from moreSequences in Samples.Length(8)
            from moreTokens in Samples.Length(16)
            select (request, moreSequences, moreTokens);
        Always.Holds(cases, 5000, c =>
        {
            // Stage by stage, because which one is the fullest depends on activations too.
            MemoryBreakdown[] at = Stages(c.request);
            MemoryBreakdown[] larger = Stages(c.request with { BatchSize = c.request.BatchSize + c.moreSequences });
            MemoryBreakdown[] longer = Stages(c.request with { SequenceLength = c.request.SequenceLength + c.moreTokens });
            for (int i = 0; i < at.Length; i++)
            {
                Assert.True(at[i].KvCache == 0 ? larger[i].KvCache == 0 : larger[i].KvCache > at[i].KvCache);
                Assert.True(longer[i].KvCache >= at[i].KvCache);
            }

            Assert.True(larger.Sum(stage => stage.KvCache) > at.Sum(stage => stage.KvCache));
        });
    }

    [Fact]
    public void No_figure_is_negative_or_not_finite()
    {
        Always.Holds(Samples.Request, 20_000, request =>
        {
            MemoryEstimate e = MemoryEstimator.Estimate(request);
            AssertPlausible(e);
            KvCacheMeasurement m = KvCacheCalculator.Measure(request);
            Assert.True(m.BytesPerToken >= 0 && m.BytesPerSequence >= 0 && m.TotalBytes >= m.BytesPerSequence);
            Assert.True(m.PoolGiB is null or >= 0 && double.IsFinite(m.PoolGiB ?? 0));
            Assert.True(m.TokenCapacity is null or >= 0 && m.SequenceCapacity is null or >= 0 && m.BlockCapacity is null or >= 0);
        });
    }

    [Fact]
    public void No_figure_of_training_is_negative_or_not_finite()
    {
        var cases =
            from request in Samples.Request
            from optimizer in Gen.Elements(Enum.GetValues<Optimizer>())
            from type in Gen.Elements("FP32", "BF16", "FP16")
            select request with
            {
                Engine = Engine.Transformers,
                EngineVersion = null,
                Training = true,
                TrainingSettings = new TrainingSettings { Optimizer = optimizer },
                Quantization = Quantization.Parse(type),
            };
        Always.Holds(cases, 5000, request =>
        {
            MemoryEstimate e = MemoryEstimator.Estimate(request);
            AssertPlausible(e);
            Assert.Equal(request.TrainingSettings.Optimizer != Optimizer.Sgd || e.Quantization != "FP32", e.OptimizerStatesGiB > 0);
            Assert.True(e.GradientsGiB > 0 && e.KvCacheGiB == 0);
        });
    }

    [Fact]
    public void Less_memory_to_use_never_gives_more_capacity_and_no_capacity_exceeds_its_pool()
    {
        var cases =
            from request in Samples.Request
            from gpu in Samples.Gpu
            from less in Gen.Choose(1, 100)
            select (Request: request with { Gpu = gpu }, Less: Math.Max(0.01, request.GpuMemoryUtilization!.Value * less / 100));
        int withCapacity = 0;
        Always.Holds(cases, 5000, c =>
        {
            KvCacheMeasurement all = KvCacheCalculator.Measure(c.Request);
            KvCacheMeasurement less = KvCacheCalculator.Measure(c.Request with { GpuMemoryUtilization = c.Less });

            // A cache that no token adds to has no capacity in tokens.
            Assert.Equal(all.BytesPerToken > 0, all.TokenCapacity is not null);
            Assert.True((less.TokenCapacity ?? 0) <= (all.TokenCapacity ?? 0));
            Assert.True(less.SequenceCapacity <= all.SequenceCapacity);
            Assert.True(less.PoolGiB <= all.PoolGiB);

            // SGLang keeps four windowed layers' tokens for five of the others'.
            double pool = all.PoolGiB!.Value * Units.BytesPerGiB * (1 + 1e-12);

            // From vLLM 0.20.1 on tokens are counted by concurrency, and windows hold fewer than that.
            if (c.Request.Model.KvCache.Groups.All(group => group.Window is null && group.StateBytesPerSequence == 0))
            {
                Assert.True((double)(all.TokenCapacity ?? 0) * all.BytesPerToken <= pool);
            }

            Assert.True((double)all.SequenceCapacity!.Value * all.BytesPerSequence <= pool);
            withCapacity += all.TokenCapacity > 0 ? 1 : 0;
        });
        Assert.True(withCapacity > 1000, $"only {withCapacity} cases had a pool at all");
    }

    [Fact]
    public void A_sweep_gives_what_single_calls_give_and_the_order_of_its_axes_does_not_matter()
    {
        var cases =
            from requests in Gen.ListOf(Samples.Request, 3)
            from batches in Gen.ListOf(Samples.Length(8), 3)
            from lengths in Gen.ListOf(Samples.Length(14), 3)
            select (requests, batches, lengths);
        Always.Holds(cases, 300, c =>
        {
            LlmModel[] models = [.. c.requests.Select(r => r.Model)];
            Quantization[] quantizations = [.. c.requests.Select(r => r.EffectiveQuantization)];
            long[] batches = [.. c.batches], lengths = [.. c.lengths];
            MemoryRequest seed = c.requests[0] with { Parallelism = Parallelism.None };

            IEnumerable<MemoryBreakdown> swept = new Sweep<MemoryRequest>(seed)
                .Over(models, (r, value) => r with { Model = value })
                .Over(quantizations, (r, value) => r with { Quantization = value })
                .Over(batches, (r, value) => r with { BatchSize = value })
                .Over(lengths, (r, value) => r with { SequenceLength = value })
                .Enumerate().Select(r => MemoryEstimator.Estimate(r).Bytes);
            List<MemoryBreakdown> single = [];
            foreach (LlmModel model in models)
            {
                foreach (Quantization quantization in quantizations)
                {
                    foreach (long batch in batches)
                    {
                        foreach (long length in lengths)
                        {
                            single.Add(MemoryEstimator.Estimate(seed with
                            {
                                Model = model, Quantization = quantization, BatchSize = batch, SequenceLength = length,
                            }).Bytes);
                        }
                    }
                }
            }

            IEnumerable<MemoryBreakdown> reversed = new Sweep<MemoryRequest>(seed)
                .Over(lengths, (r, value) => r with { SequenceLength = value })
                .Over(batches, (r, value) => r with { BatchSize = value })
                .Over(quantizations, (r, value) => r with { Quantization = value })
                .Over(models, (r, value) => r with { Model = value })
                .Enumerate().Select(r => MemoryEstimator.Estimate(r).Bytes);

            Assert.Equal(single, swept);

            // By their text: two that differ may have the same hash code.
            Assert.Equal(
                single.OrderBy(b => b.ToString(), StringComparer.Ordinal), reversed.OrderBy(b => b.ToString(), StringComparer.Ordinal));
        });
    }

    [Fact]
    public void An_estimate_does_not_depend_on_what_was_estimated_before()
    {
        var cases =
            from first in Samples.Request
            from second in Samples.Request
            select (first, second);
        Always.Holds(cases, 2000, c =>
        {
            MemoryBreakdown before = MemoryEstimator.Estimate(c.first).Bytes;
            MemoryEstimator.Estimate(c.second);
            Assert.Equal(before, MemoryEstimator.Estimate(c.first).Bytes);
        });
    }

    /// <summary>Stage by stage, because another stage may become the fullest when a setting changes.</summary>
    private static MemoryBreakdown[] Stages(MemoryRequest request)
    {
        request.Validate();
        return [.. request.Model.Stages(request.Parallelism.Pipeline).Select(stage => MemoryEstimator.ComputeStage(request, stage))];
    }

    private static void AssertNoLarger(
        MemoryBreakdown[] stages, MemoryBreakdown[]? before, string what, Func<MemoryBreakdown, long> term)
    {
        for (int i = 0; before is not null && i < stages.Length; i++)
        {
            Assert.True(term(stages[i]) <= term(before[i]), $"{what}, stage {i}: {term(stages[i])} > {term(before[i])}");
        }
    }

    private static long Held(in MemoryBreakdown bytes) =>
        bytes.ModelWeights + bytes.KvCache;

    internal static void AssertPlausible(MemoryEstimate e)
    {
        double[] terms =
        [
            e.ModelWeightsGiB, e.ActivationsGiB, e.GradientsGiB, e.OptimizerStatesGiB, e.KvCacheGiB, e.CudaGraphsGiB,
            e.CompilationOverheadGiB, e.FragmentationOverheadGiB, e.SafetyMarginGiB,
        ];
        foreach (double term in terms)
        {
            Assert.True(double.IsFinite(term) && term >= 0, $"{e}: {term}");
        }

        double within = 1e-9 * e.TotalGiB;
        Assert.Equal(terms.Sum(), e.TotalGiB, within);
        Assert.Equal(e.TotalGiB, e.Terms.Where(term => term.Place == MemoryPlace.Gpu).Sum(term => term.GiB), within);
        Assert.True(e.TotalLowGiB <= e.TotalGiB + within && e.TotalGiB <= e.TotalHighGiB + within);
        Assert.True(e.TotalLowGiB > 0 && (e.ModelWeightsGiB > 0 || e.GpuLayers is not null));
        foreach (MemoryTerm term in e.Terms)
        {
            Assert.True(term.LowGiB >= 0 && term.LowGiB <= term.GiB && term.GiB <= term.HighGiB, $"{e}: {term.Name}");
        }

        if (e.Gpu is not null)
        {
            Assert.Equal(e.Fits, e.HeadroomGiB >= 0);
            Assert.Equal(e.FitsWithMargin, e.Fits == true && e.TotalGiB <= e.BudgetGiB);
            if (e.Training || e.Engine == nameof(Engine.Transformers))
            {
                // Terms are rounded to whole bytes.
                Assert.True(e.Fits == e.FitsWithMargin || Math.Abs(e.BudgetGiB!.Value - e.TotalGiB) < 1e-7, $"{e}");
            }

            Assert.True(double.IsFinite(e.UtilizationPercent!.Value) && e.UtilizationPercent > 0);
        }
    }
}
