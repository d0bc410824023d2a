using System.Management.Automation;
using System.Security;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core.Models;

namespace LlmOps.Commands;

/// <summary>Gets the architecture of models, from the catalogue, from model files or from a hub.</summary>
[Cmdlet(VerbsCommon.Get, "LlmModel", DefaultParameterSetName = NameSet)]
[OutputType(typeof(LlmModel))]
public sealed class GetLlmModelCommand : LlmOpsCmdlet
{
    private const string NameSet = "Name";
    private const string PathSet = "Path";
    private const string LiteralPathSet = "LiteralPath";
    private const string RepositorySet = "Repository";
    private const string ModelSet = "Model";

    private HubReader? _hub;

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

    /// <summary>Without it, a model would bind by its property Repository and be fetched, though it is there already.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ModelSet, ValueFromPipeline = true)]
    public LlmModel? Model { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = RepositorySet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RepositoryCompleter))]
    public string[] Repository { get; set; } = [];

    [Parameter(ParameterSetName = RepositorySet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Revision { get; set; } = "main";

    [Parameter(ParameterSetName = RepositorySet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? File { get; set; }

    [Parameter(ParameterSetName = RepositorySet)]
    [ValidateNotNullOrEmpty]
    public string? Endpoint { get; set; }

    [Parameter(ParameterSetName = RepositorySet)]
    [Secret]
    public SecureString? Token { get; set; }

    [Parameter(ParameterSetName = RepositorySet)]
    public SwitchParameter Offline { get; set; }

    [Parameter(ParameterSetName = RepositorySet)]
    [Converted(typeof(double?), IsSingle = true)]
    public double? TimeoutSeconds { get; set; }

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case PathSet:
                UseFiles(Path, Read);
                break;
            case LiteralPathSet:
                UseLiteralFiles(LiteralPath, Read);
                break;
            case ModelSet:
                WriteObject(Model);
                break;
            case RepositorySet:
                foreach (string repository in Repository)
                {
                    Try(() => Write(Hub.Read(repository, Revision, File)));
                }

                break;
            default:
                WriteMatches(Name, ModelCatalog.All, ModelCatalog.Find, name => [ModelCatalog.Get(name)]);
                break;
        }
    }

    public override void Dispose()
    {
        _hub?.Dispose();
        base.Dispose();
    }

    /// <summary>Made with the first record, so that a setting that cannot be used is an error like others.</summary>
    private HubReader Hub => _hub ??= new HubReader(this, Endpoint, Token, Offline, TimeoutSeconds, StopToken);

    private void Read(string file)
    {
        // All parts of a split model stand for it; of a folder's files it comes out once.
        string first = ModelFile.FirstPart(file);
        if (first == file || !_splitModels.Contains(first))
        {
            Write(ModelFile.Read(file, StopToken));
            _splitModels.Add(first);
        }
    }

    /// <summary>
    /// What was assumed about a model, or did not agree in its files, is a warning: its figures look as exact as any other's.
    /// </summary>
    private void Write(LlmModel model)
    {
        foreach (string note in model.Notes)
        {
            WriteWarning($"{model.Name}: {note}");
        }

        WriteObject(model);
    }
}
