using LlmOps.Core.Models;

namespace LlmOps;

/// <summary>
/// What stands where a model is expected: a model, a name from the catalogue, or a path. PowerShell converts to it from
/// each; what the text means is found out when the record is processed, so that one wrong name does not stop the others.
/// </summary>
public sealed class ModelReference
{
    private readonly LlmModel? _model;
    private readonly string _text;

    public ModelReference(LlmModel model)
    {
        _model = model;
        _text = model.Name;
    }

    public ModelReference(string nameOrPath) => _text = nameOrPath;

    /// <summary>The model that is meant.</summary>
    /// <param name="resolvePath">Turns a PowerShell path into one of the file system.</param>
    /// <exception cref="Core.LlmOpsException">The text names no known model and leads to no file of one.</exception>
    internal LlmModel Resolve(Func<string, string> resolvePath) => _model ?? ModelSource.Resolve(_text, resolvePath);

    public override string ToString() => _text;
}
