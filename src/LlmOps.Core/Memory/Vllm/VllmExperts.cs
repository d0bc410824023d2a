using LlmOps.Core.Models;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>Mixtures of experts as vLLM 0.19 runs them (<c>model_executor/layers/fused_moe</c>).</summary>
internal static class VllmExperts
{
    private enum Mxfp4Kernel
    {
        /// <summary>Hopper: the inner dimension of the values is padded.</summary>
        Triton,

        /// <summary>Ampere and Ada: both dimensions of values and scales.</summary>
        Marlin,

        /// <summary>Data-centre Blackwell.</summary>
        FlashInfer,
        Other,
    }

    /// <summary>Whether experts are gpt-oss's own, whose kernels want multiples of their tiles.</summary>
    public static bool PadsMxfp4(in MemoryRequest request) =>
        request.Model.Family == "gpt_oss" && request.Model.StorageIn(request.EffectiveQuantization) is not null;

    /// <summary>Growth of values and of scales by padding (fused_moe/oracle/mxfp4.py).</summary>
    public static (double Values, double Scales) Mxfp4Padding(in MemoryRequest request, TensorRole role)
    {
        LlmModel model = request.Model;
        double hidden = model.HiddenSize;
        double width = Width(request, model.IntermediateSize);
        double wider, both;
        switch (KernelOn(request))
        {
            case Mxfp4Kernel.Triton:
                return (role == TensorRole.ExpertUp ? Padded(hidden, 256) / hidden : Padded(width, 256) / width, 1);
            case Mxfp4Kernel.Marlin:
                both = Padded(hidden, 256) / hidden * (Padded(width, 128) / width);
                return (both, both);
            case Mxfp4Kernel.FlashInfer:
                both = Padded(hidden, 256) / hidden * (Padded(width, 256) / width);
                return (both, both);
            default:
                wider = Padded(width, 64) / width;
                return (wider, wider);
        }
    }

    /// <summary>What the batch's tokens take on their way through the experts of a layer.</summary>
    public static double Workspace(in MemoryRequest request, MixtureOfExperts experts, double tokens, int element)
    {
        double width = Width(request, experts.ExpertIntermediateSize);
        double hidden = experts.LatentSize == 0 ? request.Model.HiddenSize : experts.LatentSize;
        if (PadsMxfp4(request))
        {
            switch (KernelOn(request))
            {
                case Mxfp4Kernel.Marlin:
                    width = Padded(width, 128);
                    hidden = Padded(hidden, 256);
                    break;
                default:
                    return ((tokens * experts.ExpertsPerToken * width) + (tokens * hidden)) * element;
            }
        }

        return tokens * experts.ExpertsPerToken * (Math.Max(width, hidden) + Math.Max(2 * width, hidden)) * element;
    }

    /// <summary>An expert's intermediate width on one rank; whole under expert parallelism.</summary>
    private static double Width(in MemoryRequest request, int width) =>
        (double)width / Math.Max(1, request.Parallelism.Tensor / request.Parallelism.Expert);

    private static Mxfp4Kernel KernelOn(in MemoryRequest request) => VllmConstants.Capability(request.Gpu) switch
    {
        >= 12 => Mxfp4Kernel.Marlin,
        >= 10 => Mxfp4Kernel.FlashInfer,
        >= 9 => Mxfp4Kernel.Triton,
        >= 8 => Mxfp4Kernel.Marlin,
        _ => Mxfp4Kernel.Other,
    };

    private static double Padded(double size, double multiple) => Math.Ceiling(size / multiple) * multiple;
}
