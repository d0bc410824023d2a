using LlmOps.Core;
using LlmOps.Core.Memory;

namespace LlmOps;

/// <summary>
/// What stands where an engine is expected. A type of its own, because PowerShell completes an enumeration by its members,
/// and TensorRT-LLM cannot be one.
/// </summary>
public sealed class EngineReference(Engine engine)
{
    internal Engine Engine { get; } = engine;

    public override string ToString() => EnumNames.Of(Engine);
}
