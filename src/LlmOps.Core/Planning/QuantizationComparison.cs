using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>
/// A model's weights in one format and in another. GB are decimal, as sizes of downloads are given; GiB are 2³⁰ bytes. Figures
/// called nominal count every parameter at the bits in the format's name; the others count what files hold: scales and zero
/// points, and what stays in 16 bits.
/// </summary>
public sealed class QuantizationComparison
{
    private readonly QuantizationComparisonRequest _request;
    private readonly Quantization _from;
    private readonly Quantization _to;
    private IReadOnlyList<QualityDelta>? _quality;

    internal QuantizationComparison(in QuantizationComparisonRequest request, double parameters, double before, double after)
    {
        _request = request;
        _from = request.EffectiveFrom;
        _to = request.EffectiveTo;
        ParameterCount = parameters;
        OriginalBytes = before;
        QuantizedBytes = after;
    }

    /// <summary>Null where only parameters were counted.</summary>
    public string? ModelName => Model?.Name;

    public LlmModel? Model => _request.Model;

    public double ParameterCount { get; }

    public string From => _from.Name;

    public string To => _to.Name;

    /// <summary>The same as <see cref="To"/>: what other cmdlets take from the pipeline.</summary>
    public string Quantization => To;

    public double OriginalGB => OriginalBytes / Units.BytesPerGB;

    public double QuantizedGB => QuantizedBytes / Units.BytesPerGB;

    /// <summary>Negative where the format after takes more.</summary>
    public double SavedGB => OriginalGB - QuantizedGB;

    public double OriginalGiB => Units.ToGiB(OriginalBytes);

    public double QuantizedGiB => Units.ToGiB(QuantizedBytes);

    public double SavedGiB => OriginalGiB - QuantizedGiB;

    /// <summary>Original over quantized size.</summary>
    public double ReductionFactor => OriginalBytes / QuantizedBytes;

    public double SavedPercent => 100 * (OriginalBytes - QuantizedBytes) / OriginalBytes;

    /// <summary>Bits of a parameter before, on average over all: 8 × bytes / parameters.</summary>
    public double OriginalBitsPerWeight => 8 * OriginalBytes / ParameterCount;

    /// <summary>The same after.</summary>
    public double BitsPerWeight => 8 * QuantizedBytes / ParameterCount;

    /// <summary>Bits in the name of the format before.</summary>
    public int NominalOriginalBitsPerWeight => _from.NominalBits;

    /// <summary>Bits in the name of the format after.</summary>
    public int NominalBitsPerWeight => _to.NominalBits;

    public double NominalOriginalGB => ParameterCount * _from.NominalBits / 8 / Units.BytesPerGB;

    public double NominalQuantizedGB => ParameterCount * _to.NominalBits / 8 / Units.BytesPerGB;

    public double NominalReductionFactor => (double)_from.NominalBits / _to.NominalBits;

    public double NominalSavedPercent => 100 * (1 - (1 / NominalReductionFactor));

    /// <summary>What a block of the format after holds, and its source.</summary>
    public string Layout => _to.Layout;

    /// <summary>Of the sizes: Exact by the format's layout, Assumed where that or the architecture is not specified.</summary>
    public Evidence Evidence { get; init; } = Evidence.Exact;

    /// <summary>The engine that times are for; null without a GPU.</summary>
    public string? Engine => Deployment is { } d ? EnumNames.Of(d.Engine) : null;

    public string? Gpu => Deployment?.Gpu!.Name;

    public long? BatchSize => Deployment?.BatchSize;

    public long? InputLength => Serving?.Request.InputLength;

    public long? OutputLength => Serving?.Request.OutputLength;

    public int? TensorParallelSize => Deployment?.Parallelism.Tensor;

    public int? PipelineParallelSize => Deployment?.Parallelism.Pipeline;

    /// <summary>Whether the weights and one sequence fit the GPUs before; null without a GPU and where the engine has no kernels.</summary>
    public bool? OriginalFits => Serving?.BeforeFits;

    /// <summary>The same after.</summary>
    public bool? QuantizedFits => Serving?.AfterFits;

    /// <summary>How the engine multiplies with the quantized weights on that GPU.</summary>
    public WeightKernel? Kernel => Serving?.Kernel;

    public double? OriginalTimeToFirstTokenMs => OriginalEstimate?.TimeToFirstTokenMs;

    public double? QuantizedTimeToFirstTokenMs => QuantizedEstimate?.TimeToFirstTokenMs;

    public double? OriginalTimePerOutputTokenMs => OriginalEstimate?.TimePerOutputTokenMs;

    public double? QuantizedTimePerOutputTokenMs => QuantizedEstimate?.TimePerOutputTokenMs;

    public double? OriginalTokensPerSecond => OriginalEstimate?.TokensPerSecond;

    public double? QuantizedTokensPerSecond => QuantizedEstimate?.TokensPerSecond;

    /// <summary>Time per output token before over after.</summary>
    public double? DecodeSpeedupFactor => OriginalTimePerOutputTokenMs / QuantizedTimePerOutputTokenMs;

    /// <summary>The same at the unfavourable bounds of both times.</summary>
    public double? DecodeSpeedupFactorLow => OriginalEstimate?.TimePerOutputTokenLowMs / QuantizedEstimate?.TimePerOutputTokenHighMs;

    /// <summary>The same at the favourable bounds of both times.</summary>
    public double? DecodeSpeedupFactorHigh => OriginalEstimate?.TimePerOutputTokenHighMs / QuantizedEstimate?.TimePerOutputTokenLowMs;

    /// <summary>Time to the first token before over after, what a request waits for included.</summary>
    public double? PrefillSpeedupFactor => OriginalTimeToFirstTokenMs / QuantizedTimeToFirstTokenMs;

    public double? PrefillSpeedupFactorLow => OriginalEstimate?.TimeToFirstTokenLowMs / QuantizedEstimate?.TimeToFirstTokenHighMs;

    public double? PrefillSpeedupFactorHigh => OriginalEstimate?.TimeToFirstTokenHighMs / QuantizedEstimate?.TimeToFirstTokenLowMs;

    /// <summary>Output tokens in a second after over before.</summary>
    public double? ThroughputFactor => QuantizedTokensPerSecond / OriginalTokensPerSecond;

    /// <summary>The whole estimate before, with bounds and terms; null where there are no times to give.</summary>
    public PerformanceEstimate? OriginalEstimate => Serving?.Before;

    /// <summary>The same after.</summary>
    public PerformanceEstimate? QuantizedEstimate => Serving?.After;

    /// <summary>Of the times: Assumed where a format, or its kernels on that GPU, were not measured.</summary>
    public Evidence? SpeedEvidence => OriginalEstimate is null && QuantizedEstimate is null ? null : Serving?.Evidence;

    /// <summary>Why there are no times, or what they do not count.</summary>
    public string? SpeedNote => Serving?.Note;

    /// <summary>Price of an hour that costs are for; null without one.</summary>
    public double? UsdPerHour => _request.UsdPerHour;

    /// <summary>Copies of the deployment that the price buys.</summary>
    public int Copies => _request.Copies;

    public double? OriginalUsdPerMillionTokens => Cost(OriginalTokensPerSecond);

    public double? QuantizedUsdPerMillionTokens => Cost(QuantizedTokensPerSecond);

    /// <summary>
    /// Published figures of quality for the same change of format, of the nearest model that somebody published some for (see
    /// <see cref="QualityDelta.Match"/>); empty where nobody did.
    /// </summary>
    public IReadOnlyList<QualityDelta> Quality => _quality ??=
        Model is null ? new List<QualityDelta>() : PublishedQuality.Find(Model, _from, _to);

    /// <summary>
    /// The worst of those in percent of the figure before, negative for a loss whatever the metric; null where there are none.
    /// </summary>
    public double? QualityChangePercent => Quality.Count == 0 ? null : Quality.Min(q => q.ChangePercent);

    /// <summary>How near the model of those figures is; null where there are none.</summary>
    public QualityMatch? QualityMatch => Quality.Count == 0 ? null : Quality[0].Match;

    internal ServingComparison? Serving { get; init; }

    private double OriginalBytes { get; }

    private double QuantizedBytes { get; }

    private Memory.MemoryRequest? Deployment => Serving?.Request.Deployment;

    public override string ToString() => FormattableString.Invariant(
        $"{ModelName ?? $"{ParameterCount / 1e9:0.###} B parameters"} {From} to {To}: {OriginalGB:0.##} to {QuantizedGB:0.##} GB, {ReductionFactor:0.0} x");

    private double? Cost(double? tokensPerSecond) =>
        UsdPerHour / Units.SecondsPerHour / (tokensPerSecond * Copies) * Units.TokensPerMillion;
}
