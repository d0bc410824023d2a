namespace LlmOps.Core.Memory;

/// <summary>The optimizer of a training run.</summary>
public enum Optimizer
{
    /// <summary>Two moments for each parameter, beside FP32 master weights where the weights are 16-bit.</summary>
    AdamW,

    /// <summary>The same with 8-bit moments (Dettmers et al. 2022).</summary>
    Adam8bit,

    /// <summary>No state but the FP32 master weights; without momentum.</summary>
    Sgd,

    /// <summary>One moment (Chen et al. 2023).</summary>
    Lion,

    /// <summary>A row and a column of second moments for each matrix, no first moment (Shazeer and Stern 2018).</summary>
    Adafactor,
}

/// <summary>Where DeepSpeed keeps what it takes off the GPU.</summary>
public enum OffloadTarget
{
    None,

    /// <summary>The host's memory.</summary>
    Cpu,

    Nvme,
}

/// <summary>Which activations a training step computes again instead of keeping them.</summary>
public enum ActivationCheckpointing
{
    /// <summary>All are kept.</summary>
    None,

    /// <summary>The attention's scores are computed again; with a fused attention there are none to keep.</summary>
    Selective,

    /// <summary>Only each layer's input is kept.</summary>
    Full,
}

/// <summary>The matrices that get low-rank adapters.</summary>
public enum LoraTarget
{
    /// <summary>All of attention and MLPs, routed experts included; not embeddings, head and router.</summary>
    AllLinear,

    Attention,

    /// <summary>Queries and values, as in Hu et al. 2021.</summary>
    QueryValue,
}

/// <summary>How a model is trained.</summary>
public sealed record TrainingSettings
{
    /// <summary>More is wider than any adapter that trains less than the matrix itself.</summary>
    public const int MaximumLoraRank = 4096;

    public const int MaximumAccumulationSteps = 1_000_000;

    public static TrainingSettings Default { get; } = new();

    public Optimizer Optimizer { get; init; } = Optimizer.AdamW;

    /// <summary>What DeepSpeed divides over data-parallel ranks: 0 nothing, 1 optimizer states, 2 gradients too, 3 weights too.</summary>
    public int? ZeroStage { get; init; }

    /// <summary>Where optimizer states are kept and updated, and from stage 2 on the gradients.</summary>
    public OffloadTarget OffloadOptimizer { get; init; }

    /// <summary>Where weights are kept that no layer is computing with.</summary>
    public OffloadTarget OffloadParameter { get; init; }

    /// <summary>Whether 16-bit weights are updated without FP32 copies; the moments are then 16-bit too.</summary>
    public bool NoMasterWeight { get; init; }

    /// <summary>Null leaves it to <see cref="MemoryEstimationParameter.ActivationRecomputationFactor"/>.</summary>
    public ActivationCheckpointing? ActivationCheckpointing { get; init; }

    /// <summary>Micro-batches of a step; null stands for 1, and with pipeline parallelism for as many as there are stages.</summary>
    public int? GradientAccumulationStep { get; init; }

    /// <summary>Whether the gradients of micro-batches are added up in FP32 beside those of the current one.</summary>
    public bool FullPrecisionAccumulation { get; init; }

    /// <summary>Whether the loss is computed in chunks of tokens, without FP32 copies of all logits (Liger, torchtune, litgpt).</summary>
    public bool ChunkedLoss { get; init; }

    /// <summary>Rank of the adapters that are trained in place of the weights; null trains the weights.</summary>
    public int? LoraRank { get; init; }

    /// <summary>Null stands for all linear layers.</summary>
    public LoraTarget? LoraTarget { get; init; }

    internal int MicroBatches(int stages) => GradientAccumulationStep ?? stages;

    /// <summary>The name of a setting that is not at its default, among those of training; null where there is none.</summary>
    internal string? Given() => GivenOfZero()
        ?? (NoMasterWeight ? nameof(NoMasterWeight)
        : ActivationCheckpointing is not null ? nameof(ActivationCheckpointing)
        : GradientAccumulationStep is not null ? nameof(GradientAccumulationStep)
        : FullPrecisionAccumulation ? nameof(FullPrecisionAccumulation)
        : ChunkedLoss ? nameof(ChunkedLoss)
        : LoraRank is not null ? nameof(LoraRank)
        : LoraTarget is not null ? nameof(LoraTarget)
        : null);

    /// <summary>The same among those that DeepSpeed alone has.</summary>
    internal string? GivenOfZero() =>
        ZeroStage is not null ? nameof(ZeroStage)
        : OffloadOptimizer != OffloadTarget.None ? nameof(OffloadOptimizer)
        : OffloadParameter != OffloadTarget.None ? nameof(OffloadParameter)
        : null;
}
