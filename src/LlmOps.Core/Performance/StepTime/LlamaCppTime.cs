using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>
/// llama.cpp with all layers on GPUs, which take turns: fitted to one sequence. More sequences than one add their caches and their
/// arithmetic, which is assumed.
/// </summary>
internal static class LlamaCppTime
{
    private const double TokensPerPass = 512;

    public static StepTimeParts Predict(in MemoryRequest request, in Workload workload, double running) =>
        Predict(request, workload, running, StepTimeData.Instance.LlamaCpp);

    public static StepTimeParts Predict(
        in MemoryRequest request, in Workload workload, double running, LlamaCppCoefficients coefficients)
    {
        LlmModel model = workload.Model;
        GpuSpec gpu = request.Gpu!;
        bool is16 = !workload.EffectiveQuantization.IsQuantized;
        string family = FamilyOf(gpu);
        int gpus = request.Parallelism.Pipeline;
        LlamaCppPhase d = coefficients.Decode, p = coefficients.Prefill;
        double memory = gpu.MemoryBandwidthGBps * 1e6 * d.Multiplier(gpu.Name, family)
            * (is16 ? d.Efficiency16 : d.EfficiencyQuantized);
        double peak = workload.EffectiveQuantization.ComputeBytes > 2
            ? gpu.PeakTflops(workload.EffectiveQuantization)
            : coefficients.PeakOf(gpu.Name) ?? gpu.Fp16Tflops;
        double compute = peak * 1e9 * p.Multiplier(gpu.Name, family)
            * (is16 ? p.Efficiency16 : p.EfficiencyQuantized);

        double context = workload.InputLength + (workload.OutputLength / 2.0);
        double elementBytes = KvCacheMemory.ElementBytes(request);
        double weights = ModelWork.WeightBytesRead(workload, running) / memory;
        double cache = 0;
        foreach (KvLayerGroup group in model.KvCache.Groups)
        {
            double kept = group.Window is { } window ? Math.Min(window, context) : context;
            cache += group.LayerCount * ((kept * group.BytesPerTokenAndRank(elementBytes, 1)) + group.StateBytesPerSequence);
        }

        double read = running * cache / memory;
        double arithmetic = running > 1 ? 2 * running * ModelWork.BodyParameters(model) / compute : 0;
        double dense = Math.Max(weights, arithmetic);
        double layers = d.LayerMs * model.LayerCount;
        double hops = d.HopMs * (gpus - 1);
        double step = dense + read + layers + hops + d.StepMs;

        double passes = Math.Max(1, workload.InputLength / TokensPerPass);
        double pipeline = Math.Pow((passes + gpus - 1) / (passes * gpus), p.PipelineExponent);
        double work = workload.InputLength * 2 * ModelWork.BodyParameters(model) / compute * pipeline;
        double launches = workload.InputLength * p.LayerMs * model.LayerCount / TokensPerPass;
        double prompt = work + launches;
        double others = Math.Max(running - 1, 0);
        double interference = prompt * others / workload.OutputLength;
        return new StepTimeParts
        {
            Dense = dense,
            ComputeBound = arithmetic > weights ? dense : 0,
            Cache = read,
            Layers = layers,
            Fixed = d.StepMs,
            Hops = hops,
            Step = step,
            TokensPerStep = 1,
            Interference = interference,
            TokenCorrection = 1,
            PromptWork = work,
            PromptLatency = launches,

            // The step under way, and the output of the last layer once more for the first token.
            PromptStep = step,
            PromptWaiting = interference,
            QueueRounds = Math.Max((workload.BatchSize / running) - 1, 0),
            OutputLength = workload.OutputLength,
            PromptCorrection = 1,
        };
    }

    public static StepTimeBounds Bounds(GpuSpec gpu, double running)
    {
        LlamaCppCoefficients c = StepTimeData.Instance.LlamaCpp;
        ResidualBounds token = c.Decode.Knows(gpu.Name) && running <= 1 ? c.Decode.InSample : c.Decode.GpuLeftOut;
        ResidualBounds first = c.Prefill.Knows(gpu.Name) && running <= 1 ? c.Prefill.InSample : c.Prefill.GpuLeftOut;
        ResidualBounds rate = new(1 / token.Or(first).High, 1 / token.Or(first).Low);
        return new StepTimeBounds(token, first, rate);
    }

    /// <summary>Chips whose kernels run alike; empty for those without measurements.</summary>
    public static string FamilyOf(GpuSpec gpu) => gpu.Architecture switch
    {
        "Ada Lovelace" => "Ada",
        "Ampere" => gpu.ComputeCapability == "8.0" ? "AmpereDC" : "Ampere",
        "Hopper" => "Hopper",
        _ => "",
    };
}
