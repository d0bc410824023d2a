using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>Finds the GPU, precision and batch size that serve a model's load within a latency and a budget.</summary>
public static class ConfigurationFinder
{
    private const double SecondsPerDay = 86400;
    private const double HoursPerDay = 24;

    public static IReadOnlyList<long> DefaultBatchSizes { get; } = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

    /// <summary>
    /// Every combination of GPU, precision and batch size, each divided over as many GPUs as score best and rented as the instances
    /// that cost least: those that meet target and budget first, by score; the others with the reason.
    /// </summary>
    /// <param name="request">The load and the conditions.</param>
    /// <param name="instances">What can be rented; GPUs that none of them has are left out.</param>
    /// <param name="cancellationToken">Stops between two combinations.</param>
    /// <exception cref="LlmOpsException">The request is out of bounds, or the engine can serve none of the combinations.</exception>
    public static IReadOnlyList<ConfigurationCandidate> Evaluate(
        in ConfigurationRequest request, IReadOnlyList<GpuInstance> instances, CancellationToken cancellationToken = default)
    {
        request.Validate();
        List<ConfigurationCandidate> candidates = [];
        PriceType priceType = request.PriceType;
        IReadOnlyList<GpuSpec>? gpus = request.Gpus;
        LlmOpsException? refusal = null;
        foreach (IGrouping<GpuSpec, GpuInstance> offers in instances
            .Where(i => i.Price(priceType) is not null && gpus?.Contains(i.Gpu) != false).GroupBy(i => i.Gpu))
        {
            foreach (Quantization? quantization in request.Quantizations ?? Precisions(request.Deployment with { Gpu = offers.Key }))
            {
                foreach (long batch in request.BatchSizes ?? DefaultBatchSizes)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    MemoryRequest deployment = request.Deployment with
                    {
                        Gpu = offers.Key,
                        Quantization = quantization,
                        BatchSize = batch,
                        SequenceLength = request.InputLength + request.OutputLength,
                    };
                    try
                    {
                        candidates.Add(WeightKernels.WhyNotTimed(deployment) is { } reason
                            ? Describe(request, deployment, reason)
                            : Best(request, deployment, [.. offers]));
                    }
                    catch (LlmOpsException e) when (e.Kind == ErrorKind.NotSupported)
                    {
                        refusal ??= e;
                        candidates.Add(Describe(request, deployment, e.Message));
                    }
                }
            }
        }

        return refusal is null || candidates.Exists(c => c.EstimatedLatencyMs is not null)
            ? ConfigurationRanking.Rank(candidates)
            : throw refusal;
    }

    /// <summary>
    /// Of candidates that are all rejected what comes nearest: where the budget is all that is exceeded, the cheapest of those, the
    /// faster of equally cheap ones; else the fastest. Null where none can run.
    /// </summary>
    public static ConfigurationCandidate? Closest(IReadOnlyList<ConfigurationCandidate> rejected, out bool isCheapest)
    {
        ConfigurationCandidate? cheapest = rejected.Where(c => c is { MeetsSla: true, Cost: not null })
            .OrderBy(c => c.Cost).ThenBy(c => c.EstimatedLatencyMs).FirstOrDefault();
        isCheapest = cheapest is not null;
        return cheapest ?? rejected.Where(c => c.EstimatedLatencyMs is not null).MinBy(c => c.EstimatedLatencyMs);
    }

    /// <summary>The model's own precision, for which null stands, and the smaller ones that the engine serves on that GPU.</summary>
    private static IEnumerable<Quantization?> Precisions(MemoryRequest deployment)
    {
        Quantization own = deployment.EffectiveQuantization;
        return EngineMemory.Of(deployment.Engine).SmallerWeights(deployment)
            .Select(Quantization.Parse)
            .Where(smaller => smaller.BitsPerWeight < own.BitsPerWeight && smaller.Name != own.Name)
            .Prepend(null);
    }

    /// <summary>The layout of a copy that is accepted with the best score; of those that are not, the fastest.</summary>
    private static ConfigurationCandidate Best(ConfigurationRequest request, MemoryRequest deployment, IReadOnlyList<GpuInstance> offers)
    {
        int most = offers.Max(offer => offer.GpuCount);
        List<(ParallelLayout Layout, ConfigurationCandidate? Candidate)> ways = ParallelLayout.TryStagesLast<(ParallelLayout, ConfigurationCandidate?)>(
            Enumerable.Range(0, int.Log2(most) + 1).SelectMany(power => Layouts(deployment, 1 << power)),
            layout => [(layout, Evaluate(request, deployment, layout, offers))],
            way => way.Item2 is not null);
        return ways.Select(way => way.Candidate).OfType<ConfigurationCandidate>().Aggregate(
            default(ConfigurationCandidate), (best, candidate) => best is null || IsBetter(candidate, best) ? candidate : best)
            ?? DoesNotFit(request, deployment, ways.MaxBy(way => way.Layout.GpusOfCopy).Layout);
    }

    /// <summary>A copy over all of so many GPUs, with as many requests at once on each rank that runs attention of its own.</summary>
    private static IEnumerable<ParallelLayout> Layouts(MemoryRequest deployment, int gpus) =>
        ParallelLayout.Of(deployment.Model, gpus, deployment.Engine).Where(layout =>
            layout.GpusOfCopy == gpus
            && deployment.BatchSize % layout.AttentionRanks == 0
            && ParallelismLimits.Refusal(deployment, layout) is null);

    private static bool IsBetter(ConfigurationCandidate one, ConfigurationCandidate other)
    {
        bool isAccepted = one.RejectionReason is null;
        return isAccepted != (other.RejectionReason is null) ? isAccepted
            : one.Score != other.Score ? one.Score > other.Score
            : one.EstimatedLatencyMs < other.EstimatedLatencyMs;
    }

    private static PerformanceEstimateRequest OfRank(in ConfigurationRequest request, in MemoryRequest deployment, ParallelLayout layout) => new(
        deployment with { Parallelism = layout.OfCopy, BatchSize = deployment.BatchSize / layout.AttentionRanks },
        request.InputLength,
        request.OutputLength);

    private static ConfigurationCandidate DoesNotFit(in ConfigurationRequest request, in MemoryRequest deployment, ParallelLayout layout)
    {
        PerformanceEstimateRequest ofRank = OfRank(request, deployment, layout);
        MemoryEstimate memory = MemoryEstimator.Estimate(ofRank.Memory with { BatchSize = 1 });
        string remedy = MemoryRemedy.OfInstances(PerformanceEstimator.Estimate(ofRank).Remedy!);
        return Describe(request, deployment, ParallelismFinder.Shortage(memory, remedy), layout);
    }

    /// <summary>Null where the model does not fit.</summary>
    private static ConfigurationCandidate? Evaluate(
        in ConfigurationRequest request, in MemoryRequest deployment, ParallelLayout layout, IReadOnlyList<GpuInstance> offers)
    {
        PerformanceEstimate times = PerformanceEstimator.Estimate(OfRank(request, deployment, layout));
        if (!times.Fits)
        {
            return null;
        }

        PriceType priceType = request.PriceType;
        double rate = request.RequestsPerDay / SecondsPerDay * request.PeakFactor;
        double copies = Math.Max(1, Math.Ceiling(rate / (request.TargetUtilization * times.RequestsPerSecond!.Value)));
        (GpuInstance instance, double count, double usd) = offers
            .Where(offer => offer.GpuCount >= layout.GpusOfCopy)
            .Select(offer => (Offer: offer, Count: Math.Ceiling(copies / (offer.GpuCount / layout.GpusOfCopy))))
            .Select(choice => (choice.Offer, choice.Count, Usd: choice.Count * choice.Offer.Price(priceType)!.Value * Units.HoursPerMonth))
            .OrderBy(choice => choice.Usd)
            .ThenBy(choice => choice.Count)
            .ThenBy(choice => choice.Offer.Name, StringComparer.Ordinal)
            .First();
        double latency = 1000 * times.TotalSeconds!.Value;
        double usdPerRequest = usd / (request.RequestsPerDay * Units.HoursPerMonth / HoursPerDay);
        return Describe(request, deployment, ConfigurationRanking.Rejection(request, latency, usd), layout, new Rental(
            times, copies, instance, count, usd, usdPerRequest));
    }

    private static ConfigurationCandidate Describe(
        in ConfigurationRequest request, in MemoryRequest deployment, string? reason, ParallelLayout? layout = null, Rental? rental = null)
    {
        PerformanceEstimate? times = rental?.Times;
        GpuInstance? instance = rental?.Instance;
        double? latency = 1000 * times?.TotalSeconds;
        double? usdPerHour = instance?.Price(request.PriceType);
        long later = request.OutputLength - 1;
        return new ConfigurationCandidate
        {
            PerformanceModel = nameof(ConfigurationModelName.Fitted),
            Model = deployment.Model,
            Engine = EnumNames.Of(deployment.Engine),
            Gpu = deployment.Gpu!.Name,
            Quantization = deployment.EffectiveQuantization.Name,
            KvCacheDataType = deployment.KvCacheDataType.ToString(),
            BatchSize = deployment.BatchSize,
            RequestsPerDay = request.RequestsPerDay,
            TargetLatencyMs = request.TargetLatencyMs,
            BudgetUsdPerMonth = request.BudgetUsdPerMonth,
            InputLength = request.InputLength,
            OutputLength = request.OutputLength,
            PeakFactor = request.PeakFactor,
            TargetUtilization = request.TargetUtilization,
            EstimatedLatencyMs = latency,
            EstimatedLatencyLowMs = times?.TimeToFirstTokenLowMs + (later * times?.TimePerOutputTokenLowMs),
            EstimatedLatencyHighMs = times?.TimeToFirstTokenHighMs + (later * times?.TimePerOutputTokenHighMs),
            TimeToFirstTokenMs = times?.TimeToFirstTokenMs,
            TimePerOutputTokenMs = times?.TimePerOutputTokenMs,
            RequestsPerSecondOfCopy = times?.RequestsPerSecond,
            GpusNeeded = rental?.Copies * layout?.GpusOfCopy,
            GpusOfCopy = layout?.GpusOfCopy,
            Layout = layout?.ToString(),
            TensorParallelSize = layout?.Tensor,
            PipelineParallelSize = layout?.Pipeline,
            ExpertParallelSize = layout?.Expert,
            DataParallelSize = layout?.AttentionRanks,
            CopyCount = rental?.Copies,
            Instance = instance?.Name,
            Provider = instance?.Provider,
            Region = instance?.Region,
            GpusOfInstance = instance?.GpuCount,
            InstanceCount = rental?.InstanceCount,
            UsdPerHour = usdPerHour,
            UsdPerGpuHour = usdPerHour / instance?.GpuCount,
            PriceDate = instance?.DateOf(request.PriceType),
            PriceSource = instance?.SourceOf(request.PriceType),
            HoursPerMonth = Units.HoursPerMonth,
            Cost = rental?.UsdPerMonth,
            UsdPerRequest = rental?.UsdPerRequest,
            Score = rental is null ? 0 : ConfigurationRanking.Score(request, latency!.Value, rental.UsdPerRequest),
            MeetsSla = latency <= request.TargetLatencyMs,
            Evidence = times?.Evidence ?? Evidence.Exact,
            RejectionReason = reason,
        };
    }

    /// <summary>What a load takes of one configuration.</summary>
    private sealed record Rental(
        PerformanceEstimate Times, double Copies, GpuInstance Instance, double InstanceCount, double UsdPerMonth, double UsdPerRequest);
}
