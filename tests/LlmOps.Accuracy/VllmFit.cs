using LlmOps.Core;
using LlmOps.Core.Fitting;
using LlmOps.Core.Memory;
using LlmOps.Core.Memory.Vllm;
using LlmOps.Core.Models;

namespace LlmOps.Accuracy;

/// <summary>Fits the constants of vLLM 0.19 to reports: those that no source states.</summary>
internal static class VllmFit
{
    /// <summary>How much more than sampling a peak may be and still be sampling, in GiB.</summary>
    private const double SamplingTolerance = 0.03;

    public static VllmConstants Fit(IReadOnlyCollection<VllmReport> reports)
    {
        VllmConstants constants = VllmConstants.Default;
        double[] hiddenCopies = [.. HiddenCopies(reports, r => !r.IsPipelined && r.Request.Quantization?.Name != "FP32")];
        double[] wideCopies = [.. HiddenCopies(reports, r => r.IsPipelined || r.Request.Quantization?.Name == "FP32")];
        double copies = Median(hiddenCopies) ?? constants.Layer.HiddenCopies;
        double? single = Median(reports.Where(r => IsPlain(r) && r.Request.Parallelism.Tensor == 1).Select(NonTorch));
        double? unaligned = Median(reports.Where(r => IsUnaligned(r) && r.Request.Parallelism.GpuCount == 1)
            .Select(r => NonTorch(r) - single!.Value));
        VllmReport[] groups = [.. reports.Where(r => IsPlain(r) && r.Request.Parallelism.Tensor > 1)];
        double[] group = NonNegativeLeastSquares.Solve(
            [.. groups.Select(r => new[] { 1, (r.Request.Parallelism.Tensor - 1) * r.Request.Model.HiddenSize / 1024.0 })],
            [.. groups.Select(NonTorch)]);
        double[] graphs = NonNegativeLeastSquares.Solve(
            [.. reports.Select(r => new[] { 1, Stage(r).LayerCount, Stage(r).HasLatentAttention ? 1.0 : 0 })],
            [.. reports.Select(r => r.Measured("graphs_gib")!.Value)]);
        return constants with
        {
            HopperWorkspaceGiB = Workspace(reports) ?? constants.HopperWorkspaceGiB,
            Layer = constants.Layer with
            {
                HiddenCopies = copies,

                // Where no other model shows it, what is known of compiled layers must do.
                HiddenCopiesWide = Median(wideCopies) ?? copies,
            },
            PipelineNonTorchGiB = Median(reports.Where(r => r.IsPipelined).Select(NonTorch)) ?? constants.PipelineNonTorchGiB,
            UnalignedVocabularyGiB = unaligned ?? 0,
            NonTorch =
            [
                constants.NonTorch[0] with { SingleGiB = single!.Value, GroupGiB = group[0], PerRankGiB = group[1] },
                .. constants.NonTorch[1..],
            ],
            Graphs = constants.Graphs with { BaseGiB = graphs[0], PerLayerGiB = graphs[1], LatentGiB = graphs[2] },
        };
    }

    private static bool IsUnaligned(VllmReport report) => report.Request.Model.VocabularySize % 4 != 0;

    private static bool IsPlain(VllmReport report) => !report.IsPipelined && !IsUnaligned(report);

    private static double NonTorch(VllmReport report) => report.Measured("non_torch_gib")!.Value;

    private static PipelineStage Stage(VllmReport report) =>
        report.Request.Model.Stages(report.Request.Parallelism.Pipeline)[0];

    private static VllmActivations Activations(VllmReport report, VllmConstants constants) =>
        VllmActivations.Of(report.Request, Stage(report), constants);

    /// <summary>What peaks while sampling have beside the tensors that are counted.</summary>
    private static double? Workspace(IEnumerable<VllmReport> reports)
    {
        VllmConstants without = VllmConstants.Default with { HopperWorkspaceGiB = 0 };
        return Median(reports.Where(r => !IsLayer(r))
            .Select(r => r.Measured("activations_gib")!.Value - (Activations(r, without).Sampling / Units.BytesPerGiB)));
    }

    /// <summary>Copies of the hidden states that peaks within a layer leave over.</summary>
    private static IEnumerable<double> HiddenCopies(IEnumerable<VllmReport> reports, Func<VllmReport, bool> which)
    {
        VllmConstants without = VllmConstants.Default with
        {
            Layer = VllmConstants.Default.Layer with { HiddenCopies = 0, HiddenCopiesWide = 0 },
        };
        return reports.Where(r => which(r) && IsLayer(r)).Select(r =>
        {
            MemoryRequest request = r.Request;
            double rest = (r.Measured("activations_gib")!.Value * Units.BytesPerGiB) - Activations(r, without).Layer;
            return rest / request.MaxBatchedTokens!.Value / request.Model.HiddenSize / (request.Quantization?.Name == "FP32" ? 4 : 2);
        });
    }

    /// <summary>Whether a peak was too large for sampling.</summary>
    private static bool IsLayer(VllmReport report) =>
        report.Measured("activations_gib")!.Value - (Activations(report, VllmConstants.Default).Sampling / Units.BytesPerGiB)
            > SamplingTolerance;

    private static double? Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? null
            : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
