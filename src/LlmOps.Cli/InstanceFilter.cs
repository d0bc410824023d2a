using System.CommandLine;
using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Cli;

/// <summary>The options that pick cloud instances.</summary>
internal sealed class InstanceFilter
{
    private readonly Option<string[]> _gpu;
    private readonly Option<string[]> _provider;
    private readonly Option<string[]> _region;

    /// <param name="greedy">
    /// Whether values may be separated by blanks too; not where a pattern may follow, which would be taken for one.
    /// </param>
    public InstanceFilter(bool greedy)
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

    /// <summary>Whether a place is asked for, and not only a kind of GPU.</summary>
    public bool NamesPlace(ParseResult parse) => parse.GetResult(_provider) is not null || NamesRegion(parse);

    public bool NamesRegion(ParseResult parse) => parse.GetResult(_region) is not null;

    /// <summary>Those of <paramref name="instances"/> that are asked for; names that are wrong are reported.</summary>
    public List<GpuInstance> Apply(ParseResult parse, IEnumerable<GpuInstance> instances, Diagnostics diagnostics)
    {
        if (parse.GetResult(_gpu) is not null)
        {
            HashSet<GpuSpec> gpus = [.. Values.ParseGpus(parse.GetValue(_gpu) ?? [], diagnostics)];
            instances = instances.Where(i => gpus.Contains(i.Gpu));
        }

        instances = Named(parse, _provider, "provider", InstanceCatalog.Providers, i => i.Provider, instances, diagnostics);
        instances = Named(parse, _region, "region", InstanceCatalog.Regions, i => i.Region, instances, diagnostics);
        return [.. instances];
    }

    private static IEnumerable<GpuInstance> Named(
        ParseResult parse,
        Option<string[]> option,
        string kind,
        IEnumerable<string> known,
        Func<GpuInstance, string> name,
        IEnumerable<GpuInstance> instances,
        Diagnostics diagnostics)
    {
        if (parse.GetResult(option) is null)
        {
            return instances;
        }

        string[] names = [.. known];
        List<string> patterns = Values.ParseList(parse.GetValue(option) ?? [], diagnostics, pattern =>
            names.Any(n => WildcardName.Matches(pattern, n)) ? pattern : throw NotFound(kind, pattern, names));
        return instances.Where(i => patterns.Any(pattern => WildcardName.Matches(pattern, name(i))));
    }

    private static LlmOpsException NotFound(string kind, string pattern, string[] names)
    {
        string hint = NameMatcher.Nearest(pattern, names) is { } nearest ? $" Did you mean {nearest}?" : "";
        return new LlmOpsException("NameNotFound", ErrorKind.NotFound,
            $"No {kind} of the catalogue matches '{pattern}'.{hint} Known are {string.Join(", ", names)}.", pattern);
    }
}
