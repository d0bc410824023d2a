using LlmOps.Core.Calibration;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance.StepTime;
using static System.FormattableString;

namespace LlmOps.Core.Performance;

/// <summary>Puts the parts of an estimated time into words.</summary>
internal static class PerformanceTerms
{
    private const string Floor = "operations over the dense peak, bytes over the bandwidth (data sheet)";

    public static PerformanceBottleneck Bottleneck(in PerformanceEstimateRequest request, PerformanceTimes times)
    {
        StepTimeParts p = times.Parts;
        if (request.OutputLength == 1)
        {
            double overhead = p.PromptConstant + p.PromptLatency;
            return overhead > p.PromptWork + p.PromptWaiting + p.PromptQueue
                ? PerformanceBottleneck.Overhead
                : PerformanceBottleneck.Compute;
        }

        double compute = p.ComputeBound + (p.Interference * p.TokensPerStep);
        double memory = p.Dense + p.Experts + p.Cache - p.ComputeBound;
        double communication = p.AllReduceLatency + p.AllReduceTransfer + p.Hops + p.Bubble;
        double launches = p.Layers + p.Fixed + p.Sequences;
        double most = Math.Max(Math.Max(compute, memory), Math.Max(communication, launches));
        bool isRaised = times.TimePerOutputTokenMs > p.TimePerOutputToken + times.TokenCalibrationMs;
        return isRaised || most == memory ? (isRaised && compute > memory ? PerformanceBottleneck.Compute : PerformanceBottleneck.Memory)
            : most == compute ? PerformanceBottleneck.Compute
            : most == communication ? PerformanceBottleneck.Communication
            : PerformanceBottleneck.Overhead;
    }

    public static IReadOnlyList<PerformanceTerm> Explain(
        in PerformanceEstimateRequest request, PerformanceTimes times, double running)
    {
        MemoryRequest memory = request.Memory;
        StepTimeParts p = times.Parts;
        StepTimeData data = StepTimeData.Instance;
        bool isLlamaCpp = memory.Engine == Engine.LlamaCpp;
        string source = isLlamaCpp ? data.LlamaCpp.Source
            : request.Calibration is { Coefficients: { } refined } calibration
                ? FormattableString.Invariant($"calibration '{calibration.Name}': {refined.Changes.Count} coefficients refined with {calibration.MeasurementCount} measured server(s); the others {data.Source}")
            : data.Source;
        string calibrationName = request.Calibration?.Name ?? "";
        Evidence fitted = memory.Engine == Engine.Transformers ? Evidence.Assumed : Evidence.Fitted;
        List<PerformanceTerm> terms = [];
        double tokens = p.TokensPerStep;
        string per = tokens > 1 ? Invariant($", over {tokens:0.00} tokens a step") : "";
        string batch = Invariant($"{running:0.#} running sequences");
        OfToken("DenseWeights", p.Dense / tokens,
            Invariant($"attention, dense and shared layers and head for {batch}: bytes over achieved bandwidth or operations over achieved rate, nearer to the larger"));
        OfToken("RoutedExperts", p.Experts / tokens, Invariant($"the same of the experts that {batch} pick between them"));
        OfToken("KvCache", p.Cache / tokens, Invariant(
            $"keys and values of {batch} at {request.InputLength + (request.OutputLength / 2)} tokens, read and multiplied"));
        OfToken("CommunicationLatency", p.AllReduceLatency / tokens, "two exchanges a layer between the GPUs, by their number");
        OfToken("CommunicationTransfer", p.AllReduceTransfer / tokens, "hidden states over the link between the GPUs");
        OfToken("PipelineHops", p.Hops / tokens, "hidden states from stage to stage; stages work on different sequences",
            isLlamaCpp ? fitted : Evidence.Assumed);
        OfToken("PipelineBubbles", p.Bubble / tokens, "stages wait for the one with the longest step", Evidence.Assumed);
        OfToken("KernelLaunches", p.Layers / tokens, "a cost a layer, by kind of layer");
        OfToken("Scheduling", p.Fixed / tokens, "a cost a step");
        OfToken("SequenceOverhead", p.Sequences / tokens, "a cost a sequence, and a layer and root of the sequences");
        OfToken("PromptInterference", p.Interference, Invariant($"prompts of {Math.Max(running - 1, 0):0.#} other sequences between the steps"),
            isLlamaCpp ? Evidence.Assumed : fitted);
        OfToken("Interruptions", p.Interruption, Invariant(
            $"answers set back while others finish: {p.InterruptedShare:0.##} of the time in the queue, over the answer's tokens"));
        double corrected = p.TimePerOutputToken;
        OfToken("GroupCorrection", corrected - p.Decode - p.Interference - p.Interruption, "shrunk residual of this model, engine, GPU and precision");
        Calibrated(PerformancePhase.OutputToken, times.TokenCalibrationMs, request.Calibration?.TimePerOutputToken);
        Add(PerformancePhase.OutputToken, "PhysicalFloor", times.TimePerOutputTokenMs - (corrected + times.TokenCalibrationMs),
            "raised to the least that hardware allows", Evidence.Datasheet, Floor);

        OfPrompt("PromptWork", p.PromptWork, Invariant(
            $"{request.InputLength} tokens through all layers alone: operations over achieved rate or weights over achieved bandwidth, nearer to the larger"));
        OfPrompt("PromptLaunches", p.PromptLatency, "a cost a layer and pass, by kind of layer");
        OfPrompt("RequestHandling", p.PromptConstant, "a cost a request");
        OfPrompt("StepInProgress", p.PromptStep, "the step that is under way");
        OfPrompt("OtherPrompts", p.PromptWaiting,
            "prompts of other users before this one: by load, the burst at the start of a run, and bunching");
        OfPrompt("Queue", p.PromptQueue, Invariant(
            $"{running:0.#} of {memory.BatchSize * (long)request.AttentionRanks} users' requests fit the KV pool; the others wait for whole answers"));
        OfPrompt("StepsUntilAdmitted", p.PromptExtra, "steps until attention ranks are balanced");
        double uncorrected = p.TimeToFirstToken / p.PromptCorrection;
        OfPrompt("GroupCorrection", p.TimeToFirstToken - uncorrected, "shrunk residual of this model, engine, GPU and precision");
        Calibrated(PerformancePhase.FirstToken, times.FirstTokenCalibrationMs, request.Calibration?.TimeToFirstToken);
        Add(PerformancePhase.FirstToken, "PhysicalFloor", times.TimeToFirstTokenMs - (p.TimeToFirstToken + times.FirstTokenCalibrationMs),
            "raised to the least that hardware allows", Evidence.Datasheet, Floor);
        return terms;

        void Calibrated(PerformancePhase phase, double ms, PhaseTimeCalibration? calibration)
        {
            if (calibration is not null)
            {
                Add(phase, "Calibration", ms, calibration.Formula, Evidence.Fitted, calibration.SourceOf(calibrationName));
            }
        }

        void OfToken(string name, double ms, string formula, Evidence? evidence = null) =>
            Add(PerformancePhase.OutputToken, name, ms, formula + per, evidence ?? fitted, source);

        void OfPrompt(string name, double ms, string formula) =>
            Add(PerformancePhase.FirstToken, name, ms, formula, fitted, source);

        void Add(PerformancePhase phase, string name, double ms, string formula, Evidence evidence, string ground)
        {
            if (ms != 0)
            {
                terms.Add(new PerformanceTerm(phase, name, ms, formula, evidence, ground));
            }
        }
    }
}
