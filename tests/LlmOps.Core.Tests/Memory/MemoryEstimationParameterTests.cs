using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed class MemoryEstimationParameterTests
{
    private static readonly MemoryEstimationParameter s_default = MemoryEstimationParameter.Default;

    /// <summary>The framework's names, defaults and bounds.</summary>
    private static readonly Dictionary<string, (double Default, double Low, double High, Func<double, MemoryEstimationParameter> With)> s_bounds = new()
    {
        ["FragmentationOverheadFactor"] = (1.05, 1, 2, v => s_default with { FragmentationOverheadFactor = v }),
        ["MinMemorySafetyMarginGiB"] = (0.5, 0, 10, v => s_default with { MinMemorySafetyMarginGiB = v }),
        ["MemorySafetyMarginFactor"] = (0.02, 0, 0.2, v => s_default with { MemorySafetyMarginFactor = v }),
        ["ActivationRecomputationFactor"] = (0.3, 0, 1, v => s_default with { ActivationRecomputationFactor = v }),
        ["GradientMemoryMultiplier"] = (1, 0, 10, v => s_default with { GradientMemoryMultiplier = v }),
        ["GraphMemoryOverheadRatio"] = (0.1, 0, 1, v => s_default with { GraphMemoryOverheadRatio = v }),
        ["GraphBatchScalingFactor"] = (0.02, 0, 0.1, v => s_default with { GraphBatchScalingFactor = v }),
        ["QuantizationOverheadMultiplier"] = (1.1, 1, 2, v => s_default with { QuantizationOverheadMultiplier = v }),
        ["MixedPrecisionOverheadMultiplier"] = (1.05, 1, 1.5, v => s_default with { MixedPrecisionOverheadMultiplier = v }),
    };

    public static TheoryData<string> Names { get; } = [.. s_bounds.Keys];

    private static LlmOpsException Refused(MemoryEstimationParameter parameters) => Assert.Throws<LlmOpsException>(() =>
        MemoryEstimator.Estimate(new MemoryRequest(ModelCatalog.Get("Llama-3.1-8B")) { Parameters = parameters }));

    [Theory]
    [MemberData(nameof(Names))]
    public void Both_bounds_and_the_default_are_accepted(string name)
    {
        (double standard, double low, double high, Func<double, MemoryEstimationParameter> with) = s_bounds[name];

        Assert.Equal(standard, typeof(MemoryEstimationParameter).GetProperty(name)!.GetValue(s_default));
        foreach (double value in new[] { low, standard, high })
        {
            Assert.Equal(value, typeof(MemoryEstimationParameter).GetProperty(name)!.GetValue(with(value).Validate()));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Just_outside_a_bound_is_refused_with_name_bounds_and_the_nearest_value(string name)
    {
        (_, double low, double high, Func<double, MemoryEstimationParameter> with) = s_bounds[name];
        string bounds = FormattableString.Invariant($"but must be between {low} and {high}.");

        foreach ((double value, double nearest) in new[]
        {
            (low - 1e-9, low), (high + 1e-9, high), (Math.BitDecrement(low), low), (Math.BitIncrement(high), high),
            (double.NegativeInfinity, low), (double.PositiveInfinity, high), (double.MaxValue, high),
        })
        {
            LlmOpsException e = Refused(with(value));
            Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
            Assert.StartsWith(name + " is ", e.Message, StringComparison.Ordinal);
            Assert.Contains(bounds, e.Message, StringComparison.Ordinal);
            Assert.EndsWith(FormattableString.Invariant($"The nearest valid value is {nearest}."), e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void NaN_is_refused_by_name(string name)
    {
        LlmOpsException e = Refused(s_bounds[name].With(double.NaN));

        Assert.Equal(Guard.OutOfRangeId, e.ErrorId);
        Assert.StartsWith($"{name} is NaN (not a number), but must be between ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("nearest", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("float16")]
    [InlineData("bfloat16")]
    [InlineData("float32")]
    public void Types_to_compute_in_are_accepted(string type)
    {
        Assert.Equal(type, (s_default with { DefaultComputeDtype = type, DefaultStorageDtype = type }).Validate().DefaultComputeDtype);
    }

    [Fact]
    public void A_quantized_type_to_compute_in_and_an_unknown_type_are_refused()
    {
        Assert.Equal("ComputeDtypeNotSupported", Refused(s_default with { DefaultComputeDtype = "int4" }).ErrorId);
        Assert.Equal("QuantizationNotFound", Refused(s_default with { DefaultComputeDtype = "float17" }).ErrorId);
        Assert.Equal("QuantizationNotFound", Refused(s_default with { DefaultStorageDtype = "" }).ErrorId);
    }

    /// <summary>Each parameter moves its own term.</summary>
    [Fact]
    public void Parameters_scale_the_terms_that_they_name()
    {
        MemoryRequest inference = new(ModelCatalog.Get("Llama-3.1-8B"));
        MemoryRequest training = inference with { Engine = Engine.Transformers, Training = true };
        MemoryRequest int4 = inference with { Quantization = Quantization.Parse("INT4") };
        MemoryBreakdown Of(MemoryRequest request, MemoryEstimationParameter parameters) =>
            MemoryEstimator.Estimate(request with { Parameters = parameters }).Bytes;
        MemoryBreakdown before = MemoryEstimator.Estimate(inference).Bytes;
        MemoryBreakdown trained = MemoryEstimator.Estimate(training).Bytes;
        const long linear = 32 * ((2L * 4096 * 4096) + (2L * 4096 * 1024) + (3L * 4096 * 14336));

        Assert.Equal(0, Of(inference, s_default with { FragmentationOverheadFactor = 1 }).FragmentationOverhead);
        Assert.Equal(before.Base, Of(inference, s_default with { FragmentationOverheadFactor = 2 }).FragmentationOverhead, 8.0);
        Assert.Equal(10 * Units.BytesPerGiB, Of(inference, s_default with { MinMemorySafetyMarginGiB = 10 }).SafetyMargin);
        Assert.Equal(before.Base * 0.2, Of(inference, s_default with { MemorySafetyMarginFactor = 0.2 }).SafetyMargin, 8.0);
        Assert.Equal(3 * trained.Gradients, Of(training, s_default with { GradientMemoryMultiplier = 3 }).Gradients);
        Assert.Equal(0, Of(inference, s_default with { GraphMemoryOverheadRatio = 0 }).CudaGraphs);
        Assert.Equal(2.0 * before.CudaGraphs, Of(inference, s_default with { GraphMemoryOverheadRatio = 0.2 }).CudaGraphs, 2.0);
        Assert.True(Of(inference, s_default with { GraphBatchScalingFactor = 0.04 }).CudaGraphs > before.CudaGraphs);
        Assert.True(Of(training, s_default with { ActivationRecomputationFactor = 1 }).Activations > trained.Activations);
        Assert.True(Of(training, s_default with { MixedPrecisionOverheadMultiplier = 1 }).Activations < trained.Activations);
        Assert.Equal(linear / 2.0, Of(int4, s_default with { QuantizationOverheadMultiplier = 2 }).ModelWeights
            - (double)Of(int4, s_default with { QuantizationOverheadMultiplier = 1 }).ModelWeights, 1.0);
    }
}
