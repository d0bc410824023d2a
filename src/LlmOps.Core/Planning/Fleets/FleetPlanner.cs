using LlmOps.Core.Hardware;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// Finds the cheapest mix of instances for requests of several sizes, as Mélange does (Griggs et al. 2024, arXiv 2404.14527): requests
/// of a size load an instance by their rate over the greatest rate of them that it answers within the objectives, and loads of
/// different sizes add up. Unlike there, throughput is estimated and not profiled, a size's requests can be divided at any ratio,
/// an instance can be run in each layout and precision, and spare instances can be asked for.
/// </summary>
public static class FleetPlanner
{
    /// <exception cref="LlmOpsException">The request is out of bounds, or no fleet of these instances can carry it.</exception>
    /// <param name="request">What is to be carried.</param>
    /// <param name="instances">What a fleet can be made of.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public static GpuFleet Plan(
        in FleetRequest request, IReadOnlyList<GpuInstance> instances, CancellationToken cancellationToken = default)
    {
        request.Validate();
        double total = request.Sizes.Sum(size => size.Weight);
        FleetRequest asked = request with
        {
            Sizes = new List<RequestSize>(request.Sizes.Select(size => size with { Weight = size.Weight / total })),
        };
        FleetCapacity capacity = new(asked);
        List<FleetOption> options = Options(asked, instances, capacity, cancellationToken);
        FleetShortage.ThrowIfUnserved(asked, instances, options, capacity);

        double[][] loads = [.. options.Select(option => Loads(asked, option))];
        List<GpuInstance> machines = [.. options.Select(option => option.Instance).Distinct()];
        FleetProblem problem = new([.. options.Select(option => option.UsdPerHour)], loads)
        {
            Spares = asked.SpareInstance,
            MostOfGroup = asked.MaxCount,
            Groups = [.. options.Select(option => machines.IndexOf(option.Instance))],
        };
        FleetSolution solution = FleetSearch.Solve(problem, cancellation: cancellationToken);
        if (solution.Counts is not { } counts)
        {
            throw FleetShortage.OfInstances(asked, problem, options, solution, cancellationToken);
        }

        List<int> kinds = [.. Enumerable.Range(0, counts.Length).Where(kind => counts[kind] > 0)];
        double[][] shares = new LoadDivision(loads, [.. asked.Sizes.Select(size => size.Weight)])
            .Shares(kinds, counts, out double scale);
        return new GpuFleet(asked, new List<GpuFleetMember>(kinds
            .Select(kind => Member(asked, options[kind], counts[kind], shares[kind]))
            .OrderByDescending(member => member.Cost)
            .ThenBy(member => member.Instance, StringComparer.Ordinal)), solution.LowerBound)
        {
            HeadroomPercent = 100 * (scale - 1),
            CheapestSingleType = CheapestSingleType(asked, options, loads),
            IsOptimal = solution.IsOptimal,
        };
    }

    private static List<FleetOption> Options(
        FleetRequest request, IReadOnlyList<GpuInstance> instances, FleetCapacity capacity, CancellationToken cancellationToken)
    {
        List<FleetOption> options = [];
        LlmOpsException? refusal = null;
        bool runs = false;
        foreach (GpuInstance instance in instances
            .Where(instance => instance.Price(request.PriceType) is > 0)
            .OrderBy(instance => instance.Price(request.PriceType))
            .ThenBy(instance => instance.Name, StringComparer.Ordinal)
            .ThenBy(instance => instance.Provider, StringComparer.Ordinal)
            .ThenBy(instance => instance.Region, StringComparer.Ordinal))
        {
            IReadOnlyList<ParallelLayout> layouts =
                ParallelLayout.Of(request.Deployment.Model, instance.GpuCount, request.Deployment.Engine);
            IEnumerable<FleetOption> ways = request.AllowedQuantizations.SelectMany(quantization => ParallelLayout.TryStagesLast(
                layouts, layout => Try(layout, quantization), way => way.OfCopy.Any(estimate => estimate is not null)));

            IEnumerable<FleetOption> Try(ParallelLayout layout, Quantization quantization)
            {
                cancellationToken.ThrowIfCancellationRequested();
                try
                {
                    List<PerformanceEstimate?> ofCopy =
                        [.. request.Sizes.Select(size => capacity.Of(instance.Gpu, layout, quantization, size))];
                    runs = true;
                    return [new FleetOption(instance, instance.Price(request.PriceType)!.Value, layout, quantization, ofCopy)];
                }
                catch (LlmOpsException e)
                {
                    // This layout or precision cannot be; others may.
                    refusal ??= e;
                    return [];
                }
            }

            options.AddRange(FleetOption.Useful(ways, isLimited: false));
        }

        if (!runs && refusal is not null)
        {
            throw refusal;
        }

        return FleetOption.Useful(options, isLimited: request.MaxCount is not null);
    }

    /// <summary>Instances that the requests of each size load up to the target.</summary>
    private static double[] Loads(FleetRequest request, FleetOption option) =>
        [.. request.Sizes.Select((size, i) =>
            size.Weight * request.RequestsPerSecond / option.Capacities[i] / request.TargetUtilization)];

    private static GpuFleetMember Member(FleetRequest request, FleetOption option, int count, double[] shares)
    {
        List<GpuFleetShare> carried = [];
        for (int i = 0; i < shares.Length; i++)
        {
            if (shares[i] > LoadDivision.Tolerance)
            {
                carried.Add(new GpuFleetShare(
                    request.Sizes[i],
                    shares[i],
                    shares[i] * request.Sizes[i].Weight * request.RequestsPerSecond,
                    option.OfCopy[i]!,
                    option.Layout.Copies));
            }
        }

        return new GpuFleetMember(option, count, request.PriceType, carried);
    }

    private static GpuFleetMember? CheapestSingleType(FleetRequest request, List<FleetOption> options, double[][] loads)
    {
        (int Kind, double Count)? best = null;
        for (int kind = 0; kind < options.Count; kind++)
        {
            double count = Math.Ceiling(loads[kind].Sum() - FleetSearch.Tolerance) + request.SpareInstance;
            if (count <= (request.MaxCount ?? int.MaxValue)
                && (best is null || count * options[kind].UsdPerHour < best.Value.Count * options[best.Value.Kind].UsdPerHour))
            {
                best = (kind, count);
            }
        }

        return best is { } found
            ? Member(request, options[found.Kind], (int)found.Count, [.. request.Sizes.Select(_ => 1.0)])
            : null;
    }
}
