using System.Collections.ObjectModel;
using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core.Models;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Gets the architecture of models, from the catalogue or from configuration files.</summary>
[Cmdlet(VerbsCommon.Get, "LlmModel", DefaultParameterSetName = NameSet)]
[OutputType(typeof(LlmModel))]
public sealed class GetLlmModelCommand : LlmOpsCmdlet
{
    private const string NameSet = "Name";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    [Parameter(Position = 0, ParameterSetName = NameSet, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public string[]? Name { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "FullName")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case PathSet:
                foreach (string path in Path)
                {
                    Try(() => ReadEach(Expand(path)));
                }

                break;
            case LiteralPathSet:
                ReadEach(ResolveEach(LiteralPath, ResolveLiteralPath));
                break;
            default:
                WriteMatches(Name, ModelCatalog.All, ModelCatalog.Find, name => [ModelCatalog.Get(name)]);
                break;
        }
    }

    private void ReadEach(IEnumerable<string> files)
    {
        foreach (string file in files)
        {
            StopToken.ThrowIfCancellationRequested();
            Try(() => WriteObject(ModelFile.Read(file)));
        }
    }

    private Collection<string> Expand(string path)
    {
        try
        {
            Collection<string> files = GetResolvedProviderPathFromPSPath(path, out ProviderInfo provider);
            return provider.Name == "FileSystem" ? files : throw ErrorRecords.NotAFilePath(path);
        }
        catch (SessionStateException e)
        {
            throw ErrorRecords.NoSuchPath(path, e);
        }
    }
}
