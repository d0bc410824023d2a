using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>
/// Which GPUs an engine has kernels on for weights in a format. Known for vLLM alone (its documentation: "Supported Hardware" of
/// quantization, releases 0.15.1 and later; FP8 and FP4 weights run on Turing and Ampere by Marlin, without units for them;
/// "INT8 W8A8": none on Blackwell).
/// </summary>
internal static class KernelSupport
{
    private const double Volta = 7.0;
    private const double Turing = 7.5;
    private const double Ampere = 8.0;
    private const double Blackwell = 10.0;

    /// <summary>Why the engine cannot run the format there; null where it can, or where nothing is known.</summary>
    public static string? Missing(Engine engine, Quantization quantization, GpuSpec gpu)
    {
        if (engine != Engine.vLLM)
        {
            return null;
        }

        if (gpu.Vendor == "AMD")
        {
            return quantization.Name is "AWQ" or "GPTQ" or "INT8" or "NF4" ? $"vLLM has no {quantization.Name} kernels for AMD GPUs" : null;
        }

        if (gpu.CapabilityNumber == 0)
        {
            return null;
        }

        double least = quantization.Name switch
        {
            "MXFP4" => Ampere,
            "FP8" or "NVFP4" or "AWQ" or "INT8" => Turing,
            _ => Volta,
        };
        if (gpu.CapabilityNumber < least)
        {
            return FormattableString.Invariant(
                $"vLLM has no {quantization.Name} kernels for {gpu.Name}: compute capability {gpu.CapabilityNumber:0.0}, {least:0.0} is needed");
        }

        return quantization.Name == "INT8" && gpu.CapabilityNumber >= Blackwell
            ? $"vLLM has no INT8 kernels for {gpu.Name}: none for Blackwell; use FP8"
            : null;
    }
}
