using LlmOps.Core;
using LlmOps.Operations.Hub;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>What was fetched is not fetched again, and is never believed blindly.</summary>
public sealed class CacheTests
{
    [Fact]
    public async Task A_second_call_asks_for_nothing()
    {
        await using TestHub hub = TestHub.WithShards();
        HubSnapshot first = await hub.GetAsync();
        int requests = hub.Server.Requests.Count;

        HubSnapshot second = await hub.GetAsync();

        Assert.Equal(requests, hub.Server.Requests.Count);
        Assert.Equal(first.Files, second.Files);
    }

    [Fact]
    public async Task Once_the_revision_is_old_only_it_is_asked_for()
    {
        await using TestHub hub = TestHub.WithShards();
        HubOptions options = hub.Options(revisionLife: TimeSpan.Zero);
        await hub.GetAsync(options);
        int requests = hub.Server.Requests.Count;

        await hub.GetAsync(options);
        Assert.Equal(requests + 1, hub.Server.Requests.Count);

        await hub.GetAsync(options, revision: TestHub.Commit);
        Assert.Equal(requests + 1, hub.Server.Requests.Count);
    }

    [Fact]
    public async Task Offline_what_was_fetched_is_read_and_nothing_is_asked_for()
    {
        await using TestHub hub = TestHub.WithShards();
        HubOptions offline = hub.Options(offline: true, revisionLife: TimeSpan.Zero);

        LlmOpsException e = await hub.RefusedAsync("HubOffline", offline);
        Assert.Contains(TestHub.Repository, e.Message, StringComparison.Ordinal);
        Assert.Empty(hub.Server.Requests);

        await hub.GetAsync();
        int requests = hub.Server.Requests.Count;
        Assert.Equal(4, (await hub.GetAsync(offline)).Files.Count);
        await hub.RefusedAsync("HubOffline", offline, revision: "other");
        await hub.RefusedAsync("HubOffline", offline, file: "consolidated*");
        Assert.Equal(requests, hub.Server.Requests.Count);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData(null)]
    public async Task A_damaged_file_is_fetched_again_and_it_alone(string? damage)
    {
        await using TestHub hub = TestHub.WithShards();
        HubFile shard = (await hub.GetAsync()).Find("model-00001-of-00002.safetensors")!;
        int requests = hub.Server.Requests.Count;
        if (damage is null)
        {
            File.Delete(shard.LocalPath);
        }
        else
        {
            byte[] content = File.ReadAllBytes(shard.LocalPath);
            content[500] ^= 1;
            File.WriteAllBytes(shard.LocalPath, damage.Length == 0 ? [] : content);
        }

        await hub.RefusedAsync("HubOffline", hub.Options(offline: true));
        await hub.GetAsync();

        Assert.Equal(requests + 1, hub.Server.Requests.Count);
        Assert.Equal(hub.Files[shard.Path][..1008], File.ReadAllBytes(shard.LocalPath));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"Format": 99}""")]
    [InlineData("""{"Format": 1, "Commit": "0123456789abcdef0123456789abcdef01234567", "Listing": [null, "../../x.gguf"], "Files": {"config.json": null}}""")]
    public async Task A_damaged_manifest_is_made_anew(string damage)
    {
        await using TestHub hub = TestHub.WithShards();
        await hub.GetAsync();
        foreach (string json in Directory.GetFiles(hub.CacheFolder, "*.json", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) is "snapshot.json" or "main.json"))
        {
            File.WriteAllText(json, damage);
        }

        Assert.Equal(4, (await hub.GetAsync()).Files.Count);
        Assert.Equal(4, (await hub.GetAsync(hub.Options(offline: true))).Files.Count);
    }

    [Fact]
    public async Task Calls_at_the_same_time_all_succeed()
    {
        await using TestHub hub = TestHub.WithShards();

        HubSnapshot[] snapshots = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(() => hub.GetAsync())));

        Assert.All(snapshots, snapshot => Assert.Equal(snapshots[0].Files, snapshot.Files));
        Assert.All(snapshots[0].Files, file =>
            Assert.Equal(hub.Files[file.Path][..(int)file.StoredLength], File.ReadAllBytes(file.LocalPath)));
        Assert.Empty(Directory.EnumerateFiles(hub.CacheFolder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_named()
    {
        await using TestHub hub = TestHub.WithConfig();
        string file = Path.Combine(hub.CacheFolder, "file");
        File.WriteAllText(file, "");
        HubOptions options = new() { Endpoint = new Uri(hub.Server.Address), CacheFolder = file };

        LlmOpsException e = await hub.RefusedAsync("HubCacheFailed", options);

        Assert.Contains("LLMOPS_CACHE", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://huggingface.co", "huggingface.co")]
    [InlineData("http://127.0.0.1:5000", "http_127.0.0.1_5000")]
    [InlineData("https://hub.example.com/api/models", "hub.example.com%2Fapi%2Fmodels")]
    [InlineData("http://[::1]:81/", "http_%3A%3A1_81")]
    public void Copies_of_different_endpoints_are_kept_apart(string endpoint, string folder) =>
        Assert.Equal(folder, HubOptions.Create(endpoint, environment: _ => null).EndpointFolder);
}
