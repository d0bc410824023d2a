using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Memory.Vllm;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Accuracy;

/// <summary>What vLLM printed at one start, and what is predicted for it.</summary>
internal sealed class VllmReport
{
    private readonly DataRow _row;

    public VllmReport(DataRow row)
    {
        _row = row;
        string gpu = row.Text("gpu");
        Request = new MemoryRequest(ModelCatalog.Get(row.Text("model")))
        {
            EngineVersion = row.Text("version"),
            Gpu = gpu.Length == 0 ? null : GpuCatalog.Get(gpu),
            GpuMemoryUtilization = row.Number("utilization"),
            Parallelism = new Parallelism((int)row.Whole("tp")!.Value, (int)row.Whole("pp")!.Value),
            MaxModelLength = row.Whole("max_model_len"),
            SequenceLength = row.Whole("max_model_len")!.Value,
            Quantization = row.Text("precision") is { Length: > 0 } precision ? Quantization.Parse(precision) : null,
            KvCacheDataType = Enum.Parse<KvCacheDataType>(row.Text("kv_cache")),
            MaxBatchedTokens = row.Whole("max_batched_tokens"),
            MaxSequences = row.Whole("max_sequences"),
        };
        Request.Validate();
    }

    public MemoryRequest Request { get; }

    public string Version => _row.Text("version");

    public string Family => _row.Text("family");

    public string Model => Request.Model.Name;

    /// <summary>What tells configurations apart that differ in more than the greatest length.</summary>
    public string Label => string.Join(' ', new[]
    {
        Model, Request.Quantization?.Name, Request.KvCacheDataType == KvCacheDataType.Auto ? null : "KV " + Request.KvCacheDataType,
        Request.Parallelism.Tensor > 1 ? $"TP{Request.Parallelism.Tensor}" : null,
        Request.Parallelism.Pipeline > 1 ? $"PP{Request.Parallelism.Pipeline}" : null,
        $"{Request.MaxModelLength} tokens",
    }.Where(part => part is not null));

    public bool IsPipelined => Request.Parallelism.Pipeline > 1;

    public double? Measured(string term) => _row.Number(term);

    /// <summary>The terms by the names of their columns: those of the first stage, as the engine prints them.</summary>
    public Dictionary<string, double> Predict(VllmConstants? fitted = null)
    {
        VllmMemory engine = new(fitted);
        MemoryRequest request = Request;
        double device = _row.Number("memory_gib")!.Value * Units.BytesPerGiB;
        StageMemory first = default;
        double pool = 0;
        KvRoom room = KvRoom.Unlimited;
        foreach (PipelineStage stage in request.Model.Stages(request.Parallelism.Pipeline))
        {
            StageMemory memory = engine.Compute(request, stage);
            double free = engine.KvPool(request, memory, device);
            if (stage.Index == 0)
            {
                (first, pool) = (memory, free);
            }

            room = room.Least(engine.Room(request, stage, Math.Max(0, free), request.SequenceLength));
        }

        double used = first.Weights + first.Activations + first.Runtime;
        return new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["weights_gib"] = first.Weights / Units.BytesPerGiB,
            ["activations_gib"] = first.Activations / Units.BytesPerGiB,
            ["non_torch_gib"] = first.Runtime / Units.BytesPerGiB,
            ["graphs_gib"] = first.CudaGraphs / Units.BytesPerGiB,
            ["pool_gib"] = pool / Units.BytesPerGiB,
            ["tokens"] = room.Tokens,
            ["concurrency"] = room.Sequences,
            ["total_gib"] = used / Units.BytesPerGiB,
        };
    }

    /// <summary>What the three terms before the cache come to together, where all were printed.</summary>
    public double? MeasuredTotal =>
        Measured("weights_gib") + Measured("activations_gib") + Measured("non_torch_gib");
}
