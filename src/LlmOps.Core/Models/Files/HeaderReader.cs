using System.Buffers.Binary;
using System.Text;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// Reads little-endian values from the start of a file. Bytes are fetched ahead only as far as the header is certain to
/// go, so that none past its end is ever asked for.
/// </summary>
internal sealed class HeaderReader
{
    /// <summary>Far above real headers, whose largest part, a vocabulary with its merges, has some 20 MB.</summary>
    public const long MaximumHeaderBytes = 1L << 28;

    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    private readonly Stream _stream;
    private readonly string _origin;
    private readonly long _fileLength;
    private readonly byte[] _buffer = new byte[32 * 1024];
    private int _start;
    private int _end;
    private long _fetched;
    private long _certain;

    public HeaderReader(Stream stream, long fileLength, string origin) =>
        (_stream, _fileLength, _origin) = (stream, fileLength, origin);

    /// <summary>Bytes read so far.</summary>
    public long Position => _fetched - (_end - _start);

    /// <summary>Bytes of the file, as claimed, from here on.</summary>
    public long Remaining => _fileLength - Position;

    /// <summary>Checks a claimed number of items against what the rest of the file could hold.</summary>
    /// <param name="count">The claim.</param>
    /// <param name="smallest">Bytes that an item takes at least.</param>
    /// <param name="what">What they are, for the error.</param>
    /// <param name="key">The key that they are in, for the error.</param>
    public long Count(ulong count, int smallest, string what, string? key = null)
    {
        if (count <= (ulong)Math.Max(0, Remaining) / (ulong)smallest)
        {
            return (long)count;
        }

        string place = key is null ? "" : $" in '{FileErrors.Shown(key)}'";
        throw Invalid($"it claims {count} {what}{place}, but only {Math.Max(0, Remaining)} bytes follow (is it cut off?).");
    }

    /// <summary>Says that at least so many bytes from here on belong to the header.</summary>
    public void Expect(long bytes) => _certain = Math.Max(_certain, Position + Math.Min(bytes, MaximumHeaderBytes));

    public byte Byte() => Take(1)[0];

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    /// <summary>A few bytes, at most a hundred; valid until the next call.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        Ensure(count);
        ReadOnlySpan<byte> taken = _buffer.AsSpan(_start, count);
        _start += count;
        return taken;
    }

    /// <summary>A string with its length before it.</summary>
    /// <param name="longest">Bytes that it may have.</param>
    /// <param name="what">What it is, for the error.</param>
    public string String(int longest, string what)
    {
        long length = Count(UInt64(), 1, "bytes", what);
        if (length > longest)
        {
            throw Invalid($"it claims {length} bytes of {what}; at most {longest} are read.");
        }

        Expect(length);
        try
        {
            return s_strict.GetString(Take((int)length));
        }
        catch (ArgumentException e)
        {
            throw Invalid($"{what} is not valid UTF-8.", e);
        }
    }

    /// <summary>Passes over bytes of the header by reading them: a stream need not be able to seek.</summary>
    public void Skip(long bytes)
    {
        Expect(bytes);
        while (bytes > 0)
        {
            Ensure((int)Math.Min(bytes, _start < _end ? _end - _start : 1));
            int passed = (int)Math.Min(bytes, _end - _start);
            _start += passed;
            bytes -= passed;
        }
    }

    public LlmOpsException Invalid(string problem, Exception? inner = null) => FileErrors.Invalid(_origin, problem, inner);

    private void Ensure(int count)
    {
        if (_end - _start >= count)
        {
            return;
        }

        if (count > Remaining)
        {
            throw Invalid($"the file ends within its header, at byte {_fileLength}.");
        }

        if (Position > MaximumHeaderBytes)
        {
            throw Invalid($"its header is longer than {MaximumHeaderBytes} bytes.");
        }

        Expect(count);
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        while (_end < count)
        {
            long wanted = Math.Min(_buffer.Length - _end, Math.Min(_certain, _fileLength) - _fetched);
            int read = _stream.Read(_buffer, _end, (int)wanted);
            if (read <= 0)
            {
                throw Invalid($"it ends within its header, at byte {_fetched}.");
            }

            _end += read;
            _fetched += read;
        }
    }
}
