using System.Globalization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>Says why no fleet can carry a load, and what the least change is that lets one.</summary>
internal static class FleetShortage
{
    /// <exception cref="LlmOpsException">No instance can answer the requests of a size.</exception>
    public static void ThrowIfUnserved(
        FleetRequest request, IReadOnlyList<GpuInstance> instances, List<FleetOption> options, FleetCapacity capacity)
    {
        List<GpuInstance> priced = [.. instances.Where(instance => instance.Price(request.PriceType) is > 0)];
        if (priced.Count == 0)
        {
            throw new LlmOpsException("NoInstanceMatches", ErrorKind.NotFound,
                $"Of {Number(instances.Count)} instances none has a known {request.PriceType} price.", request.PriceType);
        }

        List<RequestSize> unserved =
            [.. request.Sizes.Where((_, i) => !options.Exists(option => option.Capacities[i] > 0))];
        if (unserved.Count == 0)
        {
            return;
        }

        // The largest of them is the hardest, so that its remedy serves the others too.
        RequestSize worst = unserved.MaxBy(size => size.InputLength + size.OutputLength);
        string others = unserved.Count == 1 ? "" : $" (and {Number(unserved.Count - 1)} other sizes)";
        string known = priced.Count == instances.Count ? "" : $" with a known {request.PriceType} price";
        throw new LlmOpsException("RequestSizeNotServed", ErrorKind.NotSupported,
            $"None of {Number(priced.Count)} instances{known} can answer requests of {worst}{others} to {request.Deployment.Model.Name}: "
            + Why(request, priced, worst, capacity), worst);
    }

    /// <summary>The error that there are not enough instances of each type.</summary>
    public static LlmOpsException OfInstances(
        FleetRequest request, FleetProblem problem, List<FleetOption> options, FleetSolution solution, CancellationToken cancellation)
    {
        FleetSolution unlimited = FleetSearch.Solve(problem with { MostOfGroup = null }, cancellation: cancellation);
        int[] counts = unlimited.Counts!;
        IGrouping<GpuInstance, int> most = Enumerable.Range(0, counts.Length)
            .GroupBy(kind => options[kind].Instance)
            .MaxBy(kinds => kinds.Sum(kind => counts[kind]))!;
        string found = solution.IsOptimal ? "can carry" : "was found in the time that is searched, which could carry";
        return new LlmOpsException("FleetTooSmall", ErrorKind.NotSupported,
            $"With at most {Number(request.MaxCount!.Value)} instances of a type (MaxCount) no fleet {found} "
            + $"{request.RequestsPerSecond.ToString("0.######", CultureInfo.InvariantCulture)} requests/s. The cheapest without that limit "
            + $"has {Number(most.Sum(kind => counts[kind]))} of {most.Key.Name}.", request.MaxCount);
    }

    private static string Why(
        FleetRequest request, List<GpuInstance> priced, RequestSize size, FleetCapacity capacity)
    {
        (PerformanceEstimate Estimate, GpuInstance Instance, ParallelLayout Layout)? nearest = null;
        foreach (GpuInstance instance in priced)
        {
            foreach (Quantization quantization in request.AllowedQuantizations)
            {
                foreach (ParallelLayout layout in ParallelLayout.Of(
                    request.Deployment.Model, instance.GpuCount, request.Deployment.Engine))
                {
                    PerformanceEstimate alone;
                    try
                    {
                        alone = capacity.Alone(instance.Gpu, layout, quantization, size);
                    }
                    catch (LlmOpsException)
                    {
                        continue;
                    }

                    if (nearest is not { } other || IsNearer(alone, instance, other.Estimate, other.Instance, capacity))
                    {
                        nearest = (alone, instance, layout);
                    }
                }
            }
        }

        (PerformanceEstimate best, GpuInstance where, ParallelLayout how) = nearest!.Value;
        if (!best.Fits)
        {
            string remedy = best.Remedy is { } change ? $" The least change on {where.Name} ({how}): {MemoryRemedy.OfInstances(change)}." : "";
            return $"the model and one such request fit none of them.{remedy}";
        }

        List<string> missed = [], remedies = [];
        Note("time to first token", "SloTimeToFirstTokenMs", best.TimeToFirstTokenMs!.Value, request.Objectives.TimeToFirstTokenMs);
        Note("time per output token", "SloTimePerOutputTokenMs", best.TimePerOutputTokenMs!.Value, size.OutputLength > 1 ? request.Objectives.TimePerOutputTokenMs : null);
        Note("end-to-end time", "SloEndToEndMs", 1000 * best.TotalSeconds!.Value, request.Objectives.EndToEndMs);
        return $"a request alone on {where.Name} ({best.Quantization}, {how}), which comes nearest, has {string.Join(" and ", missed)}. "
            + $"The nearest that can be kept: {string.Join(" and ", remedies)}.";

        void Note(string what, string parameter, double ms, double? slo)
        {
            if (ms > slo)
            {
                // Up to three digits, upwards, so that what is named can be kept.
                double step = Math.Pow(10, Math.Floor(Math.Log10(ms)) - 2);
                string kept = (Math.Ceiling(ms / step) * step).ToString("0.######", CultureInfo.InvariantCulture);
                missed.Add(string.Create(CultureInfo.InvariantCulture, $"a {what} of {ms:0.###} ms, where {slo:0.###} ms are promised"));
                remedies.Add($"{parameter} {kept}");
            }
        }
    }

    /// <summary>What fits is nearer than what does not, and less late than later; of what does not fit, the larger.</summary>
    private static bool IsNearer(
        PerformanceEstimate a, GpuInstance onA, PerformanceEstimate b, GpuInstance onB, FleetCapacity capacity)
    {
        if (a.Fits != b.Fits)
        {
            return a.Fits;
        }

        // Ranks of one copy share its weights.
        return a.Fits
            ? capacity.Excess(a) < capacity.Excess(b)
            : a.GpuCount * onA.Gpu.MemoryGB > b.GpuCount * onB.Gpu.MemoryGB;
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
