using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

public sealed class CalibrationTests
{
    private static PerformanceRequest OnT4(long output = 512) => new(
        new Workload(ModelCatalog.Get("OPT-2.7B"), 8, 128, output) { Quantization = Quantization.FP16 }, GpuCatalog.Get("T4"), 1);

    [Fact]
    public void InferSave_adds_beta_once_a_phase_however_many_tokens_there_are()
    {
        foreach (long output in new[] { 2L, 64, 512 })
        {
            PerformanceRequest request = OnT4(output) with { Prefill = new PhaseCalibration(0.5, 0), Decode = new PhaseCalibration(1.9, 0) };
            PerformancePrediction without = InferSaveModel.Instance.Predict(request);
            PerformancePrediction with = InferSaveModel.Instance.Predict(request with
            {
                Prefill = new PhaseCalibration(0.5, 3),
                Decode = new PhaseCalibration(1.9, 7),
            });

            Assert.Equal(without.PrefillSeconds + 3, with.PrefillSeconds, 1e-9);
            Assert.Equal(without.DecodeSeconds + 7, with.DecodeSeconds, 1e-9);
        }
    }

    [Fact]
    public void InferSave_scales_computation_with_alpha()
    {
        PerformanceRequest request = OnT4() with { Prefill = new PhaseCalibration(1, 0), Decode = new PhaseCalibration(1, 0) };
        PerformancePrediction one = InferSaveModel.Instance.Predict(request);
        PerformancePrediction three = InferSaveModel.Instance.Predict(request with
        {
            Prefill = new PhaseCalibration(3, 0),
            Decode = new PhaseCalibration(3, 0),
        });

        Assert.Equal(0, one.OffloadRatio);
        Assert.Equal(3 * one.PrefillSeconds, three.PrefillSeconds, 1e-9);
        Assert.Equal(3 * one.DecodeSeconds, three.DecodeSeconds, 1e-9);
    }

    /// <summary>The published constants of T4: alpha 0.5 and 1.9, no beta.</summary>
    [Fact]
    public void InferSave_uses_its_published_constants_where_none_are_given()
    {
        PerformancePrediction published = InferSaveModel.Instance.Predict(OnT4());
        PerformancePrediction given = InferSaveModel.Instance.Predict(
            OnT4() with { Prefill = new PhaseCalibration(0.5, 0), Decode = new PhaseCalibration(1.9, 0) });

        Assert.Equal(published.TotalSeconds, given.TotalSeconds);
    }

    [Fact]
    public void Roofline_is_scaled_and_shifted_by_a_calibration()
    {
        PerformancePrediction plain = RooflineModel.Instance.Predict(OnT4());
        PerformancePrediction calibrated = RooflineModel.Instance.Predict(
            OnT4() with { Prefill = new PhaseCalibration(2, 0.5), Decode = new PhaseCalibration(4, 0.25) });

        Assert.Equal((2 * plain.PrefillSeconds) + 0.5, calibrated.PrefillSeconds, 1e-9);
        Assert.Equal((4 * plain.DecodeSeconds) + 0.25, calibrated.DecodeSeconds, 1e-9);
    }

    [Fact]
    public void A_calibration_out_of_bounds_is_refused_by_phase_and_name()
    {
        static string Message(PhaseCalibration calibration) =>
            Assert.Throws<LlmOpsException>(() => calibration.Validate("Decode")).Message;

        Assert.StartsWith("DecodeAlpha is 0,", Message(new PhaseCalibration(0, 0)), StringComparison.Ordinal);
        Assert.StartsWith("DecodeAlpha is NaN", Message(new PhaseCalibration(double.NaN, 0)), StringComparison.Ordinal);
        Assert.StartsWith("DecodeBetaSeconds is -1,", Message(new PhaseCalibration(1, -1)), StringComparison.Ordinal);
        Assert.StartsWith("DecodeBetaSeconds is 3601,", Message(new PhaseCalibration(1, 3601)), StringComparison.Ordinal);
        new PhaseCalibration(0.001, 3600).Validate("Decode");
        new PhaseCalibration(1000, 0).Validate("Decode");
    }
}
