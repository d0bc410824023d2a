using System.Text.Json.Nodes;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Quantizations;

/// <summary>Checkpoints as they are published, against sizes that others print.</summary>
public sealed class PublishedCheckpointTests
{
    private const string Fp8Block =
        """{ "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128] }""";

    private const string Fp8Dynamic = """
        { "quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"], "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": { "num_bits": 8, "type": "float", "strategy": "token", "dynamic": true },
          "weights": { "num_bits": 8, "type": "float", "strategy": "channel", "symmetric": true } } } }
        """;

    private const string W8A8 = """
        { "quant_method": "compressed-tensors", "format": "int-quantized", "ignore": ["lm_head"], "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": { "num_bits": 8, "type": "int", "strategy": "token", "dynamic": true },
          "weights": { "num_bits": 8, "type": "int", "strategy": "channel", "symmetric": true } } } }
        """;

    private const string Nf4 = """
        { "quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true }
        """;

    // deepseek-ai/DeepSeek-V3.2, config.json
    private const string DeepSeekV32 = """
        {"attention_bias": false, "first_k_dense_replace": 3, "hidden_size": 7168, "index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840, "model_type": "deepseek_v32", "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 8, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128, "num_nextn_predict_layers": 1, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "tie_word_embeddings": false, "topk_group": 4, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "v_head_dim": 128, "vocab_size": 129280}
        """;

    // moonshotai/Kimi-K2-Instruct, config.json
    private const string KimiK2 = """
        {"attention_bias": false, "first_k_dense_replace": 1, "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 131072, "model_type": "kimi_k2", "moe_intermediate_size": 2048, "moe_layer_freq": 1, "n_group": 1, "n_routed_experts": 384, "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 64, "num_nextn_predict_layers": 0, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "tie_word_embeddings": false, "topk_group": 1, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "v_head_dim": 128, "vocab_size": 163840}
        """;

    // MiniMaxAI/MiniMax-M2.5, config.json
    private const string MiniMaxM25 = """
        {"model_type": "minimax_m2", "num_hidden_layers": 62, "hidden_size": 3072, "num_attention_heads": 48, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 1536, "vocab_size": 200064, "num_experts_per_tok": 8, "num_local_experts": 256, "max_position_embeddings": 196608, "tie_word_embeddings": false, "use_qk_norm": true, "use_routing_bias": true, "use_mtp": true, "num_mtp_modules": 3, "shared_intermediate_size": 0, "torch_dtype": "bfloat16"}
        """;

    private static LlmModel Read(string model, string? quantization)
    {
        JsonNode config = model switch
        {
            "DeepSeek-V3.2" => JsonNode.Parse(DeepSeekV32)!,
            "Kimi-K2" => JsonNode.Parse(KimiK2)!,
            "MiniMax-M2.5" => JsonNode.Parse(MiniMaxM25)!,
            _ => JsonNode.Parse(Models.RealConfigs.Of(model))!,
        };
        if (quantization is not null)
        {
            config["quantization_config"] = JsonNode.Parse(quantization);
        }

        return HuggingFaceConfig.Read(System.Text.Encoding.UTF8.GetBytes(config.ToJsonString()), "config.json");
    }

    /// <summary>
    /// The weight files of deepseek-ai/DeepSeek-V3 have 688,586,727,753 bytes together (repository tree at afb92e1f). They
    /// hold a prediction layer with copies of embedding and head, correction biases in FP32, and 163 headers of about 70 KB:
    /// 0.002 % beside the weights.
    /// </summary>
    [Fact]
    public void DeepSeek_V3_is_as_large_as_its_files()
    {
        LlmModel model = ModelCatalog.Get("DeepSeek-V3");
        long prediction = model.WeightBits.Single(c => c.Component == ModelComponent.MultiTokenPrediction).Bytes;
        long copies = 2 * 2 * 129_280L * 7168;
        long correction = 59 * 256 * 2;

        Assert.InRange(688_586_727_753 - (model.WeightBytes + prediction + copies + correction), 0, 163 * 100_000);
    }

    /// <summary>
    /// Elements that Hugging Face counts in the files of FP8 checkpoints (safetensors metadata): parameters, an FP32 scale a
    /// block, and with DeepSeek-V3.2 the prediction layer with its copies. Kimi-K2 has 56 more a layer, one more row of block
    /// scales of 7,168 columns.
    /// </summary>
    [Theory]
    [InlineData("DeepSeek-V3", 684_531_386_000, 0)]
    [InlineData("DeepSeek-V3.2", 685_396_921_376, 0)]
    [InlineData("MiniMax-M2.5", 228_703_644_928, 0)]
    [InlineData("Kimi-K2", 1_026_470_731_056, 61 * 56)]
    public void Block_scales_are_as_many_as_the_files_hold(string name, long published, long more)
    {
        LlmModel model = Read(name, Fp8Block);
        long hidden = model.HiddenSize;
        long Quantized(LayerSpec layer) => layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden))
            .Where(m => m.IsQuantizable).Sum(m => m.Elements);
        static long Scales(long parameters, long quantized, long bytes) =>
            (bytes - quantized - (2 * (parameters - quantized))) / sizeof(float);
        long elements = model.ParameterCount
            + Scales(model.ParameterCount, model.Architecture.Layers.Sum(Quantized), model.WeightBytes);
        if (model.WeightBits.SingleOrDefault(c => c.Component == ModelComponent.MultiTokenPrediction) is { } prediction)
        {
            elements += prediction.Parameters + (2L * model.VocabularySize * hidden)
                + Scales(prediction.Parameters, Quantized(model.Architecture.PredictionLayer!), prediction.Bytes);
        }

        Assert.Equal(published, elements + more);
    }

    /// <summary>Checkpoint sizes of the gpt-oss model card (OpenAI 2025, table 1): 12.8 and 60.8 GiB, to a tenth.</summary>
    [Theory]
    [InlineData("gpt-oss-20b", 12.8)]
    [InlineData("gpt-oss-120b", 60.8)]
    public void MXFP4_experts_take_what_the_files_take(string model, double gib)
    {
        Assert.Equal(gib, Units.ToGiB(ModelCatalog.Get(model).WeightBytes), 0.05);
    }

    /// <summary>
    /// Weights that vLLM reports: 0.19 on H100-80GB (llm-d-planner, accuracy runs and docs/empirical-vllm-memory-results.md), and
    /// a start-up log of MiniMax-M2.5 (local-inference-lab/rtx6kpro, models/minimax-m25.md). Of the bytes of PyTorch's
    /// allocator 0.2 % are not accounted for.
    /// </summary>
    [Theory]
    [InlineData("Qwen2.5-7B-Instruct", Fp8Dynamic, 1, 8.14)] // RedHatAI/Qwen2.5-7B-Instruct-fp8-dynamic
    [InlineData("Qwen2.5-7B-Instruct", W8A8, 1, 8.14)] // RedHatAI/Qwen2.5-7B-Instruct-quantized.w8a8
    [InlineData("Llama-3.1-8B", W8A8, 1, 8.49)] // RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w8a8
    [InlineData("Llama-3.1-8B", """{ "quant_method": "fp8", "activation_scheme": "dynamic" }""", 1, 8.49)]
    [InlineData("Llama-3.3-70B", Fp8Dynamic, 1, 67.72)] // RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic
    [InlineData("Llama-3.3-70B", Fp8Dynamic, 2, 33.88)]
    [InlineData("Llama-3.3-70B", W8A8, 2, 33.88)] // redhatai/Llama-3.3-70B-Instruct-quantized.w8a8
    [InlineData("Llama-3.1-70B", W8A8, 1, 67.7229)] // neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w8a8, vLLM #12570
    [InlineData("MiniMax-M2.5", Fp8Block, 4, 53.75)]
    public void Weights_are_what_vLLM_reports(string model, string quantization, int tensor, double measuredGiB)
    {
        double estimate = MemoryEstimator.Estimate(new MemoryRequest(Read(model, quantization))
        {
            Parallelism = new Parallelism(tensor),
        }).ModelWeightsGiB;

        Assert.Equal(measuredGiB, estimate, (0.002 * measuredGiB) + 0.005);
    }

    /// <summary>
    /// bitsandbytes in vLLM, from public start-up logs: 0.7.1 keeps the doubly quantized scales, 0.8.5 expands some of them to
    /// FP32 while loading, which adds at most 32/64 - 8/64 bits a weight, 9 %, to what the checkpoint holds.
    /// </summary>
    [Theory]
    [InlineData("Phi-4", 8.49, 0.01)] // unsloth/phi-4-bnb-4bit, 0.7.1
    [InlineData("Mistral-7B-v0.3", 4.04, 0.09)] // unsloth/mistral-7b-instruct-v0.3-bnb-4bit, 0.8.5
    [InlineData("Qwen3-8B", 5.91, 0.09)] // Erland/DeepSeek-R1-0528-Qwen3-8B, 0.8.5
    public void NF4_takes_what_vLLM_reports_or_less(string model, double measuredGiB, double more)
    {
        double estimate = Units.ToGiB(Read(model, Nf4).WeightBytes);

        Assert.InRange(measuredGiB, estimate - 0.005, (estimate * (1 + more)) + 0.005);
    }
}
