using System.Text;
using System.Text.Json.Nodes;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public sealed class HuggingFaceConfigTests
{
    private static LlmModel Read(string json, string origin = "config.json") =>
        HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(json), origin);

    [Fact]
    public void A_byte_order_mark_is_skipped()
    {
        byte[] config = RealConfigs.Of("Llama-3.1-8B");

        Assert.Equal(8_030_261_248, HuggingFaceConfig.Read((byte[])[0xEF, 0xBB, 0xBF, .. config], "config.json").ParameterCount);
    }

    [Theory]
    [InlineData("/models/meta-llama/Llama-3.1-8B/config.json", "Llama-3.1-8B")]
    [InlineData(@"C:\models\Llama-3.1-8B\config.json", "Llama-3.1-8B")]
    [InlineData("/models/my-llama.json", "my-llama")]
    [InlineData("config.json", "config")]
    [InlineData("/模型/通义千问/config.json", "通义千问")]
    public void A_model_without_a_name_is_called_after_its_place(string origin, string name)
    {
        Assert.Equal(name, HuggingFaceConfig.Read(RealConfigs.Of("Llama-3.1-8B"), origin).Name);
    }

    [Fact]
    public void A_configuration_that_names_its_repository_names_the_model()
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of("Llama-3.1-8B"))!;
        config["_name_or_path"] = "meta-llama/Модель-8B";

        Assert.Equal("Модель-8B", Read(config.ToJsonString()).Name);
    }

    /// <summary>The defaults are Gemma3TextConfig's of transformers 4.57; Gemma-3-4B as published relies on five of them.</summary>
    [Fact]
    public void An_empty_Gemma_3_text_configuration_has_the_defaults_of_its_class()
    {
        LlmModel model = Read("""{ "model_type": "gemma3", "text_config": {} }""");

        Assert.Equal((2304, 26, 8, 4, 256, 9216, 262_208, 131_072), (model.HiddenSize, model.LayerCount,
            model.AttentionHeadCount, model.KeyValueHeadCount, model.HeadDimension, model.IntermediateSize,
            model.VocabularySize, model.ContextLength));
        Assert.Equal(4096, Assert.Single(model.KvCache.Groups, g => g.Window is not null).Window);
        const long layer = (2L * 2304 * 8 * 256) + (2L * 2304 * 4 * 256) + (2 * 256) + (3L * 2304 * 9216) + (4 * 2304);
        Assert.Equal((262_208L * 2304) + (26 * layer) + 2304, model.ParameterCount);
    }

    /// <summary>safetensors metadata of Qwen/Qwen3-Coder-480B-A35B-Instruct: 480,154,875,392.</summary>
    [Fact]
    public void A_configuration_outside_the_catalogue_counts_exactly_too()
    {
        LlmModel model = Read("""
            { "model_type": "qwen3_moe", "attention_bias": false, "decoder_sparse_step": 1, "head_dim": 128,
              "hidden_size": 6144, "intermediate_size": 8192, "max_position_embeddings": 262144, "mlp_only_layers": [],
              "moe_intermediate_size": 2560, "norm_topk_prob": true, "num_attention_heads": 96, "num_experts": 160,
              "num_experts_per_tok": 8, "num_hidden_layers": 62, "num_key_value_heads": 8, "tie_word_embeddings": false,
              "torch_dtype": "bfloat16", "vocab_size": 151936 }
            """);

        Assert.Equal(480_154_875_392, model.ParameterCount);
    }

    /// <summary>transformers, models/qwen3_moe/modeling_qwen3_moe.py: such a layer has an MLP of intermediate_size.</summary>
    [Fact]
    public void Layers_that_mlp_only_layers_lists_have_no_experts()
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of("Qwen3-30B-A3B"))!;
        config["mlp_only_layers"] = new JsonArray(0, 47);
        const long routed = (128 * 3L * 2048 * 768) + (128 * 2048);
        const long dense = 3L * 2048 * 6144;

        Assert.Equal(30_532_122_624 - (2 * routed) + (2 * dense), Read(config.ToJsonString()).ParameterCount);
    }

    [Theory]
    [InlineData("\"fp8\"", "FP8")]
    [InlineData("\"gptq\"", "GPTQ")]
    [InlineData("\"awq\"", "AWQ")]
    [InlineData("\"bitsandbytes\"", "NF4")]
    public void The_quantization_of_a_checkpoint_is_its_published_precision(string method, string quantization)
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of("Llama-3.1-8B"))!;
        config["quantization_config"] = JsonNode.Parse($$"""{ "quant_method": {{method}} }""");

        Assert.Equal(quantization, Read(config.ToJsonString()).PublishedQuantization.Name);
    }

    [Fact]
    public void Without_an_element_type_nothing_is_published_and_FP16_stands_in()
    {
        JsonObject config = JsonNode.Parse(RealConfigs.Of("Llama-3.1-8B"))!.AsObject();
        config.Remove("torch_dtype");

        LlmModel model = Read(config.ToJsonString());

        Assert.False(model.HasPublishedType);
        Assert.Equal("FP16", model.PublishedQuantization.Name);
    }
}
