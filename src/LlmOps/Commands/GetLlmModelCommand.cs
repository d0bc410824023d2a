using System.Collections.ObjectModel;
using System.Management.Automation;
using LlmOps.Completion;
using LlmOps.Core.Models;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Gets the architecture of models, from the catalogue or from model files.</summary>
[Cmdlet(VerbsCommon.Get, "LlmModel", DefaultParameterSetName = NameSet)]
[OutputType(typeof(LlmModel))]
public sealed class GetLlmModelCommand : LlmOpsCmdlet
{
    private const string NameSet = "Name";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";

    private readonly HashSet<string> _splitModels = new(StringComparer.Ordinal);

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

            // All parts of a split model stand for it; of a folder's files it comes out once.
            string first = ModelFile.FirstPart(file);
            bool isKnownPart = first != file && _splitModels.Contains(first);
            if (!isKnownPart && Try(() => Write(ModelFile.Read(file, StopToken))))
            {
                _splitModels.Add(first);
            }
        }
    }

    private void Write(LlmModel model)
    {
        foreach (string note in model.Notes)
        {
            WriteWarning($"{model.Name}: {note}");
        }

        WriteObject(model);
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
