using System.Collections.Concurrent;
using System.Text;
using LlmOps.Core;
using LlmOps.Operations.Hub;
using LlmOps.Operations.Tests.Http;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>A hub with one repository, on this machine, and a client of it with a cache of its own.</summary>
internal sealed class TestHub : IAsyncDisposable
{
    public const string Repository = "some-org/Some-Model-7B";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";
    public const string Config = """
        {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000, "max_position_embeddings": 512,
         "tie_word_embeddings": false, "torch_dtype": "bfloat16", "_name_or_path": "/home/trainer/run-17"}
        """;

    private readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("llmops-hub-");

    public TestHub() => Server = new LoopbackServer(AnswerAsync);

    public LoopbackServer Server { get; }

    public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>What is answered instead for a path that ends so; each is used once, in order.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<Func<Request, Stream, CancellationToken, Task>>> Instead { get; } = [];

    /// <summary>What is answered instead for all files.</summary>
    public Func<Request, byte[], Stream, CancellationToken, Task>? Serve { get; set; }

    /// <summary>The description of the revision, where it is not that of the files.</summary>
    public string? Description { get; set; }

    public string CacheFolder => _cache.FullName;

    public IEnumerable<string> FilesAskedFor =>
        Server.Requests.Where(request => request.Path.Contains("/resolve/", StringComparison.Ordinal))
            .Select(request => request.Path[(request.Path.LastIndexOf('/') + 1)..]);

    public static TestHub WithShards()
    {
        TestHub hub = new();
        hub.Files["config.json"] = Encoding.UTF8.GetBytes(Config);
        hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes(
            """{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}""");
        hub.Files["model-00001-of-00002.safetensors"] = Weights.Safetensors(1000, 3 << 20);
        hub.Files["model-00002-of-00002.safetensors"] = Weights.Safetensors(700_000, 5 << 20);
        hub.Files["consolidated.safetensors"] = Weights.Safetensors(100, 1000);
        hub.Files["README.md"] = "text"u8.ToArray();
        return hub;
    }

    public static TestHub WithConfig()
    {
        TestHub hub = new();
        hub.Files["config.json"] = Encoding.UTF8.GetBytes(Config);
        return hub;
    }

    public HubOptions Options(
        string? token = null, bool offline = false, TimeSpan? timeout = null, TimeSpan? revisionLife = null, TimeSpan? longestWait = null) => new()
        {
            Endpoint = new Uri(Server.Address),
            Token = token,
            Offline = offline,
            CacheFolder = CacheFolder,
            Timeout = timeout ?? TimeSpan.FromSeconds(10),
            FirstBackoff = TimeSpan.FromMilliseconds(5),
            RevisionLife = revisionLife ?? TimeSpan.FromMinutes(5),
            LongestWait = longestWait ?? TimeSpan.FromSeconds(5),

            // Nothing listens there: what goes through a proxy fails.
            Proxy = new System.Net.WebProxy("http://127.0.0.1:9"),
        };

    public async Task<HubSnapshot> GetAsync(
        HubOptions? options = null, string repository = Repository, string revision = "main", string? file = null,
        Action<HubProgress>? progress = null, CancellationToken cancel = default)
    {
        using ModelHub client = new(options ?? Options());
        return await client.GetSnapshotAsync(repository, revision, file, progress, cancel);
    }

    public async Task<LlmOpsException> RefusedAsync(
        string id, HubOptions? options = null, string repository = Repository, string revision = "main", string? file = null)
    {
        LlmOpsException e = await Assert.ThrowsAsync<LlmOpsException>(() => GetAsync(options, repository, revision, file));
        Assert.Equal(id, e.ErrorId);
        return e;
    }

    /// <summary>Answers the next request for that path in another way.</summary>
    public void Once(string pathEnd, string status, string headers = "", string body = "", int times = 1)
    {
        for (int i = 0; i < times; i++)
        {
            Once(pathEnd, (_, stream, _) => Server.SendAsync(stream, status, Encoding.UTF8.GetBytes(body), headers));
        }
    }

    public void Once(string pathEnd, Func<Request, Stream, CancellationToken, Task> answer) =>
        Instead.GetOrAdd(pathEnd, _ => []).Enqueue(answer);

    public Task SendPartAsync(Request request, byte[] content, Stream stream)
    {
        if (request.Range is not { } range)
        {
            return Server.SendAsync(stream, "200 OK", content);
        }

        long to = Math.Min(range.To, content.Length - 1);
        return Server.SendAsync(stream, "206 Partial Content", content.AsMemory((int)range.From, (int)(to - range.From + 1)),
            FormattableString.Invariant($"Content-Range: bytes {range.From}-{to}/{content.Length}\r\n"));
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _cache.Delete(recursive: true);
    }

    private async Task AnswerAsync(Request request, Stream stream, CancellationToken stop)
    {
        foreach ((string pathEnd, var answers) in Instead)
        {
            if (request.Path.EndsWith(pathEnd, StringComparison.Ordinal)
                && answers.TryDequeue(out Func<Request, Stream, CancellationToken, Task>? answer))
            {
                await answer(request, stream, stop);
                return;
            }
        }

        string resolve = $"/{Repository}/resolve/{Commit}/";
        string api = $"/api/models/{Repository}/revision/";
        if (request.Path == api + "main" || request.Path == api + Commit)
        {
            string siblings = string.Join(',', Files.Keys.Select(name => $$"""{"rfilename": "{{name}}"}"""));
            await Server.SendAsync(stream, "200 OK", Encoding.UTF8.GetBytes(
                Description ?? $$"""{"sha": "{{Commit}}", "siblings": [{{siblings}}], "gated": false}"""));
        }
        else if (request.Path.StartsWith(resolve, StringComparison.Ordinal)
            && Files.TryGetValue(Uri.UnescapeDataString(request.Path[resolve.Length..]), out byte[]? content))
        {
            await (Serve?.Invoke(request, content, stream, stop) ?? SendPartAsync(request, content, stream));
        }
        else
        {
            await Server.SendAsync(stream, "404 Not Found", "nothing"u8.ToArray());
        }
    }
}
