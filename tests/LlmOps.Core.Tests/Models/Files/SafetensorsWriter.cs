using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace LlmOps.Core.Tests.Models.Files;

/// <summary>Writes safetensors headers as the format describes them.</summary>
internal sealed class SafetensorsWriter
{
    private readonly JsonObject _header = [];
    private long _end;

    public SafetensorsWriter Tensor(string name, string type, int bits, params long[] shape)
    {
        long bytes = shape.Aggregate(1L, (a, b) => a * b) * bits / 8;
        _header[name] = new JsonObject
        {
            ["dtype"] = type,
            ["shape"] = new JsonArray([.. shape.Select(d => (JsonNode)d)]),
            ["data_offsets"] = new JsonArray(_end, _end + bytes),
        };
        _end += bytes;
        return this;
    }

    public SafetensorsWriter Metadata(string key, string value)
    {
        _header["__metadata__"] = new JsonObject { [key] = value };
        return this;
    }

    public byte[] Header() => Header(_header.ToJsonString());

    public long FileLength(byte[] header) => header.Length + _end;

    public static byte[] Header(string json)
    {
        byte[] text = Encoding.UTF8.GetBytes(json);
        byte[] header = new byte[8 + text.Length];
        BinaryPrimitives.WriteInt64LittleEndian(header, text.Length);
        text.CopyTo(header, 8);
        return header;
    }
}
