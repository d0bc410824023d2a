using System.Diagnostics;
using System.Text;
using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Tests.Http;

/// <summary>What is tried again, how often and when; what is an error at once.</summary>
public sealed class PatientClientTests
{
    private delegate Task Answer(LoopbackServer server, Stream stream, CancellationToken stop);

    private static Answer Status(string status, string headers = "") => (server, stream, _) => server.SendAsync(stream, status, default, headers);

    private static Answer Good { get; } = (server, stream, _) => server.SendAsync(stream, "200 OK", "fine"u8.ToArray());

    private static Answer CutOff { get; } = (server, stream, _) => server.SendAsync(stream, "200 OK", "fi"u8.ToArray(), length: 4);

    private static Answer Silence { get; } = (_, _, stop) => Task.Delay(Timeout.Infinite, stop);

    public static TheoryData<string, string, int> Failures => new()
    {
        { "500 Oops", "failing 500", 4 },
        { "599 Oops", "failing 599", 4 },
        { "408 Request Timeout", "failing 408", 4 },
        { "429 Too Many Requests", "too many ", 4 },
        { "cut off", "invalid", 4 },
        { "silence", "silent", 2 },
        { "nonsense", "invalid", 1 },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_failure_is_reported_after_the_tries_that_its_kind_is_worth(string kind, string report, int tries)
    {
        Answer answer = kind switch
        {
            "cut off" => CutOff,
            "silence" => Silence,
            "nonsense" => async (_, stream, stop) => await stream.WriteAsync("SSH-2.0-OpenSSH\r\n\r\n"u8.ToArray(), stop),
            _ => Status(kind),
        };
        await using Endpoint endpoint = new(answer, answer, answer, answer, answer);

        LlmOpsException e = await Assert.ThrowsAsync<LlmOpsException>(() => endpoint.GetAsync());

        Assert.StartsWith(report, e.Message, StringComparison.Ordinal);
        Assert.Equal(endpoint.Host, e.Target);
        Assert.Equal(tries, endpoint.RequestCount);
    }

    [Fact]
    public async Task What_passes_before_is_not_seen()
    {
        await using Endpoint endpoint = new(Status("500 Oops"), CutOff, Status("429 Too Many Requests"), Good);

        Assert.Equal("fine", await endpoint.GetAsync());
        Assert.Equal(4, endpoint.RequestCount);
    }

    [Fact]
    public async Task Other_answers_are_the_callers_to_judge()
    {
        await using Endpoint endpoint = new(Status("404 Not Found"), Good);

        Assert.Equal("404", await endpoint.GetAsync());
        Assert.Equal(1, endpoint.RequestCount);
    }

    [Fact]
    public async Task The_wait_that_a_server_asks_for_is_kept_and_a_date_that_has_passed_is_none()
    {
        await using Endpoint endpoint = new(
            Status("429 Too Many Requests", "Retry-After: 1\r\n"),
            Status("503 Busy", $"Retry-After: {DateTimeOffset.UtcNow.AddDays(-1):R}\r\n"),
            Good);
        Stopwatch watch = Stopwatch.StartNew();

        Assert.Equal("fine", await endpoint.GetAsync());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 5);
    }

    [Theory]
    [InlineData("429 Too Many Requests", "too many 86400")]
    [InlineData("503 Busy", "failing 503")]
    public async Task Who_asks_for_too_long_a_wait_is_reported_at_once(string status, string report)
    {
        await using Endpoint endpoint = new(Status(status, "Retry-After: 86400\r\n"), Good);

        LlmOpsException e = await Assert.ThrowsAsync<LlmOpsException>(() => endpoint.GetAsync());

        Assert.Equal(report, e.Message);
        Assert.Equal(1, endpoint.RequestCount);
    }

    [Fact]
    public async Task Nobody_there_is_said_so()
    {
        await using Endpoint endpoint = new();
        await endpoint.LeaveAsync();

        Assert.Equal("no connection", (await Assert.ThrowsAsync<LlmOpsException>(() => endpoint.GetAsync())).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelling_ends_a_request_and_a_wait(bool waits)
    {
        await using Endpoint endpoint = new(waits ? Status("503 Busy", "Retry-After: 4\r\n") : Silence);
        using CancellationTokenSource cancel = new(TimeSpan.FromSeconds(0.2));
        Stopwatch watch = Stopwatch.StartNew();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => endpoint.GetAsync(cancel.Token));

        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 2);
    }

    /// <summary>A server with one answer for each request, and a client that asks it.</summary>
    private sealed class Endpoint : IAsyncDisposable
    {
        private readonly LoopbackServer _server;
        private readonly PatientClient _client;
        private readonly Uri _uri;
        private bool _hasLeft;

        public Endpoint(params Answer[] answers)
        {
            int next = 0;
            LoopbackServer? server = null;
            server = new LoopbackServer((_, stream, stop) => answers[next++](server!, stream, stop));
            _server = server;
            _uri = new Uri(server.Address);
            _client = new PatientClient(new Options
            {
                Endpoint = _uri,
                Timeout = TimeSpan.FromSeconds(answers.Contains(Silence) && answers.Length > 1 ? 0.2 : 10),
                FirstBackoff = TimeSpan.FromMilliseconds(5),
                LongestWait = TimeSpan.FromSeconds(5),
            });
        }

        public string Host => _uri.Authority;

        public int RequestCount => _server.Requests.Count;

        public Task<string> GetAsync(CancellationToken cancel = default) => _client.GetAsync(
            Host,
            (client, stop) => client.GetAsync(_uri, HttpCompletionOption.ResponseHeadersRead, stop),
            async (response, _, patience) =>
            {
                using MemoryStream content = new();
                await patience.ReadAsync(await response.Content.ReadAsStreamAsync(patience.Token), content, 100);
                return response.IsSuccessStatusCode
                    ? Encoding.ASCII.GetString(content.ToArray())
                    : FormattableString.Invariant($"{(int)response.StatusCode}");
            },
            new Errors(),
            cancel);

        /// <summary>Afterwards nobody answers.</summary>
        public async Task LeaveAsync()
        {
            _hasLeft = true;
            await _server.DisposeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            if (!_hasLeft)
            {
                await LeaveAsync();
            }
        }
    }

    private sealed class Options : EndpointOptions;

    private sealed class Errors : IRequestErrors
    {
        public LlmOpsException Silent(string host, TimeSpan limit) => Of("silent", host);

        public LlmOpsException NoConnection(string host, Exception inner) => Of("no connection", host);

        public LlmOpsException TooMany(string host, TimeSpan? retryAfter) =>
            Of(FormattableString.Invariant($"too many {retryAfter?.TotalSeconds}"), host);

        public LlmOpsException Failing(string host, int status) => Of(FormattableString.Invariant($"failing {status}"), host);

        public LlmOpsException Invalid(string host, string problem, Exception? inner = null) => Of("invalid", host);

        private static LlmOpsException Of(string report, string host) => new("Test", ErrorKind.Unavailable, report, host);
    }
}
