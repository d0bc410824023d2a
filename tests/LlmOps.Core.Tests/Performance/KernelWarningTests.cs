using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

/// <summary>Estimates and planners must not tell different stories about a format on a GPU.</summary>
public sealed class KernelWarningTests
{
    [Theory]
    [InlineData("FP8", "V100-32GB", "vLLM has no kernels for FP8 on V100-32GB")]
    [InlineData("NVFP4", "T4", "vLLM has no kernels for NVFP4 on T4")]
    [InlineData("INT8", "B200", "vLLM has no kernels for INT8 on B200")]
    [InlineData("NF4", "L4", "the kernels for NF4 on L4 were not measured")]
    [InlineData("Q4_K_M", "H100-80GB", "times of Q4_K_M are predicted for llama.cpp alone")]
    [InlineData("FP8", "A10G", null)]
    [InlineData("FP8", "H100-80GB", null)]
    [InlineData("BF16", "L4", null)]
    public void An_estimate_warns_where_planners_refuse(string quantization, string gpu, string? warning)
    {
        PerformanceEstimate estimate = Estimate("Llama-3.1-8B", quantization, gpu);
        OptimizationRequest request = new(new Workload(ModelCatalog.Get("Llama-3.1-8B"), 1, 512, 256) { Quantization = Quantization.Parse(quantization) });
        IReadOnlyList<InstanceEvaluation> planned = InstanceOptimizer.Evaluate(request, InstanceOptimizer.Candidates(
            request.PerformanceModel, PriceType.OnDemand, new InstanceFilter(gpus: [GpuCatalog.Get(gpu)])));

        Assert.True(estimate.Fits);
        Assert.All(planned, e => Assert.Equal(WeightKernels.WarningOf(estimate) is null, e.Feasible));
        if (warning is null)
        {
            Assert.Null(WeightKernels.WarningOf(estimate));
        }
        else
        {
            Assert.Contains(warning, WeightKernels.WarningOf(estimate), StringComparison.Ordinal);
            Assert.All(planned, e => Assert.Contains(warning, e.RejectionReason, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_does_not_fit_has_no_times_to_warn_of() =>
        Assert.Null(WeightKernels.WarningOf(Estimate("Llama-3.1-405B", "FP8", "V100-32GB")));

    [Theory]
    [InlineData(Engine.TensorRtLlm, "MI300X", "TensorRT-LLM runs on NVIDIA GPUs alone")]
    [InlineData(Engine.LlamaCpp, "Gaudi3", "llama.cpp has no backend for Gaudi3")]
    [InlineData(Engine.LlamaCpp, "MI300X", null)]
    [InlineData(Engine.vLLM, "MI300X", null)]
    [InlineData(Engine.vLLM, "P100", "needs compute capability 7.0")]
    public void An_estimate_warns_of_engines_that_do_not_run_on_the_GPU(Engine engine, string gpu, string? warning)
    {
        PerformanceEstimate estimate = Estimate("Llama-3.2-1B", engine == Engine.LlamaCpp ? "Q8_0" : "FP16", gpu, engine);

        Assert.Equal(warning is not null, WeightKernels.WarningOf(estimate)?.Contains(warning!, StringComparison.Ordinal) == true);

        // All measurements are of NVIDIA's GPUs.
        Assert.Equal(Evidence.Assumed, estimate.Evidence);
        Assert.Equal(Evidence.Fitted, Estimate("Llama-3.2-1B", engine == Engine.LlamaCpp ? "Q8_0" : "FP16", "L4", engine).Evidence);
    }

    private static PerformanceEstimate Estimate(string model, string quantization, string gpu, Engine engine = Engine.vLLM) =>
        PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get(model))
            {
                Engine = engine,
                Quantization = Quantization.Parse(quantization),
                Gpu = GpuCatalog.Get(gpu),
            },
            512,
            256));
}