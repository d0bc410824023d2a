using System.Text;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Operations.Calibrations;

namespace LlmOps.Operations.Tests.Calibrations;

public sealed class MeasurementFileTests : IDisposable
{
    private const string Header = "Model,Gpu,BatchSize,InputLength,OutputLength,TtftMs,TpotMs";
    private const string Good = "Llama-3.1-8B,H100,8,1024,512,80,10.5";

    // The keys of vllm bench serve --save-result (vllm/benchmarks/serve.py); figures made up.
    private const string Vllm = """
        {"date": "20260101-120000", "endpoint_type": "openai", "backend": "openai", "label": null,
         "model_id": "meta-llama/Llama-3.1-8B-Instruct", "tokenizer_id": "x", "num_prompts": 320, "gpu": "H100",
         "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 32, "duration": 50.1, "completed": 320, "failed": 0,
         "total_input_tokens": 327680, "total_output_tokens": 163840, "request_throughput": 6.38, "request_goodput": null,
         "output_throughput": 3270.3, "total_token_throughput": 9810.9, "max_output_tokens_per_s": 3600.0,
         "mean_ttft_ms": 150.5, "median_ttft_ms": 120.0, "std_ttft_ms": 40.2, "p99_ttft_ms": 300.1,
         "mean_tpot_ms": 12.25, "median_tpot_ms": 12.1, "std_tpot_ms": 0.4, "p99_tpot_ms": 13.0, "mean_itl_ms": 12.2}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("measurements").FullName;
    private readonly List<LlmOpsException> _errors = [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public void A_table_is_read_row_by_row(string end)
    {
        IReadOnlyList<MeasurementRow> rows = Read(Header + end + Good + end + end + Good.Replace("8,", "16,", StringComparison.Ordinal));

        Assert.Equal(["line 2 of 'x.csv'", "line 4 of 'x.csv'"], rows.Select(row => row.Place));
        Assert.Equal(10.5, TimeMeasurement.Of(rows[0]).TimePerOutputTokenMs);
        Assert.Empty(_errors);
    }

    [Theory]
    [InlineData(';')]
    [InlineData('\t')]
    public void Semicolons_and_tabs_separate_too(char separator)
    {
        IReadOnlyList<MeasurementRow> rows = Read((Header + "\n" + Good).Replace(',', separator));

        Assert.Equal(80, TimeMeasurement.Of(Assert.Single(rows)).TimeToFirstTokenMs);
    }

    [Fact]
    public void A_decimal_comma_among_semicolons_is_an_error_of_its_column()
    {
        IReadOnlyList<MeasurementRow> rows = Read((Header + "\n" + Good).Replace(',', ';').Replace("10.5", "10,5", StringComparison.Ordinal));

        LlmOpsException e = Assert.Throws<LlmOpsException>(() => TimeMeasurement.Of(Assert.Single(rows)));
        Assert.Contains("column TpotMs: '10,5' is no number: decimals are written with a point", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_decimal_comma_among_commas_is_an_error_of_its_row_and_the_others_go_on()
    {
        IReadOnlyList<MeasurementRow> rows = Read($"{Header}\n{Good.Replace("10.5", "10,5", StringComparison.Ordinal)}\n{Good}");

        Assert.Single(rows);
        LlmOpsException e = Assert.Single(_errors);
        Assert.Contains("Line 2 of 'x.csv' has 8 fields, the header 7", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_belongs_to_no_column()
    {
        foreach (Encoding encoding in new Encoding[] { new UTF8Encoding(true), Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            string path = Path.Combine(_folder, "x.csv");
            File.WriteAllText(path, Header + "\n" + Good, encoding);

            Assert.Equal("Llama-3.1-8B", Assert.Single(MeasurementFile.Read(path, _errors.Add)).Text(MeasurementColumn.Model));
        }
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData(" \n\n", "empty")]
    [InlineData(Header, "no row")]
    [InlineData("模型,显卡\nA,B", "no known column")]
    [InlineData(Header + ",tpot_ms\n" + Good + ",10", "TpotMs is there twice")]
    [InlineData(Header + "\n\"Llama-3.1-8B,H100,8,1024,512,80,10.5", "never closed")]
    [InlineData("{", "not JSON")]
    [InlineData("{\"model_id\": ", "not JSON")]
    [InlineData("{\n\"model_id\":\n", "not JSON")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "not JSON")]
    public void What_holds_no_measurement_is_refused_as_a_whole(string content, string reason)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Read(content));

        Assert.Equal("MeasurementFileInvalid", e.ErrorId);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.Contains("TokensPerSecond", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_of_no_text_and_lines_of_a_million_characters_are_refused_shortly()
    {
        string path = Path.Combine(_folder, "x.csv");
        File.WriteAllBytes(path, [0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10]);
        Assert.Contains("UTF-8", Assert.Throws<LlmOpsException>(() => MeasurementFile.Read(path, _errors.Add)).Message, StringComparison.Ordinal);

        string line = new('x', 1_000_000);
        Assert.InRange(Assert.Throws<LlmOpsException>(() => Read(line)).Message.Length, 50, 600);
        IReadOnlyList<MeasurementRow> rows = Read($"{Header}\n{line}{Good}");
        Assert.InRange(Assert.Throws<LlmOpsException>(() => TimeMeasurement.Of(Assert.Single(rows))).Message.Length, 50, 600);
    }

    [Fact]
    public void A_file_that_is_not_there_is_not_found() => Assert.Equal("MeasurementFileNotFound",
        Assert.Throws<LlmOpsException>(() => MeasurementFile.Read(Path.Combine(_folder, "none.csv"), _errors.Add)).ErrorId);

    [Fact]
    public void More_rows_than_are_fitted_are_refused()
    {
        string rows = string.Concat(Enumerable.Repeat("\n" + Good, TimeCalibration.MostMeasurements + 1));

        Assert.Contains("10000 measurements", Assert.Throws<LlmOpsException>(() => Read(Header + rows)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_of_vLLMs_benchmark_is_one_measurement()
    {
        TimeMeasurement measured = TimeMeasurement.Of(Assert.Single(Read(Vllm, "result.json")));

        Assert.Equal("Llama-3.1-8B", measured.Request.Deployment.Model.Name);
        Assert.Equal((32, 1024, 512), (measured.Request.Deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
        Assert.Equal((150.5, 12.25), (measured.TimeToFirstTokenMs, measured.TimePerOutputTokenMs));
        Assert.Equal("'result.json'", measured.Place);
    }

    [Fact]
    public void Appended_results_are_one_on_each_line_and_bad_ones_are_left_out()
    {
        string line = Vllm.ReplaceLineEndings(" ");

        IReadOnlyList<MeasurementRow> rows = Read(line + "\n" + line[..200] + "\n7\n" + line, "x.jsonl");

        Assert.Equal(["line 1 of 'x.jsonl'", "line 4 of 'x.jsonl'"], rows.Select(row => row.Place));
        Assert.Equal(2, _errors.Count);
        Assert.Contains(_errors, e => e.Message.StartsWith("Line 2 of 'x.jsonl' is not JSON", StringComparison.Ordinal));
        Assert.Equal(2, Read("[" + line + "," + line + "]").Count);
    }

    /// <summary>The keys of SGLang's bench_serving; Python writes an infinite rate as a bare word.</summary>
    [Fact]
    public void A_result_of_SGLangs_benchmark_may_have_numbers_that_JSON_does_not_know()
    {
        const string sglang = """
            {"backend": "sglang", "dataset_name": "random \" NaN", "request_rate": Infinity, "max_concurrency": 16, "duration": 30.0,
             "completed": 160, "total_input_tokens": 163840, "total_output_tokens": 81920, "request_throughput": 5.3,
             "mean_ttft_ms": 100.5, "median_ttft_ms": NaN, "mean_tpot_ms": 9.5, "concurrency": 15.2, "accept_length": null}
            """;
        MeasurementRow given = new("given", new Dictionary<string, object?> { ["Model"] = "Llama-3.1-8B", ["Gpu"] = "H100" });

        TimeMeasurement measured = TimeMeasurement.Of(Assert.Single(Read(sglang)), given);

        Assert.Equal("SGLang", measured.Request.Deployment.Engine.ToString());
        Assert.Equal((16, 1024, 512), (measured.Request.Deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
        Assert.Equal((100.5, 9.5), (measured.TimeToFirstTokenMs, measured.TimePerOutputTokenMs));
    }

    /// <summary>Of AIPerf and GenAI-Perf: statistics with their unit.</summary>
    [Theory]
    [InlineData("ms", 100.5)]
    [InlineData("sec", 100500)]
    public void Statistics_are_taken_in_their_unit(string unit, double ttft)
    {
        string aiperf = $$$"""
            {"request_throughput": {"unit": "requests/sec", "avg": 2.0}, "time_to_first_token": {"unit": "{{{unit}}}", "avg": 100.5, "p50": 99.0},
             "inter_token_latency": {"unit": "ms", "avg": 9.5}, "input_sequence_length": {"unit": "tokens", "avg": 1023.7},
             "output_sequence_length": {"unit": "tokens", "avg": 511.8}, "output_token_throughput": {"unit": "tokens/sec", "avg": 700},
             "input_config": {"endpoint": {"model_names": ["meta-llama/Llama-3.1-8B-Instruct"]}, "loadgen": {"concurrency": 16} } }
            """;
        MeasurementRow given = new("given", new Dictionary<string, object?> { ["Gpu"] = "H100" });

        TimeMeasurement measured = TimeMeasurement.Of(Assert.Single(Read(aiperf)), given);

        Assert.Equal((16, 1024, 512), (measured.Request.Deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
        Assert.Equal(ttft, measured.TimeToFirstTokenMs!.Value, 1e-6);
        Assert.Equal(9.5, measured.TimePerOutputTokenMs);
    }

    private IReadOnlyList<MeasurementRow> Read(string content, string name = "x.csv")
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return MeasurementFile.Read(path, _errors.Add);
    }
}
