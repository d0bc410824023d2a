using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Core.Planning;

/// <summary>Evaluates instances by the fitted step-time model: of each the best way to run the job, or all for a front.</summary>
internal sealed class FittedEvaluation
{
    private readonly OptimizationRequest _request;
    private readonly DeploymentPlanner _planner;
    private readonly string _job;

    public FittedEvaluation(in OptimizationRequest request)
    {
        _request = request;
        _planner = new DeploymentPlanner(request);
        _job = request.Job;
    }

    public List<InstanceEvaluation> Of(IReadOnlyList<GpuInstance> instances, CancellationToken cancellationToken)
    {
        List<InstanceEvaluation> evaluations = new(instances.Count);

        // Machines that differ in price alone are planned once. Where nothing may be offloaded, the host's memory does not matter.
        bool offloads = _request.RequestsPerSecond is null && !_request.Saturate && _request.Offloading != KvCacheOffloading.Never;
        foreach (IGrouping<(GpuSpec Gpu, int GpuCount, double? HostGiB), GpuInstance> alike in instances.GroupBy(
            i => (i.Gpu, i.GpuCount, offloads ? i.MemoryGiB : null)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            List<PlannedDeployment> ways = _planner.Plan(alike.Key.Gpu, alike.Key.GpuCount, alike.Key.HostGiB);
            List<PlannedDeployment> shown = _request.Pareto ? ways.FindAll(way => way.IsGood) : [];
            if (shown.Count == 0)
            {
                PlannedDeployment best = _planner.Best(ways);
                shown = [best.LacksMemory ? best with { Rejection = $"{best.Rejection}; {Remedy(best)}" } : best];
            }

            foreach (PlannedDeployment way in shown)
            {
                double mostRequests = _planner.MostRequestsPerSecond(way);
                evaluations.AddRange(alike.Select(instance => Of(instance, way, mostRequests)));
            }
        }

        return evaluations;
    }

    private static string Remedy(PlannedDeployment way) =>
        "what would: " + MemoryRemedy.OfInstances(MemoryRemedy.Find(way.Copy.Memory with { BatchSize = 1 }));

    private InstanceEvaluation Of(GpuInstance instance, PlannedDeployment way, double mostRequests)
    {
        Workload w = _request.Workload;
        double? price = instance.Price(_request.PriceType);
        double? cost = price * way.Machines;
        string? rejection = way.Rejection ?? (price is null ? $"no {_request.PriceType} price is known" : null);
        bool feasible = rejection is null;
        double? monthly = cost * Units.HoursPerMonth;

        // As it is shown: what a result costs is a budget that it keeps.
        bool exceedsBudget = feasible && way.MissedObjective is null && monthly is { } usd && Units.Money(usd) > _request.BudgetUsdPerMonth;
        string? missed = exceedsBudget
            ? FormattableString.Invariant($"{monthly:0.##} USD a month exceed the budget of {_request.BudgetUsdPerMonth:0.##}")
            : way.MissedObjective;
        bool isTimed = feasible && way.Details is not null;
        double? tps = isTimed ? way.TokensPerSecond : null;
        double? tokensPerHour = isTimed
            ? Units.SecondsPerHour * Math.Min(way.TokensPerSecond, _request.Objectives.TokensPerSecond ?? double.MaxValue)
            : null;
        ResidualBounds bounds = way.Details?.Bounds.TokensPerSecond ?? new ResidualBounds(1, 1);
        return new InstanceEvaluation
        {
            Job = _job,
            Instance = instance.Name,
            Provider = instance.Provider,
            Region = instance.Region,
            Gpu = instance.Gpu.Name,
            GpuCount = instance.GpuCount,
            InstanceCount = way.Machines,
            Engine = EnumNames.Of(_request.Engine),
            TensorParallelSize = way.Layout.Tensor,
            PipelineParallelSize = way.Layout.Pipeline,
            ExpertParallelSize = way.Layout.Expert,
            DataParallelSize = way.Layout.Parallelism.Data,
            Layout = way.Layout.ToString(),
            Model = w.Model,
            PerformanceModel = nameof(PerformanceModelName.Fitted),
            Quantization = way.Quantization.Name,
            KvCacheDataType = w.KvCacheDataType.ToString(),
            GpuMemoryUtilization = way.Copy.Deployment.EffectiveUtilization,
            BatchSize = isTimed ? (long)Math.Ceiling(way.BatchSize - 1e-9) : w.BatchSize,
            InputLength = w.InputLength,
            OutputLength = w.OutputLength,
            WeightsGB = way.WeightBytes > 0 ? way.WeightBytes * way.Layout.GpusOfCopy / Units.BytesPerGB : null,
            KvCacheGB = isTimed || way.CacheBytes > 0 ? way.CacheBytes / Units.BytesPerGB : null,
            OffloadRatio = isTimed ? way.OffloadRatio : null,
            PrefillSeconds = isTimed ? way.Times.TimeToFirstTokenMs / 1000 : null,
            DecodeSeconds = isTimed ? way.Times.TimePerOutputTokenMs * (w.OutputLength - 1) / 1000 : null,
            TotalSeconds = isTimed ? way.Times.EndToEndMs / 1000 : null,
            TimeToFirstTokenMs = isTimed ? way.Times.TimeToFirstTokenMs : null,
            TimePerOutputTokenMs = isTimed ? way.Times.TimePerOutputTokenMs : null,
            EndToEndMs = isTimed ? way.Times.EndToEndMs : null,
            TimeToFirstTokenP95Ms = way.Arrivals?.High.TimeToFirstTokenMs,
            TimePerOutputTokenP95Ms = way.Arrivals?.High.TimePerOutputTokenMs,
            EndToEndP95Ms = way.Arrivals?.High.EndToEndMs,
            MaxRequestsPerSecond = isTimed ? mostRequests : null,
            UtilizationPercent = 100 * way.Arrivals?.Utilization,
            TokensPerSecond = tps,
            TokensPerSecondLow = way.Arrivals is null ? tps * bounds.Low : null,
            TokensPerSecondHigh = tps * (way.Arrivals is null ? bounds.High : 1),
            TokensCounted = "Output",
            OutputTokensPerSecond = tps,
            UsdPerHour = price,
            PriceDate = price is null ? null : instance.DateOf(_request.PriceType),
            PriceSource = price is null ? null : instance.SourceOf(_request.PriceType),
            CostEfficiency = tokensPerHour / cost,
            UsdPerMillionTokens = cost / (tps * Units.SecondsPerHour) * Units.TokensPerMillion,
            Bottleneck = way.OffloadRatio > 0 && isTimed && HostMs(way) > way.Details!.TimePerOutputTokenMs
                ? "HostLink"
                : isTimed ? PerformanceTerms.Bottleneck(way.Copy, way.Details!).ToString() : null,
            Evidence = isTimed && way.OffloadRatio == 0
                ? new PerformanceEstimate(way.Copy, way.Copy.Deployment.BatchSize, way.Details).Evidence
                : Evidence.Assumed,
            FloorSeconds = isTimed ? FloorSeconds(way) : null,
            Feasible = feasible,
            MeetsSlo = feasible && missed is null,
            ExceedsBudget = exceedsBudget,
            MeetsSloWithinBounds = isTimed && missed is null && IsKeptAtBounds(way, way.TokensPerSecond * bounds.Low),
            RejectionReason = rejection ?? missed,
        };
    }

    /// <summary>Whether the objectives hold even where each time is as long as the errors of the model let expect.</summary>
    private bool IsKeptAtBounds(PlannedDeployment way, double lowTokensPerSecond)
    {
        StepTimeBounds bounds = way.Details!.Bounds;
        UserTimes times = way.Arrivals?.AtPercentile ?? way.Times;
        UserTimes slow = times with
        {
            TimeToFirstTokenMs = times.TimeToFirstTokenMs * bounds.TimeToFirstToken.High,
            TimePerOutputTokenMs = times.TimePerOutputTokenMs * bounds.TimePerOutputToken.High,
        };
        return _request.Objectives.Allow(slow) && !(lowTokensPerSecond < _request.Objectives.TokensPerSecond);
    }

    /// <summary>What reading the offloaded share adds to a token.</summary>
    private static double HostMs(PlannedDeployment way) => way.Times.TimePerOutputTokenMs - way.Details!.TimePerOutputTokenMs;

    /// <summary>The least time of one request: its prompt, and the steps that it shares with the others of its copy.</summary>
    private double FloorSeconds(PlannedDeployment way)
    {
        Workload prompt = _request.Workload with { BatchSize = 1, OutputLength = 1, Quantization = way.Quantization };
        return PhysicalFloor.Of(prompt, way.Copy.Deployment.Gpu!, way.Layout.GpusOfCopy).PrefillSeconds
            + (way.Details!.DecodeFloorMs * (_request.Workload.OutputLength - 1) / 1000);
    }
}
