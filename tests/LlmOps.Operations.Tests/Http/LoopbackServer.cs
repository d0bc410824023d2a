using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmOps.Operations.Tests.Http;

/// <summary>A request as it came over the wire.</summary>
internal sealed record Request(string Path, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>First and last byte of the range that is asked for.</summary>
    public (long From, long To)? Range
    {
        get
        {
            if (!Headers.TryGetValue("Range", out string? range))
            {
                return null;
            }

            string[] ends = range["bytes=".Length..].Split('-');
            return (long.Parse(ends[0], CultureInfo.InvariantCulture), long.Parse(ends[1], CultureInfo.InvariantCulture));
        }
    }

    public string? Token => Headers.GetValueOrDefault("Authorization");
}

/// <summary>HTTP over a socket of this machine; what it answers is up to the test, well-formed or not.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Request, Stream, CancellationToken, Task> _answer;
    private readonly Task _accepting;

    public LoopbackServer(Func<Request, Stream, CancellationToken, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public ConcurrentQueue<Request> Requests { get; } = [];

    /// <summary>Bytes of bodies that were written before the client had enough.</summary>
    public long BytesSent;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        _stop.Dispose();
    }

    /// <summary>Writes a response; the connection ends with it.</summary>
    public async Task SendAsync(Stream stream, string status, ReadOnlyMemory<byte> body, string headers = "", long? length = null)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes(FormattableString.Invariant(
            $"HTTP/1.1 {status}\r\nContent-Length: {length ?? body.Length}\r\nConnection: close\r\n{headers}\r\n")), _stop.Token);
        const int piece = 16 << 10;
        for (int i = 0; i < body.Length; i += piece)
        {
            ReadOnlyMemory<byte> part = body.Slice(i, Math.Min(piece, body.Length - i));
            await stream.WriteAsync(part, _stop.Token);
            Interlocked.Add(ref BytesSent, part.Length);
        }
    }

    private async Task AcceptAsync()
    {
        List<Task> serving = [];
        try
        {
            while (true)
            {
                serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                Request request = await ReadAsync(stream);
                Requests.Enqueue(request);
                await _answer(request, stream, _stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The client has left, or the test is over.
            }
        }
    }

    private async Task<Request> ReadAsync(NetworkStream stream)
    {
        StringBuilder text = new();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, _stop.Token);
            text.Append((char)one[0]);
        }

        string[] lines = text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return new Request(lines[0].Split(' ')[1], lines.Skip(1).Select(line => line.Split(": ", 2))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
    }
}
