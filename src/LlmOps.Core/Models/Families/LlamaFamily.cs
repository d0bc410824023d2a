namespace LlmOps.Core.Models.Families;

/// <summary>Llama and the dense decoders that keep its field names.</summary>
internal static class LlamaFamily
{
    /// <summary>Llama 1 to 3, and what was trained with its code (Yi, SmolLM, TinyLlama, Falcon 3); Granite and SmolLM3.</summary>
    public static ModelArchitecture Llama(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = fields.Flag("mlp_bias", false),
        });
    }

    /// <summary>Mistral: a window on every layer where <c>sliding_window</c> is set (v0.1).</summary>
    public static ModelArchitecture Mistral(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        Window = fields.OptionalWidth("sliding_window"),
        DefaultContext = 131072,
    });

    /// <summary>Qwen1.5 to Qwen2.5: biases on queries, keys and values only.</summary>
    public static ModelArchitecture Qwen2(ConfigFields fields) => Decoder.Build(fields, Qwen2Traits(fields));

    /// <summary>Qwen3: norms on queries and keys instead of biases.</summary>
    public static ModelArchitecture Qwen3(ConfigFields fields) => Decoder.Build(fields, Qwen3Traits(fields));

    /// <summary>Xiaomi MiMo: Qwen2 with the biases configured, and prediction layers that are not counted.</summary>
    public static ModelArchitecture MiMo(ConfigFields fields) => Decoder.Build(
        fields, Qwen2Traits(fields) with { QueryKeyValueBias = fields.Flag("attention_bias", true) });

    /// <summary>Phi-3 and Phi-4: fused projections, which count the same as separate ones.</summary>
    public static ModelArchitecture Phi3(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        Window = fields.OptionalWidth("sliding_window"),
        DefaultContext = 4096,
    });

    /// <summary>Seed-OSS: separate switches for the biases of the attention's inputs and output.</summary>
    public static ModelArchitecture SeedOss(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        QueryKeyValueBias = fields.Flag("attention_bias", true),
        OutputBias = fields.Flag("attention_out_bias", false),
        MlpBias = fields.Flag("mlp_bias", false),
        DefaultHeadDimension = 128,
        DefaultContext = 524288,
    });

    /// <summary>InternLM 2 and 2.5.</summary>
    public static ModelArchitecture InternLm2(ConfigFields fields)
    {
        bool bias = fields.Flag("bias", true);
        return Decoder.Build(fields, new DecoderTraits { QueryKeyValueBias = bias, OutputBias = bias });
    }

    /// <summary>InternLM 3: separate switches for the biases of queries, keys and values, and for all others.</summary>
    public static ModelArchitecture InternLm3(ConfigFields fields)
    {
        bool bias = fields.Flag("bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = fields.Flag("qkv_bias", false),
            OutputBias = bias,
            MlpBias = bias,
            DefaultContext = 32768,
        });
    }

    /// <summary>
    /// Phi-3-small (code beside the weights): layer norms with biases, biases everywhere, a tied head. Its block-sparse
    /// layers cache every token.
    /// </summary>
    public static ModelArchitecture Phi3Small(ConfigFields fields)
    {
        DecoderTraits traits = new()
        {
            QueryKeyValueBias = true,
            OutputBias = true,
            LayerNormVectors = 4,
            OuterNormVectors = 2,
            IsTiedByDefault = true,
            DefaultContext = 8192,
        };
        DenseMlp mlp = new() { IntermediateSize = fields.Width("ff_intermediate_size"), IsGated = true, HasBias = true };
        return Decoder.Build(fields, traits, _ => mlp);
    }

    /// <summary>Nemotron-4 and Minitron: layer norms with biases and a plain MLP (transformers 4.57, models/nemotron).</summary>
    public static ModelArchitecture Nemotron(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = fields.Flag("mlp_bias", false),
            IsGated = false,
            LayerNormVectors = 4,
            OuterNormVectors = 2,
            DefaultContext = 4096,
        });
    }

    /// <summary>StableLM 2: layer norms with biases; one norm where attention and MLP stand side by side.</summary>
    public static ModelArchitecture StableLm(ConfigFields fields) => fields.Flag("qk_layernorm", false)
        ? throw fields.Contradiction("'qk_layernorm' is true, and the norm of each head is not known in this family.")
        : Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = fields.Flag("use_qkv_bias", false),
            LayerNormVectors = fields.Flag("use_parallel_residual", false) ? 2 : 4,
            OuterNormVectors = 2,
            DefaultContext = 4096,
        });

    /// <summary>Baichuan 1 and 2: as many KV heads as heads; the 13B model has no positions to configure.</summary>
    public static ModelArchitecture Baichuan(ConfigFields fields) =>
        Decoder.Build(fields, new DecoderTraits { DefaultContext = fields.Length("model_max_length", 4096) });

    /// <summary>OLMo 1: norms without parameters.</summary>
    public static ModelArchitecture Olmo(ConfigFields fields) =>
        Decoder.Build(fields, OlmoTraits(fields) with { LayerNormVectors = 0, OuterNormVectors = 0 });

    /// <summary>OLMo 2: norms on all queries and keys together, and after each part of a layer.</summary>
    public static ModelArchitecture Olmo2(ConfigFields fields) =>
        Decoder.Build(fields, OlmoTraits(fields) with { QueryKeyNorm = QueryKeyNorm.AllHeads });

    /// <summary>OLMo 3: OLMo 2 with a window on three of four layers.</summary>
    public static ModelArchitecture Olmo3(ConfigFields fields) => Decoder.Build(fields, OlmoTraits(fields) with
    {
        QueryKeyNorm = QueryKeyNorm.AllHeads,
        Window = fields.Width("sliding_window", 4096),
        IsWindowed = i => (i + 1) % 4 != 0,
    });

    /// <summary>Command-R and Aya: attention and MLP side by side behind one norm, tied embeddings.</summary>
    public static ModelArchitecture Cohere(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            QueryKeyNorm = fields.Flag("use_qk_norm", false) ? QueryKeyNorm.AllHeads : QueryKeyNorm.None,
            LayerNormVectors = 1,
            IsTiedByDefault = true,
            DefaultContext = 8192,
        });
    }

    /// <summary>Command-R7B and Command-A: Command-R with a window on three of four layers.</summary>
    public static ModelArchitecture Cohere2(ConfigFields fields)
    {
        int pattern = fields.Width("sliding_window_pattern", 4);
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            LayerNormVectors = 1,
            IsTiedByDefault = true,
            Window = fields.Width("sliding_window", 4096),
            IsWindowed = i => (i + 1) % pattern != 0,
            DefaultContext = 8192,
        });
    }

    /// <summary>EXAONE 4: norms on queries and keys, and a window on three of four layers of the larger model.</summary>
    public static ModelArchitecture Exaone4(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        QueryKeyNorm = QueryKeyNorm.Head,
        Window = fields.OptionalWidth("sliding_window"),
        IsWindowed = i => (i + 1) % 4 != 0,
    });

    /// <summary>GLM-4-9B as transformers has it: biases on queries, keys and values only.</summary>
    public static ModelArchitecture Glm(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        QueryKeyValueBias = fields.Flag("attention_bias", false),
        DefaultHeadDimension = 128,
        DefaultContext = 131072,
    });

    /// <summary>GLM-4-0414: norms before and after both parts of a layer.</summary>
    public static ModelArchitecture Glm4(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        QueryKeyValueBias = fields.Flag("attention_bias", true),
        DefaultHeadDimension = 128,
        LayerNormVectors = 4,
        DefaultContext = 131072,
    });

    /// <summary>Hunyuan dense models: norms on queries and keys.</summary>
    public static ModelArchitecture HunyuanDense(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            QueryKeyNorm = fields.Flag("use_qk_norm", true) ? QueryKeyNorm.Head : QueryKeyNorm.None,
        });
    }

    /// <summary>ERNIE 4.5 dense models.</summary>
    public static ModelArchitecture Ernie(ConfigFields fields)
    {
        bool bias = fields.Flag("use_bias", false);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = bias,
            IsTiedByDefault = true,
            DefaultContext = 131072,
        });
    }

    /// <summary>StarCoder 2: layer norms with biases, a plain MLP, biases everywhere.</summary>
    public static ModelArchitecture StarCoder2(ConfigFields fields)
    {
        bool bias = fields.Flag("use_bias", true);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = bias,
            IsGated = false,
            LayerNormVectors = 4,
            OuterNormVectors = 2,
            IsTiedByDefault = true,
            Window = fields.OptionalWidth("sliding_window"),
            DefaultContext = 4096,
        });
    }

    /// <summary>Phi-1, 1.5 and 2: attention and a plain MLP side by side behind one layer norm, biases, a bias on the head.</summary>
    public static ModelArchitecture Phi(ConfigFields fields) => Decoder.Build(fields, new DecoderTraits
    {
        QueryKeyValueBias = true,
        OutputBias = true,
        MlpBias = true,
        IsGated = false,
        LayerNormVectors = 2,
        OuterNormVectors = 2,
        HasHeadBias = true,
    });

    /// <summary>GPT-NeoX and Pythia: rotary positions, layer norms, a plain MLP, biases, an untied head.</summary>
    public static ModelArchitecture GptNeoX(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", true);
        return Decoder.Build(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            MlpBias = true,
            IsGated = false,
            LayerNormVectors = 4,
            OuterNormVectors = 2,
        });
    }

    internal static DecoderTraits Qwen2Traits(ConfigFields fields) =>
        QwenWindow(fields, new DecoderTraits { QueryKeyValueBias = true, DefaultContext = 32768 });

    internal static DecoderTraits Qwen3Traits(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return QwenWindow(fields, new DecoderTraits
        {
            QueryKeyValueBias = bias,
            OutputBias = bias,
            QueryKeyNorm = QueryKeyNorm.Head,
            DefaultHeadDimension = 128,
            DefaultContext = 32768,
        });
    }

    private static DecoderTraits OlmoTraits(ConfigFields fields)
    {
        bool bias = fields.Flag("attention_bias", false);
        return new DecoderTraits { QueryKeyValueBias = bias, OutputBias = bias };
    }

    /// <summary>Qwen2 and Qwen3 slide from <c>max_window_layers</c> on, and only where <c>use_sliding_window</c> says so.</summary>
    private static DecoderTraits QwenWindow(ConfigFields fields, DecoderTraits traits)
    {
        int first = fields.Count("max_window_layers");
        return fields.Flag("use_sliding_window", false)
            ? traits with { Window = fields.OptionalWidth("sliding_window"), IsWindowed = i => i >= first }
            : traits;
    }
}
