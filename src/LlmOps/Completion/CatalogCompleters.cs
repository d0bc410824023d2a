using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;
using LlmOps.Operations.Calibrations;
using LlmOps.Operations.Prices;

namespace LlmOps.Completion;

/// <summary>Completes a value from a list of names, each with a line that says what it is.</summary>
public abstract class CatalogCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string typed = wordToComplete.Trim('\'', '"');
        string pattern = typed + "*";
        foreach ((string name, string tip) in Candidates(typed))
        {
            if (WildcardName.Matches(pattern, name))
            {
                bool plain = name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
                yield return new CompletionResult(plain ? name : $"'{name}'", name, CompletionResultType.ParameterValue, tip);
            }
        }
    }

    /// <param name="typed">What the user typed so far.</param>
    protected abstract IEnumerable<(string Name, string Tip)> Candidates(string typed);
}

/// <summary>Names of catalogue models; repository ids once a slash is typed.</summary>
public sealed class ModelNameCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed)
    {
        bool repositories = typed.Contains('/', StringComparison.Ordinal);
        foreach (LlmModel model in ModelCatalog.All)
        {
            string tip = FormattableString.Invariant(
                $"{model.Name}: {model.ParameterCount / 1e9:0.##} billion parameters, {model.LayerCount} layers");
            if (!repositories)
            {
                yield return (model.Name, tip);
            }
            else if (model.Repository is { } repository)
            {
                yield return (repository, tip);
            }
        }
    }
}

/// <summary>Engines by the names that their makers write.</summary>
public sealed class EngineCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        EnumNames.All(typeof(Engine)).Select(name => (name, name));
}

/// <summary>Repositories of catalogue models, which are those that users most often mean.</summary>
public sealed class RepositoryCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        from model in ModelCatalog.All
        where model.Repository is not null
        select (model.Repository, model.Name);
}

public sealed class GpuNameCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        GpuCatalog.All.Select(gpu => (gpu.Name, FormattableString.Invariant(
            $"{gpu.Vendor} {gpu.Architecture}, {gpu.MemoryGB} GB, {gpu.MemoryBandwidthGBps} GB/s")));
}

public sealed class QuantizationCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        Quantization.Known.Select(q => (q.Name, FormattableString.Invariant($"{q.BitsPerWeight:0.###} bits: {q.Layout}")));
}

public sealed class EngineVersionCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        from engine in Enum.GetValues<Engine>()
        from version in EngineVersions.Of(engine)
        select (version, $"{engine} {version} and later");
}

public sealed class InstanceNameCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        InstanceCatalog.All.DistinctBy(i => i.Name).Select(i => (i.Name, FormattableString.Invariant(
            $"{i.Provider}, {i.GpuCount} x {i.Gpu.Name}")));
}

public sealed class ProviderCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        InstanceCatalog.Providers.Select(provider => (provider, provider));
}

public sealed class RegionCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed)
    {
        // The user's own prices may be of other regions.
        UserPrices.Load(warn: null);
        return InstanceCatalog.All.GroupBy(i => i.Region, StringComparer.OrdinalIgnoreCase).Select(
            region => (region.Key, string.Join(", ", region.Select(i => i.Provider).Distinct())));
    }
}

public sealed class PrecisionBytesCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        [("4", "FP32"), ("2", "FP16"), ("1", "INT8"), ("0.5", "INT4")];
}

public sealed class ComputeDtypeCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) =>
        [("float16", "IEEE 754 binary16"), ("bfloat16", "bfloat16"), ("float32", "IEEE 754 binary32")];
}

/// <summary>Calibrations of memory that the user saved.</summary>
public sealed class CalibrationNameCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) => Saved(CalibrationKind.Memory);

    internal static IEnumerable<(string Name, string Tip)> Saved(CalibrationKind kind)
    {
        try
        {
            return [.. CalibrationStore.OfUser().NamesOf(kind).Select(name => (name, name))];
        }
        catch (Exception e) when (e is LlmOpsException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}

/// <summary>Calibrations of times that the user saved.</summary>
public sealed class TimeCalibrationNameCompleter : CatalogCompleter
{
    protected override IEnumerable<(string Name, string Tip)> Candidates(string typed) => CalibrationNameCompleter.Saved(CalibrationKind.Time);
}
