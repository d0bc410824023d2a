using LlmOps.Core.Hardware;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>Instances of one type in a fleet, all run in the same way.</summary>
public sealed class GpuFleetMember
{
    private readonly GpuInstance _instance;
    private readonly ParallelLayout _layout;

    internal GpuFleetMember(FleetOption option, int count, PriceType priceType, IReadOnlyList<GpuFleetShare> shares)
    {
        _instance = option.Instance;
        _layout = option.Layout;
        Quantization = option.Quantization.Name;
        InstanceCount = count;
        UsdPerInstanceHour = option.UsdPerHour;
        PriceType = priceType;
        Shares = shares;
        Load = shares.Sum(share => share.RequestsPerSecond / share.CapacityRequestsPerSecond);
        LoadHigh = shares.Sum(share => share.RequestsPerSecond / share.CapacityLowRequestsPerSecond);
    }

    /// <summary>Instances of this type.</summary>
    public int InstanceCount { get; }

    /// <summary>The provider's name of the instance.</summary>
    public string Instance => _instance.Name;

    public string Provider => _instance.Provider;

    public string Region => _instance.Region;

    public string Gpu => _instance.Gpu.Name;

    /// <summary>GPUs of one instance.</summary>
    public int GpuCount => _instance.GpuCount;

    /// <summary>Precision of the weights.</summary>
    public string Quantization { get; }

    /// <summary>How the model is put on the GPUs of one instance: <c>TP4 DP2</c>.</summary>
    public string Layout => _layout.ToString();

    public int TensorParallelSize => _layout.Tensor;

    public int PipelineParallelSize => _layout.Pipeline;

    public int ExpertParallelSize => _layout.Expert;

    /// <summary>Copies on one instance; with more expert-parallel than tensor-parallel ranks, attention ranks of all copies.</summary>
    public int DataParallelSize => _layout.Parallelism.Data;

    /// <summary>How many instances the load would take if each were busy all the time.</summary>
    public double Load { get; }

    /// <summary>Percent of what these instances can answer within the objectives.</summary>
    public double UtilizationPercent => 100 * Load / InstanceCount;

    /// <summary>
    /// The same where servers turn out as slow as the estimates' lower bound; above 100 they would not keep up.
    /// </summary>
    public double UtilizationHighPercent => 100 * LoadHigh / InstanceCount;

    /// <summary>Requests of all sizes in a second.</summary>
    public double RequestsPerSecond => Shares.Sum(share => share.RequestsPerSecond);

    /// <summary>Output tokens of them in a second.</summary>
    public double TokensPerSecond => Shares.Sum(share => share.TokensPerSecond);

    /// <summary>Which price counts.</summary>
    public PriceType PriceType { get; }

    /// <summary>For one instance.</summary>
    public double UsdPerInstanceHour { get; }

    /// <summary>For all of these instances.</summary>
    public double UsdPerHour => Units.Money(Cost);

    /// <summary>For all of these instances, 730 hours.</summary>
    public double UsdPerMonth => Units.Money(Cost * Units.HoursPerMonth);

    /// <summary>The day of the price; null where its source is not dated.</summary>
    public DateOnly? PriceDate => _instance.DateOf(PriceType);

    /// <summary>Days since <see cref="PriceDate"/>, now.</summary>
    public int? PriceAgeDays => PriceAge.Days(PriceDate);

    public string PriceSource => _instance.SourceOf(PriceType);

    /// <summary>The sizes of requests that these instances answer.</summary>
    public IReadOnlyList<GpuFleetShare> Shares { get; }

    /// <summary>Where the times come from, the weakest of them.</summary>
    public Evidence Evidence => Shares.Max(share => share.Evidence);

    /// <summary><see cref="UsdPerHour"/> as it is computed.</summary>
    internal double Cost => InstanceCount * UsdPerInstanceHour;

    private double LoadHigh { get; }

    public override string ToString() =>
        FormattableString.Invariant($"{InstanceCount}x {Instance} ({Quantization} {Layout})");
}
