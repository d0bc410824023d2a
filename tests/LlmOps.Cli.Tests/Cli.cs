using System.Globalization;
using System.Text.Json;

namespace LlmOps.Cli.Tests;

/// <summary>What one run of the command line wrote.</summary>
internal sealed record Result(int ExitCode, string Out, string Error)
{
    /// <summary>The records of a JSON result.</summary>
    public IReadOnlyList<JsonElement> Json()
    {
        using JsonDocument document = JsonDocument.Parse(Out);
        return [.. document.RootElement.EnumerateArray().Select(element => element.Clone())];
    }

    public IReadOnlyList<string> ErrorLines => Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the command line in this process.</summary>
internal static class Cli
{
    public static Result Run(string arguments) => Run(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    public static Result Run(
        IReadOnlyList<string> arguments,
        int width = 120,
        bool colour = false,
        string culture = "",
        CancellationToken cancellation = default)
    {
        using StringWriter output = new(CultureInfo.InvariantCulture);
        using StringWriter error = new(CultureInfo.InvariantCulture);
        int code = LlmOpsCommand.Run([.. arguments], new Terminal
        {
            Out = output,
            Error = error,
            Width = width,
            Colour = colour,
            Culture = CultureInfo.GetCultureInfo(culture),
            Clock = new FixedClock(),
            Cancellation = cancellation,
        });
        return new Result(code, output.ToString(), error.ToString());
    }

    /// <summary>So that the age of a price does not change from day to day.</summary>
    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 2, 1, 0, 0, 0, TimeSpan.Zero);
    }
}
