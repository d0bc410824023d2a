using System.CommandLine;
using LlmOps.Core.Hardware;

namespace LlmOps.Cli;

/// <summary>Reads lists, and remembers whether one was given of which no value is right.</summary>
internal sealed class OptionReader(ParseResult parse, Diagnostics diagnostics)
{
    public bool LeavesNothing { get; private set; }

    public List<T> List<T>(Option<string[]> option, Func<string, T> value) =>
        Check(option, Values.ParseList(parse.GetValue(option) ?? [], diagnostics, value));

    public List<GpuSpec> Gpus(Option<string[]> option) =>
        Check(option, Values.ParseGpus(parse.GetValue(option) ?? [], diagnostics));

    public List<long> Wholes(Option<string[]> option, string name) => List(option, text => Values.Whole(text, name));

    public List<int> SmallWholes(Option<string[]> option, string name) =>
        List(option, text => Values.SmallWhole(text, name));

    public List<T> Enums<T>(Option<string[]> option, string name)
        where T : struct, Enum => List(option, text => Values.OneOf<T>(text, name));

    private List<T> Check<T>(Option<string[]> option, List<T> values)
    {
        LeavesNothing |= values.Count == 0 && parse.GetResult(option) is not null;
        return values;
    }
}
