using LlmOps.Core.Models;
using LlmOps.Core.Models.Files;

namespace LlmOps.Core.Tests.Models.Files;

public sealed class GgufModelTests
{
    [Fact]
    public void A_header_is_read_back_as_it_was_written()
    {
        GgufWriter writer = new GgufWriter()
            .Text("a.text", "größer")
            .UInt16("a.short", 7)
            .UInt64("a.long", ulong.MaxValue)
            .Flag("a.flag", true)
            .Int32List("a.list", 3, -1, 0)
            .Texts("a.texts", 1000, i => new string('x', i % 50))
            .Add("a.fraction", w => { w.Write(12u); w.Write(0.5); })
            .Add("a.nested", w => { w.Write(9u); w.Write(9u); w.Write(1UL); w.Write(0u); w.Write(3UL); w.Write(new byte[3]); })
            .Float("one", 3, 5)
            .Tensor("two", 12, (256, 144), 512, 3);
        byte[] bytes = writer.Header();

        GgufHeader header = GgufHeader.Read(new HeaderOnlyStream(bytes, throwPastEnd: true), writer.FileLength(bytes), "f");

        Assert.Equal(bytes.Length, header.Length);
        Assert.Equal("größer", header.Metadata["a.text"].Text);
        Assert.Equal(7, header.Metadata["a.short"].Integer);
        Assert.Null(header.Metadata["a.long"].Integer);
        Assert.Equal(1, header.Metadata["a.flag"].Integer);
        Assert.Equal([3L, -1, 0], header.Metadata["a.list"].Integers!.Value);
        Assert.Equal(1000, header.Metadata["a.texts"].Count);
        Assert.Equal(["one", "two"], header.Tensors.Select(t => t.Name));
        Assert.Equal([5L, 3], header.Tensors[0].Shape);
        Assert.Equal((1536L, 1536L / 256 * 144, "Q4_K"),
            (header.Tensors[1].ElementCount, header.Tensors[1].ByteCount, header.Tensors[1].ElementType.Name));
    }

    [Fact]
    public void A_llama_is_counted_by_its_tensors_and_nothing_past_the_header_is_read()
    {
        (byte[] header, long length) = GgufSamples.Llama();

        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("Sample-F32.gguf", header, length));

        Assert.Equal(GgufSamples.LlamaParameters, model.ParameterCount);
        Assert.Equal("Sample-F32", model.Name);
        Assert.Equal(("llama", 2, 4, 2, 16, 320, 512),
            (model.Family, model.LayerCount, model.AttentionHeadCount, model.KeyValueHeadCount, model.HeadDimension,
                model.VocabularySize, model.ContextLength));
        Assert.Equal("FP32", model.PublishedQuantization.Name);
        Assert.Equal(length, model.FileBytes);
        Assert.Equal(GgufSamples.LlamaParameters + 8, model.Tensors!.TotalElements);
        Assert.Contains("8 elements are buffers", Assert.Single(model.Notes), StringComparison.Ordinal);
        Assert.Equal(new ParameterBreakdown(model.Architecture), model.Parameters);
    }

    [Fact]
    public void Latent_attention_and_experts_are_counted_apart()
    {
        (byte[] header, long length) = GgufSamples.DeepSeek();

        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("d.gguf", header, length));

        Assert.Equal(new ParameterBreakdown(model.Architecture), model.Parameters);
        Assert.Equal((32 + 8) * 2 * 4, model.KvBytesPerToken);
        Assert.Equal((8, 2), (model.ExpertCount, model.ExpertsPerToken));
        Assert.Equal(6 * 3 * 64 * 32, model.ParameterCount - model.ActiveParameterCount);
        Assert.Empty(model.Notes);
    }

    [Fact]
    public void Per_layer_heads_and_widths_are_taken_layer_by_layer()
    {
        GgufWriter writer = new GgufWriter()
            .Text("general.architecture", "deci").UInt32("deci.block_count", 3).UInt32("deci.context_length", 64)
            .UInt32("deci.embedding_length", 64).Int32List("deci.feed_forward_length", 128, 64, 0)
            .Int32List("deci.attention.head_count", 4, 4, 0).Int32List("deci.attention.head_count_kv", 4, 2, 0)
            .UInt32("deci.vocab_size", 100);
        byte[] header = writer.Header();

        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("n.gguf", header));

        Assert.Equal((4 + 2) * 2 * 16 * 2, model.KvBytesPerToken);
        Assert.IsType<NoAttention>(model.Architecture.Layers[2].Attention);
        Assert.IsType<NoFeedForward>(model.Architecture.Layers[2].FeedForward);
        Assert.Contains("no tensors", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_head_stored_twice_is_counted_once()
    {
        GgufWriter writer = new GgufWriter()
            .Text("general.architecture", "gpt2").UInt32("gpt2.block_count", 1).UInt32("gpt2.context_length", 32)
            .UInt32("gpt2.embedding_length", 64).UInt32("gpt2.feed_forward_length", 256).UInt32("gpt2.attention.head_count", 4)
            .Float("token_embd.weight", 64, 100).Float("output.weight", 64, 100).Float("position_embd.weight", 64, 32)
            .Float("output_norm.weight", 64).Float("output_norm.bias", 64)
            .Float("blk.0.attn_norm.weight", 64).Float("blk.0.attn_norm.bias", 64).Float("blk.0.ffn_norm.weight", 64)
            .Float("blk.0.ffn_norm.bias", 64).Float("blk.0.attn_qkv.weight", 64, 192).Float("blk.0.attn_qkv.bias", 192)
            .Float("blk.0.attn_output.weight", 64, 64).Float("blk.0.attn_output.bias", 64)
            .Float("blk.0.ffn_up.weight", 64, 256).Float("blk.0.ffn_up.bias", 256)
            .Float("blk.0.ffn_down.weight", 256, 64).Float("blk.0.ffn_down.bias", 64);
        byte[] header = writer.Header();

        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("g.gguf", header, writer.FileLength(header)));

        Assert.Equal(new ParameterBreakdown(model.Architecture), model.Parameters);
        Assert.Equal(6400 + 2048 + 128 + 256 + (4 * 64 * 64) + (4 * 64) + (8 * 64 * 64) + 256 + 64, model.ParameterCount);
        Assert.Contains("6,400 elements are a second copy", Assert.Single(model.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_are_gathered_from_the_neighbours_whichever_is_named()
    {
        MemoryFileSet files = Split(out byte[] _);

        foreach (string name in new[] { "m-00001-of-00002.gguf", "m-00002-of-00002.gguf" })
        {
            LlmModel model = ModelFile.Read(files, name);
            Assert.Equal(GgufSamples.LlamaParameters, model.ParameterCount);
            Assert.Equal("m", model.Name);
        }

        Assert.Equal(GgufSamples.LlamaParameters, ModelFile.Read(files).ParameterCount);
    }

    [Fact]
    public void A_missing_part_is_named()
    {
        Split(out byte[] first);
        LlmOpsException e = Assert.Throws<LlmOpsException>(() =>
            ModelFile.Read(new MemoryFileSet().Add("m-00001-of-00002.gguf", first, 1 << 20)));
        Assert.Contains("'m-00002-of-00002.gguf' does not lie beside it", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_architecture_is_named_with_the_nearest()
    {
        byte[] header = new GgufWriter().Text("general.architecture", "qwen3moee").Header();
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => ModelFile.Read(new MemoryFileSet().Add("m.gguf", header)));
        Assert.Equal("ModelFamilyNotSupported", e.ErrorId);
        Assert.Contains("'qwen3moee' is not known. The nearest known architecture is 'qwen3moe'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gemma2", 2, new[] { true, false, true, false, true, false })]
    [InlineData("gemma3", 6, new[] { true, true, true, true, true, false })]
    [InlineData("gpt-oss", 2, new[] { true, false, true, false, true, false })]
    [InlineData("cohere2", 4, new[] { true, true, true, false, true, true })]
    [InlineData("phi3", 0, new[] { true, true, true, true, true, true })]
    public void Windows_lie_where_the_architecture_has_them(string architecture, int _, bool[] windowed)
    {
        byte[] header = new GgufWriter()
            .Text("general.architecture", architecture).UInt32($"{architecture}.block_count", 6)
            .UInt32($"{architecture}.context_length", 8192).UInt32($"{architecture}.embedding_length", 64)
            .UInt32($"{architecture}.feed_forward_length", 128).UInt32($"{architecture}.attention.head_count", 4)
            .UInt32($"{architecture}.attention.sliding_window", 512).UInt32($"{architecture}.vocab_size", 100).Header();

        LlmModel model = ModelFile.Read(new MemoryFileSet().Add("w.gguf", header));

        Assert.Equal(windowed, model.Architecture.Layers.Select(layer => layer.Attention.Window == 512));
    }

    private static MemoryFileSet Split(out byte[] first)
    {
        GgufWriter a = GgufSamples.LlamaMetadata(new GgufWriter()).UInt16("split.no", 0).UInt16("split.count", 2)
            .Int32List("unused").Add("split.tensors.count", w => { w.Write(5u); w.Write(22); })
            .Float("token_embd.weight", 64, 320).Float("output.weight", 64, 320).Float("output_norm.weight", 64)
            .Float("rope_freqs.weight", 8);
        GgufSamples.LlamaLayer(a, 0);
        GgufWriter b = new GgufWriter().UInt16("split.no", 1).UInt16("split.count", 2);
        GgufSamples.LlamaLayer(b, 1);
        first = a.Header();
        byte[] second = b.Header();
        return new MemoryFileSet().Add("m-00001-of-00002.gguf", first, a.FileLength(first))
            .Add("m-00002-of-00002.gguf", second, b.FileLength(second));
    }
}
