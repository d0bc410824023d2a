using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

/// <summary>Whatever a file holds, reading it gives a model or a <see cref="LlmOpsException"/> that names the fault.</summary>
public sealed class HostileConfigTests
{
    private static LlmOpsException Refused(string json) => Refused(Encoding.UTF8.GetBytes(json));

    private static LlmOpsException Refused(byte[] json)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => HuggingFaceConfig.Read(json, "some/config.json"));
        Assert.Contains("some/config.json", e.Message, StringComparison.Ordinal);
        return e;
    }

    private static string Llama(Action<JsonObject> change)
    {
        JsonObject config = JsonNode.Parse(RealConfigs.Of("Llama-3.1-8B"))!.AsObject();
        change(config);
        return config.ToJsonString();
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("\uFEFF", "empty")]
    [InlineData(" ", "not valid JSON")]
    [InlineData("[]", "Array")]
    [InlineData("null", "Null")]
    [InlineData("7", "Number")]
    [InlineData("\"llama\"", "String")]
    [InlineData("{}", "'model_type' is missing")]
    [InlineData("{\"model_type\": null}", "'model_type' is missing")]
    [InlineData("{\"model_type\": 5}", "'model_type' is 5")]
    [InlineData("{\"model_type\": \"llama\"}", "'hidden_size' is missing")]
    [InlineData("{\"model_type\": \"llama\",}", "not valid JSON")]
    [InlineData("{\"model_type\": \"llama\", \"hidden_size\": NaN}", "not valid JSON")]
    [InlineData("<html>404</html>", "not valid JSON")]
    public void What_is_no_configuration_is_refused_with_the_reason(string json, string reason)
    {
        LlmOpsException e = Refused(json);

        Assert.Equal(("ModelConfigInvalid", ErrorKind.InvalidData), (e.ErrorId, e.Kind));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("1.5")]
    [InlineData("1e300")]
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775808")]
    [InlineData("99999999999999999999999999999999")]
    [InlineData("\"NaN\"")]
    [InlineData("\"4096\"")]
    [InlineData("true")]
    [InlineData("[4096]")]
    [InlineData("{}")]
    public void An_impossible_size_is_refused_by_the_name_of_its_field(string value)
    {
        foreach (string field in new[]
        {
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "vocab_size", "max_position_embeddings",
        })
        {
            LlmOpsException e = Refused(Llama(config => config[field] = JsonNode.Parse(value)));

            Assert.Equal("ModelConfigInvalid", e.ErrorId);
            Assert.Contains($"'{field}' is {value}"[..Math.Min(40, $"'{field}' is {value}".Length)], e.Message, StringComparison.Ordinal);
            Assert.Contains("must be a whole number between 1 and", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("intermediate_size")]
    [InlineData("num_hidden_layers")]
    [InlineData("num_attention_heads")]
    [InlineData("vocab_size")]
    public void A_missing_size_is_refused_by_its_name(string field)
    {
        Assert.Contains($"the field '{field}' is missing",
            Refused(Llama(config => config.Remove(field))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Llama-3.1-8B", 32, 5)]
    [InlineData("Llama-3.1-8B", 8, 32)]
    [InlineData("Gemma-2-2B", 8, 3)]
    [InlineData("Gemma-2-2B", 4, 8)]
    [InlineData("Qwen3-30B-A3B", 32, 5)]
    [InlineData("gpt-oss-20b", 64, 7)]
    public void Heads_that_KV_heads_cannot_share_evenly_are_refused(string model, int heads, int keyValueHeads)
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of(model))!;
        config["num_attention_heads"] = heads;
        config["num_key_value_heads"] = keyValueHeads;

        string message = Refused(config.ToJsonString()).Message;

        Assert.Contains($"{heads} attention heads cannot be shared evenly by {keyValueHeads} key/value heads", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_hidden_size_that_heads_do_not_divide_is_refused()
    {
        string message = Refused(Llama(config =>
        {
            config["num_attention_heads"] = 24;
            config["num_key_value_heads"] = 8;
        })).Message;

        Assert.Contains("4096 does not divide by 24 heads", message, StringComparison.Ordinal);
    }

    /// <summary>Layers are built one by one: a claim of a million must be refused under every name that the field has.</summary>
    [Theory]
    [InlineData("Llama-3.1-8B", "num_hidden_layers")]
    [InlineData("BLOOM-560M", "n_layer")]
    [InlineData("Falcon-7B", "num_hidden_layers")]
    [InlineData("GPT-2", "n_layer")]
    [InlineData("MPT-7B", "n_layers")]
    [InlineData("ChatGLM3-6B", "num_layers")]
    [InlineData("Mamba-130M", "num_hidden_layers")]
    public void A_million_layers_are_refused(string model, string field)
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of(model))!;
        config[field] = 1 << 20;

        Assert.Contains($"'{field}' is 1048576, but must be a whole number between 1 and 4096",
            Refused(config.ToJsonString()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_of_more_heads_than_there_are_is_refused()
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of("Llama-3.3-Nemotron-Super-49B"))!;
        config["block_configs"]![0]!["attention"]!["n_heads_in_group"] = 128;

        Assert.Contains("cannot have 128 of 64 attention heads", Refused(config.ToJsonString()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_cannot_pass_through_more_experts_than_there_are()
    {
        JsonNode config = JsonNode.Parse(RealConfigs.Of("Mixtral-8x7B"))!;
        config["num_experts_per_tok"] = 9;

        Assert.Contains("9 of 8 experts", Refused(config.ToJsonString()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_of_10_000_levels_is_refused()
    {
        Assert.Contains("not valid JSON", Refused(
            "{\"model_type\": " + new string('[', 10_000) + new string(']', 10_000) + "}").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"model_type\": \"\\ud800\"}")]
    [InlineData("{\"\\udfff\": 1, \"model_type\": \"llama\"}")]
    [InlineData("{\"model_type\": \"llama\", \"_name_or_path\": \"\\ud800\"}")]
    public void A_lone_surrogate_is_refused(string json)
    {
        Assert.Equal("ModelConfigInvalid", Refused(json).ErrorId);
    }

    [Fact]
    public void Bytes_that_are_no_UTF_8_are_refused()
    {
        Assert.Equal("ModelConfigInvalid", Refused((byte[])[.. "{\"model_type\": \""u8, 0xC3, 0x28, .. "\"}"u8]).ErrorId);
        Assert.Equal("ModelConfigInvalid", Refused(Encoding.Unicode.GetBytes("{}")).ErrorId);
    }

    [Fact]
    public void A_file_of_17_MB_is_refused_unread()
    {
        byte[] large = new byte[17 << 20];
        Array.Fill(large, (byte)' ');

        Assert.Contains($"{large.Length} bytes", Refused(large).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_that_multiply_to_more_than_a_model_can_have_are_refused()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(Llama(config =>
        {
            config["hidden_size"] = 1 << 20;
            config["intermediate_size"] = 1 << 20;
            config["num_hidden_layers"] = 4096;
            config["num_attention_heads"] = 1 << 20;
            config["num_key_value_heads"] = 1 << 20;
            config["head_dim"] = 1 << 20;
            config["vocab_size"] = 1 << 28;
        })), "config.json"));

        Assert.Equal("ModelTooLarge", e.ErrorId);
    }

    /// <summary>The largest sizes that are accepted field by field must not overflow where figures are derived from them.</summary>
    [Fact]
    public void The_largest_model_that_is_accepted_can_be_estimated_or_is_refused()
    {
        LlmModel model = HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(Llama(config =>
        {
            config["hidden_size"] = 1 << 20;
            config["intermediate_size"] = 1 << 20;
            config["num_hidden_layers"] = 4096;
            config["num_attention_heads"] = 1 << 10;
            config["num_key_value_heads"] = 1 << 10;
            config["head_dim"] = 1 << 10;
        })), "config.json");

        MemoryRequest request = new(model) { BatchSize = MemoryRequest.MaximumBatchSize, SequenceLength = MemoryRequest.MaximumSequenceLength };

        Assert.Equal(Guard.OutOfRangeId, Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(request)).ErrorId);
        Assert.True(MemoryEstimator.Estimate(new MemoryRequest(model)).TotalGiB > 0);
    }

    public static TheoryData<string> OneModelPerFamily { get; } =
        [.. ModelCatalog.All.GroupBy(model => model.Family).Select(family => family.First().Name)];

    [Theory]
    [MemberData(nameof(OneModelPerFamily))]
    public void A_file_cut_off_at_any_byte_is_refused(string model)
    {
        byte[] config = RealConfigs.Of(model);
        for (int length = 0; length < config.Length; length++)
        {
            Assert.Equal("ModelConfigInvalid", Refused(config[..length]).ErrorId);
        }
    }

    [Fact]
    public void A_megabyte_of_unknown_fields_is_read_quickly()
    {
        string json = Llama(config =>
        {
            for (int i = 0; i < 50_000; i++)
            {
                config[$"unknown_{i}"] = i;
            }
        });
        Stopwatch watch = Stopwatch.StartNew();

        Assert.Equal(8_030_261_248, HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(json), "config.json").ParameterCount);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"took {watch.Elapsed}");
    }
}
