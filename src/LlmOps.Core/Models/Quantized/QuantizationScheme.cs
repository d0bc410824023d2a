using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Quantized;

/// <summary>Which modules a quantization configuration touches, and how it stores them.</summary>
internal sealed class QuantizationScheme
{
    /// <summary>What a vision tower and its projector are called.</summary>
    private static readonly string[] s_visionNames =
    [
        "visual", "vision_tower", "vision_model", "vision_embed", "embed_vision", "vision", "multi_modal_projector",
        "mm_projector", "visual.merger", "visual.blocks", "vision_model.model", "vision_tower.encoder",
    ];

    /// <summary>As the configuration calls it: <c>fp8</c>, <c>compressed-tensors</c>.</summary>
    public required string Method { get; init; }

    /// <summary>Formats in order: the first one whose modules include a matrix is its own.</summary>
    public required IReadOnlyList<QuantizationRule> Rules { get; init; }

    /// <summary>Modules that keep the model's element type.</summary>
    public required ModulePatterns Excluded { get; init; }

    /// <summary>Only routed experts are touched (gpt-oss).</summary>
    public bool IsForExpertsOnly { get; init; }

    /// <summary>Nothing outside the layers is touched, such as a vision tower.</summary>
    public bool IsForLayersOnly { get; init; }

    /// <summary>The output head is touched too.</summary>
    public bool HasQuantizedHead { get; init; }

    /// <summary>The type that the checkpoint was calibrated to cache keys and values in; <c>Auto</c> where it says nothing.</summary>
    public KvCacheDataType KvCacheDataType { get; init; }

    /// <summary>Prepares for matching. A list that cannot be matched is refused here, also where no matrix comes to it.</summary>
    /// <exception cref="LlmOpsException">A regular expression is none.</exception>
    public void Compile()
    {
        Excluded.Compile();
        foreach (QuantizationRule rule in Rules)
        {
            rule.Modules?.Compile();
        }
    }

    /// <summary>The format of a matrix; null where it keeps the model's element type.</summary>
    public WeightFormat? FormatOf(int layer, in WeightMatrix matrix)
    {
        if (!matrix.IsQuantizable || (IsForExpertsOnly && matrix.Component != ModelComponent.RoutedExperts))
        {
            return null;
        }

        IReadOnlyList<string> spellings = ModuleSpellings.Of(matrix.Name);
        if (Excluded.MatchesInLayer(layer, spellings))
        {
            return null;
        }

        foreach (QuantizationRule rule in Rules)
        {
            if (rule.Modules is null || rule.Modules.MatchesInLayer(layer, spellings))
            {
                return rule.Format;
            }
        }

        return null;
    }

    /// <summary>The same for the output head, which only a list that names it touches.</summary>
    public WeightFormat? FormatOfHead()
    {
        if (Excluded.MatchesOutside("lm_head"))
        {
            return null;
        }

        return HasQuantizedHead
            ? Rules.FirstOrDefault(rule => rule.Modules is null)?.Format
            : Rules.FirstOrDefault(rule => rule.Modules?.MatchesOutside("lm_head") == true)?.Format;
    }

    /// <summary>The same for the vision tower and projector together; a list that names part of them keeps all in 16 bits.</summary>
    public WeightFormat? FormatOfVision() =>
        IsForLayersOnly || IsForExpertsOnly || Excluded.MatchesOutside(s_visionNames) || Excluded.NamesVision
            ? null
            : Rules.FirstOrDefault(rule => rule.Modules is null)?.Format;
}

/// <summary>A format, and the modules that are stored in it; null for all that are not listed elsewhere.</summary>
internal sealed record QuantizationRule(ModulePatterns? Modules, WeightFormat? Format);
