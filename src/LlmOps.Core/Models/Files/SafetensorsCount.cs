using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// Counts the parameters in safetensors files: packed weights by what they stand for, without what is no parameter of the
/// model proper.
/// </summary>
internal static class SafetensorsCount
{
    /// <summary>What quantized checkpoints keep beside the weights, by the last part of the name.</summary>
    private static readonly FrozenSet<string> s_scales = new[]
    {
        "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_global_scale", "weight_zero_point", "weight_shape",
        "weight_g_idx", "input_scale", "input_global_scale", "input_scale_2", "input_zero_point", "output_scale", "activation_scale",
        "k_scale", "v_scale", "q_scale", "kv_scale", "prob_output_scale", "scales", "qzeros", "g_idx", "absmax", "quant_map",
        "nested_absmax", "nested_quant_map", "SCB", "weight_format", "bitsandbytes__nf4", "bitsandbytes__fp4",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly string[] s_visionParts =
        ["visual", "vision", "image", "mm_projector", "multi_modal_projector", "patch_embed", "audio"];

    private static readonly string[] s_layerParts = ["layers", "h", "blocks", "layer"];

    /// <summary>Elements by role; packed integers of unknown width as <paramref name="packFactor"/> parameters each.</summary>
    /// <param name="tensors">Of all files of the model.</param>
    /// <param name="layers">Layers of the model proper.</param>
    /// <param name="hasTiedHead">Whether a head in the files is a copy of the embeddings.</param>
    /// <param name="packFactor">Parameters in a 32-bit integer, where the tensors beside it do not say.</param>
    /// <param name="isPackGuessed">Whether that was needed.</param>
    public static RoleCounts Count(
        ImmutableArray<TensorInfo> tensors, int layers, bool hasTiedHead, int packFactor, out bool isPackGuessed)
    {
        Dictionary<string, TensorInfo> byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        RoleCounts counts = new();
        isPackGuessed = false;
        foreach (TensorInfo tensor in tensors)
        {
            int parameters = PerElement(tensor, byName, packFactor, ref isPackGuessed);
            counts.Add(Role(tensor, byName, layers, hasTiedHead), checked(tensor.ElementCount * parameters));
        }

        return counts;
    }

    /// <summary>Parameters that one stored element stands for.</summary>
    private static int PerElement(
        TensorInfo tensor, Dictionary<string, TensorInfo> byName, int packFactor, ref bool isPackGuessed)
    {
        (string path, string last) = Split(tensor.Name);
        bool isByte = tensor.ElementType.Name is "U8" or "I8";
        if (last == "qweight" && tensor.ElementType.Name == "I32")
        {
            // GPTQ and AWQ: a zero point has as many bits as a weight, and there is a scale for each.
            if (byName.GetValueOrDefault(path + "scales") is { Shape: [.., var scales] }
                && byName.GetValueOrDefault(path + "qzeros") is { Shape: [.., var zeros] } && zeros > 0
                && scales % zeros == 0 && scales / zeros is >= 1 and <= 32)
            {
                return (int)(scales / zeros);
            }

            isPackGuessed = true;
            return packFactor;
        }

        if (last == "weight_packed")
        {
            isPackGuessed |= !isByte;
            return isByte ? 2 : packFactor;
        }

        if (isByte && last.EndsWith("_blocks", StringComparison.Ordinal))
        {
            return byName.ContainsKey(path + last[..^"_blocks".Length] + "_scales") ? 2 : 1;
        }

        // Two 4-bit weights a byte: NVFP4, whose second scale tells it from 8 bits, and bitsandbytes.
        return tensor.ElementType.Name == "U8" && last is "weight" or "down_proj" or "gate_up_proj"
            && isByte && (byName.ContainsKey($"{path}{last}_scale_2") || byName.ContainsKey($"{path}{last}.absmax"))
            ? 2
            : 1;
    }

    private static TensorRole Role(TensorInfo tensor, Dictionary<string, TensorInfo> byName, int layers, bool hasTiedHead)
    {
        string name = tensor.Name;
        (_, string last) = Split(name);
        string[] parts = name.Split('.');
        if (IsBuffer(tensor, last))
        {
            return TensorRole.Buffer;
        }

        if (s_scales.Contains(last) || last.StartsWith("quant_state", StringComparison.Ordinal)
            || parts.Contains("quant_state") || last.EndsWith("_scale_2", StringComparison.Ordinal)
            || (last.EndsWith("_scales", StringComparison.Ordinal) && byName.ContainsKey(name[..^"_scales".Length] + "_blocks"))
            || (last.EndsWith("_weight_scale", StringComparison.Ordinal) || last.EndsWith("_proj_scale", StringComparison.Ordinal)))
        {
            return TensorRole.Scale;
        }

        string lower = name.ToLowerInvariant();
        foreach (string vision in s_visionParts)
        {
            if (lower.Contains(vision, StringComparison.Ordinal))
            {
                return TensorRole.Vision;
            }
        }

        if (parts.Any(part => part is "mtp" or "mtp_layers" or "nextn") || Layer(parts) >= layers)
        {
            return TensorRole.MultiTokenPrediction;
        }

        bool isHead = parts.Any(part => part is "lm_head" or "embed_out" or "output_layer") || name == "output.weight";
        return isHead && hasTiedHead && last == "weight" ? TensorRole.Copy : isHead ? TensorRole.Head : BodyRole(lower, last);
    }

    private static bool IsBuffer(TensorInfo tensor, string last) => last switch
    {
        "inv_freq" or "position_ids" or "masked_bias" or "rotary_freqs" or "num_batches_tracked" => true,

        // The causal mask of GPT-2 and GPT-NeoX is called like a bias, which has one dimension.
        "bias" => tensor.Shape.Length >= 3,
        _ => false,
    };

    /// <param name="name">In lower case.</param>
    /// <param name="last">The part after the last dot.</param>
    private static TensorRole BodyRole(string name, string last)
    {
        bool Has(string part) => name.Contains(part, StringComparison.Ordinal);

        if (Has("shared_expert"))
        {
            return TensorRole.SharedExperts;
        }

        if (Has("experts."))
        {
            return TensorRole.RoutedExperts;
        }

        if (Has(".gate.") || Has("router") || last == "e_score_correction_bias")
        {
            return TensorRole.Router;
        }

        if (Has("mamba") || Has("linear_attn") || Has(".mixer."))
        {
            return TensorRole.StateSpace;
        }

        if (Has("attn.") || Has("attention.") || Has("self_attention."))
        {
            return TensorRole.Attention;
        }

        return Has("norm") || Has("ln_") || Has(".ln") ? TensorRole.Norm
            : Has("emb") || Has("wte") || Has("wpe") ? TensorRole.Embedding
            : TensorRole.DenseMlp;
    }

    /// <summary>The number after the part that counts layers; -1 where there is none.</summary>
    private static int Layer(string[] parts)
    {
        for (int i = 0; i + 1 < parts.Length; i++)
        {
            if (s_layerParts.Contains(parts[i], StringComparer.Ordinal)
                && int.TryParse(parts[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int layer))
            {
                return layer;
            }
        }

        return -1;
    }

    /// <summary>The part after the last dot, and all before it with the dot.</summary>
    private static (string Path, string Last) Split(string name)
    {
        int dot = name.LastIndexOf('.');
        return (name[..(dot + 1)], name[(dot + 1)..]);
    }
}
