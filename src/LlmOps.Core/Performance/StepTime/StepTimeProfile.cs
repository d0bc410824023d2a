using LlmOps.Core.Hardware;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>Kinds of models that engines are differently good at.</summary>
internal enum ModelClass
{
    Dense,

    /// <summary>Mixtures of experts with latent attention.</summary>
    LatentMixture,

    /// <summary>Mixtures of experts with linear-attention or state-space layers.</summary>
    LinearMixture,

    /// <summary>Mixtures of experts with grouped attention.</summary>
    GroupedMixture,
}

/// <summary>What most weights are stored in, as the fit distinguished it.</summary>
internal enum PrecisionClass
{
    Bits16,
    Fp8,
    Fp4,

    /// <summary>Weights alone in 4 to 8 bits, multiplied in 16.</summary>
    Int4,
}

internal static class PrecisionClasses
{
    /// <summary>
    /// What of the fit's distinctions stands for the format on the GPU. Formats whose weights the GPU expands to 16 bits run by the same
    /// kernels (Marlin), and so the same evidence, as those that are always expanded; but for gpt-oss, whose MXFP4 experts were measured on
    /// GPUs without units for them.
    /// </summary>
    public static PrecisionClass Of(StepTimeShape shape, in StepTimeCase c) => shape.Precision switch
    {
        PrecisionClass.Fp8 when c.Gpu.CapabilityNumber > 0 && c.Gpu.DenseTflops.Fp8 is null && c.Quantization.Name == "FP8" => PrecisionClass.Int4,
        PrecisionClass.Fp4 when c.Gpu.CapabilityNumber > 0 && c.Gpu.DenseTflops.Fp4 is null
            && !(c.Quantization.Name == "MXFP4" && c.Model.HasMxfp4Experts) => PrecisionClass.Int4,
        PrecisionClass own => own,
    };
}

/// <summary>The element type of a matrix product.</summary>
internal enum Arithmetic
{
    Bits16,
    Fp8,
    Fp4,
}

/// <summary>
/// The coefficients of one engine, GPU, kind of model and precision. Made once for each combination
/// (<see cref="StepTimeData.ProfileOf"/>), because an estimate must not look up seventy names.
/// </summary>
internal sealed class StepTimeProfile
{
    public StepTimeProfile(StepTimeData d, string engine, string gpu, PrecisionClass precision, ModelClass kind)
    {
        string p = precision.ToString(), c = kind.ToString(), ce = c + "|" + engine;
        FittedGpu scale = Scale(d, gpu);
        Norm = d["normExponent"];
        MemoryPerGBps = 1e6 * scale.MemoryBandwidthGBps * d["memoryEfficiencyByGpu", gpu];
        DenseMemory = d["memoryEfficiency"] * d["memoryEfficiencyByEngine", engine] * d["memoryEfficiencyByPrecision", p];
        ExpertMemory = d["expertMemoryEfficiency"] * d["expertMemoryEfficiencyByEngine", engine]
            * d["expertMemoryEfficiencyByPrecision", p];
        CacheMemory = d["cacheEfficiency"] * (kind == ModelClass.LatentMixture ? d["latentCacheEfficiency"] : 1)
            * d["cacheEfficiencyByEngine", engine];

        double compute = 1e9 * d["computeEfficiencyByGpu", gpu] * d["computeEfficiencyByClass", c];
        Dense16 = Dense(Arithmetic.Bits16, scale.Bits16Tflops);
        Dense8 = Dense(Arithmetic.Fp8, scale.Fp8Tflops);
        Dense4 = Dense(Arithmetic.Fp4, scale.Fp4Tflops);
        Expert16 = Expert(Arithmetic.Bits16, scale.Bits16Tflops);
        Expert8 = Expert(Arithmetic.Fp8, scale.Fp8Tflops);
        Expert4 = Expert(Arithmetic.Fp4, scale.Fp4Tflops);
        Attention = compute * scale.Bits16Tflops * d["attentionEfficiency"] * d["attentionEfficiencyByEngine", engine];
        HalfEfficiencyWidth = d["halfEfficiencyWidth"];
        DecodeCompute = d["decodeComputeEfficiency"];
        ExpertImbalance = d["expertImbalance"];
        ExpertDrawExponent = d["expertDrawExponent"];

        double overhead = d["overheadByGpu", gpu] * d["overheadByPrecision", p] * d["overheadByClassAndEngine", ce];
        Overhead = overhead;
        LayerMs = overhead * d["layerMs", engine];
        ExpertLayerMs = overhead * d["expertLayerMs", engine];
        LatentLayerMs = overhead * d["latentLayerMs"] * d["latentLayerByEngine", engine];
        LinearLayerMs = overhead * d["linearLayerMs"];
        IndexerLayerMs = overhead * d["indexerLayerMs"];
        StepMs = d["stepMs", engine];
        SequenceMs = d["sequenceMs", engine];
        SequenceRootMs = d["sequenceRootMs"] / 10;
        AllReduceMs = overhead * d["allReduceMs", engine];
        AllReduceGrowth = d["allReduceGrowth"];
        PcieHopMs = d["pcieHopMs"];
        PipelineBubble = d["pipelineBubble"];
        ExpandedDense = d["expandedDense"];
        LinkPerGBps = 1e6 * scale.LinkGBps * d["linkEfficiency"] * d["linkEfficiencyByEngine", engine];
        PromptInterference = d["promptInterference", engine];
        ChunkInterference = d["chunkInterference", engine];
        ChunkLayerMs = overhead * d["chunkLayerMs", engine] / 10;
        ElementWisePasses = d["elementWisePasses"];
        PredictedPositions = d["predictedPositions"];
        PredictedTokensAccepted = d["predictedTokensAccepted"] * d["predictedTokensAcceptedByEngine", engine];
        DenseRampTokens = d["denseRampTokens"];
        ExpertRampTokens = d["expertRampTokens"];

        double latency = overhead * d["latencyByClassAndEngine", ce];
        PromptLayerMs = latency * d["promptLayerMs", engine];
        PromptExpertLayerMs = latency * d["promptExpertLayerMs", engine];
        PromptLatentLayerMs = latency * d["promptLatentLayerMs", engine];
        PromptLinearLayerMs = latency * d["promptLinearLayerMs"];
        PromptIndexerLayerMs = latency * d["promptIndexerLayerMs"];
        PromptExpertParallelLayerMs = latency * d["promptExpertParallelLayerMs"];
        RequestMs = d["requestMs", engine] * d["requestByGpu", gpu];
        RequestOfSteadyLoad = d["requestOfSteadyLoad"];
        double prompt = d["promptByGpu", gpu] * d["promptByPrecision", p] * d["promptByClass", c];
        PromptDense = prompt * d["promptDense", engine];
        PromptExpert = prompt * d["promptExpert", engine];
        PromptRest = prompt * d["promptRest", engine];
        StepInProgress = d["stepInProgress", engine];
        Burst = d["burst", engine];
        BurstOfSteadyLoad = d["burstOfSteadyLoad"];
        Bunching = d["bunching", engine];
        BunchingHalfLoad = d["bunchingHalfLoad"];
        Wait = d["wait", engine];
        PackedLatency = d["packedLatency", engine];
        BalanceSteps = engine == "TensorRT-LLM" ? d["balanceSteps"] : 0;
        PollSteps = engine == "SGLang" ? d["pollSteps"] : 0;
        CapturedLatency = d["capturedLatency"];
        Queue = d["queue"];
        PredictionPrompt = engine == "SGLang" ? d["predictionPrompt"] : 1;
        PredictionLatency = d["predictionLatency"];

        double Dense(Arithmetic arithmetic, double peak) => compute * peak
            * d["denseComputeEfficiency", arithmetic.ToString()] * d["denseComputeEfficiencyByEngine", engine];

        double Expert(Arithmetic arithmetic, double peak) => compute * peak
            * d["expertComputeEfficiency", arithmetic.ToString()] * d["expertComputeEfficiencyByEngine", engine];
    }

    public double Norm { get; }

    /// <summary>Bytes a millisecond for each GB/s of the data sheet, before the efficiencies below.</summary>
    public double MemoryPerGBps { get; }

    public double DenseMemory { get; }

    public double ExpertMemory { get; }

    public double CacheMemory { get; }

    // Operations a millisecond for each TFLOPS of the data sheet.
    private double Dense16 { get; }

    private double Dense8 { get; }

    private double Dense4 { get; }

    private double Expert16 { get; }

    private double Expert8 { get; }

    private double Expert4 { get; }

    public double Attention { get; }

    public double HalfEfficiencyWidth { get; }

    public double DecodeCompute { get; }

    public double ExpertImbalance { get; }

    public double ExpertDrawExponent { get; }

    /// <summary>Multiplier that the costs by layer below have in them already.</summary>
    public double Overhead { get; }

    public double LayerMs { get; }

    public double ExpertLayerMs { get; }

    public double LatentLayerMs { get; }

    public double LinearLayerMs { get; }

    public double IndexerLayerMs { get; }

    public double StepMs { get; }

    public double SequenceMs { get; }

    public double SequenceRootMs { get; }

    public double AllReduceMs { get; }

    public double AllReduceGrowth { get; }

    /// <summary>
    /// What each of the 2(n - 1) hops of a ring of n GPUs takes longer that reach each other over PCIe. No row of the fit is of such
    /// GPUs: the value lies between what one user's tokens take on 4 and on 8 RTX PRO 6000 (Qwen3-Coder-480B in AWQ 11.3 ms, GLM-4.6 in
    /// FP8 28.9 ms; vLLM, cloudrift-ai/server-benchmark).
    /// </summary>
    public double PcieHopMs { get; }

    /// <summary>
    /// Speed of products with weights that are expanded to 16 bits before, over that of weights in 16 bits. In the fit only experts are
    /// expanded: chosen by Llama-3.3-70B in AWQ under many users on L40S and RTX cards (vLLM, cloudrift-ai/server-benchmark).
    /// </summary>
    public double ExpandedDense { get; }

    /// <summary>
    /// Share of a step that each pipeline stage but the first adds to it. No row of the fit has more than one: chosen by Llama-3.3-70B in
    /// NVFP4 on 1, 2, 4 and 8 RTX PRO 6000, whose throughput grows 3.6 to 5.5 times (perf-overview of TensorRT-LLM 1.0).
    /// </summary>
    public double PipelineBubble { get; }

    public double LinkPerGBps { get; }

    public double PromptInterference { get; }

    public double ChunkInterference { get; }

    public double ChunkLayerMs { get; }

    public double ElementWisePasses { get; }

    public double PredictedPositions { get; }

    public double PredictedTokensAccepted { get; }

    public double DenseRampTokens { get; }

    public double ExpertRampTokens { get; }

    public double PromptLayerMs { get; }

    public double PromptExpertLayerMs { get; }

    public double PromptLatentLayerMs { get; }

    public double PromptLinearLayerMs { get; }

    public double PromptIndexerLayerMs { get; }

    public double PromptExpertParallelLayerMs { get; }

    public double RequestMs { get; }

    public double RequestOfSteadyLoad { get; }

    public double PromptDense { get; }

    public double PromptExpert { get; }

    public double PromptRest { get; }

    public double StepInProgress { get; }

    public double Burst { get; }

    public double BurstOfSteadyLoad { get; }

    public double Bunching { get; }

    public double BunchingHalfLoad { get; }

    public double Wait { get; }

    public double PackedLatency { get; }

    public double BalanceSteps { get; }

    public double PollSteps { get; }

    public double CapturedLatency { get; }

    public double Queue { get; }

    public double PredictionPrompt { get; }

    public double PredictionLatency { get; }

    public double DensePerTflops(Arithmetic arithmetic) => arithmetic switch
    {
        Arithmetic.Fp4 => Dense4,
        Arithmetic.Fp8 => Dense8,
        _ => Dense16,
    };

    public double ExpertPerTflops(Arithmetic arithmetic) => arithmetic switch
    {
        Arithmetic.Fp4 => Expert4,
        Arithmetic.Fp8 => Expert8,
        _ => Expert16,
    };

    /// <summary>
    /// The fit's figures over those of the catalogue, which it took from another edition of the data sheets: coefficients hold for
    /// the former. 1 for a GPU that was not fitted.
    /// </summary>
    private static FittedGpu Scale(StepTimeData data, string name)
    {
        if (!data.Gpus.TryGetValue(name, out FittedGpu fitted) || !GpuCatalog.TryGet(name, out GpuSpec? gpu))
        {
            return new FittedGpu(1, 1, 1, 1, 1);
        }

        return new FittedGpu(
            fitted.MemoryBandwidthGBps / gpu.MemoryBandwidthGBps,
            fitted.Bits16Tflops / gpu.Fp16Tflops,
            gpu.DenseTflops.Fp8 is { } fp8 ? fitted.Fp8Tflops / fp8 : 1,
            gpu.DenseTflops.Fp4 is { } fp4 ? fitted.Fp4Tflops / fp4 : 1,
            fitted.LinkGBps / gpu.GpuLinkGBps);
    }
}
