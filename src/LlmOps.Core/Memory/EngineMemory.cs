using LlmOps.Core.Memory.Vllm;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>What a stage's pool has room for on one rank.</summary>
/// <param name="Tokens">Tokens of context; the greatest number where none takes anything.</param>
/// <param name="Sequences">Sequences of the length asked about, with the part of one that is left over.</param>
/// <param name="Blocks">Blocks that the engine makes of the pool; null where it makes none.</param>
/// <param name="SequenceBytes">Bytes of the pool that one of the sequences takes; 0 where it takes nothing.</param>
internal readonly record struct KvRoom(double Tokens, double Sequences, double? Blocks, double SequenceBytes)
{
    public static KvRoom Unlimited { get; } = new(double.MaxValue, double.MaxValue, null, 0);

    /// <summary>What is left where both stages must have room.</summary>
    public KvRoom Least(in KvRoom other) => new(
        Math.Min(Tokens, other.Tokens),
        Math.Min(Sequences, other.Sequences),
        Blocks is { } blocks ? Math.Min(blocks, other.Blocks ?? blocks) : other.Blocks,
        Math.Max(SequenceBytes, other.SequenceBytes));
}

/// <summary>What one engine allocates on a GPU, and on what ground. There is one object for each engine, without state.</summary>
internal abstract class EngineMemory
{
    private static readonly EngineMemory s_vllm = new VllmMemory();
    private static readonly EngineMemory s_sglang = new SglangMemory();
    private static readonly EngineMemory s_tensorRtLlm = new TensorRtLlmMemory();
    private static readonly EngineMemory s_transformers = new TransformersMemory();
    private static readonly EngineMemory s_llamaCpp = new LlamaCppMemory();
    private static readonly EngineMemory s_deepSpeed = new DeepSpeedMemory();

    public static EngineMemory Of(Engine engine) => engine switch
    {
        Engine.vLLM => s_vllm,
        Engine.SGLang => s_sglang,
        Engine.TensorRtLlm => s_tensorRtLlm,
        Engine.Transformers => s_transformers,
        Engine.LlamaCpp => s_llamaCpp,
        Engine.DeepSpeed => s_deepSpeed,
        _ => throw new ArgumentOutOfRangeException(nameof(engine), engine, "No such engine."),
    };

    /// <summary>Share of device memory that the engine uses where nothing else is set.</summary>
    public virtual double DefaultUtilization => 1;

    /// <summary>Releases that the engine's constants are known for, oldest first; empty where it has one set for all.</summary>
    public virtual IReadOnlyList<string> KnownVersions => [];

    /// <summary>The same for one request, where it depends on the release or the GPU.</summary>
    public virtual double Utilization(in MemoryRequest request) => DefaultUtilization;

    /// <summary>Whether layers can be left to the host, and attention be computed with or without its scores stored.</summary>
    public virtual bool PlacesLayers => false;

    /// <summary>Whether the engine caches keys and values in that type.</summary>
    public virtual bool Caches(KvCacheDataType type) => !type.IsBlock();

    /// <summary>The type of the cache that a remedy suggests.</summary>
    public virtual KvCacheDataType SmallerKvType => KvCacheDataType.FP8;

    /// <summary>The formats of weights that a remedy suggests, the wider first.</summary>
    public virtual string[] SmallerWeights(in MemoryRequest request) =>
        [request.Gpu?.DenseTflops.Fp8 is null ? "INT8" : "FP8", "AWQ"];

    /// <summary>Whether what it allocates beside the cache grows with the sequences at once, and not with its settings.</summary>
    public virtual bool GrowsWithSequences => false;

    /// <summary>Sequences that it runs at once at the most, however much memory there is: as set, or its default.</summary>
    public virtual double MostSequences(in MemoryRequest request) => request.MaxSequences ?? double.MaxValue;

    /// <summary>Whether it refuses to start where one sequence of the greatest length that it accepts has no room.</summary>
    public virtual bool NeedsRoomForLongest => false;

    /// <summary>Whether the engine trains models.</summary>
    public virtual bool Trains => false;

    /// <summary>Whether it does nothing else.</summary>
    public virtual bool TrainsOnly => false;

    /// <summary>The release whose coefficients are used; null where none were measured.</summary>
    public virtual string? Version(in MemoryRequest request) => null;

    /// <summary>Tokens of a block of the KV cache; null where it has no blocks.</summary>
    public virtual int? BlockSize(in MemoryRequest request) => null;

    /// <summary>Bytes of a cached element where no type is chosen.</summary>
    public virtual int DefaultKvElementBytes(in MemoryRequest request) =>
        request.EffectiveQuantization.UnquantizedBits / 8;

    /// <summary>The precision that the engine loads a checkpoint in where none is asked for.</summary>
    public virtual Quantization Loads(Quantization published, in MemoryRequest request) => published;

    /// <exception cref="LlmOpsException">The engine cannot do what is asked.</exception>
    public virtual void Validate(in MemoryRequest request)
    {
    }

    public abstract StageMemory Compute(in MemoryRequest request, PipelineStage stage);

    /// <summary>The same, corrected by the request's calibration.</summary>
    public StageMemory Allocate(in MemoryRequest request, PipelineStage stage)
    {
        StageMemory memory = Compute(request, stage);
        return request.Calibration is { } calibration ? calibration.Apply(memory) : memory;
    }

    /// <summary>Bytes that one sequence of that many tokens takes in the layers of a stage on one rank.</summary>
    public virtual double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens) =>
        KvCacheMemory.BytesPerSequence(stage, request, tokens);

    /// <summary>Bytes that the engine sets aside for one more token in the layers of a stage on one rank.</summary>
    public virtual double KvBytesPerToken(PipelineStage stage, in MemoryRequest request) =>
        KvCacheMemory.BytesPerToken(stage, request);

    /// <summary>Bytes that the engine leaves for the KV cache on a GPU with that many; negative where the rest does not fit.</summary>
    public virtual double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        (deviceBytes * request.EffectiveUtilization) - stage.Weights - stage.Activations - stage.Runtime;

    /// <summary>
    /// Bytes that what is allocated after the pool lacks, where the engine sizes the pool without it; 0 or less where it lacks none.
    /// </summary>
    public virtual double MissingBesidePool(in MemoryRequest request, in StageMemory stage, double deviceBytes) => 0;

    /// <summary>What the total may come to on a GPU with that many bytes.</summary>
    public virtual double Budget(in MemoryRequest request, in MemoryBreakdown bytes, double deviceBytes) =>
        deviceBytes * request.EffectiveUtilization;

    /// <summary>What a pool of that many bytes has room for; whole blocks where the engine has them.</summary>
    public virtual KvRoom Room(in MemoryRequest request, PipelineStage stage, double poolBytes, long sequenceLength)
    {
        double tokenBytes = KvBytesPerToken(stage, request);
        double sequenceBytes = KvBytesPerSequence(stage, request, sequenceLength);

        // A stage of state-space layers alone takes nothing a token, one of MLPs alone nothing at all.
        double sequences = sequenceBytes > 0 ? poolBytes / sequenceBytes : double.MaxValue;
        if (tokenBytes <= 0)
        {
            return new KvRoom(double.MaxValue, sequences, null, sequenceBytes);
        }

        double? blocks = BlockSize(request) is { } size ? Math.Floor(poolBytes / tokenBytes / size) : null;
        return new KvRoom(blocks * BlockSize(request) ?? Math.Floor(poolBytes / tokenBytes), sequences, blocks, sequenceBytes);
    }

    /// <summary>The engine's own terms in words; the allowances for fragmentation and safety are not among them.</summary>
    public abstract IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes);
}
