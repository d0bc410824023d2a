using LlmOps.Core.Calibration;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>How a model is divided over GPUs.</summary>
/// <param name="Tensor">Ranks that each layer's matrices are divided over.</param>
/// <param name="Pipeline">Stages that the layers are divided over.</param>
/// <param name="Expert">Ranks that whole routed experts are divided over; 1 divides each expert over the tensor ranks.</param>
/// <param name="Data">Copies of the whole; only ZeRO makes use of them to need less memory on one GPU.</param>
public readonly record struct Parallelism(int Tensor = 1, int Pipeline = 1, int Expert = 1, int Data = 1)
{
    public static Parallelism None { get; } = new(1, 1, 1, 1);

    /// <summary>
    /// Ranks that the tokens of each sequence are divided over in training: the tensor-parallel ones where there are some,
    /// between the parts that those divide (Korthikanti et al. 2022), else ranks of their own (Ulysses, Jacobs et al. 2023).
    /// </summary>
    public int Sequence { get; init; } = 1;

    /// <summary>GPUs in all.</summary>
    public int GpuCount => Pipeline * Math.Max(Tensor * Data * SequenceRanks, Expert);

    /// <summary>Ranks of their own that tokens are divided over.</summary>
    internal int SequenceRanks => Tensor == 1 ? Sequence : 1;

    /// <summary>Tensor-parallel ranks that divide what is as wide as the residual stream.</summary>
    internal int StreamRanks => Tensor == 1 ? 1 : Sequence;

    /// <summary>Ranks with the same weights, which ZeRO divides the states over.</summary>
    internal int ZeroRanks => Data * SequenceRanks;

    /// <summary>The same of routed experts, which are fewer where the experts themselves are divided over the copies.</summary>
    internal double ExpertZeroRanks => Math.Max(1, (double)Tensor * ZeroRanks / Math.Max(Tensor, Expert));
}

/// <summary>What a memory estimate is asked about. One GPU's share is estimated, that of the fullest.</summary>
public readonly record struct MemoryRequest(LlmModel Model)
{
    private readonly bool _training = false;

    public const int MaximumBatchSize = 1_000_000;

    /// <summary>Ten times the longest context of any published model.</summary>
    public const int MaximumSequenceLength = 100_000_000;

    /// <summary>A <see cref="MaxModelLength"/> that is to be found.</summary>
    public const long LongestThatFits = -1;

    public Engine Engine { get; init; } = Engine.vLLM;

    /// <summary>The engine's release, such as <c>0.19</c> or <c>v0.8.5.post1</c>; null stands for the one measured best.</summary>
    public string? EngineVersion { get; init; } = null;

    /// <summary>Null stands for the model's published precision.</summary>
    public Quantization? Quantization { get; init; } = null;

    public KvCacheDataType KvCacheDataType { get; init; } = KvCacheDataType.Auto;

    public Parallelism Parallelism { get; init; } = Parallelism.None;

    /// <summary>Sequences in flight.</summary>
    public long BatchSize { get; init; } = 1;

    /// <summary>Tokens of each sequence, prompt and output together.</summary>
    public long SequenceLength { get; init; } = 2048;

    /// <summary>
    /// Tokens of one pass: vLLM's <c>max_num_batched_tokens</c>, SGLang's <c>chunked_prefill_size</c>, TensorRT-LLM's
    /// <c>max_num_tokens</c>, llama.cpp's <c>n_ubatch</c>; null stands for the engine's default on that GPU.
    /// </summary>
    public long? MaxBatchedTokens { get; init; } = null;

    /// <summary>
    /// vLLM's <c>max_num_seqs</c>, TensorRT-LLM's <c>max_batch_size</c>; null stands for the engine's default on that GPU.
    /// </summary>
    public long? MaxSequences { get; init; } = null;

    /// <summary>
    /// The longest sequence that the engine accepts (vLLM's <c>max_model_len</c>); null stands for no limit, and
    /// <see cref="LongestThatFits"/> for the longest that the GPU has room for.
    /// </summary>
    public long? MaxModelLength { get; init; } = null;

    /// <summary>
    /// The engine's fraction: of all memory with vLLM (0.9, from 0.20 on 0.92) and SGLang (mem_fraction_static, by the GPU), of what is free
    /// beside weights and activations with TensorRT-LLM (0.9); 1 with the others.
    /// </summary>
    public double? GpuMemoryUtilization { get; init; } = null;

    /// <summary>llama.cpp's <c>-ngl</c>: layers on GPUs, the output counted as one; null stands for all.</summary>
    public int? GpuLayers { get; init; } = null;

    /// <summary>llama.cpp's <c>--flash-attn</c>.</summary>
    public FlashAttention FlashAttention { get; init; } = FlashAttention.Auto;

    public GpuSpec? Gpu { get; init; } = null;

    /// <summary>Whether gradients and optimizer states are held; always with an engine that only trains.</summary>
    public bool Training
    {
        get => _training || EngineMemory.Of(Engine).TrainsOnly;
        init => _training = value;
    }

    public TrainingSettings TrainingSettings { get; init; } = TrainingSettings.Default;

    /// <summary>Null stands for <see cref="AttentionImplementation.Sdpa"/>, where the engine has a choice.</summary>
    public AttentionImplementation? AttentionImplementation { get; init; } = null;

    /// <summary>Null stands for <see cref="CacheImplementation.Dynamic"/>, where the engine has a choice.</summary>
    public CacheImplementation? CacheImplementation { get; init; } = null;

    /// <summary>Whether vLLM captures no CUDA graphs.</summary>
    public bool EnforceEager { get; init; } = false;

    /// <summary>Batch sizes that CUDA graphs are captured for; null stands for vLLM's own list, up to 512.</summary>
    public IReadOnlyList<int>? CudaGraphCaptureSizes { get; init; } = null;

    /// <summary>Corrections fitted to measurements; null for none.</summary>
    public MemoryCalibration? Calibration { get; init; } = null;

    public MemoryEstimationParameter Parameters { get; init; } = MemoryEstimationParameter.Default;

    /// <summary>The precision that is estimated; the checkpoint's own where it is asked for by its name.</summary>
    public Quantization EffectiveQuantization => Quantization is { } chosen ? Model.Named(chosen)
        : Model.HasPublishedType ? EngineMemory.Of(Engine).Loads(Model.PublishedQuantization, this)
        : Precision.Quantization.Parse(Parameters.DefaultStorageDtype);

    /// <summary>Whether the weights are the checkpoint's own, and not converted.</summary>
    internal bool IsCheckpoint => Quantization is null || ReferenceEquals(Model.Named(Quantization), Model.PublishedQuantization);

    /// <summary>Share of device memory that the engine may use.</summary>
    public double EffectiveUtilization => GpuMemoryUtilization ?? EngineMemory.Of(Engine).Utilization(this);

    internal AttentionImplementation EffectiveAttention => AttentionImplementation ?? Memory.AttentionImplementation.Sdpa;

    /// <summary>
    /// The longest sequence, up to what the model was made for, that holds, where every shorter one holds too; null where not
    /// even one token does.
    /// </summary>
    internal long? LongestThat(Func<long, bool> holds) =>
        Bisection.Largest(Model.ContextLength > 0 ? Model.ContextLength : MaximumSequenceLength, holds);

    /// <exception cref="LlmOpsException">A value is out of bounds, or the parts do not go together.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(Model);
        Guard.InRange(BatchSize, 1, MaximumBatchSize, nameof(BatchSize));
        Guard.InRange(SequenceLength, 1, MaximumSequenceLength, nameof(SequenceLength));
        if (MaxBatchedTokens is { } tokens)
        {
            Guard.InRange(tokens, 1, MaximumSequenceLength, nameof(MaxBatchedTokens));
        }

        if (MaxSequences is { } sequences)
        {
            Guard.InRange(sequences, 1, MaximumBatchSize, nameof(MaxSequences));
        }

        if (MaxModelLength == LongestThatFits)
        {
            if (Gpu is null)
            {
                throw new LlmOpsException("GpuRequired", ErrorKind.InvalidArgument,
                    "MaxModelLength is -1, the longest context that fits; that needs a GPU to fit (-Gpu).", LongestThatFits);
            }
        }
        else if (MaxModelLength is { } longest)
        {
            Guard.InRange(longest, 1, MaximumSequenceLength, nameof(MaxModelLength));
            Guard.InRange(SequenceLength, 1, longest, nameof(SequenceLength));
        }

        if (GpuMemoryUtilization is { } utilization)
        {
            Guard.InRange(utilization, 0.01, 1, nameof(GpuMemoryUtilization));
        }

        ValidateParallelism();
        EngineMemory engine = EngineMemory.Of(Engine);
        if (Training && !engine.Trains)
        {
            throw new LlmOpsException("TrainingNotSupported", ErrorKind.NotSupported,
                $"{EnumNames.Of(Engine)} serves models and does not train them; use the engine {Engine.Transformers} or "
                + $"{Engine.DeepSpeed}.", Engine);
        }

        if (EngineVersion is not null && engine.KnownVersions.Count == 0)
        {
            throw new LlmOpsException("EngineVersionNotSupported", ErrorKind.NotSupported,
                $"EngineVersion is '{EngineVersion}', but {EnumNames.Of(Engine)} is estimated alike for all releases; leave it out.", EngineVersion);
        }

        ValidateSettings(engine);
        ValidateTrainingSettings();
        if (Calibration is { } calibration && calibration.Engine != Engine)
        {
            throw new LlmOpsException("CalibrationNotSupported", ErrorKind.NotSupported,
                $"The calibration '{calibration.Name}' was fitted to {EnumNames.Of(calibration.Engine)}, not to {EnumNames.Of(Engine)}; "
                + "leave it out, or estimate that engine.", calibration.Name);
        }

        engine.Validate(this);

        if (CudaGraphCaptureSizes is { } sizes)
        {
            foreach (int size in sizes)
            {
                Guard.InRange(size, 1, 65536, "CudaGraphCaptureSize");
            }
        }

        // The shared default needs no second look.
        if (!ReferenceEquals(Parameters, MemoryEstimationParameter.Default))
        {
            Parameters.Validate();
        }
    }

    /// <summary>Refuses what is a setting of other engines.</summary>
    private void ValidateSettings(EngineMemory engine)
    {
        if (GpuLayers is { } layers)
        {
            Guard.InRange(layers, 0, 100_000, nameof(GpuLayers));
        }

        if (!engine.PlacesLayers && (GpuLayers is not null || FlashAttention != FlashAttention.Auto))
        {
            string name = GpuLayers is null ? nameof(FlashAttention) : nameof(GpuLayers);
            object value = GpuLayers is { } count ? count : FlashAttention;
            throw new LlmOpsException("SettingNotSupported", ErrorKind.NotSupported,
                $"{name} is {value}, but {EnumNames.Of(Engine)} has no such setting; it is one of {EnumNames.Of(Engine.LlamaCpp)}.", value);
        }

        if (!engine.Caches(KvCacheDataType))
        {
            KvCacheDataType[] cached = [.. Enum.GetValues<KvCacheDataType>().Where(engine.Caches)];
            double wanted = KvCacheDataType.Bytes(2);
            KvCacheDataType nearest = cached.MinBy(type => Math.Abs(type.Bytes(2) - wanted));
            throw new LlmOpsException("KvCacheDataTypeNotSupported", ErrorKind.NotSupported,
                $"{EnumNames.Of(Engine)} does not cache keys and values in {KvCacheDataType}. The nearest is {nearest}; there are "
                + $"{string.Join(", ", cached)}.", KvCacheDataType);
        }
    }

    /// <summary>Settings that would have no effect are refused by name.</summary>
    private void ValidateTrainingSettings()
    {
        bool trains = Engine is Engine.Transformers or Engine.DeepSpeed;
        if (AttentionImplementation is { } attention && !trains)
        {
            throw TrainingMemory.NotSupported(nameof(AttentionImplementation), attention,
                $"{EnumNames.Of(Engine)} chooses its own; it is a setting of {Engine.Transformers} and {Engine.DeepSpeed}.");
        }

        if (CacheImplementation is { } cache && (Training || Engine != Engine.Transformers))
        {
            throw TrainingMemory.NotSupported(nameof(CacheImplementation), cache,
                Training ? "training has no cache." : $"it is a setting of {Engine.Transformers}.");
        }

        // The shared default has nothing to refuse.
        if (!ReferenceEquals(TrainingSettings, TrainingSettings.Default))
        {
            if (!Training && TrainingSettings.Given() is { } setting)
            {
                throw new LlmOpsException($"{setting}NotSupported", ErrorKind.NotSupported,
                    $"{setting} is a setting of training, but {EnumNames.Of(Engine)} is to serve the model; add Training, or use the engine "
                    + $"{Engine.DeepSpeed}.", setting);
            }

            if (Engine != Engine.DeepSpeed && TrainingSettings.GivenOfZero() is { } ofZero)
            {
                throw new LlmOpsException($"{ofZero}NotSupported", ErrorKind.NotSupported,
                    $"{ofZero} is a setting of {Engine.DeepSpeed}, not of {EnumNames.Of(Engine)}; use the engine {Engine.DeepSpeed}.", ofZero);
            }
        }

        ValidateSequenceParallelism();
    }

    private void ValidateSequenceParallelism()
    {
        (int tensor, int sequence) = (Parallelism.Tensor, Parallelism.Sequence);
        if (sequence == 1)
        {
            return;
        }

        const string name = "SequenceParallelSize";
        Guard.InRange(sequence, 1, 4096, name);
        if (Engine != Engine.DeepSpeed)
        {
            throw TrainingMemory.NotSupported(name, sequence, $"it is a setting of {Engine.DeepSpeed}.");
        }

        if (tensor > 1 && sequence != tensor)
        {
            throw TrainingMemory.NotSupported(name, sequence,
                $"beside tensor parallelism it uses the same ranks: it must be 1 or {tensor} (TensorParallelSize).");
        }

        if (tensor == 1 && Model.AttentionHeadCount % sequence != 0)
        {
            throw TrainingMemory.NotSupported(name, sequence,
                $"the {Model.AttentionHeadCount} attention heads of {Model.Name} must divide evenly over the ranks.");
        }
    }

    private void ValidateParallelism()
    {
        const int mostRanks = 4096;
        (int tensor, int pipeline, int expert, int data) = Parallelism;
        Guard.InRange(tensor, 1, mostRanks, "TensorParallelSize");
        Guard.InRange(pipeline, 1, Model.LayerCount, "PipelineParallelSize");
        Guard.InRange(data, 1, mostRanks, "DataParallelSize");
        Guard.InRange(expert, 1, Math.Max(1, Model.ExpertCount), "ExpertParallelSize");
        if (tensor > 1 && !DividesHeads(Model, tensor))
        {
            int nearest = tensor;
            while (!DividesHeads(Model, nearest))
            {
                nearest--;
            }

            throw new LlmOpsException("TensorParallelSizeNotSupported", ErrorKind.NotSupported,
                $"TensorParallelSize is {tensor}, but the {Model.AttentionHeadCount} attention heads and "
                + $"{Model.KeyValueHeadCount} KV heads of {Model.Name} must divide evenly over the ranks. "
                + $"The nearest valid value is {nearest}.", tensor);
        }

        if (!Align(expert, tensor))
        {
            int nearest = expert;
            while (!Align(nearest, tensor))
            {
                nearest--;
            }

            throw new LlmOpsException("ExpertParallelSizeNotSupported", ErrorKind.NotSupported,
                $"ExpertParallelSize is {expert}, but must be a multiple or a divisor of TensorParallelSize ({tensor}). "
                + $"The nearest valid value is {nearest}.", expert);
        }
    }

    /// <summary>Whether whole groups of ranks of one kind make up a rank of the other.</summary>
    private static bool Align(int expert, int tensor) => expert % tensor == 0 || tensor % expert == 0;

    /// <summary>Whether the model's heads divide evenly over so many tensor ranks; KV heads may be replicated instead.</summary>
    internal static bool DividesHeads(LlmModel model, int tensor)
    {
        int keyValueHeads = model.KeyValueHeadCount;
        return keyValueHeads == 0
            || (model.AttentionHeadCount % tensor == 0 && (keyValueHeads % tensor == 0 || tensor % keyValueHeads == 0));
    }
}
