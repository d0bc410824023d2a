namespace LlmOps.Core.Tests.Quantizations;

/// <summary>
/// Quantization configurations as published (collected by ai-dynamo/aiconfigurator and inference-sim, Apache-2.0); of long
/// lists of modules the first and last ones.
/// </summary>
internal static class RealQuantizations
{
    public static IReadOnlyList<string> All { get; } =
    [
        // deepseek-ai/DeepSeek-V3.2
        """
        {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}
        """,

        // Qwen/Qwen3-30B-A3B-FP8
        """
        {"activation_scheme": "dynamic", "modules_to_not_convert": ["lm_head", "model.layers.0.input_layernorm", "model.layers.0.mlp.gate", "model.layers.0.post_attention_layernorm", "model.layers.1.input_layernorm", "model.layers.1.mlp.gate", "model.layers.1.post_attention_layernorm", "model.layers.2.input_layernorm", "model.layers.2.mlp.gate", "model.layers.2.post_attention_layernorm", "model.layers.46.post_attention_layernorm", "model.layers.47.input_layernorm", "model.layers.47.mlp.gate", "model.layers.47.post_attention_layernorm"], "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}
        """,

        // Qwen/Qwen3-32B-FP8-Static-PerTensor
        """
        {"config_groups": {"group_0": {"input_activations": {"dynamic": false, "num_bits": 8, "type": "float"}, "weights": {"dynamic": false, "num_bits": 8, "type": "float"}}}, "ignore": ["lm_head"], "quant_algo": "FP8", "kv_cache_scheme": "FP8", "producer": {"name": "modelopt", "version": "0.31.0"}}
        """,

        // MiniMaxAI/MiniMax-M2.5
        """
        {"quant_method": "fp8", "fmt": "float8_e4m3fn", "activation_scheme": "dynamic", "weight_block_size": [128, 128], "modules_to_not_convert": ["gate", "e_score_correction_bias", "lm_head"]}
        """,

        // llama-4-scout-17b-16e-instruct-fp8-dynamic
        """
        {"config_groups": {"group_0": {"input_activations": {"actorder": null, "block_structure": null, "dynamic": true, "group_size": null, "num_bits": 8, "observer": null, "observer_kwargs": {}, "strategy": "token", "symmetric": true, "type": "float"}, "output_activations": null, "targets": ["Linear"], "weights": {"actorder": null, "block_structure": null, "dynamic": false, "group_size": null, "num_bits": 8, "observer": "mse", "observer_kwargs": {}, "strategy": "channel", "symmetric": true, "type": "float"}}}, "format": "float-quantized", "global_compression_ratio": null, "ignore": ["vision_model.patch_embedding.linear", "vision_model.model.layers.0.self_attn.q_proj", "vision_model.model.layers.0.self_attn.k_proj", "vision_model.model.layers.0.self_attn.v_proj", "vision_model.model.layers.0.self_attn.o_proj", "vision_model.model.layers.0.mlp.fc1", "vision_model.model.layers.0.mlp.fc2", "vision_model.model.layers.1.self_attn.q_proj", "vision_model.model.layers.1.self_attn.k_proj", "vision_model.model.layers.1.self_attn.v_proj", "language_model.model.layers.47.self_attn.v_proj", "language_model.model.layers.47.self_attn.o_proj", "language_model.model.layers.47.feed_forward.router", "language_model.lm_head"], "kv_cache_scheme": null, "quant_method": "compressed-tensors", "quantization_status": "compressed"}
        """,

        // moonshotai/Kimi-K2.5
        """
        {"config_groups": {"group_0": {"input_activations": null, "output_activations": null, "targets": ["Linear"], "weights": {"actorder": null, "block_structure": null, "dynamic": false, "group_size": 32, "num_bits": 4, "observer": "minmax", "observer_kwargs": {}, "strategy": "group", "symmetric": true, "type": "int"}}}, "format": "pack-quantized", "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*"], "kv_cache_scheme": null, "quant_method": "compressed-tensors", "quantization_status": "compressed"}
        """,

        // nvidia/GLM-5.1-NVFP4
        """
        {"config_groups": {"group_0": {"input_activations": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "weights": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "targets": ["Linear"]}}, "ignore": ["lm_head", "model.layers.0*", "model.layers.1.*", "model.layers.10.mlp.shared_experts*", "model.layers.10.self_attn*", "model.layers.11.mlp.shared_experts*", "model.layers.11.self_attn*", "model.layers.12.mlp.shared_experts*", "model.layers.12.self_attn*", "model.layers.13.mlp.shared_experts*", "model.layers.8.mlp.shared_experts*", "model.layers.8.self_attn*", "model.layers.9.mlp.shared_experts*", "model.layers.9.self_attn*"], "quant_algo": "NVFP4", "kv_cache_scheme": {"dynamic": false, "num_bits": 8, "type": "float"}, "producer": {"name": "modelopt", "version": "0.45.0.dev44+gc273ddb8a.d20260509"}, "quant_method": "modelopt"}
        """,

        // nvidia/Kimi-K2.6-NVFP4
        """
        {"config_groups": {"group_0": {"input_activations": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "weights": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "targets": ["Linear"]}}, "ignore": ["language_model.lm_head", "language_model.model.layers.0*", "language_model.model.layers.1.mlp.shared_experts*", "language_model.model.layers.1.self_attn*", "language_model.model.layers.10.mlp.shared_experts*", "language_model.model.layers.10.self_attn*", "language_model.model.layers.11.mlp.shared_experts*", "language_model.model.layers.11.self_attn*", "language_model.model.layers.12.mlp.shared_experts*", "language_model.model.layers.12.self_attn*", "language_model.model.layers.9.mlp.shared_experts*", "language_model.model.layers.9.self_attn*", "mm_projector*", "vision_tower*"], "quant_algo": "NVFP4", "kv_cache_scheme": {"dynamic": false, "num_bits": 8, "type": "float"}, "producer": {"name": "modelopt", "version": "0.0.1.dev752+gbd4fc3a65.d20260504"}, "quant_method": "modelopt"}
        """,

        // nvidia/Qwen3.5-397B-A17B-NVFP4
        """
        {"config_groups": {"group_0": {"input_activations": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "weights": {"dynamic": false, "num_bits": 4, "type": "float", "group_size": 16}, "targets": ["Linear"]}}, "ignore": ["lm_head", "*.mlp.shared_expert.*", "model.language_model.layers.0.linear_attn*", "model.language_model.layers.0.mlp.shared_expert*", "model.language_model.layers.0.mlp.shared_expert_gate", "model.language_model.layers.1.linear_attn*", "model.language_model.layers.1.mlp.shared_expert*", "model.language_model.layers.1.mlp.shared_expert_gate", "model.language_model.layers.10.linear_attn*", "model.language_model.layers.10.mlp.shared_expert*", "model.language_model.layers.9.mlp.shared_expert*", "model.language_model.layers.9.mlp.shared_expert_gate", "model.visual*", "mtp.layers.0*"], "quant_algo": "NVFP4", "kv_cache_scheme": {"dynamic": false, "num_bits": 8, "type": "float"}, "producer": {"name": "modelopt", "version": "0.0.1.dev538+g26cad678d"}, "quant_method": "modelopt"}
        """,

        // nvidia/DeepSeek-V4-Flash-NVFP4
        """
        {"activation_scheme": "dynamic", "config_groups": {"group_0": {"input_activations": {"dynamic": false, "group_size": 16, "num_bits": 4, "type": "float"}, "targets": ["Linear"], "weights": {"dynamic": false, "group_size": 16, "num_bits": 4, "type": "float"}}}, "fmt": "e4m3", "group_size": 16, "ignore": ["*.attn.*", "*.ffn.shared_experts.*", "head", "mtp.*"], "kv_cache_quant_algo": null, "moe_quant_algo": "NVFP4", "producer": {"name": "modelopt", "version": "dsv4-nvfp4-experts"}, "quant_algo": "MIXED_PRECISION", "quant_method": "fp8", "quantized_layers": {"layers.0.ffn.experts": {"group_size": 16, "quant_algo": "NVFP4"}, "layers.1.ffn.experts": {"group_size": 16, "quant_algo": "NVFP4"}, "layers.10.ffn.experts": {"group_size": 16, "quant_algo": "NVFP4"}, "layers.11.ffn.experts": {"group_size": 16, "quant_algo": "NVFP4"}}, "scale_fmt": "ue8m0", "weight_block_size": [128, 128]}
        """,

        // openai/gpt-oss-20b
        """
        {"modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"], "quant_method": "mxfp4"}
        """,

        // zai-org/GLM-5-FP8
        """
        {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head", "model.embed_tokens", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm", "model.layers.0.self_attn.indexer.k_norm", "model.layers.0.self_attn.indexer.k_norm.bias", "model.layers.0.self_attn.indexers_proj", "model.layers.0.self_attn.kv_a_layernorm", "model.layers.0.self_attn.q_a_layernorm", "model.layers.1.input_layernorm", "model.layers.78.self_attn.kv_a_layernorm", "model.layers.78.self_attn.q_a_layernorm", "model.layers.78.shared_head.norm", "model.norm"]}
        """,

        // GPTQ, as GPTQModel writes it
        """
        {"bits": 4, "dynamic": {"-:.*attn.*": {}, "+:.*mlp\\.down.*": {"bits": 8, "group_size": 64}}, "group_size": 128, "desc_act": false, "sym": true, "lm_head": false, "quant_method": "gptq", "checkpoint_format": "gptq"}
        """,

        // AWQ, as AutoAWQ writes it
        """
        {"bits": 4, "group_size": 128, "modules_to_not_convert": ["visual", "gate"], "quant_method": "awq", "version": "gemm", "zero_point": true}
        """,

        // bitsandbytes, as transformers writes it
        """
        {"bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true, "llm_int8_skip_modules": ["lm_head", "model.layers.1.mlp"], "llm_int8_threshold": 6.0, "load_in_4bit": true, "load_in_8bit": false, "quant_method": "bitsandbytes"}
        """,

        // hf_quant_config.json, as ModelOpt writes it
        """
        {"producer": {"name": "modelopt", "version": "0.29.0"}, "quant_method": "modelopt", "quantization": {"quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head", "model.layers.*.mlp.gate"], "quantized_layers": {"model.layers.0.mlp.down_proj": {"quant_algo": "W4A8_AWQ", "group_size": 128}, "model.layers.0.mlp.experts": {"quant_algo": "NVFP4", "group_size": 16}}}}
        """,
    ];
}
