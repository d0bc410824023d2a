using LlmOps.Core.Hardware;

namespace LlmOps;

/// <summary>What stands where a GPU is expected: a GPU, or its name in any usual spelling.</summary>
public sealed class GpuReference
{
    private readonly GpuSpec? _gpu;
    private readonly string _name;

    public GpuReference(GpuSpec gpu)
    {
        _gpu = gpu;
        _name = gpu.Name;
    }

    public GpuReference(string name) => _name = name;

    /// <exception cref="Core.LlmOpsException">No GPU has that name.</exception>
    internal GpuSpec Resolve() => _gpu ?? GpuCatalog.Get(_name);

    /// <summary>The same where several may be meant: all GPUs that a pattern with wildcards stands for.</summary>
    /// <exception cref="Core.LlmOpsException">There is none.</exception>
    internal IReadOnlyList<GpuSpec> ResolveAll() => _gpu is null ? GpuCatalog.Match(_name) : [_gpu];

    public override string ToString() => _name;
}
