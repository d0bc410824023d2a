using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

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

    /// <summary>The same where it depends on the GPU.</summary>
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

    /// <exception cref="LlmOpsException">The engine cannot do what is asked.</exception>
    public virtual void Validate(in MemoryRequest request)
    {
    }

    public abstract StageMemory Compute(in MemoryRequest request, PipelineStage stage);

    /// <summary>Bytes that one sequence of that many tokens takes in the layers of a stage on one rank.</summary>
    public virtual double KvBytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens) =>
        KvCacheMemory.BytesPerSequence(stage, request, tokens);

    /// <summary>Bytes that the engine sets aside for one more token in the layers of a stage on one rank.</summary>
    public virtual double KvBytesPerToken(PipelineStage stage, in MemoryRequest request) =>
        KvCacheMemory.BytesPerToken(stage, request);

    /// <summary>Bytes that the engine leaves for the KV cache on a GPU with that many; negative where the rest does not fit.</summary>
    public virtual double KvPool(in MemoryRequest request, in StageMemory stage, double deviceBytes) =>
        (deviceBytes * request.EffectiveUtilization) - stage.Weights - stage.Activations - stage.Runtime;

    /// <summary>What the total may come to on a GPU with that many bytes.</summary>
    public virtual double Budget(in MemoryRequest request, in MemoryBreakdown bytes, double deviceBytes) =>
        deviceBytes * request.EffectiveUtilization;

    /// <summary>The engine's own terms in words; the allowances for fragmentation and safety are not among them.</summary>
    public abstract IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes);
}
