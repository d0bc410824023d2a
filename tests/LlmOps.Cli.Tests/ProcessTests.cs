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

    private static async Task<Result> Start(string arguments, string locale)
    {
        using Process process = Process.Start(Program(arguments, locale))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
        return new Result(process.ExitCode, await output, await error);
    }

    private static ProcessStartInfo Program(string arguments, string locale)
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
        return start;
    }
}
