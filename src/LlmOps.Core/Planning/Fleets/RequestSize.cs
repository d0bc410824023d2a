using LlmOps.Core.Memory;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>Requests of one size, and how many of all requests they are.</summary>
/// <param name="InputLength">Tokens of a prompt.</param>
/// <param name="OutputLength">Tokens of an answer.</param>
/// <param name="Weight">In proportion to the requests of this size: a share, a count or a rate.</param>
public readonly record struct RequestSize(long InputLength, long OutputLength, double Weight = 1)
{
    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Validate()
    {
        Guard.InRange(InputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(InputLength));
        Guard.InRange(OutputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(OutputLength));
        Guard.InRange(InputLength + OutputLength, 1, MemoryRequest.MaximumSequenceLength, "InputLength plus OutputLength");
        Guard.InRange(Weight, 0, 1e15, nameof(Weight));
    }

    public override string ToString() => FormattableString.Invariant($"{InputLength} + {OutputLength} tokens");
}
