using System.Text;
using LlmOps.Core;
using LlmOps.Core.Models;
using LlmOps.Operations.Hub;

namespace LlmOps.Operations.Tests.Hub;

/// <summary>What is fetched of a repository, and what is not.</summary>
public sealed class FetchTests
{
    [Fact]
    public async Task Of_shards_the_headers_are_fetched_and_of_small_files_all()
    {
        await using TestHub hub = TestHub.WithShards();

        HubSnapshot snapshot = await hub.GetAsync();

        Assert.Equal(TestHub.Commit, snapshot.Commit);
        Assert.Equal(
            ["config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            snapshot.Files.Select(file => file.Path));
        Assert.Equal([1008, 700_008], snapshot.Files.Skip(2).Select(file => file.StoredLength));
        Assert.All(snapshot.Files, file =>
        {
            byte[] whole = hub.Files[file.Path];
            Assert.Equal(whole.Length, file.Length);
            Assert.Equal(whole[..(int)file.StoredLength], File.ReadAllBytes(file.LocalPath));
        });
        Assert.Equal(3, hub.FilesAskedFor.Count(file => file.StartsWith("model-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_model_is_named_after_the_repository_and_says_which_commit_it_is_from()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Files["model.safetensors"] = Weights.TinyLlama();
        using ModelHub client = new(hub.Options());

        LlmModel model = await client.GetModelAsync(TestHub.Repository);

        Assert.Equal("Some-Model-7B", model.Name);
        Assert.Equal(21, model.Tensors!.Tensors.Length);
        Assert.Empty(model.Notes);
        Assert.Equal(TestHub.Repository, model.Repository);
        Assert.Equal($"{hub.Server.Address}/{TestHub.Repository}@{TestHub.Commit}", model.Source);
        Assert.Equal((2 * 1000 * 64) + (2 * ((2 * 64 * 64) + (2 * 64 * 32) + (3 * 64 * 128) + (2 * 64))) + 64, model.ParameterCount);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(400_000)]
    public async Task Of_a_GGUF_file_exactly_the_header_is_kept(int vocabulary)
    {
        await using TestHub hub = new();
        (int header, hub.Files["sub/model-Q4_K_M.gguf"]) = Weights.Gguf(vocabulary, 20 << 20);

        HubSnapshot snapshot = await hub.GetAsync();

        HubFile file = Assert.Single(snapshot.Files);
        Assert.Equal((header, hub.Files[file.Path].Length), (file.StoredLength, file.Length));
        Assert.InRange(hub.Server.BytesSent, header, Math.Max(3 << 20, 3L * header));
    }

    [Fact]
    public async Task A_GGUF_file_smaller_than_the_first_range_is_read()
    {
        await using TestHub hub = new();
        (int header, hub.Files["model.gguf"]) = Weights.Gguf(3, 10);

        Assert.Equal(header, Assert.Single((await hub.GetAsync()).Files).StoredLength);
    }

    [Fact]
    public async Task Of_several_GGUF_models_one_is_chosen_by_its_file()
    {
        await using TestHub hub = new();
        foreach (string name in new[] { "m-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "mmproj-F16.gguf" })
        {
            (_, hub.Files[name]) = Weights.Gguf(3, 10);
        }

        LlmOpsException e = await hub.RefusedAsync("HubFileAmbiguous");
        Assert.Contains("m-Q4_K_M.gguf, m-Q8_0-00001-of-00002.gguf.", e.Message, StringComparison.Ordinal);
        Assert.Equal(["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"],
            (await hub.GetAsync(file: "*q8_0*")).Files.Select(file => file.Path));
        e = await hub.RefusedAsync("HubNotFound", file: "m-Q4_K_S.gguf");
        Assert.Contains("Did you mean m-Q4_K_M.gguf?", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_is_read_no_further_than_needed()
    {
        await using TestHub hub = TestHub.WithShards();
        hub.Files["model-00002-of-00002.safetensors"] = Weights.Safetensors(700_000, 100 << 20);
        hub.Serve = (_, content, stream, _) => hub.Server.SendAsync(stream, "200 OK", content);

        HubSnapshot snapshot = await hub.GetAsync();

        Assert.Equal([1008, 700_008], snapshot.Files.Skip(2).Select(file => file.StoredLength));
        Assert.Equal((100 << 20) + 700_008, snapshot.Files[3].Length);

        // The rest is what the sockets of both sides have taken up.
        Assert.InRange(hub.Server.BytesSent, 700_008, 40 << 20);
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_and_breaks_off_is_asked_again()
    {
        await using TestHub hub = new();
        (int header, hub.Files["model.gguf"]) = Weights.Gguf(400_000, 1 << 20);
        byte[] content = hub.Files["model.gguf"];
        hub.Once("model.gguf", (_, stream, _) => hub.Server.SendAsync(stream, "200 OK", content.AsMemory(0, 3 << 20), "", content.Length));

        HubFile file = Assert.Single((await hub.GetAsync()).Files);

        Assert.Equal(content[..header], File.ReadAllBytes(file.LocalPath));
        Assert.Equal(3 << 20, hub.Server.Requests.ElementAt(2).Range!.Value.From);
    }

    [Fact]
    public async Task Progress_counts_up_to_all_files()
    {
        await using TestHub hub = TestHub.WithShards();
        List<HubProgress> seen = [];

        await hub.GetAsync(progress: progress =>
        {
            lock (seen)
            {
                seen.Add(progress);
            }
        });

        Assert.Contains(new HubProgress(4, 4), seen);
        Assert.All(seen, progress => Assert.True(progress.FilesDone <= progress.FilesTotal));
    }

    [Fact]
    public async Task A_repository_without_a_model_says_so()
    {
        await using TestHub hub = new();
        hub.Files["README.md"] = [];

        Assert.Equal(ErrorKind.NotFound, (await hub.RefusedAsync("HubModelMissing")).Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpt2")]
    [InlineData("a/b/c")]
    [InlineData("../b")]
    [InlineData("a/..")]
    [InlineData("a/b--c")]
    [InlineData("/b")]
    [InlineData("a\\b")]
    [InlineData("a/b?c")]
    [InlineData("a/b%2Fc")]
    [InlineData("a/\u0000")]
    [InlineData("https://huggingface.co/a/b")]
    public async Task A_repository_that_is_none_is_refused_without_a_request(string repository)
    {
        await using TestHub hub = TestHub.WithConfig();

        LlmOpsException e = await hub.RefusedAsync("HubRepositoryInvalid", repository: repository);

        Assert.Equal(repository, e.Target);
        Assert.Empty(hub.Server.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/../../b")]
    [InlineData("a//b")]
    [InlineData("a b")]
    [InlineData("a\\b")]
    [InlineData("%2e%2e")]
    [InlineData(".")]
    public async Task A_revision_that_is_none_is_refused_without_a_request(string revision)
    {
        await using TestHub hub = TestHub.WithConfig();

        await hub.RefusedAsync("HubRevisionInvalid", revision: revision);

        Assert.Empty(hub.Server.Requests);
    }

    [Theory]
    [InlineData("../../evil.safetensors")]
    [InlineData("/etc/evil.gguf")]
    [InlineData("a/../../evil.gguf")]
    [InlineData("C:/evil.gguf")]
    [InlineData("a\\\\..\\\\evil.gguf")]
    [InlineData("a//evil.gguf")]
    [InlineData("con.gguf")]
    [InlineData("evil\\u0000.gguf")]
    [InlineData("../config.json")]
    public async Task A_file_name_that_leaves_the_folder_is_refused(string name)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Description = $$"""{"sha": "{{TestHub.Commit}}", "siblings": [{"rfilename": "config.json"}, {"rfilename": "{{name}}"}]}""";

        await hub.RefusedAsync("HubResponseInvalid");

        Assert.Empty(Directory.EnumerateFiles(hub.CacheFolder, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"sha": "main", "siblings": []}""")]
    [InlineData("""{"sha": "../../../../../../../../../../../../../..", "siblings": []}""")]
    [InlineData("""{"sha": "0123456789abcdef0123456789abcdef01234567"}""")]
    [InlineData("""{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{}]}""")]
    [InlineData("""{"sha": 5, "siblings": [{}]}""")]
    [InlineData("""{"sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [{"rfilename": "\ud800.gguf"}]}""")]
    public async Task A_description_that_is_none_is_refused(string description)
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Description = description;

        Assert.Equal(ErrorKind.InvalidData, (await hub.RefusedAsync("HubResponseInvalid")).Kind);
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../evil.safetensors"}}""", "outside")]
    [InlineData("""{"weight_map": {"a": "other.safetensors"}}""", "'other.safetensors'")]
    [InlineData("""{"weight_map": {"a": "config.json"}}""", "'config.json'")]
    [InlineData("""{"weight_map": 5}""", "JSON")]
    [InlineData("{}", "JSON")]
    public async Task An_index_of_files_that_there_are_not_is_refused(string index, string reason)
    {
        await using TestHub hub = TestHub.WithShards();
        hub.Files["model.safetensors.index.json"] = Encoding.UTF8.GetBytes(index);

        LlmOpsException e = await hub.RefusedAsync("HubResponseInvalid");

        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_that_claims_too_much_is_refused_after_its_first_bytes()
    {
        foreach (ulong claim in new[] { ulong.MaxValue, 1UL << 60, 100_000_001UL, 0UL, 1UL })
        {
            await using TestHub hub = TestHub.WithConfig();
            hub.Files["model.safetensors"] = [.. BitConverter.GetBytes(claim), .. new byte[100]];

            LlmOpsException e = await hub.RefusedAsync("HubResponseInvalid");

            Assert.Contains("'model.safetensors'", e.Message, StringComparison.Ordinal);
            Assert.Single(hub.FilesAskedFor, "model.safetensors");
        }
    }

    [Fact]
    public async Task A_header_that_the_file_is_too_short_for_is_refused()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Files["model.safetensors"] = Weights.Safetensors(900_000, 0)[..500_000];
        Assert.Contains("ends within its header", (await hub.RefusedAsync("HubResponseInvalid")).Message, StringComparison.Ordinal);

        hub.Files["model.safetensors"] = [];
        hub.Once("model.safetensors", "416 Range Not Satisfiable", "Content-Range: bytes */0\r\n");
        Assert.Contains("has 0 bytes", (await hub.RefusedAsync("HubResponseInvalid")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_GGUF_header_without_an_end_is_refused()
    {
        byte[] file = Weights.Gguf(3, 100).File;
        foreach ((int at, ulong value) in new[] { (8, 1UL << 60), (16, 1UL << 60), (24, 1UL << 60), (24, ulong.MaxValue), (0, 0UL), (4, 99UL) })
        {
            await using TestHub hub = new();
            hub.Files["model.gguf"] = [.. file[..at], .. BitConverter.GetBytes(value), .. file[(at + 8)..]];

            await hub.RefusedAsync("HubResponseInvalid");

            Assert.Single(hub.FilesAskedFor);
        }

        for (int length = 0; length < file.Length - 100; length += 7)
        {
            Assert.True(HeaderMeasure.Gguf(file.AsSpan(0, length)) > length);
        }
    }

    [Fact]
    public void Whatever_a_header_holds_measuring_it_ends_or_refuses()
    {
        Random random = new(20);
        byte[] header = Weights.Gguf(50, 0).File;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] mutant = [.. header];
            for (int changes = random.Next(1, 5); changes > 0; changes--)
            {
                mutant[random.Next(mutant.Length)] = (byte)random.Next(256);
            }

            try
            {
                long length = HeaderMeasure.Gguf(mutant);
                Assert.InRange(length, 1, HeaderMeasure.LongestGguf);
                Assert.InRange(HeaderMeasure.Safetensors(mutant.AsSpan(random.Next(100))), 1, HeaderMeasure.LongestSafetensors + 8);
            }
            catch (InvalidDataException)
            {
                // The only way to refuse.
            }
        }
    }

    [Fact]
    public async Task An_answer_longer_than_its_kind_can_be_is_not_read_to_its_end()
    {
        await using TestHub hub = TestHub.WithConfig();
        hub.Once("config.json", (_, stream, _) => hub.Server.SendAsync(stream, "200 OK", new byte[100], "", 1L << 50));
        Assert.Contains("longer than", (await hub.RefusedAsync("HubResponseInvalid")).Message, StringComparison.Ordinal);

        // Without a length, and without an end.
        hub.Once("config.json", async (_, stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"u8.ToArray(), stop);
            while (true)
            {
                await stream.WriteAsync(new byte[1 << 16], stop);
            }
        });
        Assert.Contains("longer than", (await hub.RefusedAsync("HubResponseInvalid")).Message, StringComparison.Ordinal);

        // Headers of the response without an end.
        hub.Once("config.json", async (_, stream, stop) =>
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\n"u8.ToArray(), stop);
            while (true)
            {
                await stream.WriteAsync("X-More: and more and more and more\r\n"u8.ToArray(), stop);
            }
        });
        await hub.RefusedAsync("HubResponseInvalid");
    }
}
