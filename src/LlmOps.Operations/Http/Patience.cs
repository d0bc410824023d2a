namespace LlmOps.Operations.Http;

/// <summary>Cancels when nothing worth the name arrives for a while, or when the caller gives up.</summary>
internal sealed class Patience : IDisposable
{
    // A server that drips single bytes is as good as one that hangs.
    private const int LeastBytes = 1024;
    private const int BufferBytes = 64 << 10;

    private readonly CancellationTokenSource _source;
    private readonly TimeSpan _limit;
    private int _received;

    public Patience(TimeSpan limit, CancellationToken caller)
    {
        _limit = limit;
        _source = CancellationTokenSource.CreateLinkedTokenSource(caller);
        _source.CancelAfter(limit);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose() => _source.Dispose();

    /// <summary>Reads until <paramref name="content"/> has so many bytes, or to the end.</summary>
    public async Task ReadAsync(Stream body, MemoryStream content, long until)
    {
        // Grows with what arrives, never with what is claimed.
        byte[] buffer = new byte[BufferBytes];
        while (content.Length < until)
        {
            int most = (int)Math.Min(buffer.Length, until - content.Length);
            int read = await body.ReadAsync(buffer.AsMemory(0, most), Token).ConfigureAwait(false);
            if (read == 0)
            {
                return;
            }

            content.Write(buffer, 0, read);
            Received(read);
        }
    }

    private void Received(int bytes)
    {
        _received += bytes;
        if (_received >= LeastBytes)
        {
            _received = 0;
            _source.CancelAfter(_limit);
        }
    }
}
