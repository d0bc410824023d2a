using System.Globalization;
using System.Text.Json;

namespace LlmOps.Cli.Tests.Commands;

/// <summary><c>llmops memory</c> and <c>llmops kv-cache</c>.</summary>
public sealed class SweepTests
{
    [Fact]
    public void A_sweep_prints_every_combination_in_the_order_given()
    {
        Result result = Cli.Run(
            "memory --model Llama-3.1-8B --quantization FP16,INT8 --gpu L4 H100-80GB --batch-size 1 8 --sequence-length 4096 -o json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(
            ["FP16 L4 1", "FP16 L4 8", "FP16 H100-80GB 1", "FP16 H100-80GB 8",
             "INT8 L4 1", "INT8 L4 8", "INT8 H100-80GB 1", "INT8 H100-80GB 8"],
            result.Json().Select(row => string.Create(CultureInfo.InvariantCulture,
                $"{row.GetProperty("Quantization")} {row.GetProperty("Gpu")} {row.GetProperty("BatchSize")}")));
    }

    [Fact]
    public void DeepSpeed_trains_by_stage_and_says_what_is_offloaded()
    {
        Result result = Cli.Run("memory --model Llama-2-7B --engine DeepSpeed --zero-stage 2,3 --data-parallel-size 8 "
            + "--quantization BF16 --offload-optimizer Cpu --activation-checkpointing Full --chunked-loss -o json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal([2, 3], result.Json().Select(row => row.GetProperty("ZeroStage").GetInt32()));
        Assert.All(result.Json(), row => Assert.Equal(
            16 * 6738415616.0 / 8 / (1 << 30), row.GetProperty("HostGiB").GetDouble(), 1e-6));
        Assert.Contains("Host", Cli.Run("memory --model Llama-2-7B --engine DeepSpeed --zero-stage 3 --data-parallel-size 8 "
            + "--quantization BF16 --offload-optimizer Cpu --explain").Out, StringComparison.Ordinal);
        Assert.Contains("ZeroStage is a setting of DeepSpeed",
            Cli.Run("memory --model Llama-2-7B --training --zero-stage 2").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_the_properties_of_a_memory_estimate()
    {
        JsonElement row = Cli.Run("memory --model Llama-3.1-8B --gpu T4 --explain -o json").Json().Single();

        foreach (string name in ("ModelName Engine EngineVersion Quantization BatchSize SequenceLength TensorParallelSize "
            + "PipelineParallelSize ModelWeightsGiB ActivationsGiB GradientsGiB OptimizerStatesGiB KvCacheGiB CudaGraphsGiB "
            + "CompilationOverheadGiB FragmentationOverheadGiB SafetyMarginGiB TotalGiB TotalLowGiB TotalHighGiB Gpu Fits "
            + "UtilizationPercent HeadroomGiB Remedy Terms").Split(' '))
        {
            Assert.True(row.TryGetProperty(name, out _), name);
        }

        Assert.Equal(JsonValueKind.False, row.GetProperty("Fits").ValueKind);
        Assert.All(row.GetProperty("Terms").EnumerateArray(), term =>
            Assert.False(string.IsNullOrEmpty(term.GetProperty("Source").GetString())));
    }

    [Fact]
    public void One_bad_value_among_good_ones_costs_its_own_rows_only()
    {
        Result result = Cli.Run("memory --model OPT-2.7B --batch-size 1,0,many,8 -o csv");

        Assert.Equal(["1", "8"], Csv.Parse(result.Out).Select(row => row["BatchSize"]));
        Assert.Equal(
            ["llmops: error: BatchSize is 'many', but must be a whole number, such as 8.",
             "llmops: error: BatchSize is 0, but must be between 1 and 1000000. The nearest valid value is 1."],
            result.ErrorLines);
        Assert.Equal(2, result.ExitCode);
    }

    [Fact]
    public void A_list_without_one_good_value_does_not_fall_back_to_the_default()
    {
        Result result = Cli.Run("memory --model OPT-2.7B --quantization FP17 -o json");

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.Contains("Did you mean FP1", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_fails_alike_in_every_combination_is_said_once()
    {
        Result result = Cli.Run("memory --model OPT-2.7B --tensor-parallel-size 3 --batch-size 1,2,3,4");

        Assert.Single(result.ErrorLines);
        Assert.Equal((2, ""), (result.ExitCode, result.Out));
    }

    [Fact]
    public void A_misspelt_option_is_not_taken_for_a_value()
    {
        Result result = Cli.Run("memory --model OPT-2.7B --batch-siz 8");

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.StartsWith("llmops: error: There is no option '--batch-siz'. Did you mean --batch-size?",
            result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_fits_nowhere_says_what_would_fit()
    {
        Result result = Cli.Run("memory --model Llama-3.1-8B --gpu T4");

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("weights in INT8 (--quantization INT8)", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Explained_csv_has_a_row_for_each_term()
    {
        IReadOnlyList<Dictionary<string, string>> rows = Csv.Parse(
            Cli.Run("memory --model OPT-2.7B --batch-size 1,2 --explain -o csv").Out);

        Assert.Equal(2, rows.Count(row => row["Term"] == "ModelWeights" && row["Evidence"] == "Exact"));
    }

    [Theory]
    [InlineData(80)]
    [InlineData(120)]
    public void No_line_is_wider_than_the_terminal(int width)
    {
        string[] arguments = ["memory", "--model", "Llama-3.1-8B,Mixtral-8x7B", "--gpu", "T4,H100-80GB", "--batch-size", "1,8"];

        Assert.All(Cli.Run([.. arguments, "--explain"], width).Out.Split(Environment.NewLine),
            line => Assert.InRange(line.Length, 0, width));
        Assert.All(Cli.Run(["kv-cache", .. arguments.Skip(1)], width).Out.Split(Environment.NewLine),
            line => Assert.InRange(line.Length, 0, width));
    }

    [Fact]
    public void Kv_cache_capacities_come_with_a_gpu()
    {
        Result alone = Cli.Run("kv-cache --model Mixtral-8x7B --batch-size 1,8 --sequence-length 4096,16384 -o json");
        Result onGpu = Cli.Run("kv-cache --model Mixtral-8x7B --batch-size 32 --sequence-length 16384 --gpu H200 -o json");

        Assert.Equal(4, alone.Json().Count);
        Assert.Equal(131072, alone.Json()[0].GetProperty("BytesPerToken").GetInt64());
        Assert.Equal(JsonValueKind.Null, alone.Json()[0].GetProperty("TokenCapacity").ValueKind);
        Assert.True(onGpu.Json()[0].GetProperty("SequenceCapacity").GetInt64() is > 0 and < 32);
        Assert.Equal((0, 1), (alone.ExitCode, onGpu.ExitCode));
    }

    [Fact]
    public void More_memory_than_can_be_counted_is_bad_input()
    {
        Result result = Cli.Run("kv-cache --model OPT-66B --batch-size 1000000 --sequence-length 100000000");

        Assert.Equal(2, result.ExitCode);
        Assert.Single(result.ErrorLines);
    }

    [Fact]
    public void A_stopped_sweep_exits_with_130()
    {
        Result result = Cli.Run(
            ["memory", "--model", "OPT-2.7B", "-o", "csv"], cancellation: new CancellationToken(canceled: true));

        Assert.Equal(130, result.ExitCode);
    }
}
