using System.Globalization;
using System.Text.Json;

namespace LlmOps.Cli.Tests.Commands;

public sealed class OptimizeTests
{
    private const string PublishedJob =
        "optimize --model OPT-2.7B --batch-size 32 --input-len 128 --output-len 512 --safety-factor 0.87 --slo-tps 100";

    [Fact]
    public void The_published_job_with_the_published_model_prints_the_published_result()
    {
        Result result = Cli.Run(PublishedJob + " --performance-model InferSave --precision 2");

        const string expected = """
            Model: OPT-2.7B
            Layers: 32
            Hidden size: 2560
            Batch size: 32
            Input length: 128
            Output length: 512
            Safety factor: 0.87
            SLO requirement: Minimum 100 TPS
            Weights: FP16
            Performance model: InferSave (TPS counts prompt and generated tokens)

            Total KV Cache size: 6.71 GB

            Optimal instance:
            GPU: T4
            Instance: T4 (InferSave, published)
            KV Cache offloading ratio: 0.0%
            TPS: 988.74 tokens/second
            Hourly cost: $0.70 (on demand)
            Cost efficiency: 514285.71 tokens/$ (at the SLO of 100 TPS)
            Price date: not given by the source; check the price before you decide
            Price source: InferSave, "Cost-Effective LLM Inference in Cloud Environments with KV Cache Offloading", 2025

            Performance details:
            Prefill time: 1.2614 seconds
            Decode time: 19.4519 seconds
            Total processing time: 20.7133 seconds
            Decoding is bound by: Compute
            Why: before L4: 66.7 % more tokens for a USD, 40 % less an hour, 844.9 % more throughput, 89.4 % faster answers

            Ranking by cost efficiency:
            Provider: InferSave   Region: published

              #   Instance   GPUs   Offload %        TPS   USD/h all   Tokens/USD   USD/1M tokens   Floor
            ────────────────────────────────────────────────────────────────────────────────────────────────
              1   T4         T4           0.0     988.74       0.700      514,286           0.197   kept
              2   L4         L4           0.0     104.64       1.167      308,483           3.098   kept
              3   A10G       A10G         0.0   6,697.73       1.466      245,566           0.061   BROKEN
              4   L40S       L40S         0.0     552.94       2.700      133,333           1.356   kept

            4 instances: 4 ranked, 0 below the SLO, 0 unable to run the job.

            """;
        Assert.Equal(expected, result.Out, ignoreLineEndingDifferences: true);
        Assert.Equal("", result.Error);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public void The_default_is_the_fitted_model_over_dated_cloud_instances()
    {
        Result result = Cli.Run(PublishedJob + " --provider AWS --top 3");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("Performance model: Fitted (TPS counts generated tokens)", result.Out, StringComparison.Ordinal);
        Assert.Contains("Total KV Cache size: 6.71 GB", result.Out, StringComparison.Ordinal);
        Assert.Contains("Instance: g4dn.xlarge (AWS, us-east-1)", result.Out, StringComparison.Ordinal);
        Assert.Contains("Price date: 2026-01-21" + Environment.NewLine, result.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prediction_faster_than_the_hardware_is_warned_of()
    {
        Result table = Cli.Run("optimize --model OPT-2.7B --performance-model InferSave --gpu A10G");
        Result json = Cli.Run("optimize --model OPT-2.7B --performance-model InferSave --gpu A10G --output json");

        Assert.Contains("WARNING: A10G: the predicted time", table.Out, StringComparison.Ordinal);
        Assert.StartsWith("llmops: warning: A10G: the predicted time", json.Error, StringComparison.Ordinal);
        Assert.True(json.Json().Single().GetProperty("BreaksPhysicalFloor").GetBoolean());
    }

    [Fact]
    public void Nothing_meets_an_objective_out_of_reach()
    {
        Result table = Cli.Run("optimize --model OPT-2.7B --slo-tps 1e8");
        Result json = Cli.Run("optimize --model OPT-2.7B --slo-tps 1e8 -o json");

        Assert.Equal((1, 1), (table.ExitCode, json.ExitCode));
        Assert.Contains("Optimal instance: none", table.Out, StringComparison.Ordinal);
        Assert.StartsWith("llmops: no instance keeps the SLO (Minimum 100000000 TPS); the fastest,", table.Error, StringComparison.Ordinal);
        Assert.Empty(json.Json());
    }

    [Theory]
    [InlineData("--gpu L4 --provider Lambda", "GPU L4; provider Lambda. With the rest as it is there are: GPU A10, ")]
    [InlineData("--gpu MI300X", "GPU MI300X. Instances have A10, ")]
    [InlineData("--performance-model InferSave --gpu H100", "GPU H100-80GB. Instances have A10G, L4, L40S, T4. InferSave compares those that it published")]
    public void Conditions_that_no_instance_meets_are_named(string conditions, string message)
    {
        Result result = Cli.Run("optimize --model OPT-2.7B " + conditions);

        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("llmops: No known instance meets all of the conditions: " + message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Money_that_is_not_known_is_null()
    {
        IReadOnlyList<JsonElement> rows = Cli.Run("optimize --model OPT-2.7B --gpu B200 --provider AWS --price-type Spot --include-rejected -o json").Json();
        JsonElement row = rows.Single(r => r.GetProperty("RejectionReason").GetString() == "no Spot price is known");

        Assert.All(new[] { "UsdPerHour", "UsdPerHourTotal", "UsdPerMonth", "UsdPerMillionTokens", "PriceSource" },
            name => Assert.Equal(JsonValueKind.Null, row.GetProperty(name).ValueKind));
        string table = Cli.Run(["optimize", "--model", "OPT-2.7B", "--gpu", "B200", "--provider", "AWS", "--price-type", "Spot", "--include-rejected"], 120).Out;
        Assert.Matches(@"p6-b200\.48xlarge +8 x B200 +- +no Spot price is known", table);
    }

    [Fact]
    public void Rejected_instances_come_with_the_reason()
    {
        Result result = Cli.Run("optimize --model OPT-66B --gpu T4 --include-rejected -o json");

        Assert.Equal(1, result.ExitCode);
        Assert.NotEmpty(result.Json());
        Assert.All(result.Json(), row => Assert.Equal(
            (JsonValueKind.Null, true),
            (row.GetProperty("Rank").ValueKind, row.GetProperty("RejectionReason").GetString()!
                .StartsWith("weights, activations and the KV cache of one request do not fit; what would: ", StringComparison.Ordinal))));
        Assert.All(
            ["UsdPerMillionTokens", "CostEfficiency", "TokensPerSecond", "TotalSeconds"],
            name => Assert.All(result.Json(), row => Assert.Equal(JsonValueKind.Null, row.GetProperty(name).ValueKind)));
    }

    [Fact]
    public void Json_has_the_properties_of_an_instance_evaluation()
    {
        JsonElement best = Cli.Run(PublishedJob + " --performance-model InferSave -o json").Json()[0];

        foreach (string name in ("Rank Instance Gpu GpuCount OffloadRatio TokensPerSecond PrefillSeconds DecodeSeconds "
            + "TotalSeconds UsdPerHour CostEfficiency UsdPerMillionTokens Feasible MeetsSlo RejectionReason").Split(' '))
        {
            Assert.True(best.TryGetProperty(name, out _), name);
        }

        Assert.Equal("T4", best.GetProperty("Instance").GetString());
        Assert.Equal(988.74, best.GetProperty("TokensPerSecond").GetDouble(), 2);
    }

    [Fact]
    public void Csv_holds_the_same_numbers_as_json()
    {
        IReadOnlyList<JsonElement> json = Cli.Run(PublishedJob + " --all -o json").Json();
        IReadOnlyList<Dictionary<string, string>> csv = Csv.Parse(Cli.Run(PublishedJob + " --all -o csv").Out);

        Assert.Equal(json.Count, csv.Count);
        foreach ((JsonElement expected, Dictionary<string, string> actual) in json.Zip(csv))
        {
            Assert.Equal(expected.GetProperty("Instance").GetString(), actual["Instance"]);
            Assert.Equal(expected.GetProperty("PriceSource").GetString(), actual["PriceSource"]);
            Assert.Equal(expected.GetProperty("TokensPerSecond").GetDouble(),
                double.Parse(actual["TokensPerSecond"], CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void Tables_speak_the_users_culture_and_files_do_not()
    {
        string[] job = (PublishedJob + " --performance-model InferSave").Split(' ');

        Result table = Cli.Run(job, culture: "de-DE");
        Assert.Contains("TPS: 988,74 tokens/second", table.Out, StringComparison.Ordinal);
        Assert.Contains("6.697,73", table.Out, StringComparison.Ordinal);
        Assert.Contains("Safety factor: 0,87", table.Out, StringComparison.Ordinal);
        foreach (string format in (string[])["json", "csv"])
        {
            Assert.Equal(Cli.Run([.. job, "-o", format]).Out, Cli.Run([.. job, "-o", format], culture: "de-DE").Out);
        }
    }

    [Theory]
    [InlineData("--batch-size 0", "BatchSize is 0, but must be between 1 and 1000000. The nearest valid value is 1.")]
    [InlineData("--batch-size -1", "BatchSize is -1, but must be")]
    [InlineData("--batch-size 1.5", "BatchSize is '1.5', but must be a whole number")]
    [InlineData("--batch-size 99999999999999999999", "BatchSize is '99999999999999999999', but must be a whole number")]
    [InlineData("--input-len 100000000 --output-len 100000000", "InputLength plus OutputLength is 200000000")]
    [InlineData("--safety-factor NaN", "SafetyFactor is NaN (not a number), but must be between 0.01 and 1.")]
    [InlineData("--safety-factor 0,87", "SafetyFactor is '0,87', but must be a number with a decimal point")]
    [InlineData("--slo-tps Infinity", "SloTokensPerSecond is Infinity")]
    [InlineData("--precision 3", "PrecisionBytes is 3, but must be 4 (FP32), 2 (FP16), 1 (INT8) or 0.5 (INT4).")]
    [InlineData("--precision 2 --quantization FP8", "--precision and --quantization contradict each other")]
    [InlineData("--all --top 3", "--all and --top contradict each other")]
    [InlineData("--requests-per-second 5 --slo-tps 10", "RequestsPerSecond and SloTokensPerSecond contradict each other")]
    [InlineData("--requests-per-second 5 --batch-size 8", "--batch-size and --requests-per-second contradict each other")]
    [InlineData("--saturate --batch-size 8", "--batch-size and --saturate contradict each other")]
    [InlineData("--requests-per-second 5 --saturate", "RequestsPerSecond and Saturate contradict each other")]
    [InlineData("--requests-per-second 0", "RequestsPerSecond is 0, but must be between")]
    [InlineData("--slo-ttft -1", "SloTimeToFirstTokenMs is -1, but must be between")]
    [InlineData("--slo-tpot 20 --performance-model Roofline", "needs the performance model Fitted")]
    [InlineData("--rank-by Price", "RankBy is 'Price'")]
    [InlineData("--performance-model Rooflin", "Did you mean Roofline?")]
    [InlineData("--provider AWZ", "Did you mean AWS?")]
    [InlineData("--gpu L5", "No GPU is named 'L5'.")]
    public void Bad_input_is_one_line_and_exit_code_2(string arguments, string message)
    {
        Result result = Cli.Run("optimize --model OPT-2.7B " + arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Equal("", result.Out);
        Assert.StartsWith("llmops: error: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80)]
    [InlineData(120)]
    public void No_line_is_wider_than_the_terminal(int width)
    {
        string[] lines = Cli.Run(["optimize", "--model", "Llama-3.1-8B", "--include-rejected"], width).Out
            .Split(Environment.NewLine);

        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
    }

    [Fact]
    public void A_rate_of_requests_is_served_within_the_latencies()
    {
        const string job = "optimize --model Llama-3.1-8B --input-len 1024 --output-len 256 --requests-per-second 20 "
            + "--slo-ttft 500 --slo-tpot 40 --slo-percentile 99 --allow-quantization FP8 --top 5";
        Result table = Cli.Run(job);
        IReadOnlyList<JsonElement> json = Cli.Run(job + " -o json").Json();

        Assert.Contains("Requests per second: 20", table.Out, StringComparison.Ordinal);
        Assert.Contains("SLO requirement: TTFT up to 500 ms, TPOT up to 40 ms for 99 % of the requests", table.Out, StringComparison.Ordinal);
        Assert.Contains("Weights: BF16 or FP8", table.Out, StringComparison.Ordinal);
        Assert.Contains("Why: before ", table.Out, StringComparison.Ordinal);
        Assert.Equal(5, json.Count);
        Assert.All(json, row => Assert.InRange(row.GetProperty("TimeToFirstTokenP95Ms").GetDouble(), 0, 500));
    }

    [Fact]
    public void Users_up_to_the_objective_and_the_front_of_all_ways()
    {
        const string job = "optimize --model Llama-3.1-8B --saturate --slo-tpot 30 --gpu L4 H100-80GB --offloading Never --all -o json";
        IReadOnlyList<JsonElement> best = Cli.Run(job).Json();
        IReadOnlyList<JsonElement> front = Cli.Run(job + " --pareto --rank-by UsdPerMillionTokens").Json();

        Assert.All(best, row => Assert.InRange(row.GetProperty("TimePerOutputTokenMs").GetDouble(), 0, 30));
        Assert.True(front.Count > 5, $"{front.Count} ways");
        Assert.Contains("What nothing beats:", Cli.Run(job.Replace(" -o json", "", StringComparison.Ordinal) + " --pareto").Out, StringComparison.Ordinal);
        double[] prices = [.. front.Select(row => row.GetProperty("UsdPerMillionTokens").GetDouble())];
        Assert.Equal(prices.Order(), prices);
    }
}
