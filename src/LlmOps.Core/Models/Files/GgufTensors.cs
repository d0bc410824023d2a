using System.Collections.Immutable;
using System.Globalization;

namespace LlmOps.Core.Models.Files;

/// <summary>The tensors of a GGUF model by name, and what each is for.</summary>
internal sealed class GgufTensors
{
    private readonly Dictionary<string, TensorInfo> _byName = new(StringComparer.Ordinal);
    private readonly int _layers;

    /// <param name="tensors">Of all files of the model.</param>
    /// <param name="layers">Layers of the model proper; what follows them predicts further tokens.</param>
    public GgufTensors(ImmutableArray<TensorInfo> tensors, int layers)
    {
        _layers = layers;
        foreach (TensorInfo tensor in tensors)
        {
            _byName.Add(tensor.Name, tensor);
        }
    }

    public bool IsEmpty => _byName.Count == 0;

    public IEnumerable<TensorInfo> All => _byName.Values;

    public TensorInfo? Find(string name) => _byName.GetValueOrDefault(name);

    public TensorInfo? InLayer(int layer, string name) => Find(string.Create(CultureInfo.InvariantCulture, $"blk.{layer}.{name}"));

    public bool HasInLayer(int layer, string name) => InLayer(layer, name) is not null;

    /// <summary>What a tensor is for, by its name as llama.cpp writes it (src/llama-arch.cpp, LLM_TENSOR_NAMES).</summary>
    public TensorRole Role(TensorInfo tensor, out int layer)
    {
        string name = tensor.Name;
        layer = -1;
        if (name.StartsWith("blk.", StringComparison.Ordinal))
        {
            int dot = name.IndexOf('.', 4);
            if (dot < 0 || !int.TryParse(name.AsSpan(4, dot - 4), NumberStyles.None, CultureInfo.InvariantCulture, out layer))
            {
                return TensorRole.Unknown;
            }

            name = name[(dot + 1)..];
        }

        if (name.StartsWith("rope_f", StringComparison.Ordinal) || name.StartsWith("attn_rot_embd", StringComparison.Ordinal))
        {
            return TensorRole.Buffer;
        }

        if (name.EndsWith(".scale", StringComparison.Ordinal) || name.EndsWith(".input_scale", StringComparison.Ordinal))
        {
            return TensorRole.Scale;
        }

        return layer >= _layers || name.StartsWith("nextn.", StringComparison.Ordinal) ? TensorRole.MultiTokenPrediction
            : layer < 0 ? OuterRole(name)
            : LayerRole(name);
    }

    private static TensorRole OuterRole(string name) =>
        name.Contains("_norm", StringComparison.Ordinal) ? TensorRole.Norm
        : name.StartsWith("token_", StringComparison.Ordinal) || name.StartsWith("position_", StringComparison.Ordinal) ? TensorRole.Embedding
        : name is "output.weight" or "output.bias" ? TensorRole.Head
        : TensorRole.Unknown;

    private static TensorRole LayerRole(string name)
    {
        bool isNorm = name.Contains("_norm", StringComparison.Ordinal);
        if (name.StartsWith("ssm_", StringComparison.Ordinal))
        {
            return TensorRole.StateSpace;
        }

        if (isNorm)
        {
            return IsInnerNorm(name) ? TensorRole.Attention : TensorRole.Norm;
        }

        if (name.StartsWith("attn_", StringComparison.Ordinal) || name.StartsWith("indexer", StringComparison.Ordinal))
        {
            return TensorRole.Attention;
        }

        if (name.StartsWith("exp_probs_b", StringComparison.Ordinal))
        {
            return TensorRole.Router;
        }

        if (!name.StartsWith("ffn_", StringComparison.Ordinal))
        {
            return TensorRole.Unknown;
        }

        return name.Contains("shexp", StringComparison.Ordinal) ? TensorRole.SharedExperts
            : name.StartsWith("ffn_gate_inp", StringComparison.Ordinal) ? TensorRole.Router
            : name.Contains("_exps", StringComparison.Ordinal) || IsSingleExpert(name) ? TensorRole.RoutedExperts
            : TensorRole.DenseMlp;
    }

    /// <summary>Norms within attention: on queries, keys, and compressed ones.</summary>
    private static bool IsInnerNorm(string name) =>
        name.StartsWith("attn_q_", StringComparison.Ordinal)
        || name.StartsWith("attn_k_", StringComparison.Ordinal)
        || name.StartsWith("attn_kv_", StringComparison.Ordinal)
        || name.StartsWith("indexer", StringComparison.Ordinal);

    /// <summary><c>ffn_up.3.weight</c>: an expert of its own, as files were written until early 2024.</summary>
    private static bool IsSingleExpert(string name)
    {
        string[] parts = name.Split('.');
        return parts.Length == 3 && parts[1].Length > 0 && parts[1].All(char.IsAsciiDigit);
    }
}
