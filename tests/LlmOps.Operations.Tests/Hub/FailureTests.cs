using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LlmOps.Core;
using LlmOps.Operations.Hub;
using LlmOps.Operations.Tests.Http;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>Failures of a hub: which are tried again, which are reported, and as what.</summary>
public sealed class FailureTests
{
    private const string Secret = "hf_verysecret";

    [Fact]
    public async Task The_token_goes_to_the_endpoint_and_not_to_where_it_redirects()
    {
        await using TestHub hub = TestHub.WithShards();
        LoopbackServer storage = null!;
        storage = new LoopbackServer((request, stream, _) =>
        {
            byte[] content = hub.Files[request.Path.Split('?')[0][1..]];
            (long from, long to) = request.Range ?? (0, content.Length - 1);
            to = Math.Min(to, content.Length - 1);
            return storage.SendAsync(stream, request.Range is null ? "200 OK" : "206 Partial Content",
                content.AsMemory((int)from, (int)(to - from + 1)),
                FormattableString.Invariant($"Content-Range: bytes {from}-{to}/{content.Length}\r\n"));
        });
        await using LoopbackServer disposed = storage;
        hub.Serve = (request, _, stream, _) => hub.Server.SendAsync(stream, "302 Found", default,
            $"Location: {storage.Address}/{request.Path[(request.Path.LastIndexOf('/') + 1)..]}?signature=abc\r\n");

        HubSnapshot snapshot = await hub.GetAsync(hub.Options(Secret));

        Assert.Equal([1008, 700_008], snapshot.Files.Skip(2).Select(file => file.StoredLength));
        Assert.All(hub.Server.Requests, request => Assert.Equal($"Bearer {Secret}", request.Token));
        Assert.Equal(5, storage.Requests.Count);
        Assert.All(storage.Requests, request => Assert.Null(request.Token));
    }

    [Fact]
    public async Task A_relative_redirect_keeps_the_token()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("/revision/main", "307 Temporary Redirect", $"Location: /api/models/{TestHub.Repository}/revision/{TestHub.Commit}\r\n");

        await hub.GetAsync(hub.Options(Secret));

        Assert.Equal(3, hub.Server.Requests.Count);
        Assert.All(hub.Server.Requests, request => Assert.Equal($"Bearer {Secret}", request.Token));
    }

    [Theory]
    [InlineData("config.json", "more than 5 times")]
    [InlineData("ftp://127.0.0.1/config.json", "no address")]
    [InlineData("http://user:password@127.0.0.1/", "no address")]
    [InlineData("", "no address")]
    public async Task Redirects_that_lead_nowhere_are_refused(string location, string reason)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", "302 Found", location.Length == 0 ? "" : $"Location: {location}\r\n", times: 10);

        Assert.Contains(reason, (await hub.RefusedAsync("HubResponseInvalid")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://cdn.example.com/x", "from https to http")]
    [InlineData("https://127.0.0.1/x", "to this machine")]
    [InlineData("http://localhost:8080/x", "to this machine")]
    public void A_redirect_to_less_safe_places_is_refused(string location, string reason)
    {
        using HubHttp http = new(HubOptions.Create("https://hub.example.com", environment: _ => null));
        HubSubject subject = new(RepositoryId.Parse(TestHub.Repository), "main");

        LlmOpsException e = Assert.Throws<LlmOpsException>(
            () => http.Redirected(new Uri("https://hub.example.com/x"), new Uri(location), subject));

        Assert.Equal("HubResponseInvalid", e.ErrorId);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "")]
    [InlineData(401, "X-Error-Code: GatedRepo\r\n")]
    [InlineData(403, "X-Error-Code: GatedRepo\r\n")]
    [InlineData(403, "")]
    public async Task What_a_token_is_needed_for_says_so_and_does_not_show_it(int status, string headers)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", $"{status} No", headers, times: 2);

        LlmOpsException e = await hub.RefusedAsync("HubUnauthorized");
        Assert.Contains("No token was given", e.Message, StringComparison.Ordinal);
        Assert.Contains("-Token", e.Message, StringComparison.Ordinal);
        Assert.Contains("HF_TOKEN", e.Message, StringComparison.Ordinal);
        Assert.Contains("gated", e.Message, StringComparison.Ordinal);
        Assert.Equal((ErrorKind.AccessDenied, TestHub.Repository), (e.Kind, (string)e.Target!));

        e = await hub.RefusedAsync("HubUnauthorized", hub.Options(Secret));
        Assert.Contains("not enough", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_there_is_not_names_what_there_may_be()
    {
        await using TestHub hub = TestHub.WithConfig();

        LlmOpsException e = await hub.RefusedAsync("HubNotFound", repository: "meta-lama/Llama-2-7b-hf");
        Assert.Contains("Did you mean meta-llama/Llama-2-7b-hf?", e.Message, StringComparison.Ordinal);
        Assert.Equal((ErrorKind.NotFound, "meta-lama/Llama-2-7b-hf"), (e.Kind, (string)e.Target!));

        e = await hub.RefusedAsync("HubNotFound", revision: "refs/pr/7");
        Assert.Contains("'refs/pr/7'", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("/revision/refs%2Fpr%2F7", hub.Server.Requests.Last().Path, StringComparison.Ordinal);

        hub.Once("/revision/nosuch", "404 Not Found", "X-Error-Code: RevisionNotFound\r\n");
        e = await hub.RefusedAsync("HubNotFound", revision: "nosuch");
        Assert.Contains("no revision 'nosuch'", e.Message, StringComparison.Ordinal);

        hub.Once("/revision/main", "401 Unauthorized", "X-Error-Code: RepoNotFound\r\n");
        e = await hub.RefusedAsync("HubNotFound");
        Assert.Contains("private", e.Message, StringComparison.Ordinal);

        hub.Once("config.json", "404 Not Found");
        e = await hub.RefusedAsync("HubNotFound");
        Assert.Contains("'config.json'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_long_as_the_hub_asks_for_is_waited()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", "429 Too Many Requests", "Retry-After: 1\r\n");
        Stopwatch watch = Stopwatch.StartNew();

        await hub.GetAsync();

        Assert.Equal(2, hub.FilesAskedFor.Count());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.9, 5);
    }

    [Fact]
    public async Task A_date_to_wait_for_is_understood_and_one_that_has_passed_is_now()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("/revision/main", "503 Service Unavailable", $"Retry-After: {DateTimeOffset.UtcNow.AddDays(-1):R}\r\n");
        hub.Once("config.json", "503 Service Unavailable", $"Retry-After: {DateTimeOffset.UtcNow.AddSeconds(2):R}\r\n");
        Stopwatch watch = Stopwatch.StartNew();

        await hub.GetAsync();

        Assert.Equal(4, hub.Server.Requests.Count);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.5, 5);
    }

    [Fact]
    public async Task A_wait_beyond_all_patience_is_reported_at_once()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", "429 Too Many Requests", "Retry-After: 86400\r\n");
        Stopwatch watch = Stopwatch.StartNew();

        LlmOpsException e = await hub.RefusedAsync("HubRateLimited");

        Assert.Contains("86400 seconds", e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Unavailable, e.Kind);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
    }

    [Fact]
    public async Task A_failure_that_passes_is_not_seen()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("/revision/main", "500 Oops", times: 2);
        hub.Once("config.json", "502 Oops");

        await hub.GetAsync();

        Assert.Equal(5, hub.Server.Requests.Count);
    }

    [Theory]
    [InlineData("500 Oops", "HubUnavailable")]
    [InlineData("503 Busy", "HubUnavailable")]
    [InlineData("429 Too Many Requests", "HubRateLimited")]
    public async Task A_failure_that_does_not_pass_is_reported_after_four_tries(string status, string id)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", status, times: 10);

        await hub.RefusedAsync(id);

        Assert.Equal(4, hub.FilesAskedFor.Count());
    }

    [Theory]
    [InlineData("418 Teapot")]
    [InlineData("204 No Content")]
    [InlineData("206 Partial Content")]
    [InlineData("304 Not Modified")]
    [InlineData("400 Bad Request")]
    public async Task An_answer_that_makes_no_sense_is_reported_at_once(string status)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", status, times: 10);

        await hub.RefusedAsync("HubResponseInvalid");

        Assert.Single(hub.FilesAskedFor);
    }

    [Theory]
    [InlineData("bytes 0-99/1000")]
    [InlineData("bytes 1-262144/9999999")]
    [InlineData("bytes 0-9999998/9999999")]
    [InlineData("bytes 0-262143/*")]
    [InlineData("bytes */9999999")]
    [InlineData("items 0-262143/9999999")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task A_part_that_was_not_asked_for_is_refused(string? range)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Files["model.safetensors"] = Weights.Safetensors(100, 9_000_000);
        hub.Once("model.safetensors", (_, stream, _) => hub.Server.SendAsync(stream, "206 Partial Content",
            hub.Files["model.safetensors"].AsMemory(0, 262_144), range is null ? "" : $"Content-Range: {range}\r\n"));

        await hub.RefusedAsync("HubResponseInvalid");
    }

    [Fact]
    public async Task A_file_that_changes_its_length_is_refused()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Files["model.safetensors"] = Weights.Safetensors(500_000, 9_000_000);
        hub.Once("model.safetensors", (request, stream, _) => hub.SendPartAsync(request, Weights.Safetensors(500_000, 8_000_000), stream));

        await hub.RefusedAsync("HubResponseInvalid");
    }

    [Fact]
    public async Task A_connection_that_ends_early_is_made_again_for_what_is_missing()
    {
        await using TestHub hub = TestHub.WithConfig();
        byte[] weights = hub.Files["model.safetensors"] = Weights.Safetensors(200_000, 9_000_000);
        hub.Once("model.safetensors", (_, stream, _) => hub.Server.SendAsync(stream, "206 Partial Content",
            weights.AsMemory(0, 1000), FormattableString.Invariant($"Content-Range: bytes 0-262143/{weights.Length}\r\n"), 262_144));
        hub.Once("config.json", (_, stream, _) => hub.Server.SendAsync(stream, "200 OK", hub.Files["config.json"].AsMemory(0, 50), "", 500));

        HubSnapshot snapshot = await hub.GetAsync();

        Assert.Equal(weights[..200_008], File.ReadAllBytes(snapshot.Find("model.safetensors")!.LocalPath));
        Assert.Equal(1000, hub.Server.Requests.Last().Range!.Value.From);
    }

    [Fact]
    public async Task A_body_that_is_always_cut_short_is_refused_and_leaves_nothing_behind()
    {
        await using TestHub hub = TestHub.WithConfig();
        for (int i = 0; i < 10; i++)
        {
            hub.Once("config.json", (_, stream, _) => hub.Server.SendAsync(stream, "200 OK", hub.Files["config.json"].AsMemory(0, 50), "", 500));
        }

        await hub.RefusedAsync("HubResponseInvalid");

        Assert.Equal(4, hub.FilesAskedFor.Count());
        Assert.DoesNotContain(Directory.EnumerateFiles(hub.CacheFolder, "*", SearchOption.AllDirectories),
            file => file.EndsWith("config.json", StringComparison.Ordinal) || file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_hangs_or_drips_is_given_up(bool drips)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Serve = async (_, _, stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"u8.ToArray(), stop);
            while (true)
            {
                await stream.WriteAsync(drips ? " "u8.ToArray() : default, stop);
                await Task.Delay(50, stop);
            }
        };
        Stopwatch watch = Stopwatch.StartNew();

        LlmOpsException e = await hub.RefusedAsync("HubTimeout", hub.Options(timeout: TimeSpan.FromSeconds(0.4)));

        Assert.Contains("0.4 seconds", e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Timeout, e.Kind);
        Assert.Equal(2, hub.FilesAskedFor.Count());
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.7, 5);
    }

    [Fact]
    public async Task A_hub_that_is_not_there_cannot_be_reached()
    {
        TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        int port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await using TestHub hub = TestHub.WithConfig();
        HubOptions options = new()
        {
            Endpoint = new Uri($"http://127.0.0.1:{port}"),
            CacheFolder = hub.CacheFolder,
            FirstBackoff = TimeSpan.FromMilliseconds(5),
        };

        LlmOpsException e = await hub.RefusedAsync("HubUnreachable", options);

        Assert.Contains($"127.0.0.1:{port}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_HTTP_is_refused()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("/revision/main", async (_, stream, stop) => await stream.WriteAsync("SSH-2.0-OpenSSH\r\n\r\n"u8.ToArray(), stop));

        await hub.RefusedAsync("HubResponseInvalid");
    }

    [Fact]
    public async Task Cancelling_ends_everything_within_a_second()
    {
        await using TestHub hub = TestHub.WithShards();
        hub.Serve = (_, _, _, stop) => Task.Delay(Timeout.Infinite, stop);
        using CancellationTokenSource cancel = new();
        Task<HubSnapshot> running = hub.GetAsync(cancel: cancel.Token);
        while (!hub.FilesAskedFor.Any())
        {
            await Task.Delay(5);
        }

        Stopwatch watch = Stopwatch.StartNew();
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 1);
    }

    [Fact]
    public async Task Cancelling_ends_a_wait_too()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", "429 Too Many Requests", "Retry-After: 4\r\n");
        using CancellationTokenSource cancel = new(TimeSpan.FromSeconds(0.5));
        Stopwatch watch = Stopwatch.StartNew();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hub.GetAsync(cancel: cancel.Token));

        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 2);
    }
}
