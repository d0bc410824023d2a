using System.Text;

namespace LlmOps.Core.Tests.Models.Files;

/// <summary>Writes GGUF headers as the format describes them, and what contradicts it where a test asks for that.</summary>
internal sealed class GgufWriter
{
    private readonly List<(string Key, Action<BinaryWriter> Value)> _pairs = [];
    private readonly List<(string Name, uint Type, ulong[] Dimensions, ulong Offset)> _tensors = [];
    private ulong _end;

    public uint Version { get; init; } = 3;

    public ulong Alignment { get; init; } = 32;

    public ulong? ClaimedTensors { get; init; }

    public ulong? ClaimedPairs { get; init; }

    public static byte[] Magic { get; } = "GGUF"u8.ToArray();

    public GgufWriter Text(string key, string value) => Add(key, w => { w.Write(8u); Write(w, value); });

    public GgufWriter UInt32(string key, uint value) => Add(key, w => { w.Write(4u); w.Write(value); });

    public GgufWriter UInt64(string key, ulong value) => Add(key, w => { w.Write(10u); w.Write(value); });

    public GgufWriter UInt16(string key, ushort value) => Add(key, w => { w.Write(2u); w.Write(value); });

    public GgufWriter Flag(string key, bool value) => Add(key, w => { w.Write(7u); w.Write(value); });

    public GgufWriter Int32List(string key, params int[] values) => Add(key, w =>
    {
        w.Write(9u);
        w.Write(5u);
        w.Write((ulong)values.Length);
        Array.ForEach(values, w.Write);
    });

    public GgufWriter Texts(string key, int count, Func<int, string> text) => Add(key, w =>
    {
        w.Write(9u);
        w.Write(8u);
        w.Write((ulong)count);
        for (int i = 0; i < count; i++)
        {
            Write(w, text(i));
        }
    });

    /// <summary>Anything at all as the value, its type included.</summary>
    public GgufWriter Add(string key, Action<BinaryWriter> value)
    {
        _pairs.Add((key, value));
        return this;
    }

    /// <summary>A tensor after the ones before it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">ggml's number of its type.</param>
    /// <param name="block">Elements and bytes of a block of that type.</param>
    /// <param name="dimensions">The innermost first, as in the file.</param>
    public GgufWriter Tensor(string name, uint type, (ulong Elements, ulong Bytes) block, params ulong[] dimensions)
    {
        _tensors.Add((name, type, dimensions, _end));
        ulong bytes = dimensions.Aggregate(1UL, (a, b) => a * b) / block.Elements * block.Bytes;
        _end = (_end + bytes + Alignment - 1) / Alignment * Alignment;
        return this;
    }

    public GgufWriter Float(string name, params ulong[] dimensions) => Tensor(name, 0, (1, 4), dimensions);

    /// <summary>A tensor at a place of its own, which may be wrong.</summary>
    public GgufWriter TensorAt(string name, uint type, ulong offset, params ulong[] dimensions)
    {
        _tensors.Add((name, type, dimensions, offset));
        return this;
    }

    /// <summary>Bytes of the tensors, padding included.</summary>
    public long DataLength => (long)_end;

    public byte[] Header()
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(Magic);
        writer.Write(Version);
        writer.Write(ClaimedTensors ?? (ulong)_tensors.Count);
        writer.Write(ClaimedPairs ?? (ulong)_pairs.Count);
        foreach ((string key, Action<BinaryWriter> value) in _pairs)
        {
            Write(writer, key);
            value(writer);
        }

        foreach ((string name, uint type, ulong[] dimensions, ulong offset) in _tensors)
        {
            Write(writer, name);
            writer.Write((uint)dimensions.Length);
            Array.ForEach(dimensions, writer.Write);
            writer.Write(type);
            writer.Write(offset);
        }

        return stream.ToArray();
    }

    /// <summary>Length of the whole file that <see cref="Header"/> is the start of.</summary>
    public long FileLength(byte[] header) =>
        ((header.Length + (long)Alignment - 1) / (long)Alignment * (long)Alignment) + DataLength;

    public static void Write(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }
}
