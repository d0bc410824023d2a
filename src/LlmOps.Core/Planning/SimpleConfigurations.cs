using System.Globalization;

namespace LlmOps.Core.Planning;

/// <summary>
/// Configurations by a published rule of thumb: a factor of speed for each GPU and precision, a latency that grows by a tenth with
/// each further request of a batch, and a throughput that grows with the whole batch. The factors and prices have no source, models
/// and their memory are not looked at, and parts of GPUs are rented; the figures are kept as published all the same.
/// </summary>
public static class SimpleConfigurations
{
    private const double DaysOfMonth = 30;
    private const double HoursOfMonth = 24 * DaysOfMonth;
    private const double SecondsOfDay = 24 * Units.SecondsPerHour;

    /// <summary>Of one request on a T4 in FP16.</summary>
    private const double LatencyMs = 100;

    /// <summary>What each further request of a batch adds to the latency.</summary>
    private const double LatencyGrowth = 0.1;

    private const string PriceSource = "published with the rule; no source, no date";

    private static readonly (string Gpu, double Performance, double UsdPerHour)[] s_gpus =
        [("T4", 1.0, 0.40), ("A10G", 2.5, 1.20), ("A100-40GB", 5.0, 3.50), ("A100-80GB", 5.5, 5.00)];

    private static readonly (string Quantization, double SpeedUp)[] s_quantizations = [("FP16", 1.0), ("INT8", 1.5), ("INT4", 2.0)];

    /// <summary>GPUs that there are factors for; the last is tried only where it is named, as published.</summary>
    public static IReadOnlyList<string> Gpus { get; } = [.. s_gpus.Select(gpu => gpu.Gpu)];

    public static IReadOnlyList<string> Quantizations { get; } = [.. s_quantizations.Select(quantization => quantization.Quantization)];

    public static IReadOnlyList<long> DefaultBatchSizes { get; } = [1, 2, 4, 8, 16];

    /// <summary>All combinations: those that meet target and budget first, by score; the others with the reason.</summary>
    /// <exception cref="LlmOpsException">The request is out of bounds, or there is no factor for a GPU or precision.</exception>
    public static IReadOnlyList<ConfigurationCandidate> Evaluate(in ConfigurationRequest request)
    {
        request.Validate();
        IEnumerable<string> gpus = request.Gpus?.Select(gpu => Known(gpu.Name, Gpus, "GPU")) ?? Gpus.SkipLast(1);
        List<string> quantizations =
            [.. request.Quantizations?.Select(quantization => Known(quantization.Name, Quantizations, "Quantization")) ?? Quantizations];
        List<ConfigurationCandidate> candidates = [];
        foreach (string gpu in gpus)
        {
            foreach (string quantization in quantizations)
            {
                foreach (long batch in request.BatchSizes ?? DefaultBatchSizes)
                {
                    candidates.Add(Evaluate(request, gpu, quantization, batch));
                }
            }
        }

        return ConfigurationRanking.Rank(candidates);
    }

    private static ConfigurationCandidate Evaluate(in ConfigurationRequest request, string gpu, string quantization, long batch)
    {
        (_, double factor, double usdPerHour) = Array.Find(s_gpus, row => row.Gpu == gpu);
        double performance = factor * Array.Find(s_quantizations, row => row.Quantization == quantization).SpeedUp;
        double latency = LatencyMs / performance * (1 + ((batch - 1) * LatencyGrowth));
        double gpus = Math.Max(1, request.RequestsPerDay / SecondsOfDay / (performance * batch));
        double usdPerMonth = gpus * usdPerHour * HoursOfMonth;
        double usdPerRequest = usdPerMonth / request.RequestsPerDay / DaysOfMonth;
        return new ConfigurationCandidate
        {
            PerformanceModel = nameof(ConfigurationModelName.Simple),
            Gpu = gpu,
            Quantization = quantization,
            BatchSize = batch,
            RequestsPerDay = request.RequestsPerDay,
            TargetLatencyMs = request.TargetLatencyMs,
            BudgetUsdPerMonth = request.BudgetUsdPerMonth,
            EstimatedLatencyMs = latency,
            EffectivePerformance = performance,
            RequestsPerSecondOfCopy = performance * batch,
            GpusNeeded = gpus,
            UsdPerHour = usdPerHour,
            UsdPerGpuHour = usdPerHour,
            PriceSource = PriceSource,
            HoursPerMonth = HoursOfMonth,
            Cost = usdPerMonth,
            UsdPerRequest = usdPerRequest,
            Score = ConfigurationRanking.Score(request, latency, usdPerRequest),
            MeetsSla = latency <= request.TargetLatencyMs,
            Evidence = Evidence.Assumed,
            RejectionReason = ConfigurationRanking.Rejection(request, latency, usdPerMonth),
        };
    }

    private static string Known(string name, IReadOnlyList<string> known, string what)
    {
        if (known.Contains(name))
        {
            return name;
        }

        string hint = NameMatcher.Suggest(name, known);
        throw new LlmOpsException($"{(what == "GPU" ? "Gpu" : what)}NotSupported", ErrorKind.NotSupported, string.Create(
            CultureInfo.InvariantCulture,
            $"{what} is {name}, but {nameof(ConfigurationModelName.Simple)} has factors for {string.Join(", ", known)} alone.{hint} {nameof(ConfigurationModelName.Fitted)} takes all."),
            name);
    }
}
