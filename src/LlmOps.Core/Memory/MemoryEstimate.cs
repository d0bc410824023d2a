using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>
/// Memory of one GPU, term by term, in GiB. With pipeline parallelism that of the fullest stage; with tensor or expert
/// parallelism that of one rank.
/// </summary>
public sealed class MemoryEstimate
{
    private readonly MemoryRequest _request;
    private readonly MemoryBreakdown _bytes;
    private readonly int _stage;
    private IReadOnlyList<MemoryTerm>? _terms;
    private string? _remedy;
    private ServingRoom? _room;

    internal MemoryEstimate(in MemoryRequest request, in MemoryBreakdown bytes, int stage)
    {
        _request = request;
        _bytes = bytes;
        _stage = stage;
    }

    public string ModelName => _request.Model.Name;

    public LlmModel Model => _request.Model;

    /// <summary>The engine's name as users write it: <c>vLLM</c>, <c>TensorRT-LLM</c>.</summary>
    public string Engine => EnumNames.Of(_request.Engine);

    /// <summary>The release that was estimated; null where the engine is estimated alike for all.</summary>
    public string? EngineVersion => EngineMemory.Of(_request.Engine).Version(_request);

    public string Quantization => _request.EffectiveQuantization.Name;

    public string KvCacheDataType => _request.KvCacheDataType.ToString();

    public long BatchSize => _request.BatchSize;

    public long SequenceLength => _request.SequenceLength;

    public int TensorParallelSize => _request.Parallelism.Tensor;

    public int PipelineParallelSize => _request.Parallelism.Pipeline;

    public int ExpertParallelSize => _request.Parallelism.Expert;

    public int DataParallelSize => _request.Parallelism.Data;

    /// <summary>GPUs of all ranks and copies together.</summary>
    public int GpuCount => _request.Parallelism.GpuCount;

    /// <summary>Layers on GPUs, the output counted as one; null where the engine or the user leaves none to the host.</summary>
    public int? GpuLayers => _request.GpuLayers;

    /// <summary>llama.cpp's setting; the others have none but <c>Auto</c>.</summary>
    public string FlashAttention => _request.FlashAttention.ToString();

    /// <summary>The name of the calibration that corrected it; null without one.</summary>
    public string? Calibration => _request.Calibration?.Name;

    public bool Training => _request.Training;

    /// <summary>Null for inference, as are the other settings of training.</summary>
    public Optimizer? Optimizer => Training ? Settings.Optimizer : null;

    /// <summary>What ZeRO divides; null for every engine but DeepSpeed.</summary>
    public int? ZeroStage => _request.Engine == Memory.Engine.DeepSpeed ? Settings.ZeroStage ?? 0 : null;

    public OffloadTarget? OffloadOptimizer => _request.Engine == Memory.Engine.DeepSpeed ? Settings.OffloadOptimizer : null;

    public OffloadTarget? OffloadParameter => _request.Engine == Memory.Engine.DeepSpeed ? Settings.OffloadParameter : null;

    /// <summary>Null also where ActivationRecomputationFactor says how much is kept.</summary>
    public ActivationCheckpointing? ActivationCheckpointing => Settings.ActivationCheckpointing;

    public int? GradientAccumulationStep => Settings.GradientAccumulationStep;

    /// <summary>Rank of the adapters; null where all weights are trained.</summary>
    public int? LoraRank => Settings.LoraRank;

    public LoraTarget? LoraTarget => Settings.LoraTarget;

    public bool NoMasterWeight => Settings.NoMasterWeight;

    public bool ChunkedLoss => Settings.ChunkedLoss;

    public bool FullPrecisionAccumulation => Settings.FullPrecisionAccumulation;

    public int SequenceParallelSize => _request.Parallelism.Sequence;

    /// <summary>Null where the engine has no choice or none was made.</summary>
    public AttentionImplementation? AttentionImplementation => _request.AttentionImplementation;

    /// <summary>The same of the cache.</summary>
    public CacheImplementation? CacheImplementation => _request.CacheImplementation;

    public double ModelWeightsGiB => Units.ToGiB(_bytes.ModelWeights);

    public double ActivationsGiB => Units.ToGiB(_bytes.Activations);

    public double GradientsGiB => Units.ToGiB(_bytes.Gradients);

    public double OptimizerStatesGiB => Units.ToGiB(_bytes.OptimizerStates);

    public double KvCacheGiB => Units.ToGiB(_bytes.KvCache);

    public double CudaGraphsGiB => Units.ToGiB(_bytes.CudaGraphs);

    /// <summary>Driver context, kernels and communication buffers: what engines call non-torch memory.</summary>
    public double CompilationOverheadGiB => Units.ToGiB(_bytes.CompilationOverhead);

    public double FragmentationOverheadGiB => Units.ToGiB(_bytes.FragmentationOverhead);

    public double SafetyMarginGiB => Units.ToGiB(_bytes.SafetyMargin);

    public double TotalGiB => Units.ToGiB(_bytes.Total);

    /// <summary>Every term at its lower bound; fragmentation and safety margin unused.</summary>
    public double TotalLowGiB => OnGpu.Sum(term => term.LowGiB);

    /// <summary>Every term at its upper bound.</summary>
    public double TotalHighGiB => OnGpu.Sum(term => term.HighGiB);

    /// <summary>What is kept in the host's memory for this GPU; no part of <see cref="TotalGiB"/>.</summary>
    public double HostGiB => Units.ToGiB(_bytes.Host);

    /// <summary>What is kept on disk for this GPU; no part of <see cref="TotalGiB"/>.</summary>
    public double DiskGiB => Units.ToGiB(_bytes.Disk);

    /// <summary>The same terms in whole bytes.</summary>
    public MemoryBreakdown Bytes => _bytes;

    /// <summary>The GPU that the estimate was held against; null without one.</summary>
    public string? Gpu => _request.Gpu?.Name;

    /// <summary>
    /// What the total may come to on the GPU: its memory times the utilization setting; with SGLang and TensorRT-LLM, whose
    /// settings bound the KV cache and not the total, so much that the cache fits what they leave it, and no more than
    /// all memory.
    /// </summary>
    public double? BudgetGiB => _request.Gpu is { } gpu
        ? EngineMemory.Of(_request.Engine).Budget(_request, _bytes, gpu.MemoryGiB * Units.BytesPerGiB) / Units.BytesPerGiB
        : null;

    /// <summary>
    /// Whether the engine has room for all sequences at once; null without a GPU. In serving decided by the KV pool that the engine
    /// makes of the GPU's memory, as it is by all estimates of this library; <see cref="FragmentationOverheadGiB"/> and
    /// <see cref="SafetyMarginGiB"/>, which engines with a pool do not set aside, do not count. In training, and with Transformers,
    /// whether the total is within <see cref="BudgetGiB"/>.
    /// </summary>
    public bool? Fits => HeadroomGiB is { } headroom ? headroom >= 0 : null;

    /// <summary>Whether it fits with the allowances too: the total, with all that it counts, is within <see cref="BudgetGiB"/>.</summary>
    public bool? FitsWithMargin => Fits is { } fits ? fits && TotalGiB <= BudgetGiB : null;

    /// <summary>Total as a share of the GPU's whole memory.</summary>
    public double? UtilizationPercent => _request.Gpu is { } gpu ? 100 * TotalGiB / gpu.MemoryGiB : null;

    /// <summary>
    /// What the sequences leave of <see cref="KvPoolGiB"/>, in training of <see cref="BudgetGiB"/>; negative where it does not fit.
    /// </summary>
    public double? HeadroomGiB => Room is { } room ? Units.ToGiB(room.HeadroomBytes) : BudgetGiB - TotalGiB;

    /// <summary>
    /// What the engine leaves for the KV cache of a GPU, of pipeline stages of that with the least room; 0 where the rest does not
    /// fit, null without a GPU and in training.
    /// </summary>
    public double? KvPoolGiB => Room is { } room ? Units.ToGiB(Math.Max(0, room.LeftBytes)) : null;

    /// <summary>
    /// Sequences of this length that the engine has room for at once. From 1 on a server starts, unless its greatest length does not
    /// fit (vLLM), and lets those that it has no room for wait. Null without a GPU, in training, and for caches that take nothing.
    /// </summary>
    public long? SequenceCapacity => Room is not null && ServingRoom.Sequences(_request, SequenceLength) is < double.MaxValue and var held
        ? (long)held
        : null;

    /// <summary>The least change that makes it fit, found by trying; null where it fits, or without a GPU.</summary>
    public string? Remedy => Fits == false ? _remedy ??= MemoryRemedy.Find(_request) : null;

    /// <summary>The terms in words: formula, bounds, evidence and source.</summary>
    public IReadOnlyList<MemoryTerm> Terms => _terms ??= MemoryTerms.Explain(
        _request, _bytes, _request.Model.Stages(_request.Parallelism.Pipeline)[_stage]);

    /// <summary>Null without a GPU and in training.</summary>
    internal ServingRoom? Room => _room ??= _request.Gpu is null || Training ? null : ServingRoom.Of(_request);

    private TrainingSettings Settings => _request.TrainingSettings;

    private IEnumerable<MemoryTerm> OnGpu => Terms.Where(term => term.Place == MemoryPlace.Gpu);

    public override string ToString() =>
        FormattableString.Invariant($"{ModelName} {Quantization}: {TotalGiB:0.00} GiB");
}
