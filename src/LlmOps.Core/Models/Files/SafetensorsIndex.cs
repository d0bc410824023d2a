using System.Text.Json;

namespace LlmOps.Core.Models.Files;

/// <summary>The list of a model's safetensors files: which tensor lies in which (<c>model.safetensors.index.json</c>).</summary>
internal sealed class SafetensorsIndex
{
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Far above real ones: 100,000 tensors take about 12 MB.</summary>
    public const long MaximumBytes = SafetensorsHeader.MaximumBytes;

    private const int LongestName = 255;

    private SafetensorsIndex(IReadOnlyList<string> shards, int tensorCount, long? totalBytes) =>
        (Shards, TensorCount, TotalBytes) = (shards, tensorCount, totalBytes);

    /// <summary>The files, in the order of their first tensors.</summary>
    public IReadOnlyList<string> Shards { get; }

    public int TensorCount { get; }

    /// <summary>Bytes of all tensors; null where the index does not say.</summary>
    public long? TotalBytes { get; }

    /// <param name="stream">The file, read to its end.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="origin">What errors call it.</param>
    /// <exception cref="LlmOpsException">It is no index.</exception>
    public static SafetensorsIndex Read(Stream stream, long length, string origin)
    {
        if (length > MaximumBytes)
        {
            throw FileErrors.Invalid(origin, $"the index has {length} bytes; at most {MaximumBytes} are read.");
        }

        JsonTokens json = new(stream, length, origin);
        if (json.Next() != JsonTokenType.StartObject)
        {
            throw FileErrors.Invalid(origin, "the index is no JSON object.");
        }

        long? totalBytes = null;
        List<string>? shards = null;
        int tensorCount = 0;
        while (json.Next() != JsonTokenType.EndObject)
        {
            bool isMap = json.Is("weight_map"u8), isMetadata = json.Is("metadata"u8);
            json.Next();
            if (isMap)
            {
                shards = shards is null ? ReadMap(json, origin, out tensorCount) : throw FileErrors.Invalid(origin, "it has 'weight_map' twice.");
            }
            else if (isMetadata && json.Type == JsonTokenType.StartObject)
            {
                totalBytes = ReadTotal(json) ?? totalBytes;
            }
            else
            {
                json.SkipValue();
            }
        }

        if (json.Read())
        {
            throw FileErrors.Invalid(origin, "the index goes on after the JSON object.");
        }

        return shards is { Count: > 0 }
            ? new SafetensorsIndex(shards, tensorCount, totalBytes)
            : throw FileErrors.Invalid(origin, "the index has no 'weight_map'.");
    }

    private static List<string> ReadMap(JsonTokens json, string origin, out int tensorCount)
    {
        tensorCount = 0;
        if (json.Type != JsonTokenType.StartObject)
        {
            throw FileErrors.Invalid(origin, "its 'weight_map' is no object.");
        }

        List<string> shards = [];
        HashSet<string> known = new(StringComparer.Ordinal);
        HashSet<string> tensors = new(StringComparer.Ordinal);
        byte[] last = [];
        while (json.Next() != JsonTokenType.EndObject)
        {
            string tensor = json.Text();
            if (!tensors.Add(tensor))
            {
                throw FileErrors.Invalid(origin, $"it has the tensor '{FileErrors.Shown(tensor)}' twice.");
            }

            if (json.Next() != JsonTokenType.String)
            {
                throw FileErrors.Invalid(origin, $"the file of '{FileErrors.Shown(tensor)}' is no string.");
            }

            tensorCount++;

            // Neighbours mostly lie in the same file; its name is made only where it changes.
            if (json.Raw.SequenceEqual(last))
            {
                continue;
            }

            last = json.Raw.ToArray();
            string shard = json.Text();
            if (!IsPlainName(shard))
            {
                throw FileErrors.Invalid(origin, $"'{FileErrors.Shown(shard)}' is no name of a file beside the index.");
            }

            if (known.Add(shard))
            {
                shards.Add(shard);
            }
        }

        return shards;
    }

    /// <summary>A name that leads nowhere else: an index must not make a reader open other files of the machine.</summary>
    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= LongestName && name is not ("." or "..") && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    private static long? ReadTotal(JsonTokens json)
    {
        long? total = null;
        while (json.Next() != JsonTokenType.EndObject)
        {
            bool isTotal = json.Is("total_size"u8);
            json.Next();
            total = isTotal && json.TryGetCount(out long value) ? value : total;
            json.SkipValue();
        }

        return total;
    }
}
