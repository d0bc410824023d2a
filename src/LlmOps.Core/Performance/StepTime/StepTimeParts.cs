namespace LlmOps.Core.Performance.StepTime;

/// <summary>The parts of a step's time and of the time to the first token, in milliseconds.</summary>
internal readonly record struct StepTimeParts
{
    public double Dense { get; init; }

    public double Experts { get; init; }

    public double Cache { get; init; }

    public double AllReduceLatency { get; init; }

    public double AllReduceTransfer { get; init; }

    public double Layers { get; init; }

    public double Fixed { get; init; }

    public double Sequences { get; init; }

    public double Hops { get; init; }

    /// <summary>What pipeline stages wait for each other.</summary>
    public double Bubble { get; init; }

    /// <summary>Of <see cref="Dense"/>, <see cref="Experts"/> and <see cref="Cache"/> what is bound by arithmetic.</summary>
    public double ComputeBound { get; init; }

    /// <summary>A decoding step.</summary>
    public double Step { get; init; }

    /// <summary>Tokens that a step yields for each sequence.</summary>
    public double TokensPerStep { get; init; }

    /// <summary>What prompts of other users add to a step.</summary>
    public double Interference { get; init; }

    /// <summary>Correction of a known group.</summary>
    public double TokenCorrection { get; init; }

    public double PromptConstant { get; init; }

    public double PromptLatency { get; init; }

    public double PromptWork { get; init; }

    public double PromptStep { get; init; }

    public double PromptWaiting { get; init; }

    /// <summary>Rounds of other users' requests before one is admitted.</summary>
    public double QueueRounds { get; init; }

    public double OutputLength { get; init; }

    public double PromptExtra { get; init; }

    public double PromptCorrection { get; init; }

    /// <summary>A step over the tokens that it yields.</summary>
    public double Decode => Step / TokensPerStep;

    /// <summary>Of the time in the queue, the share that interrupts answers; the rest comes before the first token.</summary>
    public double InterruptedShare { get; init; }

    /// <summary>The time to the first token of a request that is admitted at once.</summary>
    private double PromptAdmitted => PromptConstant + PromptLatency + PromptWork + PromptStep + PromptWaiting + PromptExtra;

    /// <summary>How long a request holds its place from when it is admitted.</summary>
    private double Residence => PromptAdmitted + (Math.Max(OutputLength - 1, 0) * (Decode + Interference));

    private double Queue => QueueRounds * Math.Min((OutputLength * (Decode + Interference)) + PromptWork, Residence);

    public double PromptQueue => Queue * (1 - InterruptedShare);

    /// <summary>What interrupted answers add to a token.</summary>
    public double Interruption => Queue * InterruptedShare / Math.Max(OutputLength - 1, 1);

    public double TimePerOutputToken => (Decode + Interference + Interruption) * TokenCorrection;

    public double TimeToFirstToken => PromptCorrection * (PromptAdmitted + PromptQueue);
}
