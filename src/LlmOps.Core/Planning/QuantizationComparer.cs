using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>Lays a model in one format beside the same in another: size, time, cost, and what is published of its quality.</summary>
public static class QuantizationComparer
{
    /// <exception cref="LlmOpsException">The request is out of bounds or contradicts itself.</exception>
    public static QuantizationComparison Compare(in QuantizationComparisonRequest request)
    {
        request.Validate();
        Quantization from = request.EffectiveFrom, to = request.EffectiveTo;
        if (request.Model is not { } model)
        {
            double count = request.ParameterCount;
            return new QuantizationComparison(request, count, count * from.NominalBits / 8, count * to.NominalBits / 8);
        }

        double before = WeightFiles.Bytes(model, from), after = WeightFiles.Bytes(model, to);
        ServingComparison? serving = request.Serving is { } wanted ? Serve(request, wanted) : null;
        return new QuantizationComparison(request, model.ParameterCount, before, after)
        {
            Evidence = (Evidence)Math.Max((int)WeightFiles.EvidenceOf(model, from), (int)WeightFiles.EvidenceOf(model, to)),
            Serving = serving,
        };
    }

    private static ServingComparison Serve(in QuantizationComparisonRequest request, PerformanceEstimateRequest serving)
    {
        List<string> notes = [];
        Side before = Estimate(request.Model!, request.EffectiveFrom, serving, notes);
        Side after = Estimate(request.Model!, request.EffectiveTo, serving, notes);
        return new ServingComparison(serving, before.Estimate, after.Estimate, before.Fits, after.Fits)
        {
            Kernel = after.Kernel,
            Evidence = (Evidence)Math.Max((int)before.Evidence, (int)after.Evidence),
            Note = notes.Count == 0 ? null : string.Join("; ", notes.Distinct()),
        };
    }

    private static Side Estimate(LlmModel model, Quantization quantization, PerformanceEstimateRequest serving, List<string> notes)
    {
        bool isPublished = ReferenceEquals(quantization, model.PublishedQuantization);
        MemoryRequest deployment = serving.Deployment with { Model = model, Quantization = isPublished ? null : quantization };
        PerformanceEstimateRequest request = serving with { Deployment = deployment };
        WeightKernel kernel = WeightKernels.Of(quantization, deployment.Gpu!, deployment.Engine, out string? note);
        if (isPublished && deployment.Engine == Engine.LlamaCpp && LlamaCppLayout.IsGguf(model))
        {
            (kernel, note) = (WeightKernel.Native, null);
        }

        if (note is not null)
        {
            notes.Add(note);
        }
        else if (WeightKernels.NoteOnTimes(deployment) is { } ground)
        {
            notes.Add(ground);
        }

        if (kernel == WeightKernel.Missing)
        {
            return new Side(null, null, kernel, Evidence.Assumed);
        }

        PerformanceEstimate estimate = PerformanceEstimator.Estimate(request);
        if (!estimate.Fits)
        {
            notes.Add($"{quantization} does not fit {deployment.Gpu}; what would: {estimate.Remedy}");
            return new Side(null, false, kernel, estimate.Evidence);
        }

        bool isLossy = WeightKernels.IsExpanded(quantization)
            && deployment.Engine != Engine.LlamaCpp && deployment.BatchSize >= WeightKernels.ExpandedLosesFrom;
        if (isLossy)
        {
            notes.Add($"from {WeightKernels.ExpandedLosesFrom} sequences on kernels that expand {quantization} may lose to 16 bits: "
                + WeightKernels.ExpandedOnTensorRtLlm
                + (deployment.Engine == Engine.TensorRtLlm ? "; no times are given" : "; the times count no such loss"));
        }

        // What has been measured there contradicts the model of times.
        if (kernel == WeightKernel.NotMeasured || (isLossy && deployment.Engine == Engine.TensorRtLlm))
        {
            return new Side(null, true, WeightKernel.NotMeasured, Evidence.Assumed);
        }

        return new Side(
            estimate,
            true,
            kernel,
            kernel == WeightKernel.Native && WeightKernels.IsMeasured(quantization) ? estimate.Evidence : Evidence.Assumed);
    }

    /// <summary>One of the two.</summary>
    /// <param name="Estimate">Null where there are no times to give.</param>
    /// <param name="Fits">Null where the engine has no kernels.</param>
    /// <param name="Kernel">How the engine multiplies.</param>
    /// <param name="Evidence">Of the times.</param>
    private readonly record struct Side(PerformanceEstimate? Estimate, bool? Fits, WeightKernel Kernel, Evidence Evidence);
}

/// <summary>Times before and after.</summary>
/// <param name="Request">The deployment.</param>
/// <param name="Before">Null where there are no times to give.</param>
/// <param name="After">The same.</param>
/// <param name="BeforeFits">Whether the weights and a sequence fit; null where the engine has no kernels.</param>
/// <param name="AfterFits">The same.</param>
internal sealed record ServingComparison(
    PerformanceEstimateRequest Request, PerformanceEstimate? Before, PerformanceEstimate? After, bool? BeforeFits, bool? AfterFits)
{
    public WeightKernel Kernel { get; init; }

    public Evidence Evidence { get; init; }

    public string? Note { get; init; }
}
