using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance;

/// <summary>How an engine multiplies with weights in some format on some GPU.</summary>
public enum WeightKernel
{
    /// <summary>With kernels made for the format, and with the GPU's units for its type where it needs such.</summary>
    Native,

    /// <summary>The GPU has no units for the type: weights are expanded to 16 bits before they are multiplied.</summary>
    Expanded,

    /// <summary>It can, but its kernels were not measured, and their time does not follow from bytes and operations.</summary>
    NotMeasured,

    /// <summary>It has no kernels for the format on that GPU.</summary>
    Missing,
}

/// <summary>
/// Which formats an engine has kernels for: the tables of supported hardware of vLLM (docs.vllm.ai/en/v0.15.1/features/quantization,
/// and the pages on INT8 and FP8 of v0.32), which SGLang shares kernels with, and the support matrix of TensorRT-LLM. None of the
/// three starts below compute capability 7.0 (docs.vllm.ai/en/v0.14.0/getting_started/installation/gpu); later releases want more.
/// </summary>
public static class WeightKernels
{
    // From there on NVIDIA's two tables contradict each other. TensorRT-LLM 0.15 on an H200: 0.75, 0.83, 1.03 and 0.88 of the tokens a second
    // of 16 bits for Llama-3.1-8B at 8 and 64 sequences and 70B at 8 and 64 (TensorRT-Model-Optimizer, examples/benchmark.md at 1ef1d72a);
    // 0.11 on an H100: 1.11 and 1.39 for Llama-3-8B at 32 and 64 (the same file of modelopt 0.15). For one sequence 1.33 and 1.53.
    internal const long ExpandedLosesFrom = 8;

    internal const string ExpandedOnTensorRtLlm =
        "one release of TensorRT-LLM was measured at 0.75 to 1.03 times the speed of 16 bits from 8 sequences on, an earlier one at 1.11 to 1.39";

    /// <summary>The vendor of all GPUs that were measured.</summary>
    private const string Nvidia = "NVIDIA";

    private const double Volta = 7.0;
    private const double Turing = 7.5;
    private const double Ampere = 8.0;
    private const double Hopper = 9.0;
    private const double Blackwell = 10.0;

    /// <param name="quantization">The format of the weights.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="engine">The engine; those without a table of their own are taken to be like vLLM.</param>
    /// <param name="note">Why it is not native; null where it is.</param>
    public static WeightKernel Of(Quantization quantization, GpuSpec gpu, Engine engine, out string? note)
    {
        ArgumentNullException.ThrowIfNull(quantization);
        ArgumentNullException.ThrowIfNull(gpu);
        if (Refusal(gpu, engine) is { } refusal)
        {
            note = refusal;
            return WeightKernel.Missing;
        }

        if (engine == Engine.LlamaCpp)
        {
            bool isKnown = GgufRecipe.Find(quantization) is not null;
            note = isKnown ? null : $"llama.cpp reads GGUF files, and none has weights in {quantization}";
            return isKnown ? WeightKernel.Native : WeightKernel.Missing;
        }

        if (!quantization.IsQuantized)
        {
            note = null;
            return WeightKernel.Native;
        }

        if (quantization.IsGguf)
        {
            note = $"times of {quantization} are predicted for llama.cpp alone (-Engine LlamaCpp)";
            return WeightKernel.NotMeasured;
        }

        bool isNvidia = gpu.CapabilityNumber > 0;
        WeightKernel kernel = quantization.Name switch
        {
            // Slower than 16 bits in the one comparison at hand, although a quarter of the bytes is read: 24 tokens/s for 39 on
            // Llama-3.1-8B (derekl35/quantization-benchmarks).
            "NF4" => isNvidia ? WeightKernel.NotMeasured : WeightKernel.Missing,
            "FP8" => Floating(gpu.DenseTflops.Fp8, gpu, isNvidia && engine != Engine.TensorRtLlm ? Turing : null),
            "NVFP4" when !isNvidia => WeightKernel.Missing,
            "NVFP4" => Floating(gpu.DenseTflops.Fp4, gpu, engine == Engine.TensorRtLlm ? null : Ampere),
            "MXFP4" => Floating(gpu.DenseTflops.Fp4, gpu, !isNvidia ? null : engine == Engine.TensorRtLlm ? Hopper : Ampere),
            "INT8" => gpu.CapabilityNumber is >= Turing and < Blackwell ? WeightKernel.Native : WeightKernel.Missing,
            _ when !isNvidia => WeightKernel.Missing,
            _ when gpu.CapabilityNumber >= Ampere => WeightKernel.Native,
            "AWQ" when gpu.CapabilityNumber < Turing => WeightKernel.Missing,
            _ => WeightKernel.NotMeasured,
        };
        note = kernel switch
        {
            WeightKernel.Native => null,
            WeightKernel.Expanded =>
                $"{gpu} has no units for {quantization}: the weights are expanded to 16 bits before they are multiplied",
            WeightKernel.NotMeasured => $"the kernels for {quantization} on {gpu} were not measured",
            _ => $"{EnumNames.Of(engine)} has no kernels for {quantization} on {gpu}",
        };
        return kernel;
    }

    /// <summary>A warning where planners would give no times, but an estimate was asked for all the same; null elsewhere.</summary>
    public static string? WarningOf(PerformanceEstimate estimate)
    {
        ArgumentNullException.ThrowIfNull(estimate);
        return estimate.Doubt is { } doubt ? $"{estimate.ModelName} in {estimate.Quantization} on {estimate.Engine} and {estimate.Gpu}: {doubt}." : null;
    }

    /// <summary>The same for the weights of a deployment; llama.cpp reads any GGUF file as it is.</summary>
    internal static WeightKernel Of(in MemoryRequest deployment, out string? note)
    {
        GpuSpec gpu = deployment.Gpu!;
        if (!IsOwnGguf(deployment))
        {
            return Of(deployment.EffectiveQuantization, gpu, deployment.Engine, out note);
        }

        note = Refusal(gpu, deployment.Engine);
        return note is null ? WeightKernel.Native : WeightKernel.Missing;
    }

    /// <summary>Why the engine does not run on the GPU, whatever the weights; null where it does.</summary>
    private static string? Refusal(GpuSpec gpu, Engine engine) => engine switch
    {
        // NVIDIA/TensorRT-LLM: a library for NVIDIA GPUs.
        Engine.TensorRtLlm when gpu.Vendor != Nvidia => $"{EnumNames.Of(engine)} runs on NVIDIA GPUs alone; vLLM runs on {gpu} (-Engine vLLM)",

        // ggml-org/llama.cpp, README.md, supported backends.
        Engine.LlamaCpp when gpu.Architecture.StartsWith("Gaudi", StringComparison.Ordinal) =>
            $"llama.cpp has no backend for {gpu}; vLLM runs on it (-Engine vLLM)",
        Engine.vLLM or Engine.SGLang or Engine.TensorRtLlm when gpu.CapabilityNumber is > 0 and < Volta => FormattableString.Invariant(
            $"{EnumNames.Of(engine)} needs compute capability {Volta:0.0} or more, and {gpu} has {gpu.ComputeCapability}; llama.cpp runs on it (-Engine LlamaCpp)"),
        _ => null,
    };

    /// <summary>
    /// Why a planner should give no times for a deployment's weights: there are no kernels for them on the GPU, or what was measured
    /// of them contradicts the model of times; null where it can.
    /// </summary>
    internal static string? WhyNotTimed(in MemoryRequest deployment)
    {
        Quantization quantization = deployment.EffectiveQuantization;
        if (deployment.Engine == Engine.TensorRtLlm && IsExpanded(quantization))
        {
            return $"times of weights in {quantization} are not predicted for TensorRT-LLM: {ExpandedOnTensorRtLlm}";
        }

        return Of(deployment, out string? note) is WeightKernel.Missing or WeightKernel.NotMeasured ? note : null;
    }

    /// <summary>
    /// What the times of a deployment do not rest on: kernels for its weights that are missing, expand them or were not measured; null where
    /// such kernels were measured.
    /// </summary>
    internal static string? NoteOnTimes(in MemoryRequest deployment)
    {
        WeightKernel kernel = Of(deployment, out string? note);
        Quantization quantization = deployment.EffectiveQuantization;
        if (kernel == WeightKernel.Missing)
        {
            return $"{note}; the times are of kernels that do not exist";
        }

        if (deployment.Engine == Engine.TensorRtLlm && IsExpanded(quantization))
        {
            return $"the times of {quantization} rest on kernels of vLLM for 4-bit weights; {ExpandedOnTensorRtLlm}";
        }

        return kernel == WeightKernel.Native && !IsMeasured(quantization) && !IsOwnGguf(deployment)
            ? $"no model in {quantization} was measured: its times are those of the nearest format that was, for its bytes"
            : note;
    }

    /// <summary>
    /// Whether kernels made for the format were among what the model of times was fitted to; those of other vendors' GPUs are
    /// other kernels.
    /// </summary>
    internal static bool AreMeasured(in MemoryRequest deployment) => IsVendorMeasured(deployment.Gpu!)
        && (IsOwnGguf(deployment) || (IsMeasured(deployment.EffectiveQuantization)
            && Of(deployment, out _) == WeightKernel.Native));

    internal static bool IsVendorMeasured(GpuSpec gpu) => gpu.Vendor == Nvidia;

    /// <summary>Whether weights are expanded to 16 bits before they are multiplied, whatever units the GPU has.</summary>
    internal static bool IsExpanded(Quantization quantization) => quantization is { IsQuantized: true, ComputeBytes: >= 2 };

    /// <summary>Whether a GGUF file is served as it is, whatever types it has.</summary>
    private static bool IsOwnGguf(in MemoryRequest deployment) =>
        deployment.IsCheckpoint && deployment.Engine == Engine.LlamaCpp && LlamaCppLayout.IsGguf(deployment.Model);

    /// <summary>Whether times of that format were among the measurements that the model of times was fitted to.</summary>
    internal static bool IsMeasured(Quantization quantization) =>
        !quantization.IsQuantized || quantization.IsGguf || quantization.Name is "FP8" or "NVFP4" or "MXFP4";

    /// <param name="units">The GPU's throughput in the type; null where it has no units for it.</param>
    /// <param name="gpu">The GPU.</param>
    /// <param name="expandsFrom">The least compute capability that kernels expand weights on; null where there are none.</param>
    private static WeightKernel Floating(double? units, GpuSpec gpu, double? expandsFrom) =>
        units is not null ? WeightKernel.Native
        : gpu.CapabilityNumber >= expandsFrom ? WeightKernel.Expanded
        : WeightKernel.Missing;
}
