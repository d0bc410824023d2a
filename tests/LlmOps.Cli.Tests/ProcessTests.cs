using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace LlmOps.Cli.Tests;

/// <summary>The built program as a process of its own: its streams, its culture and its exit codes.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task A_result_goes_to_standard_output_without_colour_or_byte_order_mark()
    {
        Result result = await Start("optimize --model OPT-2.7B --slo-tps 100 --performance-model InferSave -o json", "de_DE.UTF-8");

        Assert.Equal((0, '['), (result.ExitCode, result.Out[0]));
        Assert.Equal("T4", result.Json()[0].GetProperty("Instance").GetString());
        Assert.Equal(JsonValueKind.Number, result.Json()[0].GetProperty("UsdPerHour").ValueKind);
        Assert.DoesNotContain("error", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_input_goes_to_standard_error_without_a_stack_trace()
    {
        Result result = await Start("optimize --model OPT-2.8B", "C.UTF-8");

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.StartsWith("llmops: error: No model is named 'OPT-2.8B'. Did you mean OPT-2.7B?",
            Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_in_a_pipe_has_no_escape_codes()
    {
        Result result = await Start("gpus T4", "de_DE.UTF-8");

        Assert.Equal(0, result.ExitCode);
        Assert.DoesNotContain('\u001b', result.Out);
        Assert.Contains("14,74", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_ends_a_sweep_within_seconds()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows sends Ctrl+C to a whole console, this test's own included.");
        string batches = string.Join(',', Enumerable.Range(1, 5000));
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        using Process process = Process.Start(
            Program("memory --model * --gpu * --quantization FP16,INT8,INT4 -o csv --batch-size " + batches, "C.UTF-8"))!;
        Task<string> error = process.StandardError.ReadToEndAsync(limit.Token);
        await process.StandardOutput.ReadLineAsync(limit.Token);
        Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]).Dispose();
        await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);

        Assert.Equal((130, ""), (process.ExitCode, await error));
    }

    [Fact]
    public async Task Prices_from_a_file_count_from_then_on()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("llmops-cli-");
        try
        {
            string data = Path.Combine(folder.FullName, "data"), file = Path.Combine(folder.FullName, "vms.csv");
            await File.WriteAllTextAsync(file, "InstanceType,Price,Region,SpotPrice\ng5.xlarge,1.1,us-east-1,0.5\ng5.xlarge,x,us-west-2,\n",
                TestContext.Current.CancellationToken);
            string update = $"prices update --provider aws --file {file} --date 2026-02-01 -o json";

            Result dry = await Start(update + " --dry-run", "C.UTF-8", data);
            Assert.False(Directory.Exists(data));
            Result result = await Start(update, "de_DE.UTF-8", data);
            Assert.Equal(dry.Out, result.Out);
            Assert.Equal(2, result.ExitCode);
            Assert.Contains("line 3: Price is 'x'", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
            Assert.Equal([(false, 1.1), (true, 0.5)], result.Json().Select(
                row => (row.GetProperty("Spot").GetBoolean(), row.GetProperty("NewUsdPerHour").GetDouble())));

            Result instances = await Start("instances g5.xlarge --region us-east-1 -o json", "C.UTF-8", data);
            Assert.Equal((1.1, "2026-02-01"), (Assert.Single(instances.Json()).GetProperty("UsdPerHour").GetDouble(),
                instances.Json()[0].GetProperty("PriceDate").GetString()));
            Result optimize = await Start("optimize --model OPT-2.7B --gpu A10G --provider AWS --region us-east-1 -o json", "C.UTF-8", data);
            Assert.Contains(optimize.Json(), row => row.GetProperty("UsdPerHour").GetDouble() == 1.1);

            await File.WriteAllTextAsync(Path.Combine(data, "prices.json"), "{", TestContext.Current.CancellationToken);
            Result damaged = await Start("instances g5.xlarge --region us-east-1 -o json", "C.UTF-8", data);
            Assert.Equal((0, 1.006), (damaged.ExitCode, damaged.Json()[0].GetProperty("UsdPerHour").GetDouble()));
            Assert.Single(damaged.ErrorLines, line => line.Contains("are not used: it is no valid JSON.", StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("prices update --provider GCP", "--file")]
    [InlineData("prices update --provider Nobody", "No provider is named 'Nobody'")]
    [InlineData("prices update --provider AWS --file nowhere.csv", "There is no file")]
    [InlineData("prices update --provider AWS --file nowhere.csv --date 01.02.2026", "is no day")]
    [InlineData("prices update --provider Azure --endpoint here", "cannot be used")]
    [InlineData("prices update", "--provider")]
    public void Prices_that_cannot_be_updated_are_bad_input(string arguments, string saying)
    {
        Result result = Cli.Run(arguments);

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.Contains(saying, result.Error, StringComparison.Ordinal);
    }

    private static async Task<Result> Start(string arguments, string locale, string? data = null)
    {
        using Process process = Process.Start(Program(arguments, locale, data))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
        return new Result(process.ExitCode, await output, await error);
    }

    private static ProcessStartInfo Program(string arguments, string locale, string? data = null)
    {
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "llmops.dll"));
        foreach (string argument in arguments.Split(' '))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["LC_ALL"] = locale;

        // The prices of whoever runs the tests do not count.
        start.Environment["LLMOPS_DATA"] = data ?? Path.Combine(Path.GetTempPath(), "llmops-no-data");
        return start;
    }
}
