using System.Collections.Immutable;
using LlmOps.Core.Models.Families;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// Builds the architecture that a GGUF file describes. Heads, ranks and windows are in the metadata; biases, norms and gates
/// show in the tensors, or follow from the architecture's name where the file has none.
/// </summary>
internal sealed class GgufLayers
{
    private readonly GgufFields _fields;
    private readonly GgufArchitecture _traits;
    private readonly GgufTensors _tensors;
    private readonly int _layers;
    private readonly int _hidden;
    private readonly ImmutableArray<int> _heads;
    private readonly ImmutableArray<int> _keyValueHeads;
    private readonly ImmutableArray<int>? _widths;
    private readonly Func<int, bool> _isWindowed;
    private readonly Dictionary<int, long> _norms;

    private GgufLayers(GgufFields fields, GgufArchitecture traits, GgufTensors tensors, int layers)
    {
        (_fields, _traits, _tensors, _layers) = (fields, traits, tensors, layers);
        _hidden = fields.Width("embedding_length");
        _heads = fields.PerLayer("attention.head_count", layers) ?? [.. Enumerable.Repeat(0, layers)];
        _keyValueHeads = fields.PerLayer("attention.head_count_kv", layers) ?? _heads;
        _widths = fields.PerLayer("feed_forward_length", layers);
        _isWindowed = Windows();
        _norms = SumNorms(tensors);
    }

    /// <param name="fields">The metadata.</param>
    /// <param name="traits">What the architecture's name says.</param>
    /// <param name="tensors">The tensors; may be none.</param>
    /// <param name="layers">Layers of the model proper.</param>
    /// <exception cref="LlmOpsException">The metadata lacks what an architecture needs, or contradicts the tensors.</exception>
    public static ModelArchitecture Build(GgufFields fields, GgufArchitecture traits, GgufTensors tensors, int layers)
    {
        if (tensors.IsEmpty && traits.NeedsTensors)
        {
            throw fields.Contradiction(
                $"the file has no tensors, and the metadata of '{fields.Architecture}' alone does not say what its layers hold.");
        }

        return new GgufLayers(fields, traits, tensors, layers).Build();
    }

    private ModelArchitecture Build()
    {
        int vocabulary = Vocabulary();
        int context = _fields.Length("context_length") ?? throw _fields.Contradiction($"the key '{_fields.Architecture}.context_length' is missing.");
        return new ModelArchitecture
        {
            HiddenSize = _hidden,
            VocabularySize = vocabulary,
            ContextLength = context,
            Layers = ModelFamilies.Layers(_layers, i => new LayerSpec(Attention(i), FeedForward(i), LayerNorms(i))),
            HasTiedHead = _traits.IsAlwaysTied
                || (_tensors.IsEmpty ? _traits.IsTiedByDefault : _tensors.Find("output.weight") is null),
            HasHeadBias = _tensors.IsEmpty ? _traits.HasHeadBias : _tensors.Find("output.bias") is not null,
            LearnedPositionCount = _tensors.IsEmpty
                ? (_traits.HasLearnedPositions ? context : 0)
                : Rows("position_embd.weight"),
            OuterNormParameters = _tensors.IsEmpty
                ? (long)_traits.OuterNormVectors * _hidden
                : _norms.GetValueOrDefault(-1),
        };
    }

    private int Rows(string name) =>
        _tensors.Find(name) is not { } tensor ? 0
        : tensor.Shape is [var rows and <= 1 << 28, ..] ? (int)rows
        : throw _fields.Contradiction($"'{name}' has {string.Join(" x ", tensor.Shape)} elements, which is no table.");

    private int Vocabulary()
    {
        if (_tensors.Find("token_embd.weight") is { } embedding)
        {
            return embedding.Shape is [var rows and <= 1 << 28, var width] && width == _hidden
                ? (int)rows
                : throw _fields.Contradiction($"'token_embd.weight' has {string.Join(" x ", embedding.Shape)} elements, but the "
                    + $"metadata says that they are {_hidden} wide.");
        }

        if (!_tensors.IsEmpty)
        {
            throw _fields.Contradiction("the tensor 'token_embd.weight' is missing (is this one part of a split model?).");
        }

        long items = _fields.Items("tokenizer.ggml.tokens");
        return _fields.Length("vocab_size")
            ?? (items is > 0 and <= 1 << 28 ? (int)items : throw _fields.Contradiction("it does not say how large its vocabulary is."));
    }

    private Func<int, bool> Windows()
    {
        if (_fields.Flags("attention.sliding_window_pattern", _layers) is { } flags)
        {
            return i => flags[i];
        }

        int pattern = _fields.OptionalWidth("attention.sliding_window_pattern") ?? _traits.WindowPattern;
        return i => pattern == 0 || (i + 1) % pattern != 0;
    }

    private AttentionSpec Attention(int layer)
    {
        if (!_tensors.IsEmpty)
        {
            if (_tensors.HasInLayer(layer, "ssm_in.weight"))
            {
                return StateSpace(layer);
            }

            bool hasAttention = _tensors.HasInLayer(layer, "attn_q.weight") || _tensors.HasInLayer(layer, "attn_qkv.weight")
                || _tensors.HasInLayer(layer, "attn_q_a.weight");
            if (!hasAttention)
            {
                // What pruning left of it is a matrix in place of the output projection.
                return new NoAttention
                {
                    HeadCount = Math.Max(1, _heads[layer]),
                    MatrixParameters = _tensors.InLayer(layer, "attn_output.weight")?.ElementCount ?? 0,
                };
            }
        }

        if (_heads[layer] == 0)
        {
            return _tensors.IsEmpty
                ? new NoAttention { HeadCount = 1 }
                : throw _fields.Contradiction($"layer {layer} has attention, but '{_fields.Architecture}.attention.head_count' gives it no heads.");
        }

        return _fields.OptionalWidth("attention.kv_lora_rank") is { } rank ? Latent(layer, rank) : Grouped(layer);
    }

    private GroupedAttention Grouped(int layer)
    {
        int heads = _heads[layer];
        int keyValueHeads = _keyValueHeads[layer];
        if (keyValueHeads == 0 || heads % keyValueHeads != 0)
        {
            throw _fields.Contradiction($"{heads} attention heads cannot be shared evenly by {keyValueHeads} key/value heads.");
        }

        int? keyLength = _fields.OptionalWidth("attention.key_length");
        if (keyLength is null && _hidden % heads != 0)
        {
            throw _fields.Contradiction($"an embedding length of {_hidden} does not divide by {heads} heads, and "
                + $"'{_fields.Architecture}.attention.key_length' does not say otherwise.");
        }

        int headDimension = keyLength ?? _hidden / heads;
        if (_fields.OptionalWidth("attention.value_length") is { } valueLength && valueLength != headDimension)
        {
            throw _fields.Contradiction($"keys of {headDimension} elements and values of {valueLength} do not go together in "
                + "grouped attention.");
        }

        int? window = _fields.Length("attention.sliding_window");
        bool fromName = _tensors.IsEmpty;
        bool fusedBias = _tensors.HasInLayer(layer, "attn_qkv.bias");
        return new GroupedAttention
        {
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadDimension = headDimension,
            Window = _isWindowed(layer) ? window : null,
            HasQueryBias = fromName ? _traits.QueryKeyValueBias : fusedBias || _tensors.HasInLayer(layer, "attn_q.bias"),
            HasKeyValueBias = fromName ? _traits.QueryKeyValueBias : fusedBias || _tensors.HasInLayer(layer, "attn_k.bias"),
            HasOutputBias = fromName ? _traits.OutputBias : _tensors.HasInLayer(layer, "attn_output.bias"),
            HasSinks = fromName ? _traits.HasSinks : _tensors.HasInLayer(layer, "attn_sinks.weight"),
            QueryKeyNorm = fromName ? _traits.QueryKeyNorm
                : _tensors.InLayer(layer, "attn_q_norm.weight") is not { } norm ? QueryKeyNorm.None
                : norm.ElementCount == headDimension ? QueryKeyNorm.Head
                : QueryKeyNorm.AllHeads,
        };
    }

    /// <summary>
    /// Since early 2025 the key and value lengths are those of the cache, and those of the heads stand beside them
    /// (llama.cpp, convert_hf_to_gguf.py, DeepseekV2Model).
    /// </summary>
    private LatentAttention Latent(int layer, int rank)
    {
        int rope = _fields.Width("rope.dimension_count");
        int key = _fields.OptionalWidth("attention.key_length_mla") ?? _fields.Width("attention.key_length");
        int value = _fields.OptionalWidth("attention.value_length_mla") ?? _fields.Width("attention.value_length");
        if (key <= rope)
        {
            throw _fields.Contradiction($"keys of {key} elements have no part without rotary positions, which take {rope}.");
        }

        return new LatentAttention
        {
            HeadCount = _heads[layer],
            QueryRank = _fields.OptionalWidth("attention.q_lora_rank") ?? 0,
            KeyValueRank = rank,
            NopeDimension = key - rope,
            RopeDimension = rope,
            ValueDimension = value,
            IndexerHeadCount = _fields.OptionalWidth("attention.indexer.head_count") ?? 0,
            IndexerDimension = _fields.OptionalWidth("attention.indexer.key_length") ?? 0,
        };
    }

    /// <summary>Counts come from the tensors; the state from the metadata (llama.cpp keeps it in FP32, the convolution's too).</summary>
    private RecurrentMixer StateSpace(int layer)
    {
        long inner = _fields.Width("ssm.inner_size");
        long state = _fields.Width("ssm.state_size");
        long groups = _fields.OptionalWidth("ssm.group_count") ?? 0;
        int kernel = _fields.Width("ssm.conv_kernel");
        long matrices = 0, vectors = 0;
        foreach (string name in s_stateSpaceNames)
        {
            long elements = _tensors.InLayer(layer, name)?.ElementCount ?? 0;
            bool isMatrix = name is "ssm_in.weight" or "ssm_x.weight" or "ssm_dt.weight" or "ssm_out.weight";
            matrices += isMatrix ? elements : 0;
            vectors += isMatrix ? 0 : elements;
        }

        return new RecurrentMixer
        {
            HeadCount = 1,
            Kind = groups == 0 ? "Mamba" : "Mamba-2",
            MatrixParameters = matrices,
            VectorParameters = vectors,
            StateBytes = sizeof(float) * ((inner * state) + ((inner + (2 * groups * state)) * (kernel - 1))),
            StateElements = (inner * state) + ((inner + (2 * groups * state)) * (kernel - 1)),
            InnerElements = 3 * inner,
        };
    }

    private static readonly string[] s_stateSpaceNames =
    [
        "ssm_in.weight", "ssm_x.weight", "ssm_dt.weight", "ssm_out.weight", "ssm_conv1d.weight", "ssm_conv1d.bias", "ssm_dt.bias",
        "ssm_a", "ssm_d", "ssm_norm.weight", "ssm_dt_norm.weight", "ssm_b_norm.weight", "ssm_c_norm.weight", "ssm_in.bias",
        "ssm_out.bias",
    ];

    private FeedForwardSpec FeedForward(int layer) => _tensors.IsEmpty ? NamedFeedForward(layer) : StoredFeedForward(layer);

    private FeedForwardSpec NamedFeedForward(int layer)
    {
        int dense = _widths?[layer] ?? 0;
        int experts = _fields.OptionalWidth("expert_count") ?? 0;
        if (experts > 0 && layer >= (_fields.OptionalWidth("leading_dense_block_count") ?? 0))
        {
            int width = _fields.OptionalWidth("expert_feed_forward_length") ?? dense;
            int shared = _fields.OptionalWidth("expert_shared_feed_forward_length")
                ?? ((_fields.OptionalWidth("expert_shared_count") ?? 0) * width);
            return Experts(experts, width, shared) with
            {
                IsGated = _traits.IsGated,
                HasBias = _traits.MlpBias,
                HasRouterBias = _traits.HasRouterBias,
                HasSharedGate = shared > 0 && _traits.Family == "qwen2_moe",
            };
        }

        return dense == 0
            ? new NoFeedForward { IsGated = false }
            : new DenseMlp { IntermediateSize = dense, IsGated = _traits.IsGated, HasBias = _traits.MlpBias };
    }

    private FeedForwardSpec StoredFeedForward(int layer)
    {
        if (_tensors.InLayer(layer, "ffn_down_exps.weight") is { } routed)
        {
            return StoredExperts(layer, InnerWidth(routed));
        }

        if (_tensors.InLayer(layer, "ffn_down.0.weight") is { } single)
        {
            return StoredExperts(layer, InnerWidth(single));
        }

        if (_tensors.InLayer(layer, "ffn_down.weight") is not { } down)
        {
            TensorInfo? left = _tensors.InLayer(layer, "ffn_up.weight") ?? _tensors.InLayer(layer, "ffn_gate.weight");
            return new NoFeedForward { IsGated = false, MatrixParameters = left?.ElementCount ?? 0 };
        }

        int width = InnerWidth(down);
        return new DenseMlp
        {
            IntermediateSize = width,
            IsGated = _tensors.HasInLayer(layer, "ffn_gate.weight") || HasFusedGate(layer, "ffn_up.weight", width),
            HasBias = _tensors.HasInLayer(layer, "ffn_down.bias"),
        };
    }

    private MixtureOfExperts StoredExperts(int layer, int width) =>
        Experts(
            _fields.Width("expert_count"),
            width,
            _tensors.InLayer(layer, "ffn_down_shexp.weight") is { } shared ? InnerWidth(shared) : 0) with
        {
            IsGated = _tensors.HasInLayer(layer, "ffn_gate_exps.weight") || _tensors.HasInLayer(layer, "ffn_gate.0.weight")
                || _tensors.HasInLayer(layer, "ffn_gate_up_exps.weight"),
            HasBias = _tensors.HasInLayer(layer, "ffn_down_exps.bias"),
            HasRouterBias = _tensors.HasInLayer(layer, "exp_probs_b.bias") || _tensors.HasInLayer(layer, "ffn_gate_inp.bias"),
            HasSharedGate = _tensors.HasInLayer(layer, "ffn_gate_inp_shexp.weight"),
        };

    private MixtureOfExperts Experts(int count, int width, int shared)
    {
        int used = _fields.Width("expert_used_count");
        return used <= count && width > 0
            ? new MixtureOfExperts
            {
                IsGated = true,
                ExpertCount = count,
                ExpertsPerToken = used,
                ExpertIntermediateSize = width,
                SharedIntermediateSize = shared,
            }
            : throw _fields.Contradiction($"{used} of {count} experts of width {width} are no mixture.");
    }

    /// <summary>Gate and first matrix in one tensor (Phi-3, GLM-4).</summary>
    private bool HasFusedGate(int layer, string name, int width) =>
        _tensors.InLayer(layer, name) is { Shape: [var rows, _] } && rows == 2L * width;

    /// <summary>The width that a projection back into the residual stream comes from.</summary>
    private int InnerWidth(TensorInfo down) =>
        down.Shape is [.., var width] && width is > 0 and <= 1 << 20
            ? (int)width
            : throw _fields.Contradiction($"'{FileErrors.Shown(down.Name)}' is {string.Join(" x ", down.Shape)}, which is no projection.");

    private long LayerNorms(int layer)
    {
        if (_tensors.IsEmpty)
        {
            int vectors = _traits.Family == "falcon" && _keyValueHeads[layer] == 1 ? 2 : _traits.LayerNormVectors;
            return (long)vectors * _hidden;
        }

        return _norms.GetValueOrDefault(layer);
    }

    /// <summary>Elements of the norms of each layer, and under -1 of those outside the layers.</summary>
    private static Dictionary<int, long> SumNorms(GgufTensors tensors)
    {
        Dictionary<int, long> sums = [];
        foreach (TensorInfo tensor in tensors.All)
        {
            if (tensors.Role(tensor, out int layer) == TensorRole.Norm)
            {
                sums[layer] = sums.GetValueOrDefault(layer) + tensor.ElementCount;
            }
        }

        return sums;
    }
}
