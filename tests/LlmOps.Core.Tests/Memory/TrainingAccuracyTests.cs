using System.Globalization;
using System.Text.Json;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Memory;

/// <summary>Estimates against every usable published measurement; the tables are printed, and their summaries held.</summary>
public sealed class TrainingAccuracyTests(ITestOutputHelper output)
{
    private const double QuantizedFactor = 1.35;

    /// <summary>The figures of Get-LlmMemoryEstimate's help.</summary>
    [Fact]
    public void Peaks_of_training_are_as_close_as_the_help_says()
    {
        Peak[] peaks = [.. TrainingMeasurements.Rows("training").Select(Peak.Of)];
        foreach (Peak peak in peaks)
        {
            Print($"{peak.Name,-58} {peak.Measured,7:0.00} {peak.Estimate(QuantizedFactor),7:0.00} {peak.Error(QuantizedFactor),8:+0.0%;-0.0%}{(peak.IsDisputed ? "  disputed" : "")}");
        }

        Summary all = Summary.Of(peaks.Select(p => p.Error(QuantizedFactor)));
        Summary undisputed = Summary.Of(peaks.Where(p => !p.IsDisputed).Select(p => p.Error(QuantizedFactor)));
        Summary plain = Summary.Of(peaks.Where(p => !p.IsDisputed && p.Quantized == 0).Select(p => p.Error(QuantizedFactor)));
        Summary left = Summary.Of(peaks.Where(p => !p.IsDisputed).Select(p =>
            p.Error(Fit(peaks.Where(other => !other.IsDisputed && other.Model != p.Model)))));
        Print($"all:               {all}");
        Print($"undisputed:        {undisputed}");
        Print($"of 16-bit weights: {plain}");
        Print($"leave-one-model-out, undisputed: {left}; factor of all {Fit(peaks.Where(p => !p.IsDisputed)):0.000}");
        Assert.Equal((42, 40, 24), (all.Count, undisputed.Count, plain.Count));
        Assert.True(all is { Median: < 0.06, Mean: < 0.15 } && undisputed is { Median: < 0.055, Mean: < 0.11 });
        Assert.True(plain is { Median: < 0.055, Mean: < 0.1 } && left is { Median: < 0.055, Mean: < 0.11 });
    }

    /// <summary>
    /// What PyTorch holds before the first step of Unsloth's notebooks: base weights and adapters, and with FP32 copies of
    /// some norms. A notebook may keep embeddings twice or choose other layers to quantize.
    /// </summary>
    [Fact]
    public void Loaded_weights_are_close_to_what_is_reserved_before_the_first_step()
    {
        List<double> errors = [];
        foreach (JsonElement row in TrainingMeasurements.Rows("loaded"))
        {
            double estimated = MemoryEstimator.Estimate(TrainingMeasurements.Request(row)).ModelWeightsGiB;
            double measured = TrainingMeasurements.Number(row, "gib")!.Value;
            errors.Add((estimated / measured) - 1);
            Print($"{TrainingMeasurements.Text(row, "name"),-58} {measured,7:0.00} {estimated,7:0.00} {errors[^1],8:+0.0%;-0.0%}");
        }

        Print($"loaded: {Summary.Of(errors)}");
        Assert.Equal(27, errors.Count);
        Assert.True(Summary.Of(errors).Median < 0.12);
    }

    /// <summary>Least squares of the relative error over the factor on activations beside quantized weights.</summary>
    private static double Fit(IEnumerable<Peak> peaks)
    {
        double numerator = 0, denominator = 0;
        foreach (Peak peak in peaks.Where(p => p.Quantized > 0))
        {
            double share = peak.Quantized / peak.Measured;
            numerator += share * (1 - (peak.Rest / peak.Measured));
            denominator += share * share;
        }

        return numerator / denominator;
    }

    private void Print(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private sealed record Summary(int Count, double Median, double Mean, double Worst)
    {
        public static Summary Of(IEnumerable<double> errors)
        {
            double[] sorted = [.. errors.Select(Math.Abs).Order()];
            int middle = sorted.Length / 2;
            double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
            return new Summary(sorted.Length, median, sorted.Average(), sorted[^1]);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"{Count} rows, median {Median:0.0%}, mean {Mean:0.0%}, worst {Worst:0.0%}");
    }

    /// <param name="Name">What was measured.</param>
    /// <param name="Model">The model's name.</param>
    /// <param name="Measured">GiB.</param>
    /// <param name="Rest">GiB estimated of all but <paramref name="Quantized"/>.</param>
    /// <param name="Quantized">GiB of activations that the factor is on, before it; 0 where weights are not quantized.</param>
    /// <param name="IsDisputed">Whether the figure contradicts its own settings.</param>
    private sealed record Peak(string Name, string Model, double Measured, double Rest, double Quantized, bool IsDisputed)
    {
        public static Peak Of(JsonElement row)
        {
            MemoryRequest request = TrainingMeasurements.Request(row);
            MemoryEstimate estimate = MemoryEstimator.Estimate(request);
            MemoryBreakdown bytes = estimate.Bytes;

            // What PyTorch's allocator counts, with DistributedDataParallel's copy of the gradients.
            long tensors = bytes.ModelWeights + bytes.Activations + bytes.Gradients + bytes.OptimizerStates
                + (request.Engine == Engine.Transformers && request.Parallelism.Data > 1 ? bytes.Gradients : 0);
            PipelineStage stage = request.Model.Stages(1)[0];
            double tokens = (double)request.BatchSize * request.SequenceLength;
            double layers = request.EffectiveQuantization.IsQuantized
                ? (bytes.Activations - TrainingActivations.Logits(request, stage, tokens, 2) - (2.0 * stage.Training.LargestMatrix))
                    / QuantizedFactor
                : 0;
            return new Peak(
                TrainingMeasurements.Text(row, "name")!,
                request.Model.Name,
                TrainingMeasurements.Number(row, "gib")!.Value,
                Units.ToGiB(tensors - (layers * QuantizedFactor)),
                Units.ToGiB(layers),
                TrainingMeasurements.Text(row, "disputed") is not null);
        }

        public double Estimate(double factor) => Rest + (factor * Quantized);

        public double Error(double factor) => (Estimate(factor) / Measured) - 1;
    }
}
