using System.Text.Json;
using LlmOps.Core.Memory;

namespace LlmOps.Core.Tests.Memory;

public sealed class ZeroStatesTests
{
    /// <summary>Rajbhandari et al. 2020, figure 1: 7.5 billion parameters on 64 GPUs, mixed-precision Adam, in GB of 10^9 bytes.</summary>
    [Theory]
    [InlineData(0, 120)]
    [InlineData(1, 31.4)]
    [InlineData(2, 16.6)]
    [InlineData(3, 1.9)]
    public void The_paper_s_example_comes_out(int stage, double gb)
    {
        ZeroStates states = MixedPrecisionAdam(new ZeroPlan(stage), 7.5e9, 64);

        Assert.Equal(gb, (states.Weights + states.Gradients + states.Optimizer) / Units.BytesPerGB, 0.05);
    }

    /// <summary>
    /// The upper bound is what DeepSpeed's estimators print for a GPU, and with their factor of 1.5 the host's part is what
    /// they print for the node's memory where zero.Init builds the model; without it all processes load the model first.
    /// </summary>
    [Fact]
    public void DeepSpeed_s_estimators_come_out()
    {
        int rows = 0;
        foreach (JsonElement row in TrainingMeasurements.Rows("estimator"))
        {
            double parameters = 1e6 * TrainingMeasurements.Number(row, "parametersMillions")!.Value;
            double largest = 1e6 * (TrainingMeasurements.Number(row, "largestLayerMillions") ?? 0);
            int stage = (int)TrainingMeasurements.Number(row, "zeroStage")!.Value;
            int gpus = (int)TrainingMeasurements.Number(row, "gpus")!.Value;
            OffloadTarget Offload(string name) => TrainingMeasurements.Text(row, name) == "cpu" ? OffloadTarget.Cpu : OffloadTarget.None;
            ZeroPlan plan = new(stage, Offload("offloadOptimizer"), Offload("offloadParameter"));
            ZeroStates states = MixedPrecisionAdam(plan, parameters, gpus, largest);
            double gpu = states.Weights + states.GradientsAtMost + states.Optimizer;

            // Parameters are printed in whole millions, some with another digit.
            if (TrainingMeasurements.Number(row, "gpuMib") is { } mib)
            {
                Assert.Equal(mib, gpu / (1 << 20), 1.0);
            }
            else
            {
                Assert.Equal(TrainingMeasurements.Number(row, "gpuGib")!.Value, Units.ToGiB(gpu), 0.011);
                const double buffers = 1.5;
                double offloaded = gpus * (states.OffloadedStates + states.OffloadedWeights);
                bool init = TrainingMeasurements.Number(row, "zeroInit") == 1;
                double loaded = init
                    ? (plan.Optimizer == OffloadTarget.None ? 4 * largest * gpus : 0)
                    : 4 * parameters * gpus;
                Assert.Equal(TrainingMeasurements.Number(row, "cpuGib")!.Value,
                    buffers * Units.ToGiB(Math.Max(offloaded, loaded)), 0.05);
            }

            rows++;
        }

        Assert.Equal(16, rows);
    }

    private static ZeroStates MixedPrecisionAdam(in ZeroPlan plan, double parameters, int ranks, double largest = 0)
    {
        Divided trained = new(parameters, parameters / ranks);
        return ZeroStates.Of(plan, trained * 2, trained * 2, trained * 12, trained, 2 * largest, 2 * largest, true);
    }
}
