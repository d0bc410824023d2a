using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;

namespace LlmOps.Core.Tests.Planning;

/// <summary>The authors' program gave these figures for its published configurations.</summary>
public sealed class InferSaveTests
{
    private static IReadOnlyList<InstanceEvaluation> Run(
        string model, long batch, long input, long output, double? slo, bool adjust = false) =>
        InstanceOptimizer.Evaluate(new OptimizationRequest(
            new Workload(ModelCatalog.Get(model), batch, input, output) { Quantization = Precision.Quantization.FP16 })
        {
            PerformanceModel = PerformanceModelName.InferSave,
            SafetyFactor = 0.87,
            Objectives = new ServiceObjectives { TokensPerSecond = slo },
            AdjustOffloading = adjust,
        });

    [Theory]
    [InlineData("T4", 988.74)]
    [InlineData("L4", 104.64)]
    [InlineData("A10G", 6697.73)]
    [InlineData("L40S", 552.94)]
    public void Throughput_of_OPT_2_7B_is_the_published_one(string gpu, double tokensPerSecond)
    {
        InstanceEvaluation evaluation = Run("OPT-2.7B", 32, 128, 512, slo: 100).Single(e => e.Instance == gpu);

        Assert.Equal(tokensPerSecond, evaluation.TokensPerSecond!.Value, 2);
        Assert.Equal("InputAndOutput", evaluation.TokensCounted);
    }

    [Fact]
    public void T4_is_picked_for_OPT_2_7B_at_100_tokens_per_second()
    {
        InstanceEvaluation best = Run("OPT-2.7B", 32, 128, 512, slo: 100)[0];

        Assert.Equal("T4", best.Instance);
        Assert.Equal(1, best.Rank);
        Assert.Equal(6.71, best.KvCacheGB!.Value, 2);
    }

    [Fact]
    public void OPT_6_7B_does_not_fit_T4_and_is_wholly_offloaded_on_the_24_GB_GPUs()
    {
        IReadOnlyList<InstanceEvaluation> all = Run("OPT-6.7B", 32, 512, 512, slo: null);

        InstanceEvaluation t4 = all.Single(e => e.Instance == "T4");
        Assert.False(t4.Feasible);
        Assert.NotNull(t4.RejectionReason);
        Assert.Equal(337.86, all.Single(e => e.Instance == "L40S").TokensPerSecond!.Value, 2);
        Assert.Equal((86.53, 1.0), (Math.Round(all.Single(e => e.Instance == "A10G").TokensPerSecond!.Value, 2),
            all.Single(e => e.Instance == "A10G").OffloadRatio!.Value));
        Assert.Equal((37.36, 1.0), (Math.Round(all.Single(e => e.Instance == "L4").TokensPerSecond!.Value, 2),
            all.Single(e => e.Instance == "L4").OffloadRatio!.Value));
    }

    [Fact]
    public void A_prediction_that_is_faster_than_the_hardware_allows_says_so()
    {
        IReadOnlyList<InstanceEvaluation> all = Run("OPT-2.7B", 32, 128, 512, slo: 100);

        Assert.True(all.Single(e => e.Instance == "A10G").BreaksPhysicalFloor);
        Assert.False(all.Single(e => e.Instance == "L40S").BreaksPhysicalFloor);
    }
}
