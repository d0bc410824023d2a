using System.Text;

namespace LlmOps.Core.Calibration;

/// <summary>
/// The lines of a text of any size and kind, in bounded memory: UTF-8, or UTF-16 and UTF-32 by their marks; what is not valid
/// is replaced. A carriage return ends a line on the screen, as progress bars use it, but only a line feed counts.
/// </summary>
internal sealed class LogLines(Stream stream) : IDisposable
{
    private readonly StreamReader _reader = new(stream, Encoding.UTF8, detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16);
    private readonly char[] _buffer = new char[1 << 16];
    private readonly char[] _line = new char[ServerLogReader.MaximumLineLength];
    private int _start;
    private int _end;
    private bool _hasLineFeed;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public long Number { get; private set; } = 1;

    /// <summary>Reads the next line, or the beginning of one that is too long.</summary>
    /// <returns>False at the end.</returns>
    public bool Read(CancellationToken stop, out ReadOnlySpan<char> line)
    {
        Number += _hasLineFeed ? 1 : 0;
        _hasLineFeed = false;
        int length = 0;
        while (true)
        {
            if (_start == _end)
            {
                stop.ThrowIfCancellationRequested();
                _start = 0;
                _end = _reader.Read(_buffer);
                if (_end == 0)
                {
                    line = _line.AsSpan(0, length);
                    return length > 0;
                }
            }

            ReadOnlySpan<char> rest = _buffer.AsSpan(_start, _end - _start);
            int end = rest.IndexOfAny('\n', '\r');
            ReadOnlySpan<char> part = end < 0 ? rest : rest[..end];
            length += CopyText(part, _line.AsSpan(length));
            _start += end < 0 ? rest.Length : end + 1;
            if (end >= 0)
            {
                _hasLineFeed = rest[end] == '\n';
                line = _line.AsSpan(0, length);
                return true;
            }
        }
    }

    // Without zeros: they are the other half of UTF-16 that came without its mark.
    private static int CopyText(ReadOnlySpan<char> part, Span<char> room)
    {
        if (!part.Contains('\0'))
        {
            part = part[..Math.Min(part.Length, room.Length)];
            part.CopyTo(room);
            return part.Length;
        }

        int length = 0;
        foreach (char c in part)
        {
            if (c != '\0' && length < room.Length)
            {
                room[length++] = c;
            }
        }

        return length;
    }

    public void Dispose() => _reader.Dispose();
}
