using System.Globalization;
using System.Text.Json;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Cli.Tests.Commands;

/// <summary><c>llmops performance</c>.</summary>
public sealed class PerformanceTests
{
    [Fact]
    public void Figures_are_those_of_the_estimator()
    {
        JsonElement row = Cli.Run("performance --model Mixtral-8x7B --gpu H200 --engine SGLang --quantization FP8 --kv-cache-data-type FP8 "
            + "--tensor-parallel-size 2 --data-parallel-size 3 --batch-size 16 --input-length 500 --output-length 100 --max-sequences 8 "
            + "--gpu-memory-utilization 0.8 -o json").Json().Single();
        PerformanceEstimate estimate = PerformanceEstimator.Estimate(new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get("Mixtral-8x7B"))
            {
                Gpu = GpuCatalog.Get("H200"),
                Engine = Engine.SGLang,
                Quantization = Quantization.Parse("FP8"),
                KvCacheDataType = KvCacheDataType.FP8,
                Parallelism = new Parallelism(2) { Data = 3 },
                BatchSize = 16,
                MaxSequences = 8,
                GpuMemoryUtilization = 0.8,
            },
            500,
            100));

        Assert.Equal(estimate.TimeToFirstTokenMs, row.GetProperty("TimeToFirstTokenMs").GetDouble());
        Assert.Equal(estimate.TimePerOutputTokenMs, row.GetProperty("TimePerOutputTokenMs").GetDouble());
        Assert.Equal(estimate.TokensPerSecond, row.GetProperty("TokensPerSecond").GetDouble());
        Assert.Equal(8, row.GetProperty("RunningBatch").GetDouble());
        Assert.Equal(6, row.GetProperty("GpuCount").GetInt32());
        foreach (string name in ("ModelName Gpu PrefillSeconds DecodeSeconds TokensPerSecondPerUser TokensPerSecondLow TokensPerSecondHigh "
            + "TimeToFirstTokenLowMs TimePerOutputTokenHighMs Bottleneck Evidence").Split(' '))
        {
            Assert.True(row.TryGetProperty(name, out _), name);
        }
    }

    [Fact]
    public void A_sweep_prints_every_combination_in_the_order_given()
    {
        Result result = Cli.Run(
            "performance --model Llama-3.1-8B --gpu L40S H100-80GB --quantization BF16,FP8 --batch-size 1 8 --input-len 100,200 -o json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(16, result.Json().Count);
        Assert.Equal(
            ["BF16 L40S 1 100", "BF16 L40S 1 200", "BF16 L40S 8 100", "BF16 L40S 8 200", "BF16 H100-80GB 1 100"],
            result.Json().Take(5).Select(row => string.Create(CultureInfo.InvariantCulture,
                $"{row.GetProperty("Quantization")} {row.GetProperty("Gpu")} {row.GetProperty("BatchSize")} {row.GetProperty("InputLength")}")));
    }

    [Fact]
    public void What_does_not_fit_says_what_would_and_has_no_times()
    {
        Result table = Cli.Run("performance --model Llama-3.1-70B --gpu H100-80GB");
        JsonElement row = Cli.Run("performance --model Llama-3.1-70B --gpu H100-80GB -o json").Json().Single();

        Assert.Equal(1, table.ExitCode);
        Assert.Contains("weights in FP8 (--quantization FP8)", table.Out, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.False, row.GetProperty("Fits").ValueKind);
        Assert.Equal(JsonValueKind.Null, row.GetProperty("TokensPerSecond").ValueKind);
    }

    [Fact]
    public void Explained_terms_add_up_to_the_times_in_every_format()
    {
        JsonElement json = Cli.Run("performance --model OPT-2.7B --gpu L4 --explain -o json").Json().Single();
        IReadOnlyList<Dictionary<string, string>> csv = Csv.Parse(Cli.Run("performance --model OPT-2.7B --gpu L4 --explain -o csv").Out);
        string table = Cli.Run("performance --model OPT-2.7B --gpu L4 --explain").Out;

        double sum = json.GetProperty("Terms").EnumerateArray().Where(term => term.GetProperty("Phase").GetString() == "OutputToken")
            .Sum(term => term.GetProperty("Milliseconds").GetDouble());
        Assert.Equal(json.GetProperty("TimePerOutputTokenMs").GetDouble(), sum, 1e-9);
        Assert.Equal(sum, csv.Where(row => row["Phase"] == "OutputToken")
            .Sum(row => double.Parse(row["Milliseconds"], CultureInfo.InvariantCulture)), 1e-9);
        Assert.All(csv, row => Assert.NotEmpty(row["Source"]));
        Assert.Contains("between", table, StringComparison.Ordinal);
        Assert.Single(table.Split("Source:")[1..]);
    }

    [Fact]
    public void One_bad_value_among_good_ones_costs_its_own_rows_only()
    {
        Result result = Cli.Run("performance --model OPT-2.7B,NoSuchModel --gpu L4,T44 --output-length 1,0,NaN,16 -o csv");

        Assert.Equal(["1", "16"], Csv.Parse(result.Out).Select(row => row["OutputLength"]));
        Assert.Equal(4, result.ErrorLines.Count);
        Assert.Contains("OutputLength is 0", result.Error, StringComparison.Ordinal);
        Assert.Contains("NoSuchModel", result.Error, StringComparison.Ordinal);
        Assert.Contains("Did you mean", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, result.ExitCode);
    }

    [Theory]
    [InlineData("performance --model OPT-2.7B", "--gpu")]
    [InlineData("performance --gpu L4", "--model")]
    [InlineData("performance --model OPT-2.7B --gpu L4 --engine DeepSpeed", "DeepSpeed")]
    [InlineData("performance --model OPT-2.7B --gpu L4 --tensor-parallel-size 3", "nearest valid value is 2")]
    [InlineData("performance --model OPT-2.7B --gpu L4 --multi-token-prediction", "no layers that predict")]
    [InlineData("performance --model OPT-2.7B --gpu L4 --quantization FP17", "Did you mean")]
    public void What_cannot_be_is_exit_code_2(string arguments, string saying)
    {
        Result result = Cli.Run(arguments);

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.Contains(saying, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_context_that_the_model_was_not_made_for_is_warned_of_once()
    {
        Result result = Cli.Run("performance --model Llama-2-7B --gpu H100-80GB --input-length 8000 --batch-size 1,2 -o csv");

        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("llmops: warning: Llama-2-7B was made for 4096 tokens", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, "")]
    [InlineData(120, "de-DE")]
    public void No_line_is_wider_than_the_terminal(int width, string culture)
    {
        string[] arguments = ["performance", "--model", "Llama-3.1-8B,Qwen3-235B-A22B-Instruct-2507", "--gpu", "T4,H100-80GB", "--batch-size", "1,8", "--explain"];

        Assert.All(Cli.Run(arguments, width, culture: culture).Out.Split(Environment.NewLine), line => Assert.InRange(line.Length, 0, width));
    }

    [Fact]
    public void Files_do_not_change_with_the_culture()
    {
        string[] arguments = ["performance", "--model", "OPT-2.7B", "--gpu", "L4", "-o", "csv"];

        Assert.Equal(Cli.Run(arguments).Out, Cli.Run(arguments, culture: "de-DE").Out);
    }

    [Fact]
    public void A_stopped_sweep_exits_with_130() => Assert.Equal(130, Cli.Run(
        ["performance", "--model", "OPT-2.7B", "--gpu", "L4", "-o", "csv"], cancellation: new CancellationToken(canceled: true)).ExitCode);
}
