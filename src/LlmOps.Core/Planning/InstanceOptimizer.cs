using LlmOps.Core.Hardware;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Planning;

/// <summary>Ranks instances for a job by what it costs on them.</summary>
public static class InstanceOptimizer
{
    /// <summary>The provider of <see cref="PublishedInstances"/>.</summary>
    public const string PublishedProvider = "InferSave";

    private const string PublishedSource =
        "InferSave, \"Cost-Effective LLM Inference in Cloud Environments with KV Cache Offloading\", 2025";

    /// <summary>
    /// Evaluates instances for a job: those that can run it and meet the SLOs come first, ranked as the request says; the others
    /// follow, fastest first, with the reason of their rejection. With a front of all ways to run it an instance comes once for
    /// each of its ways, and those that another beats are left out.
    /// </summary>
    /// <param name="request">The job and the conditions.</param>
    /// <param name="instances">Null stands for <see cref="Candidates"/> without conditions.</param>
    /// <param name="cancellationToken">Stops between two instances.</param>
    /// <exception cref="LlmOpsException">The request is out of bounds.</exception>
    public static IReadOnlyList<InstanceEvaluation> Evaluate(
        in OptimizationRequest request,
        IReadOnlyList<GpuInstance>? instances = null,
        CancellationToken cancellationToken = default)
    {
        request.Validate();
        instances ??= Candidates(request.PerformanceModel, request.PriceType);
        List<InstanceEvaluation> evaluations;
        if (request.PerformanceModel == PerformanceModelName.Fitted)
        {
            evaluations = new FittedEvaluation(request).Of(instances, cancellationToken);
        }
        else
        {
            evaluations = new(instances.Count);
            foreach (GpuInstance instance in instances)
            {
                cancellationToken.ThrowIfCancellationRequested();
                evaluations.Add(BatchEvaluation.Of(request, instance));
            }
        }

        return InstanceRanking.Of(evaluations, request);
    }

    /// <summary>
    /// The instances to compare where none are named: with InferSave its four published configurations, unless a provider
    /// or region is asked for; else every known instance in its cheapest region.
    /// </summary>
    public static IReadOnlyList<GpuInstance> Candidates(
        PerformanceModelName performanceModel, PriceType priceType, InstanceFilter? filter = null)
    {
        bool Accepts(GpuInstance instance) => filter?.Accepts(instance) ?? true;
        return performanceModel == PerformanceModelName.InferSave && filter?.NamesPlace != true
            ? [.. PublishedInstances().Where(Accepts)]
            : [.. InstanceCatalog.CheapestRegions(InstanceCatalog.All.Where(Accepts), priceType)];
    }

    /// <summary>The error that none of the <see cref="Candidates"/> meets the conditions: it names them, and what is nearest.</summary>
    /// <param name="performanceModel">The model that they are evaluated by.</param>
    /// <param name="filter">The conditions.</param>
    /// <param name="names">Names or patterns of instances that were asked for beside them; null for none.</param>
    public static LlmOpsException NoCandidates(
        PerformanceModelName performanceModel, InstanceFilter filter, IReadOnlyList<string>? names = null)
    {
        if (names is not null || performanceModel != PerformanceModelName.InferSave || filter.NamesPlace)
        {
            return filter.NoneMatches(names);
        }

        LlmOpsException error = filter.NoneMatches(null, PublishedInstances());
        return new LlmOpsException(error.ErrorId, error.Kind,
            $"{error.Message} {nameof(PerformanceModelName.InferSave)} compares those that it published, unless a provider or region is named.", null);
    }

    /// <summary>The configurations that InferSave published, as instances named like their GPUs.</summary>
    public static IReadOnlyList<GpuInstance> PublishedInstances() =>
    [
        .. InferSaveModel.Configurations.Select(configuration => new GpuInstance
        {
            Provider = PublishedProvider,
            Name = configuration.Gpu,
            Region = "published",
            Gpu = GpuCatalog.Get(configuration.Gpu),
            GpuCount = 1,
            UsdPerHour = configuration.UsdPerHour,
            PriceSource = PublishedSource,
        }),
    ];

    /// <summary>
    /// Of evaluations that are all rejected what comes nearest: where the budget is all that is exceeded, the cheapest of those;
    /// else the fastest, the cheapest of equally fast ones. Null where none can run.
    /// </summary>
    public static InstanceEvaluation? Closest(IReadOnlyList<InstanceEvaluation> rejected, out bool isCheapest)
    {
        InstanceEvaluation? cheapest = rejected.Where(e => e.ExceedsBudget)
            .OrderBy(e => e.Cost).ThenByDescending(e => e.TokensPerSecond).FirstOrDefault();
        isCheapest = cheapest is not null;
        return cheapest
            ?? rejected.Where(e => e.Feasible).OrderByDescending(e => e.TokensPerSecond).ThenBy(e => e.Cost).FirstOrDefault();
    }

    /// <summary>Why most of them cannot run.</summary>
    public static string? MostCommonReason(IReadOnlyList<InstanceEvaluation> rejected) =>
        rejected.GroupBy(e => e.RejectionReason).MaxBy(alike => alike.Count())?.Key;
}
