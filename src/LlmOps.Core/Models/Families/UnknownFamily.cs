namespace LlmOps.Core.Models.Families;

/// <summary>
/// Derives a decoder from Llama's field names where the family is not known. Refuses whatever hints at structure that those
/// names do not describe: a wrong figure is worse than none.
/// </summary>
internal static class UnknownFamily
{
    /// <summary>
    /// Fields that change nothing about parameters and cache, or that are read here. Any other field of a number, a list or
    /// an object may stand for structure.
    /// </summary>
    private static readonly HashSet<string> s_understood = new(StringComparer.Ordinal)
    {
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "vocab_size", "max_position_embeddings", "attention_bias", "mlp_bias", "tie_word_embeddings", "hidden_act",
        "num_experts", "num_local_experts", "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size",
        "n_shared_experts", "first_k_dense_replace", "layer_types", "sliding_window", "use_sliding_window",
        "quantization_config", "auto_map", "architectures", "rope_scaling", "rope_parameters", "rope_theta",
        "rotary_pct", "partial_rotary_factor", "rope_local_base_freq", "initializer_range", "rms_norm_eps", "norm_eps",
        "layer_norm_eps", "layer_norm_epsilon", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop",
        "dropout", "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "decoder_start_token_id",
        "use_cache", "output_router_logits", "router_aux_loss_coef", "aux_loss_alpha", "norm_topk_prob", "routed_scaling_factor",
        "pretraining_tp", "ep_size", "id2label", "label2id", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
        "task_specific_params", "pruned_heads", "max_length", "min_length", "temperature", "top_k", "top_p", "typical_p",
        "num_beams", "num_beam_groups", "num_return_sequences", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
        "repetition_penalty", "length_penalty", "diversity_penalty", "chunk_size_feed_forward", "exponential_decay_length_penalty",
        "embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling", "logit_scale", "mup_denominator",
        "attn_logit_softcapping", "final_logit_softcapping", "model_max_length", "original_max_position_embeddings",
        "n_group", "topk_group",
    };

    /// <summary>The architecture, and what was taken for granted in deriving it.</summary>
    /// <exception cref="LlmOpsException">The fields do not suffice, or hint at more than they describe.</exception>
    public static ModelArchitecture Build(string family, ConfigFields fields, string hint, List<string> notes)
    {
        if (fields.UnusedFields(s_understood).ToList() is { Count: > 0 } others)
        {
            throw NotDerivable(fields, family,
                $"'{others[0]}' may stand for parts of it that only its own reader would know{(others.Count > 1 ? $", and so may {string.Join(", ", others.Skip(1).Take(8).Select(name => $"'{name}'"))}" : "")}.", hint);
        }

        string activation = fields.Text("hidden_act") ?? "silu";
        if (activation is not ("silu" or "swish" or "swiglu"))
        {
            throw NotDerivable(fields, family,
                $"with 'hidden_act' {activation} its MLPs may have two matrices or three.", hint);
        }

        foreach (string required in (string[])
            ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings"])
        {
            if (!fields.Has(required))
            {
                throw NotDerivable(fields, family, $"the field '{required}' is missing.", hint);
            }
        }

        bool bias = fields.Flag("attention_bias", false), mlpBias = fields.Flag("mlp_bias", false);
        bool hasWindow = fields.OptionalWidth("sliding_window") is not null
            && fields.Flag("use_sliding_window", fields.Has("layer_types"));
        if (fields.Has("sliding_window") && fields.OptionalWidth("sliding_window") is not null
            && !fields.Has("use_sliding_window") && !fields.Has("layer_types"))
        {
            throw NotDerivable(fields, family, "'sliding_window' does not say which layers have it.", hint);
        }

        DecoderTraits traits = new()
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = mlpBias,
            Window = hasWindow ? fields.OptionalWidth("sliding_window") : null,
        };
        if (fields.Has("layer_types"))
        {
            // Refuses every other type of layer, whether or not there is a window.
            Func<int, bool> sliding = ModelFamilies.SlidingLayers(fields, fields.Layers("num_hidden_layers"), _ => false);
            bool any = Enumerable.Range(0, fields.Layers("num_hidden_layers")).Count(sliding) > 0;
            if (any && traits.Window is null)
            {
                throw NotDerivable(fields, family, "'layer_types' has windows and the field 'sliding_window' is missing.", hint);
            }
        }

        string expertsNote = "one dense MLP a layer";
        Func<int, FeedForwardSpec>? feedForward = null;
        if (Experts(fields, family, hint) is { } experts)
        {
            int first = fields.Count("first_k_dense_replace");
            DenseMlp dense = Decoder.Mlp(fields, traits);
            feedForward = i => i < first ? dense : experts;
            expertsNote = "routers without biases, experts without biases";
        }

        notes.Add($"The family '{family}' is not known: its architecture was derived from the field names that Llama uses.{hint}");
        notes.Add("Assumed are MLPs of three matrices, two RMS norms a layer and one after the last, no norms on queries and "
            + $"keys, no parts beside attention and MLP, {expertsNote}.");
        notes.Add(fields.Has("tie_word_embeddings")
            ? $"Biases are where 'attention_bias' ({Word(bias)}) and 'mlp_bias' ({Word(mlpBias)}) say."
            : $"Biases are where 'attention_bias' ({Word(bias)}) and 'mlp_bias' ({Word(mlpBias)}) say; "
                + "the head is assumed to be a matrix of its own, because 'tie_word_embeddings' is missing.");
        return Decoder.Build(fields, traits, feedForward);
    }

    private static MixtureOfExperts? Experts(ConfigFields fields, string family, string hint)
    {
        string? count = ((string[])["num_experts", "num_local_experts", "n_routed_experts"])
            .FirstOrDefault(name => fields.Count(name) > 0);
        if (count is null)
        {
            return fields.Count("num_experts_per_tok") == 0 && fields.Count("moe_intermediate_size") == 0
                ? null
                : throw NotDerivable(fields, family, "it has experts, but their number is missing.", hint);
        }

        if (!fields.Has("moe_intermediate_size") || !fields.Has("num_experts_per_tok"))
        {
            throw NotDerivable(fields, family, $"it has experts by '{count}', but the field '"
                + $"{(fields.Has("moe_intermediate_size") ? "num_experts_per_tok" : "moe_intermediate_size")}' is missing.", hint);
        }

        int width = fields.Width("moe_intermediate_size");
        return MixtureFamily.Experts(fields, count, width) with { SharedIntermediateSize = fields.Count("n_shared_experts") * width };
    }

    private static string Word(bool value) => value ? "true" : "false";

    private static LlmOpsException NotDerivable(ConfigFields fields, string family, string reason, string hint) =>
        fields.NotSupported(family, $"the family '{family}' is not known, and its architecture cannot be derived: {reason}{hint}");
}
