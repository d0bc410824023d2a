using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>What DeepSpeed allocates to train a model.</summary>
internal sealed class DeepSpeedMemory : EngineMemory
{
    private const string Source = "typical of PyTorch 2 on NVIDIA GPUs; buckets: DeepSpeed's reduce_bucket_size and "
        + "allgather_bucket_size of 5e8 elements";

    private const double BucketElements = 5e8;

    public override bool Trains => true;

    public override bool TrainsOnly => true;

    public override void Validate(in MemoryRequest request)
    {
        TrainingMemory.Validate(request);
        TrainingSettings settings = request.TrainingSettings;
        int stage = (int)Guard.InRange(settings.ZeroStage ?? 0, 0, 3, nameof(settings.ZeroStage));
        if (stage > 1 && request.Parallelism.Pipeline > 1)
        {
            throw TrainingMemory.NotSupported(nameof(settings.ZeroStage), stage,
                "DeepSpeed's pipeline parallelism takes 0 or 1 (PipelineParallelSize is "
                + $"{request.Parallelism.Pipeline}).");
        }

        if (settings.OffloadOptimizer != OffloadTarget.None && stage < (settings.OffloadOptimizer == OffloadTarget.Nvme ? 3 : 1))
        {
            throw TrainingMemory.NotSupported(nameof(settings.OffloadOptimizer), settings.OffloadOptimizer,
                settings.OffloadOptimizer == OffloadTarget.Nvme ? "it needs ZeroStage 3." : "it needs ZeroStage 1, 2 or 3.");
        }

        if (settings.OffloadParameter != OffloadTarget.None && stage < 3)
        {
            throw TrainingMemory.NotSupported(nameof(settings.OffloadParameter), settings.OffloadParameter,
                "it needs ZeroStage 3.");
        }
    }

    public override StageMemory Compute(in MemoryRequest request, PipelineStage stage) =>
        TrainingMemory.Compute(request, stage, Plan(request), Runtime(request, stage));

    public override IEnumerable<MemoryTerm> Explain(MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes) =>
        TrainingMemory.Explain(request, stage, bytes, Plan(request),
            MemoryTerms.Runtime(request, bytes, Evidence.Assumed, Source));

    private static ZeroPlan Plan(in MemoryRequest request) => new(
        request.TrainingSettings.ZeroStage ?? 0,
        request.TrainingSettings.OffloadOptimizer,
        request.TrainingSettings.OffloadParameter);

    private static double Runtime(in MemoryRequest request, PipelineStage stage) =>
        TransformersMemory.Runtime(request.Parallelism)
        + (request.Parallelism.ZeroRanks > 1
            ? 2 * MemoryEstimator.ComputeElementBytes(request) * Math.Min(BucketElements, TrainingMemory.Trained(request, stage).Whole)
            : 0);
}
