using System.Collections.Immutable;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;

namespace LlmOps.Core.Performance;

/// <summary>A GPU as the authors of InferSave measured it; all units decimal.</summary>
/// <param name="Gpu">The catalogue's name of the GPU, which is also the name of the instance.</param>
/// <param name="MemoryGB">Memory, GB.</param>
/// <param name="Tflops">Achieved throughput, TFLOPS.</param>
/// <param name="LinkGBps">To the host in each direction, GB/s.</param>
/// <param name="PrefillAlpha">α of prefill; β is 0.</param>
/// <param name="DecodeAlpha">α of decoding; β is 0.</param>
/// <param name="UsdPerHour">Price of the instance.</param>
public sealed record InferSaveConfiguration(
    string Gpu,
    double MemoryGB,
    double Tflops,
    double LinkGBps,
    double PrefillAlpha,
    double DecodeAlpha,
    double UsdPerHour);

/// <summary>
/// The performance model of InferSave ("Cost-Effective LLM Inference in Cloud Environments with KV Cache Offloading",
/// 2025), with its published equations and constants: same inputs, same outputs as its authors' program. It knows
/// multi-head attention, plain MLPs and one GPU; throughput counts prompt and output tokens. It is not bound by memory
/// bandwidth, so a prediction can be faster than the hardware allows, which the result then says.
/// </summary>
public sealed class InferSaveModel : IPerformanceModel
{
    public static InferSaveModel Instance { get; } = new();

    public static ImmutableArray<InferSaveConfiguration> Configurations { get; } =
    [
        new("T4", 15, 8.24, 5, 0.5, 1.9, 0.70),
        new("A10G", 23, 31.52, 12, 0.7, 0.97, 1.466),
        new("L4", 23, 30.29, 12, 1.1, 70, 1.167),
        new("L40S", 47, 91.61, 12, 0.9, 40, 2.70),
    ];

    private const double ActivationShare = 0.15;
    private const double ScratchFactor = 1.2;
    private const double OffloadFactor = 1.6;

    /// <summary>The experimental addition of InferSave's authors to the share of the KV cache that is offloaded.</summary>
    internal const double AdjustFactor = 1.3;

    public string Name => "InferSave";

    public bool CountsInputTokens => true;

    public static InferSaveConfiguration? Find(GpuSpec gpu) =>
        Configurations.FirstOrDefault(configuration => configuration.Gpu == gpu.Name);

    public PerformancePrediction Predict(in PerformanceRequest request)
    {
        Workload w = request.Workload;
        if (Find(request.Gpu) is not { } gpu)
        {
            return new PerformancePrediction
            {
                RejectionReason = $"InferSave has constants for {string.Join(", ", Configurations.Select(c => c.Gpu))} only",
            };
        }

        if (request.GpuCount != 1)
        {
            return new PerformancePrediction { RejectionReason = "InferSave models one GPU only" };
        }

        LlmModel model = w.Model;
        double h = model.HiddenSize, layers = model.LayerCount, ffn = model.IntermediateSize;
        double batch = w.BatchSize, input = w.InputLength, output = w.OutputLength;
        double bytes = NominalBytes(w);

        double weights = ((h * h) + (layers * ((4 * h * h) + (2 * h * ffn)))) * bytes;
        double scratch = ScratchFactor * Math.Max(
            batch * model.AttentionHeadCount * input * (input + output) * 4, batch * ffn * 4);
        double cache = batch * (input + output) * layers * 2 * h * bytes;
        double free = (gpu.MemoryGB * Units.BytesPerGB * request.SafetyFactor)
            - (weights * (1 + ActivationShare)) - scratch;
        if (free < cache / layers)
        {
            return new PerformancePrediction
            {
                WeightBytes = weights,
                KvCacheBytes = cache,
                RejectionReason = free < 0
                    ? "weights, activations and scratch space do not fit"
                    : "not even one layer's KV cache fits",
            };
        }

        double share = OffloadShare(free, cache, request.AdjustOffloading);
        double flops = gpu.Tflops * Units.FlopsPerTeraflop;
        double link = gpu.LinkGBps * Units.BytesPerGB;
        double prefillAlpha = request.Prefill?.Alpha ?? gpu.PrefillAlpha;
        double decodeAlpha = request.Decode?.Alpha ?? gpu.DecodeAlpha;

        double prefillCompute = ((batch * ((8 * input * h * h) + (4 * input * h * ffn))) + (4 * batch * input * input * h)) / flops;
        double prefillTransfer = share * 2 * (input + 1) * h * bytes * batch / link;
        double decodeCompute = ((batch * ((8 * h * h) + (4 * h * ffn))) + (4 * batch * (input + (output / 2)) * h)) / flops;
        double decodeTransfer = share > 0 ? ((share * 2 * (input + 1)) + 2) * h * bytes * batch / link : 0;

        return new PerformancePrediction
        {
            WeightBytes = weights,
            KvCacheBytes = cache,
            OffloadRatio = share,
            PrefillSeconds = (layers * Math.Max(prefillAlpha * prefillCompute, prefillTransfer))
                + (request.Prefill?.BetaSeconds ?? 0),
            DecodeSeconds = (layers * ((decodeAlpha * decodeCompute) + decodeTransfer) * (output - 1))
                + (request.Decode?.BetaSeconds ?? 0),
            Bottleneck = decodeTransfer > decodeAlpha * decodeCompute ? "HostLink" : "Compute",
            Floor = PhysicalFloor.Of(w, request.Gpu, 1),
        };
    }

    /// <summary>The share that does not fit, enlarged, and rounded up to a tenth.</summary>
    private static double OffloadShare(double free, double cache, bool adjust)
    {
        double share = 1 - (free / cache);
        if (share <= 0)
        {
            return 0;
        }

        share = RoundUpToTenth(Math.Min(1, share * OffloadFactor));
        return adjust ? RoundUpToTenth(Math.Min(1, share * AdjustFactor)) : share;
    }

    private static double RoundUpToTenth(double share) => Math.Ceiling(share * 10) / 10;

    /// <summary>The program's precision option: bytes of a weight and of a cached element, without scales.</summary>
    private static double NominalBytes(in Workload w) => w.EffectiveQuantization.BitsPerWeight switch
    {
        >= 32 => 4,
        >= 16 => 2,
        >= 8 => 1,
        _ => 0.5,
    };
}
