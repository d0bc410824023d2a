using System.Globalization;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Puts the numbers of an estimate into words.</summary>
internal static class MemoryTerms
{
    private const string Arithmetic = "follows from the architecture";
    private const string Framework = "memory estimation framework, parameters of New-MemoryEstimationParameter";

    public static IReadOnlyList<MemoryTerm> Explain(in MemoryRequest request, in MemoryBreakdown b, PipelineStage stage)
    {
        Quantization quantization = request.EffectiveQuantization;
        MemoryEstimationParameter p = request.Parameters;
        bool vllm = request.Engine == Engine.vLLM;
        int tensor = request.Parallelism.Tensor;
        string place = request.Parallelism.GpuCount == 1
            ? ""
            : Invariant($", on one of {request.Parallelism.GpuCount} GPUs (stage {stage.Index + 1} of {request.Parallelism.Pipeline})");

        List<MemoryTerm> terms =
        [
            Term("ModelWeights", b.ModelWeights, 0, 0,
                (request.Model.StorageIn(quantization) is null
                    ? Invariant($"parameters x bits / 8 in {quantization} ({quantization.BitsPerWeight:0.###} bits; {quantization.Layout})")
                    : Invariant($"matrix by matrix as published: {quantization} ({quantization.BitsPerWeight:0.###} bits; {quantization.Layout}), ")
                        + Invariant($"{request.Model.AverageBitsPerWeight:0.###} bits a weight on average")) + place,
                quantization.IsGeneric ? Evidence.Assumed : Evidence.Exact,
                quantization.IsGeneric ? Framework : Arithmetic),
            Activations(request, b, vllm),
        ];
        if (request.Training)
        {
            terms.Add(Term("Gradients", b.Gradients, 0, 0,
                Invariant($"weights x GradientMemoryMultiplier {p.GradientMemoryMultiplier}"), Evidence.Exact, Framework));
            terms.Add(Term("OptimizerStates", b.OptimizerStates, 0, 0,
                Invariant($"{TransformersMemory.OptimizerBytes(request.Optimizer, quantization)} bytes a parameter for {request.Optimizer}, master weights included"),
                Evidence.Exact, "Rajbhandari et al. 2020 (ZeRO), section 3.1"));
        }
        else
        {
            terms.Add(Term("KvCache", b.KvCache, 0, 0,
                Invariant($"{request.BatchSize} sequences x {request.SequenceLength} tokens x {KvCacheMemory.BytesPerToken(stage, request):0.#} bytes a token in {KvName(request)}")
                    + (vllm ? ", in blocks of 16 tokens" : "") + (tensor > 1 ? ", KV heads divided over the ranks" : ""),
                Evidence.Exact, Arithmetic));
        }

        if (vllm)
        {
            terms.Add(Term("CudaGraphs", b.CudaGraphs, VllmMemory.CudaGraphUncertainty, VllmMemory.CudaGraphUncertainty,
                Invariant($"0.39 GiB + 0.01625 GiB x {stage.LayerCount} layers for 51 captured sizes"),
                Evidence.Fitted, VllmMemory.Source));
        }

        terms.Add(Term("CompilationOverhead", b.CompilationOverhead, 0.3, 0.3,
            "driver context, kernels" + (request.Parallelism.GpuCount > 1 ? " and communication buffers" : ""),
            vllm ? Evidence.Measured : Evidence.Assumed,
            vllm ? VllmMemory.Source : "typical of PyTorch 2 on NVIDIA GPUs; NCCL buffers: ai-dynamo/aiconfigurator"));

        // Both are allowances, not allocations: at best nothing of them is used.
        terms.Add(Term("FragmentationOverhead", b.FragmentationOverhead, 1, 0,
            Invariant($"terms above x (FragmentationOverheadFactor {p.FragmentationOverheadFactor} - 1)"),
            Evidence.Assumed, Framework));
        terms.Add(Term("SafetyMargin", b.SafetyMargin, 1, 0,
            Invariant($"the larger of {p.MinMemorySafetyMarginGiB} GiB and {p.MemorySafetyMarginFactor:0.###} x the terms above"),
            Evidence.Assumed, Framework));
        return terms;
    }

    private static MemoryTerm Activations(in MemoryRequest request, in MemoryBreakdown b, bool vllm)
    {
        if (request.Training)
        {
            return Term("Activations", b.Activations,
                TransformersMemory.ActivationUncertainty, TransformersMemory.ActivationUncertainty,
                Invariant($"inputs and intermediate results of all layers x {request.Parameters.ActivationRecomputationFactor} kept, one layer recomputed, FP32 logits with gradient"),
                Evidence.Assumed, "Korthikanti et al. 2022, section 4.1");
        }

        return vllm
            ? Term("Activations", b.Activations, VllmMemory.ActivationUncertainty, VllmMemory.ActivationUncertainty,
                "the larger of sampling (3.66 x max_num_seqs x vocabulary x 4 B + 1.85 x max_num_batched_tokens x hidden x 2 B) "
                + "and a layer over a full batch",
                Evidence.Fitted, VllmMemory.Source)
            : Term("Activations", b.Activations,
                TransformersMemory.ActivationUncertainty, TransformersMemory.ActivationUncertainty,
                "residual stream twice and the widest part of one layer for all tokens, logits of each sequence's last token",
                Evidence.Assumed, "tensors alive in a forward pass with scaled-dot-product attention");
    }

    private static MemoryTerm Term(
        string name, long bytes, double below, double above, string formula, Evidence evidence, string source)
    {
        double gib = Units.ToGiB(bytes);
        return new MemoryTerm(name, gib, gib * (1 - below), gib * (1 + above), formula, evidence, source);
    }

    private static string KvName(in MemoryRequest request) => request.KvCacheDataType == KvCacheDataType.Auto
        ? Invariant($"{8 * KvCacheMemory.ElementBytes(request)} bits")
        : request.KvCacheDataType.ToString();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
