using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using LlmOps.Cli.Commands;
using LlmOps.Core;

namespace LlmOps.Cli;

/// <summary>The whole command line.</summary>
internal static class LlmOpsCommand
{
    private const string Name = "llmops";

    /// <summary>Without the commit that the build appends.</summary>
    public static string Version { get; } = typeof(LlmOpsCommand).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run(string[] args, Terminal terminal)
    {
        Command root = Create(terminal);
        InvocationConfiguration configuration = new()
        {
            Output = args.Length == 0 ? terminal.Error : terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };

        // An argument that starts with @ is one; files of arguments would be a second syntax to explain.
        ParseResult parse = root.Parse(args.Length == 0 ? ["--help"] : args,
            new ParserConfiguration { ResponseFileTokenReplacer = null });
        if ((parse.Errors.Count > 0 || UnknownOption(parse) is not null) && parse.Action is not HelpAction)
        {
            return ReportErrors(parse, root, terminal);
        }

        try
        {
            int code = parse.Invoke(configuration);
            terminal.Out.Flush();
            return args.Length == 0 ? ExitCode.BadInput : code;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Cancelled;
        }
        catch (IOException e)
        {
            new Diagnostics(terminal.Error).Error($"The result cannot be written: {e.Message}");
            return ExitCode.BadInput;
        }
    }

    /// <summary>Runs a command's work; bad input that ends it is one line on the error stream.</summary>
    public static int Guarded(Terminal terminal, Func<Diagnostics, int> work)
    {
        Diagnostics diagnostics = new(terminal.Error);
        try
        {
            return work(diagnostics);
        }
        catch (LlmOpsException e)
        {
            diagnostics.Error(e);
            return ExitCode.BadInput;
        }
    }

    private static int ReportErrors(ParseResult parse, Command root, Terminal terminal)
    {
        Diagnostics diagnostics = new(terminal.Error);
        if (parse.CommandResult.Command == root && parse.UnmatchedTokens is [{ } unknown, ..])
        {
            string hint = NameMatcher.Suggest(unknown, root.Subcommands.Select(c => c.Name));
            diagnostics.Error($"There is no command or option '{unknown}'.{hint}");
        }
        else if (UnknownOption(parse) is { } option)
        {
            string hint = NameMatcher.Suggest(option, parse.CommandResult.Command.Options.Select(o => o.Name));
            diagnostics.Error($"There is no option '{option}'.{hint}");
        }
        else
        {
            foreach (ParseError error in parse.Errors)
            {
                diagnostics.Error(error.Message);
            }
        }

        terminal.Error.WriteLine($"'{Path(parse)} --help' shows what it takes.");
        return ExitCode.BadInput;
    }

    /// <summary>A misspelt option, which an option before it that takes a list has swallowed as one of its values.</summary>
    private static string? UnknownOption(ParseResult parse) => parse.Tokens
        .TakeWhile(token => token.Type != TokenType.DoubleDash)
        .FirstOrDefault(token => token.Type == TokenType.Argument && token.Value.StartsWith("--", StringComparison.Ordinal))
        ?.Value;

    private static Command Create(Terminal terminal)
    {
        VersionOption version = new() { Action = new PrintVersion(terminal) };
        return new Command(Name,
            "Says what a large language model needs, what it costs, and on which GPU instance it runs best.\n\n"
            + "Exit codes: 0 found, 1 nothing fits or meets the objective, 2 bad input, 130 stopped.")
        {
            new HelpOption(),
            version,
            OptimizeCommand.Create(terminal),
            MemoryCommand.Create(terminal),
            KvCacheCommand.Create(terminal),
            PerformanceCommand.Create(terminal),
            ModelsCommand.Create(terminal),
            InstancesCommand.Create(terminal),
            GpusCommand.Create(terminal),
            PricesCommand.Create(terminal),
        };
    }

    private static string Path(ParseResult parse) =>
        parse.CommandResult.Command.Name == Name ? Name : $"{Name} {parse.CommandResult.Command.Name}";

    /// <summary>The library's own action asks the process's entry assembly, which is a test runner's in a test.</summary>
    private sealed class PrintVersion(Terminal terminal) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            terminal.Out.WriteLine(Version);
            return ExitCode.Found;
        }
    }
}
