using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using static System.FormattableString;

namespace LlmOps.Core.Planning;

/// <summary>Finds the ways to divide a model over a machine's GPUs, and ranks those that fit.</summary>
public static class ParallelismFinder
{
    /// <summary>GPUs that one machine's links join, but for the racks of GB200 and GB300.</summary>
    private const int GpusOfMachine = 8;

    /// <summary>The terms of a decoding step that are exchange between GPUs.</summary>
    private static readonly string[] s_exchange = ["CommunicationLatency", "CommunicationTransfer", "PipelineHops"];

    /// <summary>What a token takes beside its step.</summary>
    private static readonly string[] s_besideStep = ["PromptInterference", "Interruptions", "GroupCorrection", "PhysicalFloor"];

    /// <summary>
    /// All layouts for each size of the machine: those that fit come first, ranked; the others follow, with the reason.
    /// </summary>
    /// <param name="request">The model, its load, and the sizes to try.</param>
    /// <param name="cancellationToken">Stops between two layouts.</param>
    /// <exception cref="LlmOpsException">The request is out of bounds.</exception>
    public static IReadOnlyList<ParallelismLayout> Find(
        in ParallelismRequest request, CancellationToken cancellationToken = default)
    {
        MemoryRequest deployment = request.Deployment;
        if (request.GpuCounts.Count == 0)
        {
            throw new LlmOpsException(Guard.OutOfRangeId, ErrorKind.InvalidArgument, "GpuCount is empty; give one or more sizes.", null);
        }

        foreach (int count in request.GpuCounts)
        {
            Guard.InRange(count, 1, ParallelismRequest.MaximumGpuCount, "GpuCount");
        }

        new PerformanceEstimateRequest(
            deployment with { Parallelism = Parallelism.None }, request.InputLength, request.OutputLength).Validate();

        // Of weights that cannot be served on the GPU, or not timed, no layout is better than another.
        string? untimed = WeightKernels.WhyNotTimed(deployment);
        List<ParallelismLayout> found = [];
        foreach (int count in request.GpuCounts.Distinct())
        {
            foreach (ParallelLayout layout in ParallelLayout.Of(deployment.Model, count, deployment.Engine))
            {
                cancellationToken.ThrowIfCancellationRequested();
                found.Add((untimed ?? ParallelismLimits.Refusal(deployment, layout)) is { } reason
                    ? Describe(request, layout, count, new Outcome(reason))
                    : Evaluate(request, layout, count));
            }

            foreach ((ParallelLayout layout, string reason) in ParallelismLimits.Impossible(deployment, count))
            {
                cancellationToken.ThrowIfCancellationRequested();
                found.Add(Describe(request, layout, count, new Outcome(reason)));
            }
        }

        return Rank(found, request.RankBy);
    }

    private static List<ParallelismLayout> Rank(List<ParallelismLayout> found, ParallelismOrder order)
    {
        // Of equals the one with fewer GPUs, and on as many the one that divides least.
        List<ParallelismLayout> ranked =
        [
            .. found.Where(layout => layout.RejectionReason is null)
                .OrderBy(layout => order switch
                {
                    ParallelismOrder.TokensPerSecond => -layout.TokensPerSecond,
                    ParallelismOrder.Latency => layout.LatencyMs,
                    ParallelismOrder.TimeToFirstToken => layout.TimeToFirstTokenMs,
                    ParallelismOrder.TimePerOutputToken => layout.TimePerOutputTokenMs,
                    _ => -layout.TokensPerSecondPerGpu,
                })
                .ThenBy(layout => layout.GpuCount),
        ];
        for (int i = 0; i < ranked.Count; i++)
        {
            ranked[i].Rank = i + 1;
        }

        ranked.AddRange(found.Where(layout => layout.RejectionReason is not null).OrderBy(layout => layout.GpuCount));
        return ranked;
    }

    private static ParallelismLayout Evaluate(in ParallelismRequest request, ParallelLayout layout, int gpuCount)
    {
        long groups = (long)layout.AttentionRanks * layout.Copies;
        long usersOfGroup = (request.Deployment.BatchSize + groups - 1) / groups;
        MemoryRequest ofGroup = request.Memory with { Parallelism = layout.Parallelism, BatchSize = usersOfGroup };
        PerformanceEstimate times = PerformanceEstimator.Estimate(
            new PerformanceEstimateRequest(ofGroup, request.InputLength, request.OutputLength));
        KvCacheMeasurement cache = KvCacheCalculator.Measure(ofGroup);
        long held = Math.Clamp(cache.SequenceCapacity ?? usersOfGroup, 1, usersOfGroup);
        MemoryEstimate memory = MemoryEstimator.Estimate(ofGroup with { BatchSize = held });
        return Describe(request, layout, gpuCount, new Outcome(times.Fits ? null : Shortage(memory, Remedy(times)), times, cache, memory));
    }

    /// <summary>By how much a model that does not fit is short of memory, and what would do.</summary>
    internal static string Shortage(MemoryEstimate memory, string remedy)
    {
        ServingRoom room = memory.Room!;
        string left = room.LeftBytes > 0 ? Invariant($"{memory.KvPoolGiB:0.00} GiB") : "nothing";
        return Invariant(
            $"short by {-memory.HeadroomGiB:0.00} GiB a GPU: weights of {memory.ModelWeightsGiB:0.00} GiB, activations and runtime leave {left} for the KV cache, and one sequence of {room.Length:N0} tokens takes {Units.ToGiB(room.WantedBytes):0.00} GiB; what would do: {remedy}");
    }

    /// <summary>What would make it fit; more ranks are layouts of their own here.</summary>
    private static string Remedy(PerformanceEstimate times) =>
        times.Remedy!.Contains("ParallelSize", StringComparison.Ordinal) ? "more GPUs for each copy (-GpuCount)" : times.Remedy;

    private static ParallelismLayout Describe(
        in ParallelismRequest request, ParallelLayout layout, int gpuCount, in Outcome outcome)
    {
        MemoryRequest deployment = request.Deployment with { Parallelism = layout.Parallelism };
        GpuSpec gpu = deployment.Gpu!;
        PerformanceEstimate? times = outcome.Times;
        long groups = (long)layout.AttentionRanks * layout.Copies;
        double? perSecond = deployment.BatchSize * request.OutputLength / times?.TotalSeconds;
        return new ParallelismLayout
        {
            Model = deployment.Model,
            Engine = EnumNames.Of(deployment.Engine),
            Quantization = deployment.EffectiveQuantization.Name,
            KvCacheDataType = deployment.KvCacheDataType.ToString(),
            Gpu = gpu.Name,
            GpuCount = gpuCount,
            IdleGpuCount = gpuCount - layout.GpuCount,
            Layout = layout.ToString(),
            TensorParallelSize = layout.Tensor,
            PipelineParallelSize = layout.Pipeline,
            ExpertParallelSize = layout.Expert,
            DataParallelSize = layout.AttentionRanks * layout.Copies,
            CopyCount = layout.Copies,
            BatchSize = deployment.BatchSize,
            InputLength = request.InputLength,
            OutputLength = request.OutputLength,
            GpuMemoryUtilization = deployment.EffectiveUtilization,
            Fits = times?.Fits == true,
            RunningSequences = times?.RunningBatch is { } running ? Math.Min(deployment.BatchSize, running * layout.Copies) : null,
            WeightsGiB = outcome.Memory?.ModelWeightsGiB,
            KvPoolGiB = outcome.Cache?.PoolGiB / (layout.Tensor * layout.Pipeline),
            TotalGiB = outcome.Memory?.TotalGiB,
            UtilizationPercent = outcome.Memory?.UtilizationPercent,
            KvTokenCapacity = outcome.Cache?.TokenCapacity * groups,
            MaxConcurrency = outcome.Cache?.MaxConcurrency * groups,
            TimeToFirstTokenMs = times?.TimeToFirstTokenMs,
            TimeToFirstTokenLowMs = times?.TimeToFirstTokenLowMs,
            TimeToFirstTokenHighMs = times?.TimeToFirstTokenHighMs,
            TimePerOutputTokenMs = times?.TimePerOutputTokenMs,
            TimePerOutputTokenLowMs = times?.TimePerOutputTokenLowMs,
            TimePerOutputTokenHighMs = times?.TimePerOutputTokenHighMs,
            LatencyMs = 1000 * times?.TotalSeconds,
            TokensPerSecond = perSecond,
            TokensPerSecondLow = perSecond * times?.TokensPerSecondLow / times?.TokensPerSecond,
            TokensPerSecondHigh = perSecond * times?.TokensPerSecondHigh / times?.TokensPerSecond,
            CommunicationPercent = times is { Fits: true } ? CommunicationPercent(times) : null,
            GpuLink = layout.GpusOfCopy > 1 ? gpu.GpuLink : null,
            GpuLinkGBps = layout.GpusOfCopy > 1 ? gpu.GpuLinkGBps : null,
            Evidence = times?.Evidence ?? Evidence.Exact,
            Notes = outcome.Reason is null ? Notes(deployment, layout, gpuCount, outcome.Cache!) : new List<string>(),
            RejectionReason = outcome.Reason,
        };
    }

    private static double CommunicationPercent(PerformanceEstimate times)
    {
        double exchange = 0, step = 0;
        foreach (PerformanceTerm term in times.Terms)
        {
            if (term.Phase == PerformancePhase.OutputToken && !s_besideStep.Contains(term.Name))
            {
                step += term.Milliseconds;
                exchange += s_exchange.Contains(term.Name) ? term.Milliseconds : 0;
            }
        }

        return step == 0 ? 0 : 100 * exchange / step;
    }

    private static List<string> Notes(in MemoryRequest deployment, ParallelLayout layout, int gpuCount, KvCacheMeasurement cache)
    {
        LlmModel model = deployment.Model;
        GpuSpec gpu = deployment.Gpu!;
        List<string> notes = [];
        if (layout.Tensor > 1)
        {
            int fewest = int.MaxValue;
            bool isLatent = false;
            foreach (LayerSpec layer in model.Architecture.Layers)
            {
                isLatent |= layer.Attention is LatentAttention;
                fewest = layer.Attention is GroupedAttention grouped ? Math.Min(fewest, grouped.KeyValueHeadCount) : fewest;
            }

            if (isLatent)
            {
                notes.Add(Invariant($"latent KV cache: each of the {layout.Tensor} tensor ranks holds all of it"));
            }

            if (fewest < layout.Tensor)
            {
                notes.Add(Invariant($"{fewest} KV heads on {layout.Tensor} tensor ranks: {layout.Tensor / fewest} ranks hold a copy of each"));
            }
        }

        if (ParallelismLimits.IsStrict(deployment.Engine) && ParallelismLimits.PaddedVocabulary(model) is { } padded && padded != model.VocabularySize)
        {
            notes.Add(Invariant($"vocabulary padded from {model.VocabularySize:N0} to {padded:N0} rows"));
        }

        if (layout.Expert > 1)
        {
            notes.Add(Invariant($"{model.ExpertCount / layout.Expert} of {model.ExpertCount} experts on each rank"));
        }

        if (layout.GpusOfCopy > 1)
        {
            notes.Add(Invariant($"{gpu.GpuLink}, {gpu.GpuLinkGBps:0.##} GB/s in one direction (nominal)"));
            if (layout.GpusOfCopy > GpusOfMachine && !gpu.Name.StartsWith("GB", StringComparison.Ordinal))
            {
                notes.Add(Invariant($"{layout.GpusOfCopy} GPUs taken to be joined by that link; networks between machines are slower"));
            }
        }

        if (WeightKernels.NoteOnTimes(deployment) is { } kernels)
        {
            notes.Add(kernels);
        }

        if (gpuCount > layout.GpuCount)
        {
            notes.Add(Invariant($"{gpuCount - layout.GpuCount} of {gpuCount} GPUs idle"));
        }

        if (cache.SequenceCapacity < cache.BatchSize)
        {
            notes.Add(Invariant($"room for {cache.SequenceCapacity} whole sequences of {cache.BatchSize} in each KV pool; others may have to wait"));
        }

        return notes;
    }

    private readonly record struct Outcome(
        string? Reason, PerformanceEstimate? Times = null, KvCacheMeasurement? Cache = null, MemoryEstimate? Memory = null);
}
