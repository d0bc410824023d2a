using LlmOps.Core.Calibration;
using LlmOps.Core.Memory;

namespace LlmOps.Core.Performance;

/// <summary>
/// What a performance estimate is asked about: users who each have one request at a time, and send the next when it is answered.
/// </summary>
/// <param name="Deployment">
/// The model and how it is run. Its batch size is the number of users of one copy, and with more expert-parallel than
/// tensor-parallel ranks of each attention rank; its sequence length is not used.
/// </param>
/// <param name="InputLength">Tokens of a prompt.</param>
/// <param name="OutputLength">Tokens of an answer.</param>
public readonly record struct PerformanceEstimateRequest(MemoryRequest Deployment, long InputLength, long OutputLength)
{
    /// <summary>Whether the model's prediction layers guess tokens ahead (speculative decoding with them).</summary>
    public bool MultiTokenPrediction { get; init; } = false;

    /// <summary>Corrections of the times, fitted to measurements of servers; null for none.</summary>
    public TimeCalibration? Calibration { get; init; } = null;

    /// <summary>The same as a memory estimate sees it: all tokens of a sequence.</summary>
    internal MemoryRequest Memory => Deployment with { SequenceLength = InputLength + OutputLength };

    /// <summary>Groups of tensor-parallel ranks of a copy, each with sequences of its own.</summary>
    internal int AttentionRanks => Math.Max(1, Deployment.Parallelism.Expert / Deployment.Parallelism.Tensor);

    /// <summary>Copies of the whole.</summary>
    internal int Copies => Math.Max(1, Deployment.Parallelism.Data / AttentionRanks);

    /// <summary>
    /// The same with so many users of all copies together. Where they do not divide evenly over the groups of ranks that have
    /// sequences of their own, each has as many as the fullest.
    /// </summary>
    public PerformanceEstimateRequest WithUsers(long users)
    {
        // Sizes that cannot be are refused in their own words when the request is validated.
        Parallelism parallelism = Deployment.Parallelism;
        long groups = Math.Max(parallelism.Data, parallelism.Expert / Math.Max(1, parallelism.Tensor));
        return this with
        {
            Deployment = Deployment with { BatchSize = users > 0 && groups > 1 ? ((users - 1) / groups) + 1 : users },
        };
    }

    /// <exception cref="LlmOpsException">A value is out of bounds, or the parts do not go together.</exception>
    public void Validate()
    {
        Guard.InRange(InputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(InputLength));
        Guard.InRange(OutputLength, 1, MemoryRequest.MaximumSequenceLength, nameof(OutputLength));
        Guard.InRange(
            InputLength + OutputLength, 1, MemoryRequest.MaximumSequenceLength, "InputLength plus OutputLength");
        MemoryRequest memory = Memory;
        memory.Validate();
        if (memory.Gpu is null)
        {
            throw new LlmOpsException("GpuRequired", ErrorKind.InvalidArgument, "Times need a GPU to run on (-Gpu).", null);
        }

        if (memory.Training || memory.GpuLayers is not null)
        {
            throw new LlmOpsException("PerformanceNotSupported", ErrorKind.NotSupported, memory.Training
                ? $"Only serving is timed, and {EnumNames.Of(memory.Engine)} is to train; use the engine {Engine.vLLM}."
                : "Layers on the host are not timed; leave GpuLayers out.", memory.Training ? memory.Engine : memory.GpuLayers);
        }

        int data = memory.Parallelism.Data;
        if (data > 1 && data % AttentionRanks != 0)
        {
            throw new LlmOpsException("DataParallelSizeNotSupported", ErrorKind.NotSupported,
                $"DataParallelSize is {data}, but {memory.Parallelism.Expert} expert-parallel ranks take {AttentionRanks} groups of "
                + $"{memory.Parallelism.Tensor} tensor-parallel ranks. The nearest valid value is "
                + $"{Math.Max(1, data / AttentionRanks) * AttentionRanks}.", data);
        }

        if (MultiTokenPrediction && (memory.Model.Architecture.MultiTokenPredictionParameters == 0 || !PerformanceEstimator.IsFitted(memory.Engine)))
        {
            throw new LlmOpsException("MultiTokenPredictionNotSupported", ErrorKind.NotSupported,
                memory.Model.Architecture.MultiTokenPredictionParameters == 0
                    ? $"{memory.Model.Name} has no layers that predict tokens ahead."
                    : $"{EnumNames.Of(memory.Engine)} was not measured with prediction layers; use the engine {Engine.vLLM}.",
                memory.Model.Name);
        }
    }
}
