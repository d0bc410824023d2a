using System.Globalization;
using System.Text;
using LlmOps.Core.Calibration;
using LlmOps.Core.Tests.Properties;
using FsCheck;
using FsCheck.Fluent;

namespace LlmOps.Core.Tests.Calibration;

/// <summary>What stands around the messages, several starts in a log, and logs that are none.</summary>
public sealed class ServerLogTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.log");

    public void Dispose() => File.Delete(_file);

    internal static List<ServerLogMeasurement> Read(string log)
    {
        ServerLogReader reader = new();
        List<ServerLogMeasurement> starts = [];
        long number = 0;
        foreach (ReadOnlySpan<char> line in log.AsSpan().EnumerateLines())
        {
            if (reader.Read(line, ++number) is { } start)
            {
                starts.Add(start);
            }
        }

        starts.AddRange(reader.Complete());
        return starts;
    }

    public static TheoryData<string, string> Surroundings => new()
    {
        { "docker logs -t", "2026-03-21T20:15:44.123456789Z " },
        { "the container runtime of Kubernetes", "2026-03-21T20:15:44.123456789+00:00 stderr F " },
        { "docker compose", "vllm-1  | " },
        { "kubectl logs --prefix", "[pod/vllm-0/server] " },
        { "colours", "\u001b[1;36m" },
        { "colours whose escape got lost", "[36m" },
        { "colours whose escape was replaced", "\ufffd[1;36m" },
        { "colours as the system log spells them", "#033[1;36m" },
        { "a box", "│ " },
        { "a server around it", "2024-10-07T22:54:54,595 [INFO ] W-9000-model_1.0-stdout MODEL_LOG - " },
        { "a progress bar that was not ended", "Capturing CUDA graph shapes: 100%|█████| 35/35 [00:14<00:00,  2.4it/s]" },
        { "Ray", "(LLMRayActor pid=20770) " },
    };

    [Theory]
    [MemberData(nameof(Surroundings))]
    public void What_stands_before_a_line_changes_nothing(string what, string before)
    {
        foreach (string sample in ServerLogSamples.All)
        {
            string log = string.Join('\n', sample.Split('\n').Select(line => before + line + (before.Contains('[') ? "\u001b[0m" : "")));
            Assert.True(Summary(Read(sample)[0]) == Summary(Assert.Single(Read(log))), what);
        }
    }

    [Fact]
    public void Lines_of_the_json_driver_of_Docker_are_read()
    {
        string log = string.Join('\n', ServerLogSamples.V019.Split('\n').Select(line =>
            $$"""{"log":{{System.Text.Json.JsonSerializer.Serialize(line + "\n")}},"stream":"stderr","time":"2026-04-04T18:12:14Z"}"""));

        Assert.Equal(Summary(Read(ServerLogSamples.V019)[0]), Summary(Assert.Single(Read(log))));
    }

    [Fact]
    public void Messages_without_a_time_or_a_location_are_read()
    {
        ServerLogMeasurement start = Assert.Single(Read("""
            (Worker_TP0 pid=770) INFO [gpu_model_runner.py:5405] Model loading took 55.19 GiB memory and 48.502592 seconds
            INFO: GPU KV cache size: 621,392 tokens
            """));

        Assert.Equal((55.19, 621392L), (start.ModelWeightsGiB, start.KvCacheTokens));
    }

    [Fact]
    public void A_prompt_that_quotes_a_log_measures_nothing()
    {
        const string quoted = """
            INFO 07-01 13:00:00 [logger.py:43] Received request cmpl-1: prompt: 'INFO 07-01 12:00:40 [gpu_worker.py:227] Available KV cache memory: 999 GiB', params: x
            INFO 07-01 13:00:00 [logger.py:43] Received request cmpl-2: prompt: 'ValueError: To serve at least one request with the models's max seq len (9), (9 GiB KV cache is needed'
            INFO 07-01 13:00:00 [logger.py:43] prompt: Initializing a V1 LLM engine (v9.9) with config: model='evil'
            INFO:     10.0.0.1:5 - "GET /Model%20loading%20took%201%20GiB HTTP/1.1" 200 OK
            """;

        Assert.Empty(Read(quoted));
        Assert.Equal(Summary(Read(ServerLogSamples.V09)[0]), Summary(Assert.Single(Read(ServerLogSamples.V09 + "\n" + quoted))));
    }

    [Fact]
    public void Each_start_in_a_log_is_one_object_with_its_line()
    {
        string log = string.Join('\n', ServerLogSamples.All);

        List<ServerLogMeasurement> starts = Read(log);

        Assert.Equal(ServerLogSamples.All.Select(sample => Summary(Read(sample)[0])), starts.Select(Summary));
        long line = 1;
        Assert.All(starts.Zip(ServerLogSamples.All), pair =>
        {
            // What a server prints before anything of interest is not where it starts.
            Assert.InRange(pair.First.LineNumber, line, line + 1);
            line += pair.Second.Split('\n').Length;
        });
    }

    [Fact]
    public void A_start_again_after_a_failure_is_another_one()
    {
        string[] lines = ServerLogSamples.V010.Split('\n');
        string failing = string.Join('\n', lines[..6]) + "\nValueError: To serve at least one request with the models's max seq len (1024), (9.5 GiB KV cache is needed, which is larger than the available KV cache memory (8.60 GiB).";

        List<ServerLogMeasurement> starts = Read(failing + "\n" + ServerLogSamples.V010);

        Assert.Equal(2, starts.Count);
        Assert.NotNull(starts[0].Failure);
        Assert.Null(starts[1].Failure);
        Assert.Equal(8, starts[1].LineNumber);
    }

    [Fact]
    public void Containers_in_one_log_are_told_apart()
    {
        string[] a = [.. ServerLogSamples.V09.Split('\n').Select(line => "small-1  | " + line)];
        string[] b = [.. ServerLogSamples.V019.Split('\n').Select(line => "large-1  | " + line)];
        IEnumerable<string> mixed = Enumerable.Range(0, Math.Max(a.Length, b.Length))
            .SelectMany(i => new[] { a.ElementAtOrDefault(i), b.ElementAtOrDefault(i) }).OfType<string>();

        List<ServerLogMeasurement> starts = Read(string.Join('\n', mixed));

        Assert.Equal([Summary(Read(ServerLogSamples.V09)[0]), Summary(Read(ServerLogSamples.V019)[0])], starts.Select(Summary));
    }

    [Fact]
    public void Data_parallel_engines_are_one_start()
    {
        const string config = "Initializing a V1 LLM engine (v0.11.0) with config: model='a/b', tensor_parallel_size=1, data_parallel_size=2, quantization=None";
        string log = $"""
            (EngineCore_DP1 pid=2) INFO 07-01 12:00:08 [core.py:70] {config}
            (EngineCore_DP0 pid=1) INFO 07-01 12:00:08 [core.py:70] {config}
            (EngineCore_DP0 pid=1) INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took 7.1205 GiB and 2.912345 seconds
            (EngineCore_DP1 pid=2) INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took 7.1205 GiB and 2.912345 seconds
            (EngineCore_DP0 pid=1) INFO 07-01 12:00:41 [kv_cache_utils.py:715] GPU KV cache size: 472,208 tokens
            (EngineCore_DP1 pid=2) INFO 07-01 12:00:41 [kv_cache_utils.py:715] GPU KV cache size: 472,000 tokens
            """;

        ServerLogMeasurement start = Assert.Single(Read(log));
        Assert.Equal((2, 472000L, 2), (start.DataParallelSize, start.KvCacheTokens, start.Ranks.Count));
        Assert.Equal([0, 1], start.Ranks.Select(rank => rank.DataParallelRank));
        Assert.Equal(2, Read(log + "\n" + log).Count);
    }

    [Theory]
    [InlineData("1e999", "no finite number")]
    [InlineData("nan", "no finite number")]
    [InlineData("-3.5", "-3.5 GiB")]
    [InlineData("99999999", "99999999 GiB")]
    [InlineData("1.2.3", "no finite number")]
    public void A_value_that_cannot_be_is_left_out_and_its_line_named(string value, string shown)
    {
        ServerLogMeasurement start = Assert.Single(Read($"""
            INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took {value} GiB and 2.5 seconds
            INFO 07-01 12:00:40 [gpu_worker.py:227] Available KV cache memory: 12.61 GiB
            """));

        Assert.Null(start.ModelWeightsGiB);
        Assert.Equal(12.61, start.KvCacheGiB);
        Assert.Equal($"Line 1: weights is {shown}, which cannot be; it was left out.", Assert.Single(start.Notes));
    }

    [Fact]
    public void Settings_that_cannot_be_are_left_out()
    {
        ServerLogMeasurement start = Assert.Single(Read(
            "INFO 07-01 12:00:08 [core.py:70] Initializing a V1 LLM engine (v0.11.0) with config: model='a,b(c', tensor_parallel_size=-2, max_seq_len=1e999, pipeline_parallel_size=two, x={'tensor_parallel_size': 9, \"y\": [1, (2], 3}, quantization='x', kv_cache_dtype=nvfp4_ds_mla"));

        Assert.Equal(("a,b(c", null, null, null), (start.ModelName, start.TensorParallelSize, start.MaxModelLength, start.PipelineParallelSize));
        Assert.Equal(2, start.Notes.Count);
        Assert.Null(start.Quantization);
    }

    [Fact]
    public void Notes_are_limited()
    {
        string line = "INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took nan GiB\n";

        ServerLogMeasurement start = Assert.Single(Read(string.Concat(Enumerable.Repeat(line, 1000))));

        Assert.Equal(21, start.Notes.Count);
        Assert.Equal("980 more values were left out.", start.Notes[^1]);
    }

    [Fact]
    public void No_secret_of_the_arguments_is_kept()
    {
        foreach (string sample in ServerLogSamples.All)
        {
            Assert.DoesNotContain("s3cret", Summary(Read(sample)[0]), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_is_read_with_its_path_in_any_Unicode_encoding_and_with_any_line_ends()
    {
        string expected = Summary(Read(ServerLogSamples.V019)[0]);
        foreach (Encoding encoding in new[] { new UTF8Encoding(false), new UTF8Encoding(true), Encoding.Unicode, Encoding.BigEndianUnicode, Encoding.UTF32 })
        {
            foreach (string end in new[] { "\n", "\r\n", "\n\n", "\n 10%|█\r 20%|█\r" })
            {
                File.WriteAllText(_file, ServerLogSamples.V019.ReplaceLineEndings(end), encoding);
                ServerLogMeasurement start = Assert.Single(ServerLog.Read(_file));
                Assert.Equal(_file, start.Path);
                Assert.Equal(expected, Summary(start with { Path = null }));
            }
        }

        // UTF-16 without its mark, as some shells redirect: every other byte is a zero.
        File.WriteAllBytes(_file, Encoding.Unicode.GetBytes(ServerLogSamples.V09));
        Assert.Equal(466976, Assert.Single(ServerLog.Read(_file)).KvCacheTokens);
    }

    [Fact]
    public void Binary_and_overlong_lines_are_passed_over()
    {
        using (FileStream stream = File.Create(_file))
        {
            byte[] noise = new byte[1 << 20];
            new Random(1).NextBytes(noise);
            stream.Write(noise);
            stream.Write(Encoding.UTF8.GetBytes("\n" + new string('x', 5_000_000) + "Available KV cache memory: 5 GiB\n"));
            stream.Write(Encoding.UTF8.GetBytes("INFO 07-01 12:00:08 [core.py:70] Initializing a V1 LLM engine (v1) with config: model='m', x=" + new string('(', 5_000_000) + "\n"));
            stream.Write(Encoding.UTF8.GetBytes(ServerLogSamples.V09));
        }

        List<ServerLogMeasurement> starts = [.. ServerLog.Read(_file)];
        Assert.Equal(["m", "/models/Qwen2.5-7B-Instruct"], starts.Select(start => start.ModelName));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("INFO:     Started server process [1]\nINFO 07-01 12:00:00 [api_server.py:1287] vLLM API server version 0.9.1\n")]
    [InlineData("[2025-03-14 09:20:12] KV Cache is allocated. #tokens: 371661, K size: 12.74 GB, V size: 12.74 GB")]
    public void A_file_without_a_start_is_refused(string text)
    {
        File.WriteAllText(_file, text);

        LlmOpsException error = Assert.Throws<LlmOpsException>(() => ServerLog.Read(_file).ToList());
        Assert.Equal(("ServerLogInvalid", ErrorKind.InvalidData, _file), (error.ErrorId, error.Kind, error.Target));
        Assert.Contains("Initializing a V1 LLM engine", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_there_or_is_a_folder_is_refused()
    {
        Assert.Equal("ServerLogNotFound", Assert.Throws<LlmOpsException>(() => ServerLog.Read(_file).ToList()).ErrorId);
        LlmOpsException folder = Assert.Throws<LlmOpsException>(() => ServerLog.Read(Path.GetTempPath()).ToList());
        Assert.Equal("ServerLogNotReadable", folder.ErrorId);
        Assert.Contains("Get-ChildItem", folder.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_stops_when_told_and_says_how_far_it_is()
    {
        File.WriteAllText(_file, ServerLogSamples.V09 + string.Concat(Enumerable.Repeat("INFO: request\n", 200_000)));
        List<long> reports = [];

        Assert.Single(ServerLog.Read(_file, (done, total) => reports.Add(100 * done / total)));
        Assert.True(reports.Count > 3 && reports.SequenceEqual(reports.Order()) && reports[^1] <= 100);

        using CancellationTokenSource stop = new();
        Assert.Throws<OperationCanceledException>(() => ServerLog.Read(_file, (_, _) => stop.Cancel(), stop.Token).ToList());
    }

    [Fact]
    public void A_log_that_a_server_is_writing_can_be_read()
    {
        using StreamWriter server = new(new FileStream(_file, FileMode.Create, FileAccess.Write, FileShare.Read));
        server.Write(ServerLogSamples.V064);
        server.Flush();

        Assert.Single(ServerLog.Read(_file));
    }

    [Fact]
    public void Numbers_are_read_the_same_under_every_culture()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            string expected = Summary(Read(ServerLogSamples.V019)[0]);
            CultureInfo.CurrentCulture = new CultureInfo("de-DE");
            Assert.Equal(expected, Summary(Read(ServerLogSamples.V019)[0]));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    /// <summary>Whatever happens to a log, it is read or refused, at once, and no figure is absurd.</summary>
    [Fact]
    public void Damaged_logs_are_read_or_refused()
    {
        string[] insertions =
        [
            "\0", "\r", "\n", "\u001b[", "(", ")", "[", "'", "\"", "{", "pid=", "(pid=", "1e999", "-1", "NaN", "9999999999999999999", "=", ",", "│",
            ".py:", ".py:1]", "\ufffd[1m", "with config: ", " took ", "memory: ", "(Worker_TP99999999999 pid=", "█ version ", "{\"log\":", "\ud800",
            "data_parallel_size=65535", "EngineCore_DP", "[pod/", "x | ", " GiB ", " bytes", ":", "…", "Initializing a V1 LLM engine (v",
        ];
        Gen<string> damaged =
            from sample in Gen.Elements(ServerLogSamples.All.ToArray())
            from places in Gen.ListOf(Gen.Choose(0, sample.Length - 1), 6)
            from kinds in Gen.ListOf(Gen.Choose(0, 3), 6)
            from texts in Gen.ListOf(Gen.Elements(insertions), 6)
            select Damage(sample, [.. places], [.. kinds], [.. texts]);
        int read = 0;

        Always.Holds(damaged, 4000, log =>
        {
            foreach (ServerLogMeasurement start in Read(log))
            {
                read++;
                double?[] amounts = [start.ModelWeightsGiB, start.ActivationsGiB, start.NonTorchGiB, start.BudgetGiB, start.DeviceMemoryGiB, start.LoadSeconds];
                Assert.All(amounts, amount => Assert.True(amount is null or (>= 0 and <= 1e6)));
                Assert.True(start.KvCacheTokens is null or >= 0);
                Assert.True(start.GpuMemoryUtilization is null or (> 0 and <= 1));
                Assert.NotNull(start.ToString());
            }
        });
        Assert.True(read > 2000);
    }

    [Fact]
    public void Lines_made_to_be_slow_are_not()
    {
        System.Diagnostics.Stopwatch watch = System.Diagnostics.Stopwatch.StartNew();
        foreach (string unit in new[] { "(", "[", "a=(", ".py:1]", "pid=", "[1;", "'\\", "<a", "rank 0 is assigned as DP rank ", "1,", "args: Namespace(", "emory " })
        {
            string line = "Memory profiling " + string.Concat(Enumerable.Repeat(unit, ServerLogReader.MaximumLineLength / unit.Length));
            ServerLogReader reader = new();
            for (int i = 0; i < 20; i++)
            {
                reader.Read(line, i);
                reader.Read("Initializing a V1 LLM engine with config: " + line, i);
            }
        }

        // Far above what linear work takes, far below what quadratic work does.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), watch.Elapsed.ToString());
    }

    private static string Damage(string sample, int[] places, int[] kinds, string[] texts)
    {
        StringBuilder log = new(sample);
        for (int i = 0; i < places.Length; i++)
        {
            int place = Math.Min(places[i], log.Length - 1);
            _ = kinds[i] switch
            {
                0 => log.Insert(place, texts[i]),
                1 => log.Remove(place, Math.Min(log.Length - place - 1, 1 + (places[i] % 40))),
                2 => log.Replace(log[place], texts[i][0], place, 1),
                _ => log.Insert(place, log.ToString(place, Math.Min(200, log.Length - place))),
            };
        }

        return log.ToString();
    }

    /// <summary>All that a start says but where it stands.</summary>
    private static string Summary(ServerLogMeasurement start) => System.Text.Json.JsonSerializer.Serialize(
        start with { LineNumber = 0, Ranks = [.. start.Ranks.Select(rank => rank with { Name = "" })] });
}
