using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>
/// The time of a forward step from what it reads, computes, exchanges and launches, with coefficients fitted to measurements of
/// whole servers; and from it the times that users see. Each part is nearer to the larger of its memory and arithmetic time than
/// to their sum.
/// </summary>
internal static class StepTimeModel
{
    /// <summary>Tokens of a prompt that engines process in one pass.</summary>
    public const double ChunkTokens = 8192;

    /// <summary>With the coefficients as shipped.</summary>
    public static StepTimeParts Predict(in StepTimeCase c) => Predict(c, StepTimeData.Instance);

    public static StepTimeParts Predict(in StepTimeCase c, StepTimeData data)
    {
        StepTimeShape shape = StepTimeShape.Of(c.Model, c.Quantization);
        string gpuKey = data.KeyOf(c.Gpu);
        PrecisionClass precision = PrecisionClasses.Of(shape, c);
        StepTimeProfile p = data.ProfileOf(c.Engine, gpuKey, precision, shape.Class);
        Multiplication products = Multiplication.Of(shape, c.Quantization, c.Gpu);
        double h = shape.HiddenSize;
        int gpus = c.StageGpus, tensor = c.TensorRanks;
        double positions = c.PredictsAhead ? 1 + p.PredictedPositions : 1;
        double dense = products.DenseTflops * p.DensePerTflops(products.Dense) * h / (h + p.HalfEfficiencyWidth)
            * (precision == PrecisionClass.Int4 && shape.IsDenseQuantized ? p.ExpandedDense : 1);
        double expert = products.ExpertTflops * p.ExpertPerTflops(products.Experts);
        double attention = c.Gpu.Fp16Tflops * p.Attention;
        double link = Math.Max(c.Gpu.GpuLinkGBps, 1e-3) * p.LinkPerGBps;
        double imbalance = c.DividesExperts ? 1 + p.ExpertImbalance : 1;

        // Stages work on different sequences at the same time, so that a pass goes over all layers with a stage's share of them.
        double running = Math.Max(Math.Min(c.Running, 1), c.Running / c.Stages);
        double perRank = running / c.AttentionRanks;
        Matrices onRank = shape.AttentionOnRank(tensor);
        double everyToken = onRank.Elements + (shape.Shared.Elements / tensor);
        double headElements = shape.Head.Elements / tensor;
        double denseElements = shape.Dense.Elements / gpus;
        double denseBytes = onRank.Bytes + (shape.Dense.Bytes / gpus) + ((shape.Shared.Bytes + shape.Head.Bytes) / tensor);
        double routedBytes = shape.Routed.Bytes / gpus;
        double routedElements = shape.ExpertCount == 0
            ? 0
            : shape.Routed.Elements * shape.ExpertsPerToken / shape.ExpertCount / gpus;

        Decoding decoding = new()
        {
            DenseBytes = denseBytes,
            DenseMs = positions * ((2 * perRank * (everyToken + headElements)) + (2 * running * denseElements))
                / (dense * p.DecodeCompute),
            ExpertBytes = routedBytes * shape.Touched(Math.Pow(running * positions, p.ExpertDrawExponent)),
            ExpertMs = positions * 2 * running * routedElements / (expert * p.DecodeCompute),
            Imbalance = imbalance,
        };
        double context = c.InputLength + (c.OutputLength / 2);
        (double cacheBytes, double cacheOperations) = CacheWork(shape, c, context);
        decoding = decoding with
        {
            CacheBytes = perRank * cacheBytes,
            CacheMs = positions * perRank * cacheOperations / (attention * p.DecodeCompute),
        };

        double memory = c.Gpu.MemoryBandwidthGBps * p.MemoryPerGBps;
        (double denseMs, double expertMs, double cacheMs, double computeBound) = decoding.At(memory, p);

        double exchanged = gpus == 1 ? 0 : 2.0 * shape.LayerCount * h * 2 * (2.0 * (gpus - 1) / gpus);
        double allReduce = gpus == 1
            ? 0
            : 2 * shape.LayerCount * (c.AttentionRanks > 1 ? 0.5 : 1) * ((p.AllReduceMs * (1 + (p.AllReduceGrowth * (Math.Log2(gpus) - 1))))
                + (c.Gpu.IsLinkedByPcie ? 2 * (gpus - 1) * p.PcieHopMs : 0));
        double transfer = exchanged * running * positions / link;
        double hops = (c.Stages - 1) * (p.AllReduceMs + (running * positions * h * 2 / link));
        double layers = (shape.LayerCount * p.LayerMs) + (shape.ExpertLayers * p.ExpertLayerMs)
            + (shape.LatentLayers * p.LatentLayerMs) + (shape.LinearLayers * p.LinearLayerMs)
            + (shape.IndexerLayers * p.IndexerLayerMs);
        double sequences = (perRank * p.SequenceMs) + (p.SequenceRootMs * shape.LayerCount * Math.Sqrt(perRank));

        // Stages that work at the same time wait for the one with the longest step: the more, the longer.
        double bubbles = Math.Max(Math.Min(c.Running, c.Stages) - 1, 0) * p.PipelineBubble;
        double rest = allReduce + transfer + layers + p.StepMs + sequences;
        double work = denseMs + expertMs + cacheMs + rest;
        double step = (work * (1 + bubbles)) + hops;

        // A prompt.
        double input = c.InputLength;
        double chunks = Math.Ceiling(input / ChunkTokens);
        double inChunk = Math.Min(input, ChunkTokens);
        double promptHead = 2 * headElements / (c.AttentionRanks > 1 ? gpus : 1) / dense;
        double promptBody = 2 * input / dense * (c.AttentionRanks > 1
            ? (everyToken + shape.Dense.Elements) / gpus
            : everyToken + denseElements);
        double promptDense = promptBody + promptHead;
        double promptExperts = 2 * input * routedElements / expert;
        double promptRest = (p.ElementWisePasses * shape.LayerCount * input * h * 2 / memory / (c.AttentionRanks > 1 ? gpus : 1))
            + (PromptAttention(shape, input) / gpus / attention)
            + (exchanged * input / link);
        double promptExpertBytes = routedBytes * shape.Touched(inChunk);

        double tokensPerStep = c.PredictsAhead ? p.PredictedTokensAccepted : 1;
        double others = Math.Max(c.Running - 1, 0);
        double promptsPerToken = others / c.OutputLength;
        double interference = ((p.PromptInterference * (promptDense + (promptExperts * imbalance) + promptRest) * promptsPerToken)
            + (p.ChunkInterference * Math.Min(promptsPerToken * chunks, 1)
                * ((Math.Max(promptExpertBytes - decoding.ExpertBytes, 0) / (memory * p.ExpertMemory))
                    + (chunks * p.ChunkLayerMs * shape.LayerCount)))) / c.Stages;

        // Short prompts fill the chip badly. The head runs for one token alone, however long the prompt is.
        double rampedDense = (promptBody * (1 + (p.DenseRampTokens / inChunk))) + promptHead;
        double expertRamp = shape.ExpertCount == 0
            ? 1
            : 1 + (p.ExpertRampTokens / Math.Max(inChunk * shape.ExpertsPerToken / shape.ExpertCount, 1e-3));
        double aloneDense = Nearer(rampedDense, chunks * denseBytes / (memory * p.DenseMemory), p.Norm);
        double aloneExperts = imbalance
            * Nearer(promptExperts * expertRamp, chunks * promptExpertBytes / (memory * p.ExpertMemory), p.Norm);
        double filled = Math.Min(input / ChunkTokens, 1);
        double packedDense = Nearer(promptDense, filled * chunks * denseBytes / (memory * p.DenseMemory), p.Norm);
        double packedExperts = imbalance
            * Nearer(promptExperts, filled * chunks * routedBytes / (memory * p.ExpertMemory), p.Norm);

        double latency = chunks * ((shape.LayerCount * p.PromptLayerMs) + (shape.ExpertLayers * p.PromptExpertLayerMs)
            + (shape.LatentLayers * p.PromptLatentLayerMs) + (shape.LinearLayers * p.PromptLinearLayerMs)
            + (shape.IndexerLayers * p.PromptIndexerLayerMs)
            + (c.DividesExperts ? shape.ExpertLayers * p.PromptExpertParallelLayerMs : 0));
        double predictionPrompt = c.PredictsAhead ? p.PredictionPrompt : 1;
        double alone = predictionPrompt
            * ((p.PromptDense * aloneDense) + (p.PromptExpert * aloneExperts) + (p.PromptRest * promptRest));
        double packed = predictionPrompt
            * ((p.PromptDense * packedDense) + (p.PromptExpert * packedExperts) + (p.PromptRest * promptRest)) / c.Stages;
        double oneMore = packed + (p.PackedLatency * latency / c.Stages);

        // Chunks of a prompt follow each other through the stages.
        double passes = Math.Max(1, input / ChunkTokens);
        alone *= (passes + c.Stages - 1) / (passes * c.Stages);

        double reference = ReferenceBandwidth(c.Gpu);
        double referenceStep = reference == c.Gpu.MemoryBandwidthGBps
            ? step
            : ((rest + decoding.Sum(reference * p.MemoryPerGBps, p)) * (1 + bubbles)) + hops;
        double load = others * oneMore * tokensPerStep / (c.OutputLength * referenceStep);
        double waiting = (p.Wait * oneMore * load / (1 + (0.1 * load)))
            + (p.Burst * (c.IsSteadyLoad ? p.BurstOfSteadyLoad : 1) * others * oneMore)
            + (p.Bunching * others * oneMore * load / (load + p.BunchingHalfLoad));
        StepTimeCorrections corrections = data.CorrectionsOf(c.Model.Name, c.Engine, gpuKey, precision);
        return new StepTimeParts
        {
            Dense = denseMs,
            Experts = expertMs,
            Cache = cacheMs,
            ComputeBound = computeBound,
            AllReduceLatency = allReduce,
            AllReduceTransfer = transfer,
            Hops = hops,
            Bubble = work * bubbles,
            Layers = layers,
            Fixed = p.StepMs,
            Sequences = sequences,
            Step = step,
            TokensPerStep = tokensPerStep,
            Interference = interference,
            TokenCorrection = corrections.TimePerOutputToken,
            PromptConstant = p.RequestMs * (c.IsSteadyLoad ? p.RequestOfSteadyLoad : 1),
            PromptLatency = latency * (c.GraphTokens >= input ? p.CapturedLatency : 1) * (c.PredictsAhead ? p.PredictionLatency : 1),
            PromptWork = alone,
            PromptStep = p.StepInProgress * step,

            // Of others' prompts, which come at all times alike, the part that no token waits for is waited for before the first.
            PromptWaiting = Math.Max(waiting, others * packed / c.OutputLength),
            QueueRounds = Math.Max((c.Users / c.Running) - 1, 0) * p.Queue,
            OutputLength = c.OutputLength,
            InterruptedShare = InterruptedShare(c),
            PromptExtra = ((c.AttentionRanks > 1 ? p.BalanceSteps : 0) + (p.PollSteps * (c.PollInterval - 1))
                + BatchWait(c, tokensPerStep)) * step,
            PromptCorrection = corrections.TimeToFirstToken,
        };
    }

    /// <summary>
    /// The share of the queue that has begun to answer. An answer that ends frees the room of its prompt and tokens, in which as many
    /// prompts of the queue's head start as fit; all but about one of them are set back as answers grow. They keep their
    /// place, so that only those behind them have not begun.
    /// </summary>
    private static double InterruptedShare(in StepTimeCase c)
    {
        double waiting = (c.Users - c.Running) / c.AttentionRanks;
        return c.InterruptsAnswers && waiting > 0 && c.OutputLength > 1 ? Math.Min(1, c.OutputLength / c.InputLength / waiting) : 0;
    }

    /// <summary>
    /// Steps that a prompt waits on average where the first one waits for others: it opens a window that ends after
    /// some steps or with enough tokens, and those that come during it wait half of it.
    /// </summary>
    private static double BatchWait(in StepTimeCase c, double tokensPerStep)
    {
        if (c.BatchWaitSteps == 0)
        {
            return 0;
        }

        double arrivals = c.Running * tokensPerStep / c.OutputLength;
        double window = Math.Min(c.BatchWaitSteps, Math.Max((c.BatchWaitTokens / c.InputLength) - 1, 0) / arrivals);
        double joining = arrivals * window;
        return window * (1 + (joining / 2)) / (1 + joining);
    }

    /// <summary>(aᵖ + bᵖ)^(1/p): the sum for p = 1, the larger of both for a large p.</summary>
    private static double Nearer(double a, double b, double p)
    {
        // With the larger one taken out, no power can overflow.
        double larger = Math.Max(a, b);
        return larger == 0 ? 0 : larger * Math.Pow(1 + Math.Pow(Math.Min(a, b) / larger, p), 1 / p);
    }

    /// <summary>Bytes that one sequence's step reads on a rank, and the operations of its attention.</summary>
    private static (double Bytes, double Operations) CacheWork(StepTimeShape shape, in StepTimeCase c, double context)
    {
        double bytes = 0, operations = 0;
        foreach (AttentionWork work in shape.Attention)
        {
            KvLayerGroup cache = work.Cache;
            double attended = work.Attended(context);
            double kept = cache.Window is { } window ? Math.Min(window, context) : context;

            // A state is read and written.
            bytes += cache.LayerCount * ((attended * cache.ElementsPerTokenAndRank(c.TensorRanks) * c.CacheElementBytes)
                + (kept * cache.FixedBytesPerToken)
                + (2.0 * cache.StateBytesPerSequence / c.TensorRanks));
            operations += 2 * cache.LayerCount * ((attended * work.DecodeMultiplyAdds / c.TensorRanks)
                + (kept * work.IndexerMultiplyAdds));
        }

        return (bytes, operations);
    }

    /// <summary>Operations of causal attention over a prompt, on all GPUs together.</summary>
    private static double PromptAttention(StepTimeShape shape, double tokens)
    {
        double operations = 0;
        foreach (AttentionWork work in shape.Attention)
        {
            // Twice the mean number of tokens attended to: all before, at most the window, or those that the indexer picks.
            double attended = work.Cache.Window is { } window ? Math.Min(tokens, 2.0 * window) : tokens;
            if (work.IndexerMultiplyAdds > 0 && tokens > AttentionWork.PickedTokens)
            {
                const double picked = AttentionWork.PickedTokens;
                attended = 2 * ((picked * tokens) - (picked * picked / 2)) / tokens;
            }

            operations += work.Cache.LayerCount * tokens
                * ((attended * work.PromptMultiplyAdds) + (tokens * work.IndexerMultiplyAdds));
        }

        return operations;
    }

    /// <summary>
    /// The bandwidth at which it is taken how soon users come back: the catalogue's. Were it the one asked about, a faster memory
    /// would make requests wait longer, for users who come back sooner.
    /// </summary>
    private static double ReferenceBandwidth(GpuSpec gpu) =>
        GpuCatalog.TryGet(gpu.Name, out GpuSpec? sheet) ? sheet.MemoryBandwidthGBps : gpu.MemoryBandwidthGBps;

    /// <summary>What a decoding step reads, and its arithmetic time, by part.</summary>
    private readonly record struct Decoding
    {
        public double DenseBytes { get; init; }

        public double DenseMs { get; init; }

        public double ExpertBytes { get; init; }

        public double ExpertMs { get; init; }

        public double CacheBytes { get; init; }

        public double CacheMs { get; init; }

        public double Imbalance { get; init; }

        public (double Dense, double Experts, double Cache, double ComputeBound) At(double memory, StepTimeProfile p)
        {
            double dense = DenseBytes / (memory * p.DenseMemory);
            double experts = ExpertBytes / (memory * p.ExpertMemory);
            double cache = CacheBytes / (memory * p.CacheMemory);
            (double denseMs, double expertMs, double cacheMs) = (
                Nearer(dense, DenseMs, p.Norm),
                Nearer(experts, ExpertMs, p.Norm) * Imbalance,
                Nearer(cache, CacheMs, p.Norm));
            double bound = (DenseMs > dense ? denseMs : 0) + (ExpertMs > experts ? expertMs : 0) + (CacheMs > cache ? cacheMs : 0);
            return (denseMs, expertMs, cacheMs, bound);
        }

        public double Sum(double memory, StepTimeProfile p)
        {
            (double dense, double experts, double cache, _) = At(memory, p);
            return dense + experts + cache;
        }
    }
}
