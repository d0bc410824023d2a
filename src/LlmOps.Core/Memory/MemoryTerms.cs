using System.Globalization;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Puts the numbers of an estimate into words.</summary>
internal static class MemoryTerms
{
    public const string Arithmetic = "follows from the architecture";
    public const string Framework = "memory estimation framework, parameters of New-MemoryEstimationParameter";

    private const string PublishedLists = "modules that published checkpoints exclude (hf_quant_config.json of NVIDIA's, AMD Quark)";

    /// <summary>All terms: the engine's own, and the allowances.</summary>
    public static IReadOnlyList<MemoryTerm> Explain(in MemoryRequest request, in MemoryBreakdown b, PipelineStage stage)
    {
        MemoryEstimationParameter p = request.Parameters;
        IEnumerable<MemoryTerm> own = EngineMemory.Of(request.Engine).Explain(request, stage, b);
        if (request.Calibration is { } calibration)
        {
            own = own.Select(calibration.Apply);
        }

        // A list, because PowerShell cannot index into the type that a read-only collection expression makes.
        List<MemoryTerm> terms =
        [
            .. own,

            // Both are allowances, not allocations: at best nothing of them is used.
            Term("FragmentationOverhead", b.FragmentationOverhead, 1, 0,
                Invariant($"terms above x (FragmentationOverheadFactor {p.FragmentationOverheadFactor} - 1)"),
                Evidence.Assumed, Framework),
            Term("SafetyMargin", b.SafetyMargin, 1, 0,
                Invariant($"the larger of {p.MinMemorySafetyMarginGiB} GiB and {p.MemorySafetyMarginFactor:0.###} x the terms above"),
                Evidence.Assumed, Framework),
        ];
        return terms;
    }

    public static MemoryTerm Weights(in MemoryRequest request, PipelineStage stage, in MemoryBreakdown b)
    {
        Quantization quantization = request.EffectiveQuantization;
        string place = request.Parallelism.GpuCount == 1
            ? ""
            : Invariant($", on one of {request.Parallelism.GpuCount} GPUs (stage {stage.Index + 1} of {request.Parallelism.Pipeline})");
        string formula = (quantization.IsGguf && request.Model.StorageIn(quantization) is null
            ? Invariant($"matrix by matrix as llama-quantize stores {quantization}: ") + GgufBits.Of(request.Model, quantization)
            : request.Model.StorageIn(quantization) is null
            ? Invariant($"parameters x bits / 8 in {quantization} ({quantization.BitsPerWeight:0.###} bits; {quantization.Layout})")
            : Invariant($"matrix by matrix as published: {quantization} ({quantization.BitsPerWeight:0.###} bits; {quantization.Layout}), ")
                + Invariant($"{request.Model.AverageBitsPerWeight:0.###} bits a weight on average")) + place;
        if (WeightCoverage.Differs(request.Model, quantization) && request.Model.StorageIn(quantization) is null)
        {
            WeightParts covered = WeightCoverage.Of(request.Model, quantization);
            double bytes = WeightMemory.Chosen(request.Model, stage, request, covered);
            double least = WeightMemory.Chosen(request.Model, stage, request, WeightParts.Linear) / bytes;
            double most = WeightMemory.Chosen(request.Model, stage, request, WeightCoverage.Least(request.Model)) / bytes;
            return Term("ModelWeights", b.ModelWeights, 1 - least, most - 1,
                Invariant($"{formula}; {WeightCoverage.Describe(request.Model, covered)} in 16 bits, as most checkpoints of the family; others quantize ")
                    + "from the experts or MLPs alone to all linear layers",
                Evidence.Assumed, PublishedLists);
        }

        return Term("ModelWeights", b.ModelWeights, 0, 0, formula,
            quantization.IsGeneric ? Evidence.Assumed : Evidence.Exact,
            quantization.IsGeneric ? Framework : Arithmetic);
    }

    /// <summary>The cache, with how the engine lays it out where that takes more than its tokens do.</summary>
    public static MemoryTerm KvCache(
        in MemoryRequest request, PipelineStage stage, in MemoryBreakdown b, string layout = "")
    {
        string type = request.KvCacheDataType == KvCacheDataType.Auto
            ? Invariant($"{8 * KvCacheMemory.ElementBytes(request)} bits")
            : request.KvCacheDataType.ToString();
        return Term("KvCache", b.KvCache, 0, 0,
            Invariant($"{request.BatchSize} sequences x {request.SequenceLength} tokens x {KvCacheMemory.BytesPerToken(stage, request):0.#} bytes a token in {type}")
                + layout + (request.Parallelism.Tensor > 1 ? ", KV heads divided over the ranks" : ""),
            Evidence.Exact, Arithmetic);
    }

    public static MemoryTerm Runtime(in MemoryRequest request, in MemoryBreakdown b, Evidence evidence, string source) =>
        Term("CompilationOverhead", b.CompilationOverhead, 0.3, 0.3,
            "driver context, kernels" + (request.Parallelism.GpuCount > 1 ? " and communication buffers" : ""),
            evidence, source);

    /// <summary>A term whose true size may be less or more by those shares.</summary>
    public static MemoryTerm Term(
        string name, long bytes, double below, double above, string formula, Evidence evidence, string source,
        MemoryPlace place = MemoryPlace.Gpu)
    {
        double gib = Units.ToGiB(bytes);
        return new MemoryTerm(name, gib, gib * (1 - below), gib * (1 + above), formula, evidence, source, place);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
