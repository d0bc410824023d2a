using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LlmOps.Cli;

/// <summary>The process: its streams, its terminal and Ctrl+C.</summary>
internal static class Program
{
    private const int WidthOfFiles = 120;
    private const int NarrowestWidth = 40;

    private static int Main(string[] args)
    {
        using CancellationTokenSource stop = new();
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            // The first asks the work to stop; a second one ends the process, whatever it does.
            context.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        });

        using TextWriter output = OpenOutput();
        bool redirected = Console.IsOutputRedirected;
        return LlmOpsCommand.Run(args, new Terminal
        {
            Out = output,
            Error = Console.Error,
            Width = Width(redirected),
            Colour = !redirected
                && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
                && Environment.GetEnvironmentVariable("TERM") != "dumb",
            Culture = CultureInfo.CurrentCulture,
            UsesPricesOfUser = true,
            Cancellation = stop.Token,
        });
    }

    /// <summary>Files and pipes get UTF-8 without a byte-order mark on every system.</summary>
    private static TextWriter OpenOutput() => Console.IsOutputRedirected
        ? new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false))
        : Console.Out;

    private static int Width(bool redirected)
    {
        if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), CultureInfo.InvariantCulture, out int columns)
            && columns >= NarrowestWidth)
        {
            return columns;
        }

        if (redirected)
        {
            return WidthOfFiles;
        }

        try
        {
            return Console.WindowWidth >= NarrowestWidth ? Console.WindowWidth : WidthOfFiles;
        }
        catch (IOException)
        {
            // A terminal that does not say how wide it is.
            return WidthOfFiles;
        }
    }
}
