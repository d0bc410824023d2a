using System.CommandLine;
using LlmOps.Core.Hardware;

namespace LlmOps.Cli;

/// <summary>The options that pick cloud instances.</summary>
internal sealed class InstanceOptions
{
    private readonly Option<string[]> _gpu;
    private readonly Option<string[]> _provider;
    private readonly Option<string[]> _region;

    /// <param name="greedy">
    /// Whether values may be separated by blanks too; not where a pattern may follow, which would be taken for one.
    /// </param>
    public InstanceOptions(bool greedy)
    {
        _gpu = Options.Gpus("Only instances with these GPUs, by name or wildcard [default: all]");
        _provider = Options.List("--provider", "NAME", "Only these providers, by name or wildcard [default: all]");
        _region = Options.List("--region", "NAME",
            "Only these regions, by name or wildcard [default: of each machine the cheapest region]");
        _provider.CompletionSources.Add(
            _ => InstanceCatalog.Providers.Select(p => new System.CommandLine.Completions.CompletionItem(p)));
        foreach (Option<string[]> option in (Option<string[]>[])[_gpu, _provider, _region])
        {
            option.AllowMultipleArgumentsPerToken = greedy;
        }
    }

    public void AddTo(Command command)
    {
        command.Add(_gpu);
        command.Add(_provider);
        command.Add(_region);
    }

    public bool NamesRegion(ParseResult parse) => parse.GetResult(_region) is not null;

    /// <summary>The conditions that are asked for; names that are wrong are reported, and leave no instance.</summary>
    public InstanceFilter Read(ParseResult parse, Diagnostics diagnostics, PriceType priceType = PriceType.OnDemand) => new(
        Patterns(parse, _provider, InstanceFilter.CheckProvider, diagnostics),
        Patterns(parse, _region, InstanceFilter.CheckRegion, diagnostics),
        parse.GetResult(_gpu) is null ? null : [.. Values.ParseGpus(parse.GetValue(_gpu) ?? [], diagnostics)],
        priceType: priceType);

    private static List<string>? Patterns(
        ParseResult parse, Option<string[]> option, Func<string, string> check, Diagnostics diagnostics) =>
        parse.GetResult(option) is null ? null : Values.ParseList(parse.GetValue(option) ?? [], diagnostics, check);
}
