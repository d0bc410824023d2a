namespace LlmOps.Binding;

/// <summary>
/// Values of a parameter that are resolved when they change, not for each record: a wrong name on the command line is
/// reported once, however many models come down the pipeline.
/// </summary>
internal sealed class ResolvedValues<T, TResult>(Func<IEnumerable<T>, IReadOnlyList<TResult>> resolve)
{
    private T[]? _values;
    private IReadOnlyList<TResult> _resolved = [];

    /// <summary>
    /// The resolved values: null where the parameter was not given, empty where none of its values could be resolved.
    /// </summary>
    public IReadOnlyList<TResult>? Of(T[]? values)
    {
        if (values is null)
        {
            return null;
        }

        if (!ReferenceEquals(values, _values))
        {
            _values = values;
            _resolved = resolve(values);
        }

        return _resolved;
    }
}
