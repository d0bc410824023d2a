using System.Text;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Files;

namespace LlmOps.Core.Tests.Models.Files;

public sealed class SafetensorsModelTests
{
    /// <summary>Embeddings, a layer of four square matrices, three of the MLP and two norms, the last norm, and a head.</summary>
    private const long Parameters = (100 * 64) + (4 * 64 * 64) + (3 * 64 * 128) + (2 * 64) + 64 + (100 * 64);

    private const string Config = """
        {"model_type":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":1,"num_attention_heads":4,
         "vocab_size":100,"torch_dtype":"bfloat16","tie_word_embeddings":TIED}
        """;

    [Fact]
    public void A_header_is_read_back_as_it_was_written()
    {
        SafetensorsWriter writer = new SafetensorsWriter().Metadata("format", "pt")
            .Tensor("a.\"é\"", "BF16", 16, 3, 4).Tensor("b", "F4", 4, 2, 32).Tensor("c", "F8_E4M3", 8).Tensor("d", "I64", 64, 0);
        byte[] header = writer.Header();

        var tensors = SafetensorsHeader.Read(new HeaderOnlyStream(header, throwPastEnd: true), writer.FileLength(header), "f");

        Assert.Equal(["a.\"é\"", "b", "c", "d"], tensors.Select(t => t.Name));
        Assert.Equal([12L, 64, 1, 0], tensors.Select(t => t.ElementCount));
        Assert.Equal([24L, 32, 1, 0], tensors.Select(t => t.ByteCount));
    }

    [Fact]
    public void Headers_that_agree_add_the_inventory_and_no_note()
    {
        LlmModel model = ModelFile.Read(Files(Llama()));

        Assert.Equal(Parameters, model.ParameterCount);
        Assert.Equal(Parameters * 2, model.Tensors!.TotalBytes);
        Assert.Equal("BF16", Assert.Single(model.Tensors.ByType).ElementType.Name);
        Assert.Empty(model.Notes);
        Assert.Equal(new ParameterBreakdown(model.Architecture), model.Parameters);
    }

    [Fact]
    public void Buffers_are_not_counted_and_explained()
    {
        LlmModel model = ModelFile.Read(Files(Llama().Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 32, 8)));

        Assert.Equal(Parameters, model.ParameterCount);
        Assert.Equal(Parameters + 8, model.Tensors!.TotalElements);
        Assert.StartsWith("8 elements are buffers", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_head_stored_twice_is_counted_once()
    {
        LlmModel model = ModelFile.Read(Files(Llama(), tied: true));

        Assert.Equal(Parameters - 6400, model.ParameterCount);
        Assert.StartsWith("6,400 elements are a second copy", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Prediction_layers_and_scales_are_not_counted_and_explained()
    {
        LlmModel model = ModelFile.Read(Files(Llama()
            .Tensor("model.layers.0.mlp.up_proj.weight_scale_inv", "F32", 32, 1, 1)
            .Tensor("model.layers.1.eh_proj.weight", "BF16", 16, 64, 128)));

        Assert.Equal(Parameters, model.ParameterCount);
        Assert.Contains(model.Notes, note => note.StartsWith("1 elements are scales", StringComparison.Ordinal));
        Assert.Contains(model.Notes, note => note.StartsWith("8,192 parameters are in layers that predict", StringComparison.Ordinal));
    }

    [Fact]
    public void A_disagreement_is_reported_and_the_headers_win()
    {
        LlmModel model = ModelFile.Read(Files(Llama().Tensor("model.layers.0.self_attn.q_proj.bias", "BF16", 16, 64)));

        Assert.Equal(Parameters + 64, model.ParameterCount);
        Assert.Equal(Parameters + 64, model.ActiveParameterCount);
        Assert.Contains("64 fewer", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qweight", "I32", 32, 8, true)]
    [InlineData("weight_packed", "I32", 32, 8, false)]
    [InlineData("weight_packed", "I32", 32, 4, false)]
    [InlineData("weight_packed", "U8", 8, 2, false)]
    public void Packed_weights_count_as_what_they_stand_for(string name, string type, int bits, int packed, bool zeros)
    {
        const string down = "model.layers.0.mlp.down_proj";
        SafetensorsWriter writer = Llama(down: false).Tensor($"{down}.{name}", type, bits, 64, 128 / packed);
        if (zeros)
        {
            writer.Tensor($"{down}.scales", "F16", 16, 1, 64).Tensor($"{down}.qzeros", "I32", 32, 1, 64 / packed)
                .Tensor($"{down}.g_idx", "I32", 32, 128);
        }

        Assert.Equal(Parameters, ModelFile.Read(Files(writer)).ParameterCount);
    }

    [Fact]
    public void Shards_of_an_index_are_all_read()
    {
        (byte[] a, long aLength, byte[] b, long bLength, byte[] index) = Sharded();
        MemoryFileSet files = new MemoryFileSet().Add("config.json", Json()).Add("model.safetensors.index.json", index)
            .Add("model-1.safetensors", a, aLength).Add("model-2.safetensors", b, bLength);

        foreach (string? name in new[] { null, "config.json", "model.safetensors.index.json", "model-2.safetensors" })
        {
            LlmModel model = ModelFile.Read(files, name);
            Assert.Equal(Parameters + 5, model.Tensors!.TotalElements);
            Assert.Equal(aLength + bLength, model.FileBytes);
        }
    }

    [Fact]
    public void A_missing_shard_is_reported_by_name()
    {
        (byte[] a, long aLength, _, _, byte[] index) = Sharded();
        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("config.json", Json())
            .Add("model.safetensors.index.json", index).Add("model-1.safetensors", a, aLength));

        Assert.Null(model.Tensors);
        Assert.Equal(Parameters, model.ParameterCount);
        Assert.Equal(777, model.FileBytes);
        Assert.Contains("1 of 2 files that the index lists are missing: model-2.safetensors", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_without_a_configuration_are_refused_with_what_is_missing()
    {
        byte[] header = Llama().Header();
        MemoryFileSet files = new MemoryFileSet().Add("model.safetensors", header, Llama().FileLength(header));

        foreach (string? name in new[] { null, "model.safetensors" })
        {
            LlmOpsException e = Assert.Throws<LlmOpsException>(() => ModelFile.Read(files, name));
            Assert.Equal("ModelFileNotSupported", e.ErrorId);
            Assert.Contains("a config.json must lie beside them", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_gguf_file_wins_over_the_configuration_beside_it()
    {
        (byte[] header, long length) = GgufSamples.Llama();
        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("config.json", Json()).Add("m.gguf", header, length));

        Assert.Equal(GgufSamples.LlamaParameters, model.ParameterCount);
        Assert.Contains(model.Notes, note => note.Contains("but config.json describes", StringComparison.Ordinal));
    }

    [Fact]
    public void Files_are_recognised_by_content_whatever_they_are_called()
    {
        (byte[] gguf, long length) = GgufSamples.Llama();
        MemoryFileSet files = new MemoryFileSet().Add("a.bin", gguf, length).Add("b.gguf", Json());

        Assert.Equal(GgufSamples.LlamaParameters, ModelFile.Read(files, "a.bin").ParameterCount);
        Assert.Equal(Parameters, ModelFile.Read(files, "b.gguf").ParameterCount);
    }

    private static byte[] Json(bool tied = false) =>
        Encoding.UTF8.GetBytes(Config.Replace("TIED", tied ? "true" : "false", StringComparison.Ordinal));

    private static MemoryFileSet Files(SafetensorsWriter writer, bool tied = false)
    {
        byte[] header = writer.Header();
        return new MemoryFileSet().Add("config.json", Json(tied)).Add("model.safetensors", header, writer.FileLength(header));
    }

    private static SafetensorsWriter Llama(bool down = true)
    {
        SafetensorsWriter writer = new();
        foreach (string name in new[] { "q_proj", "k_proj", "v_proj", "o_proj" })
        {
            writer.Tensor($"model.layers.0.self_attn.{name}.weight", "BF16", 16, 64, 64);
        }

        writer.Tensor("model.layers.0.mlp.gate_proj.weight", "BF16", 16, 128, 64)
            .Tensor("model.layers.0.mlp.up_proj.weight", "BF16", 16, 128, 64)
            .Tensor("model.layers.0.input_layernorm.weight", "BF16", 16, 64)
            .Tensor("model.layers.0.post_attention_layernorm.weight", "BF16", 16, 64)
            .Tensor("model.norm.weight", "BF16", 16, 64)
            .Tensor("model.embed_tokens.weight", "BF16", 16, 100, 64)
            .Tensor("lm_head.weight", "BF16", 16, 100, 64);
        return down ? writer.Tensor("model.layers.0.mlp.down_proj.weight", "BF16", 16, 64, 128) : writer;
    }

    private static (byte[] A, long ALength, byte[] B, long BLength, byte[] Index) Sharded()
    {
        SafetensorsWriter first = Llama();
        SafetensorsWriter second = new SafetensorsWriter().Tensor("extra.bias", "F32", 32, 5);
        byte[] a = first.Header(), b = second.Header();
        byte[] index = Encoding.UTF8.GetBytes("""
            {"metadata":{"total_size":777},"weight_map":{"lm_head.weight":"model-1.safetensors","extra.bias":"model-2.safetensors"}}
            """);
        return (a, first.FileLength(a), b, second.FileLength(b), index);
    }
}
