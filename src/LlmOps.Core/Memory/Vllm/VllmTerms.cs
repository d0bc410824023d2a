using System.Globalization;
using LlmOps.Core.Models;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>
/// vLLM's terms in words. Bounds are the errors on models that the constants do not come from, half as much again, by family
/// (<c>docs/accuracy.md</c>); where no report was there to look at, they are wider.
/// </summary>
internal static class VllmTerms
{
    /// <summary>Share by which printed weights differed from the formula at worst.</summary>
    private const double WeightUncertainty = 0.002;

    private static readonly VllmVersion s_newestWithReports = new(0, 20, 1);

    public static IReadOnlyList<MemoryTerm> Of(
        in MemoryRequest request, PipelineStage stage, in MemoryBreakdown bytes, VllmConstants constants)
    {
        VllmActivations activations = VllmActivations.Of(request, stage, constants);
        (double activationsLow, double activationsHigh) = ActivationBounds(request, stage, activations, constants);
        VllmNonTorchGpu gpu = constants.NonTorchOn(request.Gpu);
        (double nonTorchLow, double nonTorchHigh) = NonTorchBounds(request, gpu, constants);
        VllmGraphs graphs = constants.Graphs;
        bool hasGraphs = bytes.CudaGraphs > 0;
        MemoryTerm weights = MemoryTerms.Weights(request, stage, bytes);
        List<MemoryTerm> terms =
        [
            weights with
            {
                LowGiB = weights.GiB * (1 - WeightUncertainty),
                HighGiB = weights.GiB * (1 + WeightUncertainty),
                Formula = weights.Formula + "; as loaded: fused, padded, rounded by PyTorch's allocator, with rotary tables",
            },
            Term("Activations", bytes.Activations, activationsLow, activationsHigh,
                ActivationFormula(request, activations, constants),
                activations.Layer > activations.Sampling ? constants.Layer.Ground : constants.Sampler.Ground, constants, request),
            MemoryTerms.KvCache(request, stage, bytes,
                Invariant($", in blocks of {VllmKvLayout.BaseBlockTokens(request.Model)} tokens")),
            Term("CudaGraphs", bytes.CudaGraphs, hasGraphs ? graphs.LowGiB : 0, hasGraphs ? graphs.HighGiB : 0,
                hasGraphs ? GraphFormula(request, stage, graphs) : "none are captured",
                graphs.Ground, constants, request),
            Term("CompilationOverhead", bytes.CompilationOverhead, nonTorchLow, nonTorchHigh,
                "non-torch memory: driver context, kernels"
                    + (request.Parallelism.GpuCount > 1 ? " and communication buffers" : ""),
                gpu.Ground, constants, request),
        ];
        return terms;
    }

    private static string ActivationFormula(in MemoryRequest request, in VllmActivations peak, VllmConstants constants)
    {
        (long tokens, long sequences) = VllmActivations.Limits(request, constants);
        int element = MemoryEstimator.ComputeElementBytes(request);
        double perLogit = VllmActivations.BytesPerLogit(request, constants) + (element < 4 ? element : 0);
        string what = peak.Layer > peak.Sampling
            ? Invariant($"a layer over {tokens} batched tokens: MLP results and copies of hidden states")
            : Invariant($"sampling: {sequences} sequences x vocabulary {request.Model.VocabularySize} x {perLogit} B of logits and their copies, and hidden states of {tokens} batched tokens");
        return what + (request.Model.ExpertCount > 0 ? ", the experts' workspace" : "") + (peak.Hold > 0 ? ", images" : "");
    }

    private static (double Low, double High) ActivationBounds(
        in MemoryRequest request, PipelineStage stage, in VllmActivations peak, VllmConstants constants)
    {
        double low = 0.05, high = 0.05;
        LlmModel model = request.Model;
        if (peak.Layer > peak.Sampling)
        {
            (long tokens, _) = VllmActivations.Limits(request, constants);
            low = 0.10;
            high += 0.225 * (tokens / 8192.0) * (model.HiddenSize / 4096.0) * (MemoryEstimator.ComputeElementBytes(request) / 2.0);
        }

        if (model.Architecture.VisionParameters > 0)
        {
            bool isKnown = model.Family is "gemma3" or "mistral3";
            low += isKnown ? 0.01 : 0.3;
            high += isKnown ? 0.01 : 1.0;
        }

        if (stage.RoutedLayer is not null && request.EffectiveQuantization.IsQuantized)
        {
            // Another kernel than the one that was looked up may have no workspace of its own.
            low += 0.25 * Units.ToGiB((long)peak.Peak);
            high += 0.3;
        }

        if (model.KvCache.StateBytesPerSequence > 0)
        {
            low += 0.5;
            high += 0.5;
        }

        if (constants.Version.CompareTo(s_newestWithReports) > 0)
        {
            low += 0.25 * Units.ToGiB((long)peak.Peak);
            high += 0.5 * Units.ToGiB((long)peak.Peak);
        }

        return (low, high);
    }

    private static (double Low, double High) NonTorchBounds(
        in MemoryRequest request, VllmNonTorchGpu gpu, VllmConstants constants)
    {
        int tensor = request.Parallelism.Tensor;
        double more = tensor >= 8 ? 0.4 : tensor > 1 ? 0.08 : 0;
        bool isUnaligned = constants.UnalignedVocabularyGiB > 0 && request.Model.VocabularySize % 4 != 0;
        return (gpu.LowGiB + more + (isUnaligned ? 0.22 : 0), gpu.HighGiB + more);
    }

    private static MemoryTerm Term(
        string name, long bytes, double lowGiB, double highGiB, string formula, Ground ground, VllmConstants constants,
        in MemoryRequest request)
    {
        double gib = Units.ToGiB(bytes);
        string asked = request.EngineVersion is { } version
            && !(VllmVersion.TryParse(version, out VllmVersion parsed) && parsed == constants.Version)
            ? Invariant($"; constants of vLLM {constants.Name} for {version.Trim()}")
            : "";
        return new MemoryTerm(
            name, gib, Math.Max(0, gib - lowGiB), gib + highGiB, formula, ground.Evidence, ground.Source + asked);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string GraphFormula(in MemoryRequest request, PipelineStage stage, VllmGraphs graphs)
    {
        (int count, double scale) = VllmMemory.Captures(request);
        string formula = Invariant($"{graphs.BaseGiB:0.00} GiB{(stage.HasLatentAttention ? Invariant($" + {graphs.LatentGiB:0.0} GiB for latent attention") : "")} + {graphs.PerLayerGiB:0.###} GiB x {stage.LayerCount} layers")
            + (count == VllmMemory.DefaultCaptureCount
                ? Invariant($" for {count} captured sizes")
                : Invariant($" x {count} captured sizes / {VllmMemory.DefaultCaptureCount}"));
        return scale == 1 ? formula : Invariant($"({formula}) x {scale:0.###} (GraphMemoryOverheadRatio, GraphBatchScalingFactor)");
    }
}
