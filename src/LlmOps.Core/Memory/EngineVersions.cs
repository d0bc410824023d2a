namespace LlmOps.Core.Memory;

/// <summary>Releases that an engine's memory is known for.</summary>
public static class EngineVersions
{
    /// <summary>
    /// Oldest first; empty where an engine is estimated alike for all. A release between two of them is estimated as the older one.
    /// </summary>
    public static IReadOnlyList<string> Of(Engine engine) => EngineMemory.Of(engine).KnownVersions;
}
