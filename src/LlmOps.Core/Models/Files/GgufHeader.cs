using System.Buffers.Binary;
using System.Collections.Immutable;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// Reads the header of a GGUF file: metadata and tensor descriptions (github.com/ggml-org/ggml, docs/gguf.md). Long lists,
/// such as a vocabulary, are passed over and only counted.
/// </summary>
internal sealed class GgufHeader
{
    private const int DefaultAlignment = 32;
    private const int LongestKey = ushort.MaxValue / 4;
    private const int LongestTensorName = 1024;
    private const int LongestText = 4096;
    private const int LongestList = 4096;
    private const int MaximumDimensions = 4;
    private const int MaximumListDepth = 2;
    private const int MaximumKeys = 1 << 16;
    private const int MaximumTensors = 1 << 20;

    /// <summary>A key without name, its type, and one byte.</summary>
    private const int SmallestPair = 8 + 4 + 1;

    /// <summary>A name without text, no dimension, type and offset.</summary>
    private const int SmallestTensor = 8 + 4 + 4 + 8;

    private const uint StringType = 8, ListType = 9;

    private GgufHeader(
        uint version, IReadOnlyDictionary<string, GgufValue> metadata, ImmutableArray<TensorInfo> tensors, long length) =>
        (Version, Metadata, Tensors, Length) = (version, metadata, tensors, length);

    public uint Version { get; }

    public IReadOnlyDictionary<string, GgufValue> Metadata { get; }

    public ImmutableArray<TensorInfo> Tensors { get; }

    /// <summary>Bytes of the header, padding after it not included.</summary>
    public long Length { get; }

    public static bool IsStart(ReadOnlySpan<byte> start) => start.StartsWith("GGUF"u8);

    /// <param name="stream">The file; nothing past the header is read.</param>
    /// <param name="fileLength">Bytes of the whole file.</param>
    /// <param name="origin">What errors call it.</param>
    /// <exception cref="LlmOpsException">The header is damaged, or claims what the file cannot hold.</exception>
    public static GgufHeader Read(Stream stream, long fileLength, string origin)
    {
        HeaderReader reader = new(stream, fileLength, origin);
        reader.Expect(4 + 4 + 8 + 8);
        if (!reader.Take(4).SequenceEqual("GGUF"u8))
        {
            throw reader.Invalid("it does not start with 'GGUF'.");
        }

        uint version = CheckVersion(reader.UInt32(), reader, origin);
        ulong claimedTensors = reader.UInt64();
        ulong claimedPairs = reader.UInt64();
        long pairs = reader.Count(claimedPairs, SmallestPair, "metadata keys");
        long tensors = reader.Count(claimedTensors, SmallestTensor, "tensors");
        if (pairs > MaximumKeys || tensors > MaximumTensors)
        {
            throw reader.Invalid($"it claims {pairs} metadata keys and {tensors} tensors; at most {MaximumKeys} and "
                + $"{MaximumTensors} are read.");
        }

        Dictionary<string, GgufValue> metadata = new(StringComparer.Ordinal);
        for (long left = pairs; left > 0; left--)
        {
            reader.Expect((left * SmallestPair) + (tensors * SmallestTensor));
            string key = reader.String(LongestKey, "a metadata key");
            GgufValue value = ReadValue(reader, reader.UInt32(), key);
            if (!metadata.TryAdd(key, value))
            {
                throw reader.Invalid($"the key '{FileErrors.Shown(key)}' is there twice.");
            }
        }

        long alignment = Alignment(metadata, reader);
        ImmutableArray<TensorInfo> infos = ReadTensors(reader, tensors, alignment, fileLength, origin);
        return new GgufHeader(version, metadata, infos, reader.Position);
    }

    private static uint CheckVersion(uint version, HeaderReader reader, string origin) => version switch
    {
        2 or 3 => version,
        1 => throw FileErrors.NotSupported(origin,
            "it is GGUF version 1, which was written for a few days in August 2023; convert the model again (versions 2 and 3 are read)."),
        _ when BinaryPrimitives.ReverseEndianness(version) is >= 1 and <= 3 => throw FileErrors.NotSupported(origin,
            "it is a big-endian GGUF file; only little-endian ones are read (llama.cpp's gguf_convert_endian.py converts it)."),
        _ => throw reader.Invalid($"it claims GGUF version {version}; versions 2 and 3 are read."),
    };

    private static GgufValue ReadValue(HeaderReader reader, uint type, string key)
    {
        switch (type)
        {
            case StringType:
                long length = reader.Count(reader.UInt64(), 1, "bytes", key);
                if (length > LongestText)
                {
                    reader.Skip(length);
                    return new GgufValue("a long text");
                }

                // Not every text is valid UTF-8 (tokens are bytes), and none but names and kinds matters here.
                reader.Expect(length);
                return new GgufValue("a text", Text: System.Text.Encoding.UTF8.GetString(reader.Take((int)length)));
            case ListType:
                return ReadList(reader, key, depth: 1);
            default:
                int size = Size(type, reader, key);
                return new GgufValue(Kind(type), Integer: Whole(type, reader.Take(size)));
        }
    }

    private static GgufValue ReadList(HeaderReader reader, string key, int depth)
    {
        if (depth > MaximumListDepth)
        {
            throw reader.Invalid($"'{FileErrors.Shown(key)}' nests lists more than {MaximumListDepth} deep.");
        }

        uint type = reader.UInt32();
        ulong claimed = reader.UInt64();
        const string kind = "a list";
        switch (type)
        {
            case StringType:
                long texts = reader.Count(claimed, sizeof(ulong), "texts", key);
                for (long left = texts; left > 0; left--)
                {
                    reader.Expect(left * sizeof(ulong));
                    reader.Skip(reader.Count(reader.UInt64(), 1, "bytes of a text", key));
                }

                return new GgufValue(kind, Count: texts);
            case ListType:
                long lists = reader.Count(claimed, sizeof(uint) + sizeof(ulong), "lists", key);
                for (long left = lists; left > 0; left--)
                {
                    reader.Expect(left * (sizeof(uint) + sizeof(ulong)));
                    ReadList(reader, key, depth + 1);
                }

                return new GgufValue(kind, Count: lists);
            default:
                int size = Size(type, reader, key);
                long count = reader.Count(claimed, size, "items", key);
                if (count > LongestList || Kind(type) == Fraction)
                {
                    reader.Skip(count * size);
                    return new GgufValue(kind, Count: count);
                }

                var items = ImmutableArray.CreateBuilder<long>((int)count);
                reader.Expect(count * size);
                for (long i = 0; i < count; i++)
                {
                    items.Add(Whole(type, reader.Take(size))
                        ?? throw reader.Invalid($"'{FileErrors.Shown(key)}' holds a number above 2^63."));
                }

                return new GgufValue(kind, Integers: items.MoveToImmutable(), Count: count);
        }
    }

    private const string Fraction = "a fraction";

    private static string Kind(uint type) => type switch
    {
        6 or 12 => Fraction,
        7 => "a truth value",
        _ => "a whole number",
    };

    private static int Size(uint type, HeaderReader reader, string key) => type switch
    {
        0 or 1 or 7 => 1,
        2 or 3 => 2,
        4 or 5 or 6 => 4,
        10 or 11 or 12 => 8,
        _ => throw reader.Invalid($"'{FileErrors.Shown(key)}' has the type {type}; types go from 0 to 12."),
    };

    /// <summary>A whole number or truth value; null for a fraction, and for what does not fit 63 bits.</summary>
    private static long? Whole(uint type, ReadOnlySpan<byte> bytes) => type switch
    {
        0 => bytes[0],
        1 => unchecked((sbyte)bytes[0]),
        7 => bytes[0] == 0 ? 0 : 1,
        2 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        3 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        5 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        10 => BinaryPrimitives.ReadUInt64LittleEndian(bytes) is var number and <= long.MaxValue ? (long)number : null,
        11 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        _ => null,
    };

    private static long Alignment(Dictionary<string, GgufValue> metadata, HeaderReader reader)
    {
        if (!metadata.TryGetValue("general.alignment", out GgufValue value))
        {
            return DefaultAlignment;
        }

        return value.Integer is { } alignment and > 0 and <= 1 << 20 && (alignment & (alignment - 1)) == 0
            ? alignment
            : throw reader.Invalid($"'general.alignment' is {value.Shown}, but must be a power of two up to 2^20.");
    }

    private static ImmutableArray<TensorInfo> ReadTensors(
        HeaderReader reader, long count, long alignment, long fileLength, string origin)
    {
        var tensors = ImmutableArray.CreateBuilder<TensorInfo>();
        List<(long Begin, long End, int Tensor)> places = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        for (long left = count; left > 0; left--)
        {
            reader.Expect(left * SmallestTensor);
            string name = reader.String(LongestTensorName, "a tensor's name");
            if (!names.Add(name))
            {
                throw reader.Invalid($"the tensor '{FileErrors.Shown(name)}' is there twice.");
            }

            TensorInfo tensor = ReadTensor(reader, name, origin);
            ulong offset = reader.UInt64();
            if (offset % (ulong)alignment != 0 || offset > long.MaxValue - (ulong)tensor.ByteCount)
            {
                throw reader.Invalid(
                    $"the tensor '{FileErrors.Shown(name)}' starts at {offset}, which is no multiple of {alignment} in the file.");
            }

            places.Add(((long)offset, (long)offset + tensor.ByteCount, tensors.Count));
            tensors.Add(tensor);
        }

        CheckPlaces(places, tensors, reader, alignment, fileLength);
        return tensors.ToImmutable();
    }

    private static TensorInfo ReadTensor(HeaderReader reader, string name, string origin)
    {
        uint dimensions = reader.UInt32();
        if (dimensions > MaximumDimensions)
        {
            throw reader.Invalid(
                $"the tensor '{FileErrors.Shown(name)}' claims {dimensions} dimensions; at most {MaximumDimensions} are possible.");
        }

        // The file has the innermost dimension first.
        long[] shape = new long[dimensions];
        for (int i = (int)dimensions - 1; i >= 0; i--)
        {
            ulong dimension = reader.UInt64();
            shape[i] = dimension is > 0 and <= long.MaxValue
                ? (long)dimension
                : throw reader.Invalid($"the tensor '{FileErrors.Shown(name)}' has a dimension of {dimension}.");
        }

        uint number = reader.UInt32();
        TensorElementType type = TensorElementType.FromGgml(number)
            ?? throw (TensorElementType.IsRemovedFromGgml(number)
                ? FileErrors.NotSupported(origin, $"the tensor '{FileErrors.Shown(name)}' has ggml's type {number}, which was removed; quantize the model again.")
                : reader.Invalid($"the tensor '{FileErrors.Shown(name)}' has ggml's type {number}, which is not known."));
        long row = shape.Length == 0 ? 1 : shape[^1];
        return row % type.BlockElements == 0
            ? TensorInfo.Create(origin, name, type, [.. shape])
            : throw reader.Invalid($"the tensor '{FileErrors.Shown(name)}' has rows of {row} elements, which do not divide "
                + $"into blocks of {type.BlockElements} of {type.Name}.");
    }

    private static void CheckPlaces(
        List<(long Begin, long End, int Tensor)> places,
        ImmutableArray<TensorInfo>.Builder tensors,
        HeaderReader reader,
        long alignment,
        long fileLength)
    {
        long start = (reader.Position + alignment - 1) / alignment * alignment;
        long dataLength = fileLength - start;
        places.Sort();
        long end = 0;
        foreach ((long begin, long placeEnd, int tensor) in places)
        {
            if (begin < end)
            {
                throw reader.Invalid($"the tensor '{FileErrors.Shown(tensors[tensor].Name)}' starts at {begin}, within the one "
                    + $"before it, which ends at {end}.");
            }

            if (placeEnd > dataLength)
            {
                throw reader.Invalid($"the tensor '{FileErrors.Shown(tensors[tensor].Name)}' ends at {placeEnd}, but the file holds "
                    + $"{Math.Max(0, dataLength)} bytes after its header (is it cut off?).");
            }

            end = placeEnd;
        }
    }
}
