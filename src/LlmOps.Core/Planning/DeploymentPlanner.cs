using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>
/// Finds the ways to run a job on so many GPUs of a kind: every layout in every allowed precision, with the KV cache on the GPU
/// or partly in host memory, timed by the fitted step-time model.
/// </summary>
internal sealed class DeploymentPlanner
{
    /// <summary>Share of a host's memory that a KV cache may take; assumed, the rest is the system's and the engine's.</summary>
    private const double HostMemoryShare = 0.9;

    private const int MostMachines = 100_000;

    private readonly OptimizationRequest _request;
    private readonly IReadOnlyList<Quantization?> _quantizations;

    public DeploymentPlanner(in OptimizationRequest request)
    {
        _request = request;

        // Null leaves it to the engine how it loads the checkpoint.
        Quantization own = request.Workload.EffectiveQuantization;
        _quantizations = [request.Workload.Quantization, .. request.AllowedQuantizations.Where(q => q.Name != own.Name)];
    }

    /// <summary>All ways, those that cannot run included; never empty.</summary>
    /// <param name="gpu">The kind of GPU.</param>
    /// <param name="gpuCount">GPUs of the machine.</param>
    /// <param name="hostGiB">The machine's memory; null where it is not known.</param>
    public List<PlannedDeployment> Plan(GpuSpec gpu, int gpuCount, double? hostGiB)
    {
        IReadOnlyList<ParallelLayout> layouts = ParallelLayout.Of(_request.Workload.Model, gpuCount, _request.Engine);
        return [.. _quantizations.SelectMany(quantization => ParallelLayout.TryStagesLast(
            layouts,
            layout => Ways(Copy(gpu, quantization, layout), layout, hostGiB),
            way => way.Layout.GpuCount == gpuCount && way.Rejection is null))];
    }

    /// <summary>The best of them for any price: those that are good before those that are not.</summary>
    public PlannedDeployment Best(IReadOnlyList<PlannedDeployment> ways)
    {
        PlannedDeployment best = ways[0];
        foreach (PlannedDeployment way in ways.Skip(1))
        {
            if (IsBetter(way, best))
            {
                best = way;
            }
        }

        return best;
    }

    private bool IsBetter(PlannedDeployment a, PlannedDeployment b)
    {
        if (a.IsGood != b.IsGood)
        {
            return a.IsGood;
        }

        if ((a.Rejection is null) != (b.Rejection is null))
        {
            return a.Rejection is null;
        }

        if (a.Rejection is not null)
        {
            // The one that divides the model most comes nearest to fitting.
            return a.Layout.GpusOfCopy > b.Layout.GpusOfCopy;
        }

        if (_request.RankBy == RankingOrder.EndToEnd)
        {
            return a.Times.EndToEndMs < b.Times.EndToEndMs;
        }

        if (_request.RequestsPerSecond is null)
        {
            return a.TokensPerSecond > b.TokensPerSecond;
        }

        // A precision that was named later must save a machine.
        return a.Machines < b.Machines
            || (a.Machines == b.Machines && a.Quantization.Name == b.Quantization.Name
                && a.Arrivals?.AtPercentile.EndToEndMs < b.Arrivals?.AtPercentile.EndToEndMs);
    }

    private List<PlannedDeployment> Ways(in PerformanceEstimateRequest copy, ParallelLayout layout, double? hostGiB)
    {
        PlannedDeployment way = new() { Layout = layout, Quantization = copy.Deployment.EffectiveQuantization, Copy = copy };
        if ((WeightKernels.WhyNotTimed(copy.Deployment) ?? ParallelismLimits.Refusal(copy.Deployment, layout)) is { } reason)
        {
            return [way with { Rejection = reason }];
        }

        try
        {
            copy.Validate();
        }
        catch (LlmOpsException e)
        {
            return [way with { Rejection = e.Message }];
        }

        DeploymentLoad load = Load(copy);
        way = way with { WeightBytes = load.WeightBytes };
        if (_request.RequestsPerSecond is { } rate)
        {
            return [load.Fits ? UnderRate(way, load, rate) : DoesNotFit(way)];
        }

        if (_request.Saturate)
        {
            return load.Fits ? Saturated(way, load) : [DoesNotFit(way)];
        }

        List<PlannedDeployment> ways = [];
        long usersOfRank = OfRank(_request.Workload.BatchSize, way.Layout);
        if (load.WholeRoom < usersOfRank && _request.Offloading != KvCacheOffloading.Never)
        {
            ways.Add(Offloaded(way, load, usersOfRank, hostGiB));
        }

        ways.Add(load.Fits ? Busy(way, load, usersOfRank, _request.Workload.BatchSize) : DoesNotFit(way));
        return ways;
    }

    /// <summary>So many users as give the greatest throughput; for a front also with fewer of them.</summary>
    private List<PlannedDeployment> Saturated(PlannedDeployment way, DeploymentLoad load)
    {
        LoadCurve curve = load.Curve();
        UserTimes? busiest = curve.Busiest(_request.Objectives);
        double most = busiest?.Users ?? curve.Points[0].Users;
        List<PlannedDeployment> ways = [Of(most)];
        if (_request.Pareto)
        {
            ways.AddRange(curve.Points.Where(point => point.Users < most).Select(point => Of(point.Users)));
        }

        return ways;

        PlannedDeployment Of(double users) =>
            Busy(way, load, (long)Math.Round(users / way.Layout.AttentionRanks), users * way.Layout.Copies);
    }

    /// <summary>A steady number of users of one machine.</summary>
    private PlannedDeployment Busy(PlannedDeployment way, DeploymentLoad load, long usersOfRank, double batch)
    {
        UserTimes times = load.At(usersOfRank, out PerformanceTimes details);
        return Timed(way, load, times, details, usersOfRank, batch);
    }

    private PlannedDeployment Offloaded(PlannedDeployment way, DeploymentLoad load, long usersOfRank, double? hostGiB)
    {
        // What is computed at a time must be on the GPU: one layer's cache.
        double needed = 1 - (load.WholeRoom / usersOfRank);
        double share = Math.Min(1, needed * (_request.AdjustOffloading ? InferSaveModel.AdjustFactor : 1));
        if (_request.AdjustOffloading || _request.Offloading == KvCacheOffloading.Tenths)
        {
            share = Math.Ceiling(10 * share) / 10;
        }

        way = way with { OffloadRatio = share };
        if (load.WholeRoom * _request.Workload.Model.LayerCount < usersOfRank)
        {
            return DoesNotFit(way);
        }

        double hostBytes = share * load.CacheBytes(usersOfRank) * way.Layout.GpuCount;
        if (hostBytes > hostGiB * HostMemoryShare * Units.BytesPerGiB)
        {
            return way with
            {
                Rejection = FormattableString.Invariant(
                    $"{Units.ToGiB(hostBytes):0} GiB of KV cache do not fit the host's memory of {hostGiB:0} GiB"),
            };
        }

        UserTimes times = load.Offloading(usersOfRank, share, out PerformanceTimes details);
        return Timed(way, load, times, details, usersOfRank, _request.Workload.BatchSize);
    }

    private PlannedDeployment Timed(
        PlannedDeployment way, DeploymentLoad load, in UserTimes times, PerformanceTimes details, long usersOfRank, double batch)
    {
        double requests = 1000 * batch / times.EndToEndMs;
        double tokens = requests * _request.Workload.OutputLength;
        ServiceObjectives objectives = _request.Objectives;
        return way with
        {
            BatchSize = batch,
            Times = times,
            Details = details,
            Copy = WithUsers(way.Copy, usersOfRank),
            TokensPerSecond = tokens,
            RequestsPerSecondOfMachine = requests,
            CacheBytes = load.CacheBytes(usersOfRank) * way.Layout.GpuCount,
            MissedObjective = tokens < objectives.TokensPerSecond
                ? FormattableString.Invariant($"{tokens:0.###} tokens/s are below the SLO of {objectives.TokensPerSecond:0.###}")
                : objectives.Missed(times),
        };
    }

    /// <summary>So many machines that each keeps the objectives at its share of the rate.</summary>
    private PlannedDeployment UnderRate(PlannedDeployment way, DeploymentLoad load, double rate)
    {
        ServiceObjectives objectives = _request.Objectives;
        LoadCurve curve = load.Curve();
        int copies = way.Layout.Copies;
        double capacity = copies * curve.Best.RequestsPerSecond * LoadCurve.MostUtilization;
        double alone = curve.Points[0].RequestsPerSecond;
        if (!objectives.Allow(curve.Points[0]))
        {
            UserTimes idle = load.At(1, out PerformanceTimes details);
            return Timed(way, load, idle, details, 1, copies) with { MissedObjective = objectives.Missed(idle, " of a request alone") };
        }

        ArrivalTimes? KeptBy(long machines) =>
            curve.Under(rate / machines / copies, objectives.Percentile) is { } times && objectives.Allow(times.AtPercentile)
                ? times
                : null;

        // Fewer machines never help: count those that are too few.
        long least = (long)Math.Max(1, Math.Ceiling(rate / capacity * (1 - 1e-12)));
        long most = least;
        while (most < MostMachines && KeptBy(most) is null)
        {
            most *= 2;
        }

        if (least > MostMachines || KeptBy(most) is null)
        {
            UserTimes idle = load.At(1, out PerformanceTimes details);
            ArrivalTimes? thin = curve.Under(Math.Min(rate / MostMachines, alone / 2), objectives.Percentile);
            return Timed(way, load, idle, details, 1, copies) with
            {
                MissedObjective = thin is { } t && objectives.Missed(t.AtPercentile, OfPercentile) is { } missed
                    ? missed
                    : FormattableString.Invariant($"more than {MostMachines} instances were needed"),
            };
        }

        long tooFew = most == least ? 0 : Bisection.Largest(most - least, extra => KeptBy(least + extra - 1) is null) ?? 0;
        long machines = least + tooFew;
        ArrivalTimes arrivals = KeptBy(machines)!.Value;
        long usersOfRank = Math.Max(1, (long)Math.Round(arrivals.MeanUsers / way.Layout.AttentionRanks));
        load.At(usersOfRank, out PerformanceTimes mean);
        return way with
        {
            BatchSize = arrivals.MeanUsers * copies,
            Machines = (int)machines,
            Times = arrivals.Median,
            Arrivals = arrivals,
            Details = mean,
            Copy = WithUsers(way.Copy, usersOfRank),
            TokensPerSecond = rate * _request.Workload.OutputLength,
            RequestsPerSecondOfMachine = rate / machines,
            CacheBytes = load.CacheBytes(usersOfRank) * way.Layout.GpuCount,
        };
    }

    /// <summary>The greatest rate that one machine answers with the objectives kept, to a thousandth of its capacity.</summary>
    public double MostRequestsPerSecond(PlannedDeployment way)
    {
        if (way.Arrivals is null)
        {
            return way.RequestsPerSecondOfMachine;
        }

        LoadCurve curve = Load(way.Copy).Curve();
        double most = curve.Best.RequestsPerSecond * LoadCurve.MostUtilization;
        double kept = most / 1000 * (Bisection.Largest(1000, part => Keeps(most * part / 1000)) ?? 0);
        return Math.Max(way.RequestsPerSecondOfMachine, kept * way.Layout.Copies);

        bool Keeps(double rate) => curve.Under(rate, _request.Objectives.Percentile) is { } times && _request.Objectives.Allow(times.AtPercentile);
    }

    private string OfPercentile => FormattableString.Invariant($" at the {_request.Objectives.Percentile:0.#}th percentile");

    private static PlannedDeployment DoesNotFit(PlannedDeployment way) =>
        way with { Rejection = "weights, activations and the KV cache of one request do not fit", LacksMemory = true };

    private static PerformanceEstimateRequest WithUsers(in PerformanceEstimateRequest copy, long usersOfRank) =>
        copy with { Deployment = copy.Deployment with { BatchSize = usersOfRank } };

    /// <summary>Users of the fullest attention rank.</summary>
    private static long OfRank(long batch, ParallelLayout layout)
    {
        long ranks = (long)layout.Copies * layout.AttentionRanks;
        return (batch + ranks - 1) / ranks;
    }

    private DeploymentLoad Load(in PerformanceEstimateRequest copy) => new(copy, _request.Prefill, _request.Decode);

    /// <summary>
    /// Whether vLLM loads the weights in FP16 alone: it refuses bfloat16 below compute capability 8.0, where operators set
    /// <c>--dtype half</c>, which takes the same bytes and time.
    /// </summary>
    private bool NeedsHalf(Quantization quantization, GpuSpec gpu) => _request.Engine == Engine.vLLM
        && quantization.Name == Quantization.BF16.Name && gpu.CapabilityNumber is > 0 and < 8;

    private PerformanceEstimateRequest Copy(GpuSpec gpu, Quantization? quantization, ParallelLayout layout)
    {
        Workload w = _request.Workload;
        return new PerformanceEstimateRequest(
            new MemoryRequest(w.Model)
            {
                Engine = _request.Engine,
                Quantization = NeedsHalf(quantization ?? w.Model.PublishedQuantization, gpu) ? Quantization.FP16 : quantization,
                KvCacheDataType = w.KvCacheDataType,
                Parallelism = layout.OfCopy,
                Gpu = gpu,
                GpuMemoryUtilization = _request.SafetyFactor,
            },
            w.InputLength,
            w.OutputLength)
        {
            Calibration = _request.Calibration,
        };
    }
}
