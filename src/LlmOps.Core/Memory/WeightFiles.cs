using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Bytes of a whole model's weights as files of some format hold them, on no GPU.</summary>
internal static class WeightFiles
{
    /// <summary>
    /// The published precision by the checkpoint's own matrices; GGUF types tensor by tensor as llama-quantize chooses them; others
    /// with embeddings, head, norms and routers in the type that the format leaves them in.
    /// </summary>
    public static long Bytes(LlmModel model, Quantization quantization)
    {
        quantization = model.Named(quantization);
        MemoryRequest request = new(model) { Quantization = quantization };
        bool isPublished = ReferenceEquals(quantization, model.PublishedQuantization);
        if (quantization.IsGguf || (isPublished && LlamaCppLayout.IsGguf(model)))
        {
            LlamaCppLayout layout = LlamaCppLayout.Of(request);

            // A vision tower is a file of its own, in 16 bits.
            return layout.InputBytes + layout.Layers(0, model.LayerCount).Weights + layout.OutputBytesBesideInput
                + (layout.IsFromFile ? 0 : 2 * model.Parameters.Vision);
        }

        return isPublished
            ? model.WeightBytes
            : MemoryEstimator.Whole(WeightMemory.Bytes(model, model.Stages(1)[0], request));
    }

    /// <summary>
    /// Exact where the format says what lies beside the weights and which stay as they are. Assumed where it does not, where the model
    /// was not known, and for a mixture of experts in NVFP4 or MXFP4: published ones differ in what they leave in 16 bits.
    /// </summary>
    public static Evidence EvidenceOf(LlmModel model, Quantization quantization) =>
        model.Evidence != Evidence.Exact ? Evidence.Assumed
        : ReferenceEquals(model.Named(quantization), model.PublishedQuantization) ? Evidence.Exact
        : quantization.IsGeneric || WeightCoverage.Differs(model, quantization) ? Evidence.Assumed
        : Evidence.Exact;
}
