using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Properties;

/// <summary>Valid requests at random, over everything in the catalogues.</summary>
internal static class Samples
{
    private static readonly LlmModel[] s_models = [.. ModelCatalog.All];
    private static readonly GpuSpec[] s_gpus = [.. GpuCatalog.All];
    private static readonly GpuInstance[] s_instances = [.. InstanceCatalog.All];

    /// <summary>llama.cpp takes other settings, and has samples of its own.</summary>
    private static readonly Engine[] s_servers =
        [.. Enum.GetValues<Engine>().Where(engine => engine != Engine.LlamaCpp && !EngineMemory.Of(engine).TrainsOnly)];

    private static readonly Quantization[] s_quantizations = [.. Quantization.Known];

    public static Gen<LlmModel> Model { get; } = Gen.Elements(s_models);

    public static Gen<LlmModel> Mixture { get; } = Gen.Elements(s_models.Where(model => model.ExpertCount > 0).ToArray());

    public static Gen<GpuSpec> Gpu { get; } = Gen.Elements(s_gpus);

    public static Gen<GpuInstance> Instance { get; } = Gen.Elements(s_instances);

    /// <summary>Evenly over orders of magnitude, and off the powers of two.</summary>
    public static Gen<long> Length(int mostBits) =>
        from bits in Gen.Choose(0, mostBits)
        from offset in Gen.Choose(-3, 3)
        select Math.Max(1, (1L << bits) + offset);

    /// <summary>Numbers of ranks that divide the model's heads.</summary>
    public static Gen<int> TensorSize(LlmModel model) => Gen.Elements(TensorSizes(model).ToArray());

    public static IEnumerable<int> TensorSizes(LlmModel model) => Enumerable.Range(1, 64).Where(size =>
        model.AttentionHeadCount % size == 0
        && (model.KeyValueHeadCount % size == 0 || size % model.KeyValueHeadCount == 0));

    /// <summary>Numbers of ranks that the experts can be divided over beside the tensor ranks.</summary>
    public static IEnumerable<int> ExpertSizes(LlmModel model, int tensor) =>
        Enumerable.Range(1, Math.Max(1, model.ExpertCount)).Where(size => size % tensor == 0 || tensor % size == 0);

    /// <summary>Types that every engine but llama.cpp caches in.</summary>
    public static KvCacheDataType[] CacheTypes { get; } = [.. Enum.GetValues<KvCacheDataType>().Where(type => !type.IsBlock())];

    /// <summary>
    /// Requests on one model, with every setting but training; llama.cpp, which places layers instead of dividing them, has
    /// its own.
    /// </summary>
    public static Gen<MemoryRequest> Request { get; } =
        from model in Model
        from request in RequestOn(model)
        select request;

    public static Gen<MemoryRequest> RequestOn(LlmModel model) =>
        from engine in Gen.Elements(s_servers)
        from version in Gen.Elements(EngineVersions.Of(engine).Append(null).ToArray())
        from quantization in Gen.Elements(s_quantizations.Append(null).ToArray())
        from cache in Gen.Elements(CacheTypes)
        from gpu in Gen.Elements(s_gpus.Append(null).ToArray())
        from tensor in TensorSize(model)
        from pipeline in Gen.Choose(1, Math.Min(8, model.LayerCount))
        from expert in Gen.Elements(ExpertSizes(model, tensor).ToArray())
        from batch in Length(10)
        from length in Length(20)
        from utilization in Gen.Choose(10, 100)
        select new MemoryRequest(model)
        {
            Engine = engine,
            EngineVersion = version,
            Quantization = quantization,
            KvCacheDataType = cache,
            Gpu = gpu,
            Parallelism = new Parallelism(tensor, pipeline, expert),
            BatchSize = batch,
            SequenceLength = length,
            GpuMemoryUtilization = utilization / 100.0,
        };

    /// <summary>Requests to llama.cpp, with every setting.</summary>
    public static Gen<MemoryRequest> LlamaCpp { get; } =
        from model in Model
        from quantization in Gen.Elements(s_quantizations.Where(q => GgufRecipe.Find(q) is not null).ToArray())
        from cache in Gen.Elements(Enum.GetValues<KvCacheDataType>().Where(new LlamaCppMemory().Caches).ToArray())
        from gpu in Gen.Elements(s_gpus.Append(null).ToArray())
        from gpus in Gen.Choose(1, Math.Min(8, model.LayerCount))
        from layers in Gen.Choose(-1, model.LayerCount + 2)
        from flash in Gen.Elements(Enum.GetValues<FlashAttention>())
        from batch in Length(7)
        from length in Length(18)
        from ubatch in Length(12)
        select new MemoryRequest(model)
        {
            Engine = Engine.LlamaCpp,
            Quantization = quantization,
            KvCacheDataType = cache,
            Gpu = gpu,
            Parallelism = Parallelism.None with { Pipeline = gpus },
            GpuLayers = layers < 0 ? null : layers,
            FlashAttention = cache.IsBlock() && flash == FlashAttention.Off ? FlashAttention.On : flash,
            BatchSize = batch,
            SequenceLength = length,
            MaxBatchedTokens = ubatch,
        };

    /// <summary>Training with DeepSpeed, with every setting.</summary>
    public static Gen<MemoryRequest> Training { get; } =
        from request in Request
        from type in Gen.Elements("FP32", "BF16", "FP16")
        from optimizer in Gen.Elements(Enum.GetValues<Optimizer>())
        from stage in Gen.Choose(0, request.Parallelism.Pipeline == 1 ? 3 : 1)
        from offload in Gen.Elements(Enum.GetValues<OffloadTarget>())
        from offloadParameter in Gen.Elements(Enum.GetValues<OffloadTarget>())
        from checkpointing in Gen.Elements<ActivationCheckpointing?>(
            null, ActivationCheckpointing.None, ActivationCheckpointing.Selective, ActivationCheckpointing.Full)
        from attention in Gen.Elements(Enum.GetValues<AttentionImplementation>())
        from data in Length(8)
        from steps in Gen.Elements<int?>(null, 1, 4)
        from rank in Gen.Elements<int?>(null, null, 8, 32)
        from pure in Gen.Elements(true, false)
        from chunked in Gen.Elements(true, false)
        select request with
        {
            Engine = Engine.DeepSpeed,
            EngineVersion = null,
            Quantization = Quantization.Parse(type),
            AttentionImplementation = attention,
            SequenceLength = Math.Min(request.SequenceLength, 32768),
            Parallelism = request.Parallelism with
            {
                Data = (int)data,
                Sequence = pure ? request.Parallelism.Tensor : 1,
            },
            TrainingSettings = new TrainingSettings
            {
                Optimizer = optimizer,
                ZeroStage = stage,
                OffloadOptimizer = stage == 3 || (stage > 0 && offload == OffloadTarget.Cpu) ? offload : OffloadTarget.None,
                OffloadParameter = stage == 3 ? offloadParameter : OffloadTarget.None,
                ActivationCheckpointing = checkpointing,
                GradientAccumulationStep = steps,
                NoMasterWeight = pure,
                ChunkedLoss = chunked,
                LoraRank = rank,
            },
        };

    public static Gen<Workload> Workload { get; } =
        from model in Model
        from quantization in Gen.Elements(s_quantizations.Append(null).ToArray())
        from cache in Gen.Elements(CacheTypes)
        from batch in Length(9)
        from input in Length(15)
        from output in Length(12)
        select new Workload(model, batch, input, output) { Quantization = quantization, KvCacheDataType = cache };

    /// <summary>A workload on one to eight GPUs that can share it.</summary>
    public static Gen<PerformanceRequest> Performance { get; } =
        from workload in Workload
        from gpu in Gpu
        from count in Gen.Elements(TensorSizes(workload.Model).Where(size => size <= 8).ToArray())
        from adjust in Gen.Elements(true, false)
        select new PerformanceRequest(workload, gpu, count) { SafetyFactor = 0.9, AdjustOffloading = adjust };
}
