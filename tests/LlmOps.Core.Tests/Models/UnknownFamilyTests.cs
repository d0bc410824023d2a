using System.Text;
using System.Text.Json.Nodes;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

/// <summary>A family without a reader is derived from fields that suffice, and said to be; else it is refused.</summary>
public sealed class UnknownFamilyTests
{
    private const string Dense = """
        { "model_type": "newllama", "architectures": ["NewLlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336,
          "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
          "max_position_embeddings": 131072, "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
          "attention_bias": false, "mlp_bias": false, "tie_word_embeddings": false, "torch_dtype": "bfloat16" }
        """;

    private static LlmModel Read(params (string Field, string? Json)[] changes)
    {
        JsonObject config = JsonNode.Parse(Dense)!.AsObject();
        foreach ((string field, string? json) in changes)
        {
            config.Remove(field);
            if (json is not null)
            {
                config[field] = JsonNode.Parse(json);
            }
        }

        return HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), "some/config.json");
    }

    private static string Refused(params (string Field, string? Json)[] changes)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Read(changes));
        Assert.Contains("some/config.json", e.Message, StringComparison.Ordinal);
        return e.Message;
    }

    [Fact]
    public void The_fields_of_Llama_suffice_and_what_was_assumed_is_said()
    {
        LlmModel model = Read();

        Assert.Equal((8_030_261_248, 131_072, Evidence.Assumed), (model.ParameterCount, model.KvBytesPerToken, model.Evidence));
        Assert.Contains("'newllama' is not known", model.Notes[0], StringComparison.Ordinal);
        Assert.Contains("no norms on queries and keys", model.Notes[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_family_is_exact_and_has_no_notes()
    {
        LlmModel model = Read(("model_type", "\"llama\""));

        Assert.Equal(Evidence.Exact, model.Evidence);
        Assert.Empty(model.Notes);
    }

    [Fact]
    public void A_missing_statement_about_the_head_is_assumed_and_noted()
    {
        Assert.Contains(Read(("tie_word_embeddings", null)).Notes,
            note => note.Contains("'tie_word_embeddings' is missing", StringComparison.Ordinal));
    }

    /// <summary>The experts of Qwen3-30B-A3B by the field names of DeepSeek; Qwen's norms on queries and keys are not known.</summary>
    [Fact]
    public void Experts_with_widths_are_derived()
    {
        LlmModel model = Read(("num_experts", "16"), ("num_experts_per_tok", "2"), ("moe_intermediate_size", "1024"),
            ("n_shared_experts", "1"), ("first_k_dense_replace", "1"));
        const long expert = 3L * 4096 * 1024;

        Assert.Equal((16, 2), (model.ExpertCount, model.ExpertsPerToken));
        Assert.Equal(31 * 16 * expert, model.Parameters.RoutedExperts);
        Assert.Equal(31 * expert, model.Parameters.SharedExperts);
        Assert.Equal(3L * 4096 * 14336, model.Parameters.DenseMlp);
        Assert.Equal(Evidence.Assumed, model.Evidence);
    }

    [Fact]
    public void Windows_that_the_fields_place_are_derived()
    {
        string types = $"[{string.Join(", ", Enumerable.Range(0, 32).Select(i => i % 2 == 0 ? "\"sliding_attention\"" : "\"full_attention\""))}]";

        Assert.Equal(1024, Assert.Single(
            Read(("layer_types", types), ("sliding_window", "1024")).KvCache.Groups, g => g.Window is not null).Window);
        Assert.Contains("'sliding_window' is missing", Refused(("layer_types", types)), StringComparison.Ordinal);
        Assert.Contains("does not say which layers", Refused(("sliding_window", "1024")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("intermediate_size")]
    [InlineData("num_hidden_layers")]
    [InlineData("num_attention_heads")]
    [InlineData("vocab_size")]
    [InlineData("max_position_embeddings")]
    public void A_missing_field_is_named_and_so_is_the_nearest_family(string field)
    {
        string message = Refused((field, null), ("model_type", "\"lama\""));

        Assert.Contains($"the field '{field}' is missing", message, StringComparison.Ordinal);
        Assert.Contains("The nearest known family is 'llama'", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kv_lora_rank", "512")]
    [InlineData("mamba_d_state", "128")]
    [InlineData("ssm_state_size", "128")]
    [InlineData("linear_num_key_heads", "16")]
    [InlineData("conv_kernel", "4")]
    [InlineData("vision_config", "{}")]
    [InlineData("text_config", "{}")]
    [InlineData("audio_config", "{ \"hidden_size\": 1 }")]
    [InlineData("use_cla", "true")]
    [InlineData("num_kv_shared_layers", "10")]
    [InlineData("cla_share_factor", "2")]
    [InlineData("use_qk_norm", "true")]
    [InlineData("compress_ratios", "[4, 128]")]
    [InlineData("attn_type_list", "[0, 1]")]
    [InlineData("num_nextn_predict_layers", "1")]
    [InlineData("shared_expert_intermediate_size", "1024")]
    [InlineData("parallel_attn", "true")]
    [InlineData("something_new", "3")]
    public void A_field_that_may_stand_for_more_is_refused_rather_than_ignored(string field, string value)
    {
        Assert.Contains($"'{field}' may stand for parts of it", Refused((field, value)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("num_experts")]
    [InlineData("num_local_experts")]
    [InlineData("n_routed_experts")]
    public void Experts_without_widths_are_refused(string field)
    {
        Assert.Contains("'moe_intermediate_size' is missing", Refused((field, "8"), ("num_experts_per_tok", "2")), StringComparison.Ordinal);
        Assert.Contains("'num_experts_per_tok' is missing", Refused((field, "8"), ("moe_intermediate_size", "64")), StringComparison.Ordinal);
    }

    [Fact]
    public void Experts_without_a_number_are_refused()
    {
        Assert.Contains("their number is missing", Refused(("num_experts_per_tok", "2")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("relu2")]
    [InlineData("gelu")]
    [InlineData("gelu_pytorch_tanh")]
    public void An_activation_that_plain_MLPs_have_too_is_refused(string activation)
    {
        Assert.Contains("two matrices or three", Refused(("hidden_act", $"\"{activation}\"")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_layer_type_of_another_kind_is_refused()
    {
        string types = $"[{string.Join(", ", Enumerable.Repeat("\"mamba\"", 32))}]";

        Assert.Contains("the layer type 'mamba' is not known", Refused(("layer_types", types)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Nemotron-3-Ultra-550B-A55B", "num_hidden_layers", "5", "108 letters for 5 layers")]
    [InlineData("Nemotron-3-Ultra-550B-A55B", "layers_block_type", "[]", "'num_hidden_layers' is missing")]
    [InlineData("Nemotron-3-Ultra-550B-A55B", "layers_block_type", "[\"lstm\"]", "'lstm'; known are mamba")]
    [InlineData("Nemotron-3-Ultra-550B-A55B", "layers_block_type", "null", "'hybrid_override_pattern' is missing")]
    [InlineData("Nemotron-3-Nano-30B-A3B", "hybrid_override_pattern", "\"MX\"", "2 letters for 52 layers")]
    [InlineData("Gemma-4-31B", "text_config", "null", "'text_config' is missing")]
    [InlineData("Gemma-4-31B", "audio_config", "{}", "audio tower")]
    [InlineData("Kimi-K2.5", "text_config", "null", "'text_config' is missing")]
    [InlineData("Kimi-K2.5", "vision_config", "{ \"vt_hidden_size\": 8 }", "'vt_intermediate_size' is missing")]
    [InlineData("Mistral-Small-3.1-24B", "vision_config", "[]", "must be an object")]
    [InlineData("Mistral-Small-3.1-24B", "text_config", "{ \"model_type\": \"ministral3\" }", "this family has mistral there")]
    [InlineData("Granite-4.0-H-Micro", "layer_types", "null", "'layer_types' is missing")]
    [InlineData("Granite-4.0-H-Micro", "layer_types", "[\"mamba\"]", "1 entries for 40 layers")]
    [InlineData("Granite-4.0-H-Micro", "mamba_d_head", "63", "do not make the inner width")]
    [InlineData("Llama-3.3-Nemotron-Super-49B", "block_configs", "[null]", "list of objects")]
    [InlineData("MiniMax-Text-01", "attn_type_list", "[0, 1]", "2 entries for 80 layers")]
    public void Lists_and_objects_of_newer_families_are_checked(string model, string field, string value, string problem)
    {
        JsonObject config = JsonNode.Parse(RealConfigs.Of(model))!.AsObject();
        config[field] = JsonNode.Parse(value);

        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(config.ToJsonString()), "some/config.json"));

        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }
}
