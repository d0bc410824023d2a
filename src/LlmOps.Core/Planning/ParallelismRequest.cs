using LlmOps.Core.Memory;

namespace LlmOps.Core.Planning;

/// <summary>What layouts are ranked by.</summary>
public enum ParallelismOrder
{
    /// <summary>Output tokens a second over the GPUs of the machine, idle ones included: most first.</summary>
    TokensPerSecondPerGpu,

    /// <summary>Output tokens a second of the whole machine: most first.</summary>
    TokensPerSecond,

    /// <summary>From sending a request to the end of its answer: least first.</summary>
    Latency,

    /// <summary>From sending a request to its first token: least first.</summary>
    TimeToFirstToken,

    /// <summary>From one token of an answer to the next: least first.</summary>
    TimePerOutputToken,
}

/// <summary>What is asked about the ways to divide a model over a machine's GPUs.</summary>
/// <param name="Deployment">
/// The model, its GPU, engine and settings. Its batch size is the number of users of the whole machine, whom copies of the model
/// share; its parallelism and sequence length are not used.
/// </param>
/// <param name="GpuCounts">Sizes of the machine, in GPUs.</param>
/// <param name="InputLength">Tokens of a prompt.</param>
/// <param name="OutputLength">Tokens of an answer.</param>
public readonly record struct ParallelismRequest(
    MemoryRequest Deployment, IReadOnlyList<int> GpuCounts, long InputLength, long OutputLength)
{
    /// <summary>The most GPUs that layouts are listed for; larger machines are copies of smaller ones.</summary>
    public const int MaximumGpuCount = 1024;

    /// <summary>The sizes of most machines that are sold.</summary>
    public static IReadOnlyList<int> DefaultGpuCounts { get; } = [1, 2, 4, 8];

    public ParallelismOrder RankBy { get; init; } = ParallelismOrder.TokensPerSecondPerGpu;

    /// <summary>The same as a memory estimate sees it: all tokens of a sequence.</summary>
    internal MemoryRequest Memory => Deployment with { SequenceLength = InputLength + OutputLength };
}
