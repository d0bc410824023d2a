using System.Text;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>Files of weights that have headers like real ones.</summary>
internal static class Weights
{
    public static byte[] Safetensors(int headerLength, int dataLength) =>
        [.. BitConverter.GetBytes((long)headerLength), .. Encoding.ASCII.GetBytes("{}".PadRight(headerLength)), .. new byte[dataLength]];

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
