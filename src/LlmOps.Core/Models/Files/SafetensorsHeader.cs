using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// Reads the header of a safetensors file: 8 bytes of length, little-endian, then a JSON object from each tensor's name to
/// its type, shape and place (github.com/huggingface/safetensors, README, Format).
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The format's own limit.</summary>
    public const long MaximumBytes = 100_000_000;

    private const int MaximumDimensions = 64;

    /// <summary>Whether a file that starts so can be one: a possible length, and an object after it.</summary>
    public static bool IsStart(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[8] == (byte)'{' && BinaryPrimitives.ReadUInt64LittleEndian(start) <= MaximumBytes;

    /// <param name="stream">The file; nothing past the header is read.</param>
    /// <param name="fileLength">Bytes of the whole file.</param>
    /// <param name="origin">What errors call it.</param>
    /// <exception cref="LlmOpsException">The header is damaged, or claims what the file cannot hold.</exception>
    public static ImmutableArray<TensorInfo> Read(Stream stream, long fileLength, string origin)
    {
        Span<byte> prefix = stackalloc byte[8];
        int read = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        if (read < prefix.Length)
        {
            throw FileErrors.Invalid(origin, $"the file has {read} bytes; a safetensors file starts with 8 of its header's length.");
        }

        ulong claimed = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (claimed > MaximumBytes)
        {
            throw FileErrors.Invalid(origin, $"its header claims {claimed} bytes; the format allows {MaximumBytes}.");
        }

        long length = (long)claimed;
        if (length < 2 || length > fileLength - prefix.Length)
        {
            throw FileErrors.Invalid(origin, $"its header claims {length} bytes of a file of {fileLength} (is it cut off?).");
        }

        JsonTokens json = new(stream, length, origin);
        if (json.Next() != JsonTokenType.StartObject)
        {
            throw FileErrors.Invalid(origin, "its header is no JSON object.");
        }

        var tensors = ImmutableArray.CreateBuilder<TensorInfo>();
        List<(long Begin, long End, int Tensor)> places = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        while (json.Next() != JsonTokenType.EndObject)
        {
            string name = json.Text();
            if (!names.Add(name))
            {
                throw FileErrors.Invalid(origin, $"its header has '{FileErrors.Shown(name)}' twice.");
            }

            json.Next();
            if (name == "__metadata__")
            {
                SkipMetadata(json, origin);
                continue;
            }

            (TensorInfo tensor, long begin, long end) = ReadTensor(json, name, origin);
            places.Add((begin, end, tensors.Count));
            tensors.Add(tensor);
        }

        if (json.Read())
        {
            throw FileErrors.Invalid(origin, "its header goes on after the JSON object.");
        }

        CheckPlaces(places, tensors, fileLength - prefix.Length - length, origin);
        return tensors.ToImmutable();
    }

    private static void SkipMetadata(JsonTokens json, string origin)
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            throw FileErrors.Invalid(origin, "its '__metadata__' is no object.");
        }

        while (json.Next() != JsonTokenType.EndObject)
        {
            if (json.Next() != JsonTokenType.String)
            {
                throw FileErrors.Invalid(origin, "its '__metadata__' holds something other than strings.");
            }
        }
    }

    private static (TensorInfo Tensor, long Begin, long End) ReadTensor(JsonTokens json, string name, string origin)
    {
        LlmOpsException Wrong(string problem) =>
            FileErrors.Invalid(origin, $"the tensor '{FileErrors.Shown(name)}' {problem}.");

        if (json.Type != JsonTokenType.StartObject)
        {
            throw Wrong("is no object");
        }

        TensorElementType? type = null;
        ImmutableArray<long>? shape = null, offsets = null;
        while (json.Next() != JsonTokenType.EndObject)
        {
            bool isType = json.Is("dtype"u8), isShape = json.Is("shape"u8), isOffsets = json.Is("data_offsets"u8);
            if ((isType && type is not null) || (isShape && shape is not null) || (isOffsets && offsets is not null))
            {
                throw Wrong($"has '{json.Text()}' twice");
            }

            json.Next();
            if (isType)
            {
                string text = json.Type == JsonTokenType.String ? json.Text() : throw Wrong("has a type that is no string");
                type = TensorElementType.FromSafetensors(text)
                    ?? throw Wrong($"has the type '{FileErrors.Shown(text)}', which is not known; known are "
                        + string.Join(", ", TensorElementType.SafetensorsNames));
            }
            else if (isShape)
            {
                shape = Counts(json) ?? throw Wrong("has a shape that is no list of whole numbers");
            }
            else if (isOffsets)
            {
                offsets = Counts(json) is { Length: 2 } two ? two : throw Wrong("has no two offsets");
            }
            else
            {
                json.SkipValue();
            }
        }

        if (type is null || shape is null || offsets is null)
        {
            throw Wrong("lacks a type, a shape or offsets");
        }

        TensorInfo tensor = TensorInfo.Create(origin, name, type, shape.Value);
        (long begin, long end) = (offsets.Value[0], offsets.Value[1]);
        return end >= begin && end - begin == tensor.ByteCount
            ? (tensor, begin, end)
            : throw Wrong($"lies from {begin} to {end}, but {tensor.ElementCount} elements of {type.Name} take "
                + $"{tensor.ByteCount} bytes");
    }

    private static ImmutableArray<long>? Counts(JsonTokens json)
    {
        if (json.Type != JsonTokenType.StartArray)
        {
            return null;
        }

        var counts = ImmutableArray.CreateBuilder<long>(2);
        while (json.Next() != JsonTokenType.EndArray)
        {
            if (!json.TryGetCount(out long count) || counts.Count == MaximumDimensions)
            {
                return null;
            }

            counts.Add(count);
        }

        return counts.DrainToImmutable();
    }

    /// <summary>The tensors fill the rest of the file without gap or overlap, as the format's own reader requires.</summary>
    private static void CheckPlaces(
        List<(long Begin, long End, int Tensor)> places, ImmutableArray<TensorInfo>.Builder tensors, long dataLength, string origin)
    {
        places.Sort();
        long end = 0;
        foreach ((long begin, long placeEnd, int tensor) in places)
        {
            if (begin != end)
            {
                throw FileErrors.Invalid(origin,
                    $"the tensor '{FileErrors.Shown(tensors[tensor].Name)}' starts at {begin}, "
                    + (begin < end ? "within the one before it" : "after a gap") + $", which ends at {end}.");
            }

            end = placeEnd;
        }

        if (end != dataLength)
        {
            throw FileErrors.Invalid(origin, $"its tensors take {end} bytes, but the file holds {dataLength} after its header"
                + (dataLength < end ? " (is it cut off?)." : "."));
        }
    }
}
