using System.Text;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Quantizations;

/// <summary>
/// Bytes of a small decoder, derived by hand. Each of its two layers has q and o of 256 x 256, k and v of 128 x 256, gate
/// and up of 512 x 256, down of 256 x 512: 7 matrices, 589,824 weights, 2,048 rows and 2,048 columns. Outside are an
/// embedding and a head of 1,000 x 256, and five norms.
/// </summary>
public sealed class QuantizationConfigTests
{
    private const long Linear = 2 * 589_824;
    private const long Others = 2 * ((2 * 1000 * 256) + (5 * 256));

    internal static LlmModel Small(string? quantization, string more = "") => HuggingFaceConfig.Read(
        Encoding.UTF8.GetBytes($$"""
            { "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 64,
              "torch_dtype": "bfloat16" {{(quantization is null ? "" : ", \"quantization_config\": " + quantization)}} {{more}} }
            """), "config.json");

    [Theory]
    [InlineData("GPTQ", Linear / 2 + (Linear / 128 * 2) + (Linear / 128 / 2) + (2 * 2048 * 4),
        """{ "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": true, "desc_act": false }""")]
    [InlineData("GPTQ", Linear + (4096 * 2) + 4096 + (2 * 2048 * 4), """{ "quant_method": "gptq", "bits": 8, "group_size": -1 }""")]
    [InlineData("GPTQ", Linear * 3 / 8 + (Linear / 64 * 2) + (Linear / 64 * 3 / 8) + (2 * 2048 * 4),
        """{ "quant_method": "gptq", "bits": 3, "group_size": 64 }""")]
    [InlineData("AWQ", Linear / 2 + (Linear / 128 * 2) + (Linear / 128 / 2),
        """{ "quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": true, "modules_to_not_convert": null }""")]
    [InlineData("AWQ", Linear / 2 + (Linear / 64 * 2),
        """{ "quant_method": "awq", "w_bit": 4, "q_group_size": 64, "zero_point": false }""")]
    [InlineData("NF4", Linear / 2 + (Linear / 64) + (4 * 2 * ((2 * 5) + (2 * 3) + (3 * 9))),
        """{ "quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true }""")]
    [InlineData("NF4", Linear / 2 + (Linear / 64 * 4),
        """{ "quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "fp4", "bnb_4bit_use_double_quant": false }""")]
    [InlineData("INT8", Linear + (2 * 2048 * 4),
        """{ "quant_method": "bitsandbytes", "load_in_8bit": true, "llm_int8_skip_modules": ["lm_head"] }""")]
    [InlineData("FP8", Linear + (4 * 2 * (4 + 2 + 2 + 4 + 8 + 8 + 8)),
        """{ "quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128] }""")]
    [InlineData("FP8", Linear + (14 * 4), """{ "quant_method": "fp8", "activation_scheme": "dynamic" }""")]
    [InlineData("FP8", Linear + (14 * 8), """{ "quant_method": "fp8", "activation_scheme": "static" }""")]
    [InlineData("FP8", Linear + (2 * 2048 * 4) + (14 * 4), """{ "quant_method": "fbgemm_fp8", "activation_scale_ub": 1200 }""")]
    [InlineData("INT4", Linear / 2 + (Linear / 32 * 2) + (14 * 16),
        """
        { "quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["lm_head"], "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": null,
          "weights": { "num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": true, "actorder": null } } } }
        """)]
    [InlineData("INT4", Linear / 2 + (Linear / 128 * 2) + (Linear / 128 / 2) + (2 * 2048 * 4) + (14 * 16),
        """
        { "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": { "group_0": {
          "weights": { "num_bits": 4, "type": "int", "strategy": "group", "group_size": 128, "symmetric": false, "actorder": "group" } } } }
        """)]
    [InlineData("W8A16", Linear + (2 * 2048 * 2) + (14 * 16),
        """
        { "quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": { "group_0": {
          "targets": ["Linear"], "weights": { "num_bits": 8, "type": "int", "strategy": "channel", "symmetric": true } } } }
        """)]
    [InlineData("INT8", Linear + (2 * 2048 * 2),
        """
        { "quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": { "num_bits": 8, "type": "int", "strategy": "token", "dynamic": true },
          "weights": { "num_bits": 8, "type": "int", "strategy": "channel", "symmetric": true } } } }
        """)]
    [InlineData("FP8", Linear + (2 * 2048 * 2),
        """
        { "quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": { "num_bits": 8, "type": "float", "strategy": "token", "dynamic": true },
          "weights": { "num_bits": 8, "type": "float", "strategy": "channel" } } } }
        """)]
    [InlineData("NVFP4", Linear / 2 + (Linear / 16) + (14 * 8),
        """
        { "quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized", "config_groups": { "group_0": {
          "targets": ["Linear"], "input_activations": { "num_bits": 4, "type": "float", "group_size": 16, "dynamic": "local" },
          "weights": { "num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16 } } } }
        """)]
    [InlineData("NVFP4", Linear / 2 + (Linear / 16) + (14 * 8),
        """{ "quant_method": "modelopt", "quantization": { "quant_algo": "NVFP4", "group_size": 16, "exclude_modules": ["lm_head"] } }""")]
    [InlineData("FP8", Linear + (14 * 8), """{ "quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"] }""")]
    [InlineData("FP8", Linear + (Linear / 32), """{ "quant_method": "modelopt", "quant_algo": "MXFP8" }""")]
    [InlineData("INT4", Linear / 2 + (Linear / 128 * 2) + (2 * 2048 * 2) + (14 * 8),
        """{ "quant_method": "modelopt", "quant_algo": "W4A8_AWQ", "group_size": 128 }""")]
    public void A_format_holds_its_elements_scales_and_zero_points(string name, long linear, string quantization)
    {
        LlmModel model = Small(quantization);

        Assert.Equal(name, model.PublishedQuantization.Name);
        Assert.Equal(linear + Others, model.WeightBytes);
        Assert.Equal(8.0 * linear / Linear, model.PublishedQuantization.BitsPerWeight, 1e-12);
        Assert.Equal(model.WeightBytes, MemoryEstimator.Estimate(new MemoryRequest(model) { Engine = Engine.Transformers }).Bytes.ModelWeights);
        Assert.All(model.WeightBits, component => Assert.Equal(Evidence.Exact, component.Evidence));
    }

    /// <summary>One row or column more than a block takes a whole further block of scales.</summary>
    [Fact]
    public void Blocks_at_the_edge_have_scales_of_their_own()
    {
        WeightFormat block = new()
        {
            Name = "FP8", Layout = "", ElementBits = 8, ComputeBytes = 1, BlockRows = 128, BlockColumns = 128, ScaleBytes = 4,
        };

        Assert.Equal((128 * 256) + (2 * 4), block.Bytes(128, 256));
        Assert.Equal((129 * 257) + (2 * 3 * 4), block.Bytes(129, 257));
        Assert.Equal(1 + 4, block.Bytes(1, 1));
    }

    [Fact]
    public void A_published_head_of_GPTQ_is_quantized_too()
    {
        const long head = (1000 * 256 / 2) + (1000 * 2 * 2) + (1000 * 2 / 2) + (256 * 4);
        const string config = """{ "quant_method": "gptq", "bits": 4, "group_size": 128, "lm_head": LM }""";
        long with = Small(config.Replace("LM", "true", StringComparison.Ordinal)).WeightBytes;
        long without = Small(config.Replace("LM", "false", StringComparison.Ordinal)).WeightBytes;

        Assert.Equal(head - (2 * 1000 * 256), with - without);
    }

    /// <summary>What stays in 16 bits, in the ways that lists say it: 64 weights of a layer's attention are 196,608.</summary>
    [Theory]
    [InlineData("\"model.layers.1.self_attn\"", 196_608)]
    [InlineData("\"model.layers.1.self_attn.q_proj\", \"model.layers.0.self_attn.qkv_proj\"", 65_536 + 131_072)]
    [InlineData("\"self_attn\"", 2 * 196_608)]
    [InlineData("\"model.layers.0*\"", 589_824)]
    [InlineData("\"model.language_model.layers.0.*\"", 589_824)]
    [InlineData("\"model.layers.1\"", 589_824)]
    [InlineData("\"*.mlp.*\"", 2 * 393_216)]
    [InlineData("\"model.layers.*.mlp\"", 2 * 393_216)]
    [InlineData("\"*down_proj\"", 2 * 131_072)]
    [InlineData("\"re:.*self_attn.*\"", 2 * 196_608)]
    [InlineData("\"re:model\\\\.layers\\\\.0\\\\.mlp\\\\.(gate|up)_proj$\"", 2 * 131_072)]
    [InlineData("\"re:^(?!.*mlp).*$\"", 2 * 196_608)]
    [InlineData("\"gate\", \"lm_head\", \"embed_tokens\", \"re:.*gate$\"", 0)]
    [InlineData("\"vision_model.model.layers.0.self_attn.q_proj\", \"mtp.layers.0*\", \"visual.blocks.0.mlp\"", 0)]
    [InlineData("\"model.layers.17.mlp\", \"model.layers.01.mlp\", \"layers\"", 0)]
    public void Listed_modules_keep_their_16_bits(string list, long weights)
    {
        foreach (string method in new[]
        {
            $$"""{ "quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": [{{list}}] }""",
            $$"""{ "quant_method": "modelopt", "quant_algo": "FP8", "ignore": [{{list}}] }""",
        })
        {
            WeightBits[] linear = [.. Small(method).WeightBits.Where(
                c => c.Component is ModelComponent.Attention or ModelComponent.DenseMlp)];
            long none = Small(method.Replace(list, "", StringComparison.Ordinal)).WeightBytes;
            long some = Small(method).WeightBytes;

            Assert.Equal(weights, some - none, 100.0 + (weights / 2000.0));
            Assert.Equal(weights > 0, linear.Any(c => c.BitsPerWeight > 8.1));
        }
    }

    /// <summary>MLPs in NVFP4, attention in FP8, and what is not listed in 16 bits.</summary>
    [Fact]
    public void A_mixed_scheme_gives_each_layer_the_format_that_is_listed_for_it()
    {
        LlmModel model = Small("""
            { "quant_method": "modelopt", "quantization": { "quant_algo": "MIXED_PRECISION", "kv_cache_quant_algo": "FP8",
              "quantized_layers": {
                "model.layers.0.mlp": { "quant_algo": "NVFP4", "group_size": 16 },
                "model.layers.1.mlp.gate_proj": { "quant_algo": "NVFP4", "group_size": 16 },
                "model.layers.1.self_attn.q_proj": { "quant_algo": "FP8" } } } }
            """);
        const long nvfp4 = 4 * 131_072, fp8 = 65_536;

        Assert.Equal(
            (nvfp4 / 2) + (nvfp4 / 16) + (4 * 8) + fp8 + 8 + (2 * (Linear - nvfp4 - fp8)) + Others, model.WeightBytes);
        Assert.Equal("NVFP4", model.PublishedQuantization.Name);
        Assert.Contains("FP8", model.PublishedQuantization.Layout, StringComparison.Ordinal);
        Assert.Equal("NVFP4", model.WeightBits.Single(c => c.Component == ModelComponent.DenseMlp).Format);
        Assert.Equal("FP8", model.WeightBits.Single(c => c.Component == ModelComponent.Attention).Format);
    }

    [Fact]
    public void A_target_that_names_a_layer_goes_before_the_class()
    {
        LlmModel model = Small("""
            { "quant_method": "compressed-tensors", "format": "mixed-precision", "ignore": ["lm_head"], "config_groups": {
              "group_0": { "targets": ["Linear"], "format": "float-quantized", "weights": { "num_bits": 8, "type": "float", "strategy": "tensor" } },
              "group_1": { "targets": ["re:.*mlp.*"], "format": "nvfp4-pack-quantized", "weights": { "num_bits": 4, "type": "float", "group_size": 16 } } } }
            """);
        const long mlp = 2 * 393_216;

        Assert.Equal((mlp / 2) + (mlp / 16) + (6 * 4) + (Linear - mlp) + (8 * 2) + Others, model.WeightBytes);
    }

    [Fact]
    public void GPTQ_can_name_other_bits_for_some_modules_and_none_for_others()
    {
        LlmModel model = Small("""
            { "quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {
              "+:.*\\.mlp\\..*": { "bits": 8 }, "-:.*\\.self_attn\\..*": {} } }
            """);
        const long mlp = 2 * 393_216;
        long columns = 2 * (256 + 256 + 512);

        Assert.Equal(mlp + (mlp / 128 * 3) + (columns * 4) + (2 * (Linear - mlp)) + Others, model.WeightBytes);
    }

    [Theory]
    [InlineData("quark")]
    [InlineData("hqq")]
    [InlineData("")]
    public void A_method_that_is_not_known_is_refused_by_its_name_with_those_that_are(string method)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Small($$"""{ "quant_method": "{{method}}" }"""));

        Assert.Contains($"'{method}'", e.Message, StringComparison.Ordinal);
        Assert.Contains("compressed-tensors", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "quant_method": "gptq", "bits": 5 }""", "bits")]
    [InlineData("""{ "quant_method": "gptq", "bits": 4, "group_size": 0 }""", "group_size")]
    [InlineData("""{ "quant_method": "awq", "group_size": -2 }""", "group_size")]
    [InlineData("""{ "quant_method": "bitsandbytes", "bnb_4bit_quant_type": "int4" }""", "bnb_4bit_quant_type")]
    [InlineData("""{ "quant_method": "fp8", "weight_block_size": [128] }""", "weight_block_size")]
    [InlineData("""{ "quant_method": "fp8", "weight_block_size": [0, 128] }""", "weight_block_size")]
    [InlineData("""{ "quant_method": "fp8", "modules_to_not_convert": [3] }""", "modules_to_not_convert")]
    [InlineData("""{ "quant_method": "modelopt", "quant_algo": "FP3" }""", "FP3")]
    [InlineData("""{ "quant_method": "compressed-tensors", "ignore": ["re:("], "config_groups": { "g": { "weights": { "num_bits": 8 } } } }""", "re")]
    [InlineData("""{ "quant_method": "compressed-tensors", "config_groups": { "g": { "weights": { "num_bits": 8, "strategy": "row" } } } }""", "row")]
    [InlineData("""{ "quant_method": "compressed-tensors", "format": "marlin-24", "config_groups": { "g": { "weights": { "num_bits": 4 } } } }""", "marlin-24")]
    [InlineData("""{ "quant_method": "compressed-tensors", "sparsity_config": { "format": "sparse-24-bitmask" } }""", "sparse-24-bitmask")]
    [InlineData("""{ "quant_method": "compressed-tensors", "config_groups": [] }""", "config_groups")]
    public void What_cannot_be_is_refused_by_name(string quantization, string named)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Small(quantization));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    /// <summary>Expressions that take a backtracking matcher ages, and lists as long as a file can be.</summary>
    [Fact]
    public void Hostile_lists_end_soon()
    {
        string stars = string.Join(", ", Enumerable.Range(0, 60_000).Select(i => $"\"*a*b*c*d*e*{i}\""));
        foreach (string list in new[]
        {
            "\"re:(a|a)*(.*.*.*.*.*.*.*)*\\\\d$\"", "\"re:(?=(.+)+z)(.+)+z\"", "\"re:((.{1,60}){1,60}){1,60}z\"", stars,
            "\"" + new string('*', 900) + "z\"",
        })
        {
            System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
            try
            {
                Small($$"""{ "quant_method": "modelopt", "quant_algo": "FP8", "ignore": [{{list}}] }""");
            }
            catch (LlmOpsException)
            {
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), list[..20]);
        }
    }

    [Theory]
    [InlineData("""{ "quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8" }""", KvCacheDataType.FP8)]
    [InlineData("""{ "quant_method": "modelopt", "quantization": { "quant_algo": "NVFP4", "kv_cache_quant_algo": "fp8" } }""", KvCacheDataType.FP8)]
    [InlineData("""{ "quant_algo": "FP8", "kv_cache_scheme": "FP8", "producer": { "name": "modelopt" } }""", KvCacheDataType.FP8)]
    [InlineData("""{ "quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_scheme": { "dynamic": false, "num_bits": 8, "type": "float" } }""", KvCacheDataType.FP8)]
    [InlineData("""{ "quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "NVFP4" }""", KvCacheDataType.Auto)]
    [InlineData("""{ "quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": null }""", KvCacheDataType.Auto)]
    [InlineData("""{ "quant_method": "fp8", "kv_cache_scheme": "static" }""", KvCacheDataType.Auto)]
    public void A_stated_cache_type_is_what_vLLM_takes_where_none_is_chosen(string quantization, KvCacheDataType stated)
    {
        LlmModel model = Small(quantization);
        long perToken = 2 * 2 * 2 * 64 * (stated == KvCacheDataType.FP8 ? 1 : 2);
        long Cache(MemoryRequest request) => MemoryEstimator.Estimate(request with { SequenceLength = 64 }).Bytes.KvCache;
        MemoryRequest request = new(model);

        Assert.Equal(stated, model.PublishedKvCacheDataType);
        Assert.Equal(perToken, model.KvBytesPerToken);
        Assert.Equal(64 * perToken, Cache(request));
        Assert.Equal(64 * 1024, Cache(request with { KvCacheDataType = KvCacheDataType.BF16 }));
        Assert.Equal(64 * 1024, Cache(request with { Quantization = Quantization.BF16 }));
        Assert.Equal(64 * 1024, Cache(request with { Engine = Engine.Transformers }));
        Assert.Equal(perToken / 512.0, ModelWork.CacheElementBytes(new Workload(model, 1, 8, 8)));
    }

    /// <summary>Under the name of the published format the checkpoint is meant.</summary>
    [Fact]
    public void A_chosen_format_replaces_the_published_one()
    {
        LlmModel model = Small("""{ "quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["model.layers.0*"] }""");

        Assert.Equal((Linear / 2 * 3) + Others + (7 * 8), MemoryEstimator.Estimate(
            new MemoryRequest(model) { Engine = Engine.Transformers, Quantization = Quantization.Parse("FP8") }).Bytes.ModelWeights);
        Assert.Equal(Linear + Others, MemoryEstimator.Estimate(
            new MemoryRequest(model) { Engine = Engine.Transformers, Quantization = Quantization.Parse("INT8") }).Bytes.ModelWeights);
        Assert.Equal((2 * Linear) + Others, MemoryEstimator.Estimate(
            new MemoryRequest(model) { Engine = Engine.Transformers, Quantization = Quantization.BF16 }).Bytes.ModelWeights);
        Assert.Equal((Linear / 2 * 3) + Others + (7 * 8), MemoryEstimator.Estimate(new MemoryRequest(model) { Engine = Engine.Transformers }).Bytes.ModelWeights);
    }

    [Fact]
    public void A_neighbouring_ModelOpt_file_counts_where_the_configuration_says_nothing()
    {
        byte[] Config(LlmModel? _, string? quantization) => Encoding.UTF8.GetBytes($$"""
            { "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
              "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000 {{quantization}} }
            """);
        const string neighbour = """
            { "producer": { "name": "modelopt", "version": "0.29.0" },
              "quantization": { "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16, "exclude_modules": ["lm_head"] } }
            """;
        string folder = Directory.CreateTempSubdirectory("quant").FullName;
        try
        {
            string config = Path.Combine(folder, "config.json"), quantization = Path.Combine(folder, "hf_quant_config.json");
            File.WriteAllBytes(config, Config(null, null));
            File.WriteAllText(quantization, neighbour);

            LlmModel model = ModelFile.Read(folder);
            Assert.Equal(("NVFP4", KvCacheDataType.FP8), (model.PublishedQuantization.Name, model.PublishedKvCacheDataType));
            Assert.True(model.HasPublishedType);
            Assert.Equal((Linear / 2) + (Linear / 16) + (14 * 8) + Others, model.WeightBytes);

            File.WriteAllBytes(config, Config(null, """, "quantization_config": { "quant_method": "fp8" }"""));
            Assert.Equal("FP8", ModelFile.Read(config).PublishedQuantization.Name);

            File.WriteAllText(quantization, "[");
            Assert.Contains("hf_quant_config.json", Assert.Throws<LlmOpsException>(() => ModelFile.Read(folder)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Ranks hold their share of scales with their share of weights; experts, KV heads and copies as without a scheme.</summary>
    [Fact]
    public void Parallelism_divides_a_published_scheme_as_it_divides_parameters()
    {
        LlmModel model = Small("""{ "quant_method": "fp8", "weight_block_size": [128, 128] }""");
        const long norms = 5 * 256 * 2;
        long At(int tensor, int pipeline) => MemoryEstimator.Estimate(
            new MemoryRequest(model) { Engine = Engine.Transformers, Parallelism = new Parallelism(tensor, pipeline) }).Bytes.ModelWeights;

        Assert.Equal(((model.WeightBytes - norms) / 2) + norms, At(2, 1));
        Assert.Equal(((model.WeightBytes - (2 * 256)) / 2) + (2 * 256), At(1, 2));

        // Four ranks, two KV heads: each holds one head of k and v, half of them.
        const long keyValue = 2 * 2 * ((128 * 256) + (2 * 4));
        Assert.Equal(((model.WeightBytes - norms - keyValue) / 4) + (keyValue / 2) + norms, At(4, 1));
    }
}
