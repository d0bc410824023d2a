using System.Globalization;
using LlmOps.Core.Calibration;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Calibration;

public sealed class TimeMeasurementTests
{
    private static readonly Dictionary<string, object?> s_row = new()
    {
        ["Model"] = "Llama-3.1-8B",
        ["Gpu"] = "H100",
        ["BatchSize"] = "8",
        ["InputLength"] = "1024",
        ["OutputLength"] = "512",
        ["TtftMs"] = "80",
        ["TpotMs"] = "10.5",
    };

    [Fact]
    public void A_row_becomes_the_request_that_estimates_it()
    {
        TimeMeasurement measured = Measured(("Engine", "tensorrt_llm"), ("Quantization", "fp8"), ("KvCacheDataType", "FP8"),
            ("tp", "2"), ("EngineVersion", "1.0"), ("gpu_memory_utilization", "0.8"), ("max_num_seqs", "256"));

        MemoryRequest deployment = measured.Request.Deployment;
        Assert.Equal("Llama-3.1-8B", deployment.Model.Name);
        Assert.Equal("H100-80GB", deployment.Gpu!.Name);
        Assert.Equal(Engine.TensorRtLlm, deployment.Engine);
        Assert.Equal("FP8", deployment.EffectiveQuantization.Name);
        Assert.Equal(KvCacheDataType.FP8, deployment.KvCacheDataType);
        Assert.Equal(2, deployment.Parallelism.Tensor);
        Assert.Equal(0.8, deployment.GpuMemoryUtilization);
        Assert.Equal(256, deployment.MaxSequences);
        Assert.Equal((8, 1024, 512), (deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
        Assert.Equal((80, 10.5), (measured.TimeToFirstTokenMs, measured.TimePerOutputTokenMs));
        Assert.Equal("1.0", measured.EngineVersion);
    }

    [Theory]
    [InlineData("ISL", "InputLength", "1024")]
    [InlineData("osl", "OutputLength", "512")]
    [InlineData("mean_ttft_ms", "TtftMs", "80")]
    [InlineData("Median TTFT ms", "TtftMs", "80")]
    [InlineData("TTFT_seconds", "TtftMs", "0.08")]
    [InlineData("mean_tpot_ms", "TpotMs", "10.5")]
    [InlineData("TimePerOutputTokenMs", "TpotMs", "10.5")]
    [InlineData("tpot-seconds", "TpotMs", "0.0105")]
    [InlineData("max_concurrency", "BatchSize", "8")]
    [InlineData("model_id", "Model", "meta-llama/Llama-3.1-8B-Instruct")]
    public void Columns_have_the_names_that_users_write(string alias, string column, string value)
    {
        TimeMeasurement measured = Measured((column, null), (alias, value));

        Assert.Equal((8, 1024, 512), (measured.Request.Deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
        Assert.Equal(80, measured.TimeToFirstTokenMs!.Value, 1e-9);
        Assert.Equal(10.5, measured.TimePerOutputTokenMs!.Value, 1e-9);
    }

    [Fact]
    public void A_mean_comes_before_a_median_wherever_it_stands()
    {
        TimeMeasurement measured = Measured(("TpotMs", null), ("median_tpot_ms", "9.9"), ("mean_tpot_ms", "10.1"), ("p50_tpot_ms", "9.8"));

        Assert.Equal(10.1, measured.TimePerOutputTokenMs);
    }

    [Fact]
    public void What_is_given_fills_gaps_and_stands_in_for_names_that_are_not_known()
    {
        MeasurementRow given = new("given", new Dictionary<string, object?>
        {
            ["Model"] = "Qwen3-32B", ["Gpu"] = "H200", ["TensorParallelSize"] = 2, ["Engine"] = "SGLang", ["BatchSize"] = 99,
        });

        TimeMeasurement known = TimeMeasurement.Of(Row(), given);
        TimeMeasurement unknown = TimeMeasurement.Of(Row(("Model", "served-as-this"), ("Gpu", null)), given);

        Assert.Equal("Llama-3.1-8B", known.Request.Deployment.Model.Name);
        Assert.Equal(8, known.Request.Deployment.BatchSize);
        Assert.Equal(2, known.Request.Deployment.Parallelism.Tensor);
        Assert.Equal(Engine.SGLang, known.Request.Deployment.Engine);
        Assert.Equal("Qwen3-32B", unknown.Request.Deployment.Model.Name);
        Assert.Equal("H200", unknown.Request.Deployment.Gpu!.Name);
    }

    [Fact]
    public void Users_of_a_whole_server_are_divided_over_its_copies()
    {
        TimeMeasurement measured = Measured(("BatchSize", null), ("Concurrency", "64"), ("DataParallelSize", "4"), ("TpotMs", "12"));

        Assert.Equal(16, measured.Request.Deployment.BatchSize);
    }

    [Theory]
    [InlineData("vllm", Engine.vLLM)]
    [InlineData("sglang-oai-chat", Engine.SGLang)]
    [InlineData("trt", Engine.TensorRtLlm)]
    [InlineData("openai-chat", Engine.vLLM)]
    public void A_protocol_says_the_engine_where_it_is_its_own(string backend, Engine engine) =>
        Assert.Equal(engine, Measured(("backend", backend)).Request.Deployment.Engine);

    /// <summary>8 users, 512 tokens each in (80 + 511 · 10) ms: 4096 / 5.19 s.</summary>
    [Fact]
    public void Throughput_with_the_first_token_gives_the_time_of_a_token()
    {
        TimeMeasurement measured = Measured(("TpotMs", null), ("TokensPerSecond", (4096 / 5.19).ToString("R", CultureInfo.InvariantCulture)));

        Assert.Equal(10, measured.TimePerOutputTokenMs!.Value, 1e-9);
        Assert.False(measured.IsFromThroughput);
    }

    [Fact]
    public void Throughput_alone_gives_it_less_the_estimated_first_token()
    {
        TimeMeasurement measured = Measured(("TpotMs", null), ("TtftMs", null), ("output_throughput", "790"));

        PerformanceEstimate estimate = PerformanceEstimator.Estimate(measured.Request);
        Assert.True(measured.IsFromThroughput);
        Assert.Null(measured.TimeToFirstTokenMs);
        Assert.Equal(8 * 512 / 790.0, (estimate.TimeToFirstTokenMs!.Value + (511 * measured.TimePerOutputTokenMs!.Value)) / 1000, 1e-9);
    }

    [Theory]
    [InlineData("TpotMs", "12,5", "MeasurementInvalid", "column TpotMs: '12,5'", "12.5")]
    [InlineData("TpotMs", "NaN", "MeasurementInvalid", "'NaN'", "no number")]
    [InlineData("TpotMs", "-3", "MeasurementInvalid", "'-3'", "between")]
    [InlineData("TpotMs", "0", "MeasurementInvalid", "'0'", "between")]
    [InlineData("TpotMs", "1e308", "MeasurementInvalid", "'1e308'", "between")]
    [InlineData("TpotMs", "schnell", "MeasurementInvalid", "'schnell'", "no number")]
    [InlineData("TpotMs", "十二", "MeasurementInvalid", "'十二'", "no number")]
    [InlineData("BatchSize", "1.5", "MeasurementInvalid", "column BatchSize: '1.5'", "whole number")]
    [InlineData("BatchSize", "0", "MeasurementInvalid", "'0'", "between 1")]
    [InlineData("InputLength", "99999999999999999999", "MeasurementInvalid", "InputLength", "between")]
    [InlineData("InputLength", null, "MeasurementInvalid", "no InputLength", "")]
    [InlineData("BatchSize", null, "MeasurementInvalid", "no BatchSize", "Concurrency")]
    [InlineData("Model", null, "MeasurementInvalid", "no Model", "")]
    [InlineData("Model", "Lama-3.1-8B", "ModelNotFound", "Lama-3.1-8B", "Llama-3.1-8B")]
    [InlineData("Gpu", "H1000", "GpuNotFound", "column Gpu", "H1000")]
    [InlineData("Quantization", "FP7", "QuantizationNotFound", "column Quantization", "FP7")]
    [InlineData("Engine", "MyEngine", "MeasurementInvalid", "column Engine: 'MyEngine'", "vLLM")]
    [InlineData("KvCacheDataType", "fp7", "MeasurementInvalid", "'fp7'", "FP8")]
    [InlineData("TensorParallelSize", "3", "TensorParallelSizeNotSupported", "line 2", "3")]
    [InlineData("Model", "Llama-3.1-70B", "MeasurementInvalid", "does not fit 1 x H100-80GB", "TensorParallelSize")]
    [InlineData("TpotMs", "0.0105", "MeasurementBelowFloor", "column TpotMs: '0.0105'", "no less than 4.")]
    [InlineData("TtftMs", "0.08", "MeasurementBelowFloor", "column TtftMs: '0.08'", "no less than")]
    public void A_bad_value_is_refused_by_row_column_and_value(string column, string? value, string id, string what, string hint)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Measured((column, value)));

        Assert.Equal(id, e.ErrorId);
        Assert.StartsWith("Line 2 of 'x.csv', ", e.Message, StringComparison.Ordinal);
        Assert.Contains(what, e.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(hint, e.Message, StringComparison.Ordinal);
        Assert.Equal("line 2 of 'x.csv'", e.Target);
    }

    [Theory]
    [InlineData("ttft", "name it ttftMs or ttftSeconds")]
    [InlineData("TtftMss", "TtftMss is not known")]
    public void A_time_without_unit_or_by_a_wrong_name_is_pointed_out(string column, string hint)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Measured(("TtftMs", null), ("TpotMs", null), (column, "80")));

        Assert.Contains("there is no time", e.Message, StringComparison.Ordinal);
        Assert.Contains(hint, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_million_characters_are_not_repeated()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Measured(("TpotMs", new string('9', 1_000_000) + "x")));

        Assert.InRange(e.Message.Length, 20, 300);
    }

    [Fact]
    public void A_time_that_is_mostly_estimated_is_refused()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Measured(
            ("TpotMs", null), ("TtftMs", null), ("OutputLength", "2"), ("InputLength", "30000"), ("TokensPerSecond", "2")));

        Assert.Contains("Give TtftMs or TpotMs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_a_benchmark_have_totals_and_a_limit()
    {
        TimeMeasurement measured = Measured(("BatchSize", null), ("InputLength", null), ("OutputLength", null),
            ("num_prompts", "320"), ("completed", "300"), ("total_input_tokens", "307300"), ("total_output_tokens", "153600"),
            ("request_rate", "inf"), ("max_concurrency", "32"), ("TpotMs", "14"));

        Assert.Equal((32, 1024, 512), (measured.Request.Deployment.BatchSize, measured.Request.InputLength, measured.Request.OutputLength));
    }

    /// <summary>2 requests a second that take 80 + 511 · 10.5 ms each: 10.9 at once.</summary>
    [Fact]
    public void Requests_at_a_rate_are_as_many_at_once_as_rate_times_duration()
    {
        TimeMeasurement measured = Measured(("BatchSize", null), ("num_prompts", "320"), ("completed", "320"),
            ("request_rate", "2.0"), ("request_throughput", "2"));

        Assert.Equal(11, measured.Request.Deployment.BatchSize);
    }

    [Fact]
    public void Requests_that_were_all_sent_at_once_are_no_steady_load()
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Measured(("BatchSize", null), ("num_prompts", "320"),
            ("completed", "320"), ("request_rate", "inf"), ("concurrency", "200.5")));

        Assert.Contains("--max-concurrency", e.Message, StringComparison.Ordinal);
    }

    internal static MeasurementRow Row(params (string Column, object? Value)[] changes)
    {
        Dictionary<string, object?> row = new(s_row);
        foreach ((string column, object? value) in changes)
        {
            row[column] = value;
        }

        return new MeasurementRow("line 2 of 'x.csv'", row);
    }

    private static TimeMeasurement Measured(params (string Column, object? Value)[] changes) => TimeMeasurement.Of(Row(changes));
}
