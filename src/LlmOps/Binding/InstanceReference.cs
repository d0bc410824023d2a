using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps;

/// <summary>What stands where instances are expected: one of them, or a name with or without wildcards.</summary>
public sealed class InstanceReference
{
    private readonly GpuInstance? _instance;
    private readonly string _pattern;

    public InstanceReference(GpuInstance instance)
    {
        _instance = instance;
        _pattern = instance.Name;
    }

    public InstanceReference(string pattern) => _pattern = pattern;

    /// <summary>Whether one instance in one region was given, and not a name.</summary>
    internal bool IsInstance => _instance is not null;

    /// <summary>The very instance that was given, or all that the name stands for, in every region.</summary>
    /// <exception cref="LlmOpsException">The name, or the pattern, matches no instance.</exception>
    internal IReadOnlyList<GpuInstance> Resolve()
    {
        if (_instance is not null)
        {
            return [_instance];
        }

        if (!WildcardName.HasWildcard(_pattern))
        {
            return InstanceCatalog.Get(_pattern);
        }

        List<GpuInstance> found = [.. InstanceCatalog.Find(_pattern)];
        return found.Count > 0 ? found : InstanceCatalog.Get(_pattern);
    }

    public override string ToString() => _pattern;
}
