using System.Text;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>Files of weights that have headers like real ones.</summary>
internal static class Weights
{
    public static byte[] Safetensors(int headerLength, int dataLength) =>
        [.. BitConverter.GetBytes((long)headerLength), .. Encoding.ASCII.GetBytes("{}".PadRight(headerLength)), .. new byte[dataLength]];

    /// <summary>All tensors of the Llama that <see cref="TestHub.Config"/> describes, in BF16.</summary>
    public static byte[] TinyLlama()
    {
        List<(string Name, int[] Shape)> tensors =
            [("model.embed_tokens.weight", [1000, 64]), ("model.norm.weight", [64]), ("lm_head.weight", [1000, 64])];
        for (int layer = 0; layer < 2; layer++)
        {
            string at = $"model.layers.{layer}.";
            tensors.AddRange(
            [
                (at + "self_attn.q_proj.weight", [64, 64]), (at + "self_attn.k_proj.weight", [32, 64]),
                (at + "self_attn.v_proj.weight", [32, 64]), (at + "self_attn.o_proj.weight", [64, 64]),
                (at + "mlp.gate_proj.weight", [128, 64]), (at + "mlp.up_proj.weight", [128, 64]),
                (at + "mlp.down_proj.weight", [64, 128]), (at + "input_layernorm.weight", [64]),
                (at + "post_attention_layernorm.weight", [64]),
            ]);
        }

        List<string> entries = [];
        int offset = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            int end = offset + (2 * shape.Aggregate(1, (product, size) => product * size));
            entries.Add($$"""
                "{{name}}":{"dtype":"BF16","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{offset}},{{end}}]}
                """);
            offset = end;
        }

        byte[] header = Encoding.UTF8.GetBytes($"{{{string.Join(',', entries)}}}");
        return [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[offset]];
    }

    /// <summary>A header with each type of value, a vocabulary and two tensors; its length, and the file.</summary>
    public static (int HeaderLength, byte[] File) Gguf(int vocabulary, int dataLength)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream, Encoding.UTF8);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write(2UL);
        writer.Write(16UL);
        byte[] sizes = [1, 1, 2, 2, 4, 4, 4, 1];
        for (uint type = 0; type < 8; type++)
        {
            Entry($"scalar.{type}", type);
            writer.Write(new byte[sizes[type]]);
        }

        Entry("general.architecture", 8);
        Text("llama");
        for (uint type = 10; type < 13; type++)
        {
            Entry($"scalar.{type}", type);
            writer.Write(7L);
        }

        Entry("tokens", 9);
        writer.Write(8u);
        writer.Write((ulong)vocabulary);
        for (int i = 0; i < vocabulary; i++)
        {
            Text("token");
        }

        Entry("scores", 9);
        writer.Write(6u);
        writer.Write((ulong)vocabulary);
        writer.Write(new byte[4 * vocabulary]);
        Entry("nested", 9);
        writer.Write(9u);
        writer.Write(1UL);
        writer.Write(4u);
        writer.Write(2UL);
        writer.Write(0L);
        Entry("empty", 9);
        writer.Write(8u);
        writer.Write(0UL);
        foreach (string tensor in new[] { "token_embd.weight", "output.weight" })
        {
            Text(tensor);
            writer.Write(2u);
            writer.Write(64UL);
            writer.Write(1000UL);
            writer.Write(1u);
            writer.Write(0UL);
        }

        int header = (int)stream.Length;
        writer.Write(new byte[dataLength]);
        return (header, stream.ToArray());

        void Text(string text)
        {
            writer.Write((ulong)text.Length);
            writer.Write(Encoding.ASCII.GetBytes(text));
        }

        void Entry(string key, uint type)
        {
            Text(key);
            writer.Write(type);
        }
    }
}
