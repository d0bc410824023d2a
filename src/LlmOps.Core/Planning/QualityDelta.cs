namespace LlmOps.Core.Planning;

/// <summary>How near the model that a figure was published for is to the one that is asked about.</summary>
public enum QualityMatch
{
    /// <summary>That very model, or its instruction-tuned version.</summary>
    Same,

    /// <summary>Another of its series with the same architecture, such as another size.</summary>
    Series,

    /// <summary>Another with the same architecture.</summary>
    Architecture,

    /// <summary>Neither: the published model that is nearest in size.</summary>
    Other,
}

/// <summary>What quantization did to a model's quality, as somebody published it.</summary>
/// <param name="Metric">What was measured: perplexity, accuracy in percent, percent of the baseline.</param>
/// <param name="Dataset">On what.</param>
/// <param name="Before">In the baseline format.</param>
/// <param name="After">In the quantized format.</param>
/// <param name="LowerIsBetter">True of perplexities.</param>
/// <param name="Baseline">The format that the figures are compared with.</param>
/// <param name="Format">The quantized format.</param>
/// <param name="Method">How the weights were quantized, where the format leaves it open.</param>
/// <param name="PublishedFor">The model that was measured.</param>
/// <param name="Match">How near it is to the model that is asked about.</param>
/// <param name="Source">Where it was published.</param>
public sealed record QualityDelta(
    string Metric,
    string Dataset,
    double Before,
    double After,
    bool LowerIsBetter,
    string Baseline,
    string Format,
    string? Method,
    string PublishedFor,
    QualityMatch Match,
    string Source)
{
    /// <summary>After less before, in the metric's unit; for perplexities a positive one is a loss.</summary>
    public double Delta => After - Before;

    /// <summary>The same in percent of before, negative for a loss whatever the metric.</summary>
    public double ChangePercent => (LowerIsBetter ? -100 : 100) * Delta / Before;

    public override string ToString() => FormattableString.Invariant(
        $"{Dataset}: {Before:0.###} to {After:0.###} ({PublishedFor})");
}
