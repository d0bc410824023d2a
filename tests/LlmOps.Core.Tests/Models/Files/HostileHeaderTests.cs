using System.Text;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Files;

namespace LlmOps.Core.Tests.Models.Files;

/// <summary>Headers that lie, one lie each: all are refused by name, without work or memory in proportion to the lie.</summary>
public sealed class HostileHeaderTests
{
    private const long Allowed = 4 << 20;

    [Fact]
    public void A_gguf_header_cut_off_anywhere_is_refused()
    {
        (byte[] header, long length) = GgufSamples.Llama();
        for (int cut = 0; cut < header.Length; cut++)
        {
            byte[] part = header[..cut];
            Refused(() => GgufHeader.Read(new MemoryStream(part), length, "f"), "ends");
            Refused(() => GgufHeader.Read(new MemoryStream(part), part.Length, "f"));
        }
    }

    [Fact]
    public void A_safetensors_header_cut_off_anywhere_is_refused()
    {
        SafetensorsWriter writer = new SafetensorsWriter().Metadata("format", "pt").Tensor("a", "BF16", 16, 3, 4).Tensor("b", "F8_E4M3", 8, 5);
        byte[] header = writer.Header();
        for (int cut = 0; cut < header.Length; cut++)
        {
            byte[] part = header[..cut];
            Refused(() => SafetensorsHeader.Read(new MemoryStream(part), writer.FileLength(header), "f"));
            Refused(() => SafetensorsHeader.Read(new MemoryStream(part), part.Length, "f"));
        }
    }

    public static TheoryData<string, byte[], string> Gguf => new()
    {
        { "2^60 tensors", new GgufWriter { ClaimedTensors = 1UL << 60 }.Header(), "1152921504606846976 tensors" },
        { "2^60 keys", new GgufWriter { ClaimedPairs = 1UL << 60 }.Header(), "1152921504606846976 metadata keys" },
        { "2^64 - 1 tensors", new GgufWriter { ClaimedTensors = ulong.MaxValue }.Header(), "tensors" },
        { "key of 2^63", new GgufWriter { ClaimedPairs = 1 }.Header().Concat(BitConverter.GetBytes(1UL << 63)).Concat(new byte[32]).ToArray(), "9223372036854775808 bytes" },
        { "text of 2^63", new GgufWriter().Add("k", w => { w.Write(8u); w.Write(1UL << 63); }).Header(), "9223372036854775808 bytes" },
        { "list of 2^60", new GgufWriter().Add("k", w => { w.Write(9u); w.Write(4u); w.Write(1UL << 60); }).Header(), "1152921504606846976 items" },
        { "texts of 2^60", new GgufWriter().Add("k", w => { w.Write(9u); w.Write(8u); w.Write(1UL << 60); }).Header(), "1152921504606846976 texts" },
        { "lists in lists", new GgufWriter().Add("k", Nested).Header(), "nests lists" },
        { "value type 13", new GgufWriter().Add("k", w => { w.Write(13u); w.Write(0UL); }).Header(), "type 13" },
        { "same key twice", new GgufWriter().Flag("k", true).Flag("k", true).Header(), "'k' is there twice" },
        { "same tensor twice", new GgufWriter().Float("t", 8).Float("t", 8).Header(), "'t' is there twice" },
        { "overlap", new GgufWriter().TensorAt("t", 0, 0, 16).TensorAt("u", 0, 32, 8).Header(), "within the one before it" },
        { "unaligned", new GgufWriter().TensorAt("t", 0, 4, 8).Header(), "no multiple of 32" },
        { "offset past the end", new GgufWriter().TensorAt("t", 0, 1UL << 62, 8).Header(), "after its header" },
        { "offset of 2^64", new GgufWriter().TensorAt("t", 0, ulong.MaxValue - 31, 8).Header(), "starts at" },
        { "2^80 elements", new GgufWriter().TensorAt("t", 0, 0, 1UL << 40, 1UL << 40).Header(), "no tensor has 2^63" },
        { "2^62 elements of 4 bytes", new GgufWriter().TensorAt("t", 0, 0, 1UL << 62).Header(), "" },
        { "five dimensions", new GgufWriter().TensorAt("t", 0, 0, 1, 1, 1, 1, 1).Header(), "5 dimensions" },
        { "no elements", new GgufWriter().TensorAt("t", 0, 0, 0).Header(), "dimension of 0" },
        { "broken block", new GgufWriter().TensorAt("t", 12, 0, 255).Header(), "blocks of 256" },
        { "unknown type", new GgufWriter().TensorAt("t", 99, 0, 32).Header(), "type 99" },
        { "removed type", new GgufWriter().TensorAt("t", 31, 0, 32).Header(), "removed" },
        { "alignment of 3", new GgufWriter().UInt32("general.alignment", 3).Header(), "power of two" },
        { "alignment of 0", new GgufWriter().UInt32("general.alignment", 0).Header(), "power of two" },
        { "version 1", new GgufWriter { Version = 1 }.Header(), "version 1" },
        { "version 4", new GgufWriter { Version = 4 }.Header(), "version 4" },
        { "big-endian", new GgufWriter { Version = 0x03000000 }.Header(), "big-endian" },
        { "no architecture", new GgufWriter().Header(), "general.architecture" },
        { "a billion layers", new GgufWriter().Text("general.architecture", "llama").UInt32("llama.block_count", 1_000_000_000).Header(), "'llama.block_count' is 1000000000" },
        { "layers as text", new GgufWriter().Text("general.architecture", "llama").Text("llama.block_count", "many").Header(), "'many'" },
        { "layers without tensors", GgufSamples.LlamaTensors(GgufSamples.LlamaMetadata(new GgufWriter())).UInt32("llama.x", 0)
            .Float("blk.9.attn_q.weight", 8).Header(), "" },
    };

    [Theory]
    [MemberData(nameof(Gguf))]
    public void A_gguf_header_that_lies_is_refused(string lie, byte[] header, string saying)
    {
        Assert.NotEmpty(lie);
        Refused(() => ModelFile.Read(new MemoryFileSet().Add("m.gguf", [.. header, .. new byte[256]])), saying);
    }

    [Theory]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"t":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""", 32, "'t' twice")]
    [InlineData("""{"t":{"dtype":"F32","dtype":"F16","shape":[4],"data_offsets":[0,16]}}""", 16, "'dtype' twice")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"u":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}""", 24, "within the one before it")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[16,32]}}""", 32, "after a gap")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}""", 16, "16 bytes")]
    [InlineData("""{"t":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}""", 16, "20 bytes")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 15, "cut off")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", 17, "17 after")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}""", 16, "2^63")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,16]}}""", 16, "whole numbers")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1e1],"data_offsets":[0,16]}}""", 16, "whole numbers")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4],"data_offsets":[0,99999999999999999999]}}""", 16, "two offsets")]
    [InlineData("""{"t":{"dtype":"F33","shape":[4],"data_offsets":[0,16]}}""", 16, "'F33'")]
    [InlineData("""{"t":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "blocks of 2")]
    [InlineData("""{"t":{"shape":[4],"data_offsets":[0,16]}}""", 16, "lacks")]
    [InlineData("""{"t":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}""", 0, "")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "strings")]
    [InlineData("""{"\ud800":{}}""", 0, "Unicode")]
    [InlineData("""{} {}""", 0, "")]
    [InlineData("""[]""", 0, "no JSON object")]
    [InlineData("""{"t":""", 0, "")]
    public void A_safetensors_header_that_lies_is_refused(string json, int data, string saying)
    {
        byte[] header = SafetensorsWriter.Header(json);
        Refused(() => SafetensorsHeader.Read(new MemoryStream(header), header.Length + data, "f"), saying);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(1UL << 63)]
    [InlineData(100_000_001UL)]
    [InlineData(100_000_000UL)]
    [InlineData(0UL)]
    public void A_safetensors_header_of_an_impossible_length_is_refused(ulong length)
    {
        byte[] file = [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}'];
        Refused(() => SafetensorsHeader.Read(new MemoryStream(file), file.Length, "f"), "claims");

        // The same where the whole file is said to be as long.
        Refused(() => SafetensorsHeader.Read(new MemoryStream(file), long.MaxValue, "f"));
    }

    [Fact]
    public void A_stream_without_end_is_given_up()
    {
        foreach (byte fill in new byte[] { 0, (byte)' ', (byte)'{' })
        {
            Refused(() => GgufHeader.Read(new EndlessStream([], fill), long.MaxValue, "f"));
            Refused(() => SafetensorsHeader.Read(new EndlessStream([], fill), long.MaxValue, "f"));
        }

        // One text a key, 65,536 keys of no name: the second is the first again.
        byte[] start = [.. GgufWriter.Magic, 3, 0, 0, 0, .. new byte[8], 255, 255, 0, 0, 0, 0, 0, 0];
        Refused(() => GgufHeader.Read(new EndlessStream(start, 0), long.MaxValue, "f"), "twice");

        // A text that is as long as the file.
        byte[] text = [.. GgufWriter.Magic, 3, 0, 0, 0, .. new byte[8], 1, 0, 0, 0, 0, 0, 0, 0, .. new byte[8], 8, 0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0];
        Refused(() => GgufHeader.Read(new EndlessStream(text, 0), long.MaxValue, "f"), "longer than");
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../../etc/passwd"}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":"C:\\x"}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":".."}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":1}}""", "no string")]
    [InlineData("""{"weight_map":{"a":"x","a":"x"}}""", "twice")]
    [InlineData("""{"weight_map":{}}""", "no 'weight_map'")]
    [InlineData("""{"weight_map":[]}""", "no object")]
    [InlineData("""{"metadata":{"total_size":1}}""", "no 'weight_map'")]
    [InlineData("""[]""", "no JSON object")]
    [InlineData("", "cut off")]
    public void An_index_that_lies_is_refused(string json, string saying)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        Refused(() => SafetensorsIndex.Read(new MemoryStream(bytes), bytes.Length, "f"), saying);
    }

    private static void Nested(BinaryWriter writer)
    {
        writer.Write(9u);
        for (int i = 0; i < 100; i++)
        {
            writer.Write(9u);
            writer.Write(1UL);
        }
    }

    private static void Refused(Func<object> read, string saying = "")
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        LlmOpsException e = Assert.Throws<LlmOpsException>(read);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Allowed);
        Assert.Contains(saying, e.Message, StringComparison.Ordinal);
        Assert.InRange(e.Message.Length, 1, 2000);
    }

    /// <summary>A start, then the same byte for ever.</summary>
    private sealed class EndlessStream(byte[] start, byte fill) : ForwardStream
    {
        private long _position;

        public override int Read(Span<byte> buffer)
        {
            buffer.Fill(fill);
            if (_position < start.Length)
            {
                start.AsSpan((int)_position, Math.Min(buffer.Length, start.Length - (int)_position)).CopyTo(buffer);
            }

            _position += buffer.Length;
            return buffer.Length;
        }
    }
}
