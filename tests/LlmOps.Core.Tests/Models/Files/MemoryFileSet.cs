using LlmOps.Core.Models.Files;

namespace LlmOps.Core.Tests.Models.Files;

/// <summary>Files of which only the first bytes are at hand, as a cache of headers keeps them.</summary>
internal sealed class MemoryFileSet : IModelFileSet
{
    private readonly Dictionary<string, (byte[] Start, long Length)> _files = new(StringComparer.Ordinal);

    /// <summary>Whether asking for a byte past what is at hand fails; else the stream just ends there.</summary>
    public bool FailsPastHeader { get; init; } = true;

    public string Origin => "memory";

    public IReadOnlyCollection<string> Names => _files.Keys;

    public MemoryFileSet Add(string name, byte[] start, long? length = null)
    {
        _files[name] = (start, length ?? start.Length);
        return this;
    }

    public string OriginOf(string name) => $"memory/{name}";

    public long Length(string name) => _files[name].Length;

    public Stream Open(string name) => new HeaderOnlyStream(
        _files[name].Start, throwPastEnd: FailsPastHeader && _files[name].Length > _files[name].Start.Length);
}

/// <summary>A stream that cannot seek and, where told so, fails when one byte past the header is asked for.</summary>
internal sealed class HeaderOnlyStream(byte[] header, bool throwPastEnd) : ForwardStream
{
    private int _position;

    public override int Read(Span<byte> buffer)
    {
        if (throwPastEnd && _position + buffer.Length > header.Length)
        {
            throw new InvalidOperationException($"Asked for byte {_position + buffer.Length} of a header of {header.Length}.");
        }

        int read = Math.Min(buffer.Length, header.Length - _position);
        header.AsSpan(_position, read).CopyTo(buffer);
        _position += read;
        return read;
    }
}
