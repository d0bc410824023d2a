namespace LlmOps.Cli.Tests;

public sealed class CommandLineTests
{
    [Fact]
    public void The_version_is_that_of_the_program()
    {
        Result result = Cli.Run("--version");

        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+\s*$", result.Out);
    }

    [Theory]
    [InlineData("optimize", "[default: CostEfficiency]")]
    [InlineData("optimize", "[default: Fitted]")]
    [InlineData("memory", "[default: 2048]")]
    [InlineData("kv-cache", "--gpu-memory-utilization")]
    [InlineData("performance", "[default: 1024]")]
    [InlineData("models", "[default: all]")]
    [InlineData("instances", "--max-usd-per-hour <USD>")]
    [InlineData("gpus", "--output <table|json|csv>")]
    public void Help_names_options_units_and_defaults(string command, string text)
    {
        Result result = Cli.Run([command, "--help"]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains(text, result.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("optimise", "There is no command or option 'optimise'. Did you mean optimize?")]
    [InlineData("optimize", "--model")]
    [InlineData("optimize --model", "--model")]
    [InlineData("optimize --model OPT-2.7B --batch 3", "--batch")]
    [InlineData("models a b", "'b'")]
    [InlineData("models --output yaml", "Output is 'yaml', but must be one of Table, Json, Csv.")]
    public void A_wrong_command_line_is_exit_code_2(string arguments, string message)
    {
        Result result = Cli.Run(arguments);

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_arguments_help_goes_to_the_error_stream()
    {
        Result result = Cli.Run([]);

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        Assert.Contains("optimize", result.Error, StringComparison.Ordinal);
    }
}
