using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Cli;

/// <summary>
/// Makes options. All take text, which <see cref="Values"/> reads, so that one bad value of a list can be reported while the
/// others are used; defaults stand in the descriptions because nothing else would format them invariantly.
/// </summary>
internal static class Options
{
    /// <summary>Several values: separated by commas or spaces, or the option repeated.</summary>
    public static Option<string[]> List(string name, string value, string description) => new(name)
    {
        HelpName = value + ",...",
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
    };

    public static Option<string?> Single(string name, string value, string description) => new(name)
    {
        HelpName = value,
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
    };

    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    public static Option<string?> Output()
    {
        Option<string?> option = Single("--output", "table|json|csv",
            "table to read; json (an array of objects) and csv (RFC 4180) for programs [default: table]");
        option.Aliases.Add("-o");
        option.CompletionSources.Add("table", "json", "csv");
        return option;
    }

    public static Argument<string?> Pattern(string what) => new("pattern")
    {
        Description = $"Name of the {what}, part of it, or with the wildcards * and ? [default: all]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public static Option<string[]> Gpus(string description)
    {
        Option<string[]> option = List("--gpu", "GPU", description);
        option.CompletionSources.Add(_ => GpuCatalog.All.Select(g => new System.CommandLine.Completions.CompletionItem(g.Name)));
        return option;
    }

    public static T WithModelNames<T>(T option)
        where T : Option
    {
        option.Required = true;
        option.CompletionSources.Add(
            _ => ModelCatalog.Names.Select(name => new System.CommandLine.Completions.CompletionItem(name)));
        return option;
    }

    public static OutputFormat Format(this ParseResult parse, Option<string?> option) =>
        parse.GetValue(option) is { } text ? Values.OneOf<OutputFormat>(text, "Output") : OutputFormat.Table;

    public static long? Whole(this ParseResult parse, Option<string?> option, string name) =>
        parse.GetValue(option) is { } text ? Values.Whole(text, name) : null;

    public static double? Number(this ParseResult parse, Option<string?> option, string name) =>
        parse.GetValue(option) is { } text ? Values.Number(text, name) : null;

    public static T? OneOf<T>(this ParseResult parse, Option<string?> option, string name)
        where T : struct, Enum =>
        parse.GetValue(option) is { } text ? Values.OneOf<T>(text, name) : null;
}
