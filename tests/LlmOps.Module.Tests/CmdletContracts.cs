using System.Management.Automation;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using LlmOps.Commands;

namespace LlmOps.Module.Tests;

/// <summary>
/// What must be true of every cmdlet, read from its attributes and from the files that belong to it. No cmdlet runs here.
/// Attributes are read as metadata, because those of the compile-time library keep nothing that they are given.
/// </summary>
public sealed class CmdletContracts
{
    private static readonly Type[] s_cmdlets =
        [.. typeof(LlmOpsCmdlet).Assembly.GetTypes().Where(type => type.IsDefined(typeof(CmdletAttribute)))];

    public static TheoryData<string> Cmdlets => [.. s_cmdlets.Select(type => type.Name)];

    [Fact]
    public void The_manifest_exports_exactly_the_cmdlets_that_there_are()
    {
        string manifest = RepositoryFiles.Read(RepositoryFiles.Manifest);
        string list = Regex.Match(manifest, @"CmdletsToExport\s*=\s*@\((.*?)\)", RegexOptions.Singleline).Groups[1].Value;
        IEnumerable<string> exported = Regex.Matches(list, "'([^']+)'").Select(match => match.Groups[1].Value);

        Assert.Equal(s_cmdlets.Select(CommandName).Order(StringComparer.Ordinal), exported.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_is_a_sealed_class_named_like_its_command_in_a_file_of_its_own(string className)
    {
        Type type = Cmdlet(className);

        Assert.True(type.IsSealed);
        Assert.Equal(CommandName(type).Replace("-", "", StringComparison.Ordinal) + "Command", type.Name);
        Assert.True(File.Exists(RepositoryFiles.Path("src", "LlmOps", "Commands", type.Name + ".cs")));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_has_an_approved_verb_and_a_singular_noun(string className)
    {
        (string verb, string noun) = Name(Cmdlet(className));
        IEnumerable<string> approved = new[]
        {
            typeof(VerbsCommon), typeof(VerbsCommunications), typeof(VerbsData), typeof(VerbsDiagnostic),
            typeof(VerbsLifecycle), typeof(VerbsOther), typeof(VerbsSecurity),
        }.SelectMany(verbs => verbs.GetFields()).Select(field => (string)field.GetRawConstantValue()!);

        Assert.Contains(verb, approved);
        Assert.Matches("^[A-Z][A-Za-z]*[^s]$", noun);
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_says_what_it_writes_and_each_such_type_has_a_view(string className)
    {
        XDocument views = XDocument.Parse(RepositoryFiles.Read("src", "LlmOps", "LlmOps.Format.ps1xml"));
        HashSet<string> viewed = [.. views.Descendants("TypeName").Select(element => element.Value)];

        IEnumerable<string> types = Cmdlet(className).GetCustomAttributesData()
            .Where(data => data.AttributeType == typeof(OutputTypeAttribute))
            .SelectMany(data => data.ConstructorArguments)
            .SelectMany(argument => (IReadOnlyCollection<CustomAttributeTypedArgument>)argument.Value!)
            .Select(argument => ((Type)argument.Value!).FullName!);
        Assert.NotEmpty(types);
        Assert.All(types, type => Assert.Contains(type, viewed));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void Parameters_are_singular_words_in_Pascal_case(string className)
    {
        // Names that end in s without being plurals.
        string[] singular = ["PrefillBetaSeconds", "DecodeBetaSeconds", "PrecisionBytes", "TargetLatencyMs", "MaxSequences", "MaxBatchedTokens", "GpuLayers", "TimeoutSeconds", "ChunkedLoss", "SloTimeToFirstTokenMs", "SloTimePerOutputTokenMs", "SloEndToEndMs"];

        Assert.All(Parameters(className), parameter =>
        {
            Assert.Matches("^[A-Z][A-Za-z0-9]+$", parameter.Name);
            Assert.True(!parameter.Name.EndsWith('s') || singular.Contains(parameter.Name), parameter.Name);
        });
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_parameter_set_takes_at_most_one_parameter_from_the_pipeline_by_value(string className)
    {
        IEnumerable<IGrouping<string, CustomAttributeData>> byValue = Parameters(className)
            .SelectMany(parameter => parameter.GetCustomAttributesData())
            .Where(data => data.AttributeType == typeof(ParameterAttribute) && Argument(data, "ValueFromPipeline") is true)
            .GroupBy(data => Argument(data, "ParameterSetName") as string ?? "");

        Assert.All(byValue, set => Assert.Single(set));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_has_help_in_markdown_and_in_MAML_with_every_parameter(string className)
    {
        string command = CommandName(Cmdlet(className));
        string markdown = RepositoryFiles.Read("src", "Help", command + ".md");
        XDocument maml = XDocument.Parse(RepositoryFiles.Read("en-US", "LlmOps.dll-Help.xml"));
        XElement help = maml.Root!.Elements().Single(element => element
            .Descendants().Any(e => e.Name.LocalName == "name" && e.Parent!.Name.LocalName == "details" && e.Value.Trim() == command));
        HashSet<string> described = [.. help
            .Elements().Single(e => e.Name.LocalName == "parameters").Elements()
            .Where(e => e.Descendants().Any(d => d.Name.LocalName == "para" && d.Value.Trim().Length > 10))
            .Select(e => e.Elements().Single(n => n.Name.LocalName == "name").Value)];

        Assert.All(Parameters(className), parameter =>
        {
            Assert.Contains($"### -{parameter.Name}", markdown, StringComparison.Ordinal);
            Assert.Contains(parameter.Name, described);
        });
        Assert.True(help.Descendants().Count(e => e.Name.LocalName == "example") >= 2, $"{command} has too few examples.");
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_has_a_Pester_file(string className) =>
        Assert.True(File.Exists(RepositoryFiles.Path("tests", "Pester", CommandName(Cmdlet(className)) + ".Tests.ps1")));

    [Fact]
    public void The_module_folder_holds_nothing_that_PowerShell_brings_itself()
    {
        IEnumerable<string> libraries = Directory.EnumerateFiles(RepositoryFiles.Path("bin"), "*.dll").Select(Path.GetFileName)!;

        Assert.Equal(["LlmOps.Core.dll", "LlmOps.Operations.dll", "LlmOps.dll"], libraries.Order(StringComparer.Ordinal));
    }

    private static Type Cmdlet(string className) => s_cmdlets.Single(type => type.Name == className);

    private static string CommandName(Type type)
    {
        (string verb, string noun) = Name(type);
        return $"{verb}-{noun}";
    }

    private static (string Verb, string Noun) Name(Type type)
    {
        CustomAttributeData data = type.GetCustomAttributesData().Single(d => d.AttributeType == typeof(CmdletAttribute));
        return ((string)data.ConstructorArguments[0].Value!, (string)data.ConstructorArguments[1].Value!);
    }

    private static object? Argument(CustomAttributeData data, string name) =>
        data.NamedArguments.FirstOrDefault(argument => argument.MemberName == name).TypedValue.Value;

    private static IEnumerable<PropertyInfo> Parameters(string className) =>
        Cmdlet(className).GetProperties().Where(property => property.IsDefined(typeof(ParameterAttribute)));
}
