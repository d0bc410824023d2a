using System.Text;
using System.Text.Json;

namespace LlmOps.Core.Models.Files;

/// <summary>
/// The tokens of a JSON document one by one, from a stream of which no more is held than the longest token. Reads no byte
/// past the document's length.
/// </summary>
internal sealed class JsonTokens
{
    private const int FirstBuffer = 64 * 1024;

    private readonly Stream _stream;
    private readonly string _origin;
    private byte[] _buffer;
    private long _unread;
    private int _start;
    private int _end;
    private int _valueStart;
    private int _valueLength;
    private bool _isEscaped;
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 16 });

    /// <param name="stream">Positioned at the document's first byte.</param>
    /// <param name="length">Bytes of the document, as claimed.</param>
    /// <param name="origin">What errors call the file.</param>
    public JsonTokens(Stream stream, long length, string origin)
    {
        _stream = stream;
        _unread = length;
        _origin = origin;
        _buffer = new byte[Math.Min(FirstBuffer, Math.Max(length, 1))];
    }

    public JsonTokenType Type { get; private set; }

    /// <summary>The token's text as it stands in the file, without quotes; valid until the next token.</summary>
    public ReadOnlySpan<byte> Raw => _buffer.AsSpan(_valueStart, _valueLength);

    /// <summary>Goes to the next token; false after the last.</summary>
    public bool Read()
    {
        try
        {
            while (true)
            {
                Utf8JsonReader reader = new(_buffer.AsSpan(_start, _end - _start), _unread == 0, _state);
                if (reader.Read())
                {
                    bool isText = reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName;
                    _valueStart = _start + (int)reader.TokenStartIndex + (isText ? 1 : 0);
                    _valueLength = reader.ValueSpan.Length;
                    _isEscaped = isText && reader.ValueIsEscaped;
                    _start += (int)reader.BytesConsumed;
                    _state = reader.CurrentState;
                    Type = reader.TokenType;
                    return true;
                }

                _start += (int)reader.BytesConsumed;
                _state = reader.CurrentState;
                if (_unread == 0)
                {
                    return false;
                }

                Fill();
            }
        }
        catch (JsonException e)
        {
            throw FileErrors.Invalid(_origin, "its header is not valid JSON (is the file damaged or cut off?).", e);
        }
    }

    /// <summary>Goes to the next token, which must be there.</summary>
    public JsonTokenType Next() =>
        Read() ? Type : throw FileErrors.Invalid(_origin, "its header is cut off.");

    /// <summary>The text of a string or of a property's name.</summary>
    public string Text()
    {
        try
        {
            if (!_isEscaped)
            {
                return s_strict.GetString(Raw);
            }

            Utf8JsonReader reader = new(_buffer.AsSpan(_valueStart - 1, _valueLength + 2));
            reader.Read();
            return reader.GetString()!;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw FileErrors.Invalid(_origin, "a string in its header is not valid Unicode.", e);
        }
    }

    /// <summary>Whether the token is that text, which has nothing to escape.</summary>
    public bool Is(ReadOnlySpan<byte> text) => _isEscaped ? Encoding.UTF8.GetBytes(Text()).AsSpan().SequenceEqual(text) : Raw.SequenceEqual(text);

    /// <summary>A whole number from 0 to 2⁶³ - 1.</summary>
    public bool TryGetCount(out long value) =>
        System.Buffers.Text.Utf8Parser.TryParse(Raw, out value, out int used)
        && Type == JsonTokenType.Number && used == _valueLength && value >= 0;

    /// <summary>Passes over the value that starts with the current token.</summary>
    public void SkipValue()
    {
        int depth = 0;
        do
        {
            depth += Type switch
            {
                JsonTokenType.StartObject or JsonTokenType.StartArray => 1,
                JsonTokenType.EndObject or JsonTokenType.EndArray => -1,
                _ => 0,
            };
        }
        while (depth > 0 && Next() != JsonTokenType.None);
    }

    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    private void Fill()
    {
        int kept = _end - _start;
        if (_start > 0)
        {
            _buffer.AsSpan(_start, kept).CopyTo(_buffer);
            (_start, _end) = (0, kept);
        }
        else if (kept == _buffer.Length)
        {
            // Grown only after it was filled, so that a claimed length allocates nothing.
            Array.Resize(ref _buffer, (int)Math.Min(2L * _buffer.Length, kept + _unread));
        }

        int read = _stream.Read(_buffer, _end, (int)Math.Min(_buffer.Length - _end, _unread));
        if (read <= 0)
        {
            throw FileErrors.Invalid(_origin, $"the file ends within its header, {_unread} bytes early.");
        }

        _end += read;
        _unread -= read;
    }
}
