namespace LlmOps.Operations.Http;

/// <summary>Cancels when nothing worth the name arrives for a while, or when the caller gives up.</summary>
internal sealed class Patience : IDisposable
{
    // A server that drips single bytes is as good as one that hangs.
    private const int LeastBytes = 1024;

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

    public void Received(int bytes)
    {
        _received += bytes;
        if (_received >= LeastBytes)
        {
            _received = 0;
            _source.CancelAfter(_limit);
        }
    }

    public void Dispose() => _source.Dispose();
}
