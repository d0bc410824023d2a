using LlmOps.Core.Memory;

namespace LlmOps.Core.Tests.Properties;

/// <summary>What must hold for every model and every way to train it.</summary>
public sealed class TrainingPropertyTests
{
    [Fact]
    public void No_figure_is_negative_or_not_finite_and_offloaded_terms_add_up()
    {
        Always.Holds(Samples.Training, 5000, request =>
        {
            MemoryEstimate e = MemoryEstimator.Estimate(request);
            MemoryPropertyTests.AssertPlausible(e);
            double On(MemoryPlace place) => e.Terms.Where(term => term.Place == place).Sum(term => term.GiB);
            Assert.Equal(e.HostGiB, On(MemoryPlace.Host), 1e-6 + (1e-9 * e.HostGiB));
            Assert.Equal(e.DiskGiB, On(MemoryPlace.Disk), 1e-6 + (1e-9 * e.DiskGiB));
            Assert.True(e.KvCacheGiB == 0 && e.HostGiB >= 0 && e.DiskGiB >= 0);
        });
    }

    /// <summary>The buffers that ranks need to communicate are beside the point.</summary>
    [Fact]
    public void More_data_parallel_ranks_never_raise_memory()
    {
        Always.Holds(Samples.Training, 3000, request => AssertNoMore(request, request with
        {
            Parallelism = request.Parallelism with { Data = request.Parallelism.Data + 1 },
        }));
    }

    [Fact]
    public void A_higher_stage_never_raises_memory()
    {
        Always.Holds(Samples.Training, 3000, request =>
        {
            int most = request.Parallelism.Pipeline > 1 ? 1 : 3;
            for (int stage = request.TrainingSettings.ZeroStage!.Value; stage < most; stage++)
            {
                AssertNoMore(
                    With(request, s => s with { ZeroStage = stage }), With(request, s => s with { ZeroStage = stage + 1 }));
            }
        });
    }

    [Fact]
    public void Offloading_never_raises_memory_of_the_GPU()
    {
        Always.Holds(Samples.Training, 3000, request =>
        {
            MemoryRequest without = With(
                request, s => s with { OffloadOptimizer = OffloadTarget.None, OffloadParameter = OffloadTarget.None });
            AssertNoMore(without, request);
            AssertNoMore(without, With(request, s => s with { OffloadParameter = OffloadTarget.None }));
        });
    }

    [Fact]
    public void More_checkpointing_never_raises_activations()
    {
        Always.Holds(Samples.Training, 3000, request =>
        {
            long[]? before = null;
            foreach (ActivationCheckpointing checkpointing in Enum.GetValues<ActivationCheckpointing>())
            {
                long[] activations = [.. Stages(With(request, s => s with { ActivationCheckpointing = checkpointing }))
                    .Select(bytes => bytes.Activations)];
                for (int i = 0; i < activations.Length && before is not null; i++)
                {
                    Assert.True(activations[i] <= before[i], $"{request.Model} {checkpointing}: {activations[i]} > {before[i]}");
                }

                before = activations;
            }
        });
    }

    /// <summary>
    /// Of the same weights, where nothing is divided or offloaded: over many data-parallel ranks a share of all gradients can be
    /// less than adapters that each rank holds whole.
    /// </summary>
    [Fact]
    public void Adapters_never_need_more_than_training_all()
    {
        Always.Holds(Samples.Training, 3000, request =>
        {
            MemoryRequest whole = With(request, s => s with
            {
                ZeroStage = 0,
                OffloadOptimizer = OffloadTarget.None,
                OffloadParameter = OffloadTarget.None,
            });
            AssertNoMore(With(whole, s => s with { LoraRank = null }), With(whole, s => s with { LoraRank = 8 }));
        });
    }

    private static MemoryRequest With(MemoryRequest request, Func<TrainingSettings, TrainingSettings> change) =>
        request with { TrainingSettings = change(request.TrainingSettings) };

    private static MemoryBreakdown[] Stages(MemoryRequest request)
    {
        request.Validate();
        return [.. request.Model.Stages(request.Parallelism.Pipeline).Select(stage => MemoryEstimator.ComputeStage(request, stage))];
    }

    private static void AssertNoMore(MemoryRequest before, MemoryRequest after)
    {
        static long Held(in MemoryBreakdown bytes) => bytes.Base - bytes.CompilationOverhead;
        MemoryBreakdown[] more = Stages(before), less = Stages(after);
        for (int i = 0; i < more.Length; i++)
        {
            Assert.True(Held(less[i]) <= Held(more[i]) + 8, $"{before.Model}, stage {i}: {less[i]} > {more[i]}");
        }
    }
}
