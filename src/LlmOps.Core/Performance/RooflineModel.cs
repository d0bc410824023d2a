using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Performance;

/// <summary>
/// Time as operations over achieved throughput or bytes over achieved bandwidth, whichever is more (Williams et al. 2009),
/// plus communication between the GPUs of a copy, KV cache fetched from host memory, and a fixed cost a layer and step.
/// Throughput counts generated tokens. The efficiencies are published measurements, not fits to whole servers; a result is
/// never below <see cref="PhysicalFloor"/>.
/// </summary>
public sealed class RooflineModel : IPerformanceModel
{
    public static RooflineModel Instance { get; } = new();

    /// <summary>
    /// Share of the dense peak that large matrix products reach where no measurement of the GPU is published: the median of
    /// 16-bit measurements on 20 accelerators (stas00/ml-engineering, compute/accelerator).
    /// </summary>
    public const double TypicalComputeEfficiency = 0.78;

    /// <summary>Share of the memory bandwidth that kernels reach (ai-dynamo/aiconfigurator, mem_bw_empirical_scaling_factor).</summary>
    public const double MemoryEfficiency = 0.8;

    /// <summary>Share of a link's nominal rate that copies reach (nvbandwidth on H200: 55.4 of 63 GB/s).</summary>
    public const double LinkEfficiency = 0.88;

    /// <summary>Kernels that cannot be overlapped, times the cost of each (aiconfigurator: 3 µs).</summary>
    public const double SecondsPerLayer = 4 * 3e-6;

    /// <summary>One all-reduce's latency (aiconfigurator, p2p_latency_s).</summary>
    public const double AllReduceLatencySeconds = 1e-5;

    /// <summary>
    /// Predicted over measured time an output token, at the 2.5th percentile: 221 points of dense models and 810 of mixtures
    /// of experts, none of which any coefficient was fitted to (silicon samples of ai-dynamo/aiconfigurator; medians 0.68
    /// and 0.55, 97.5th percentiles above 1 where requests queued).
    /// </summary>
    private const double LowestDenseShare = 0.39;
    private const double LowestMixtureShare = 0.14;

    private const int AllReducesPerLayer = 2;

    public string Name => "Roofline";

    public bool CountsInputTokens => false;

    public PerformancePrediction Predict(in PerformanceRequest request)
    {
        Workload w = request.Workload;
        MemoryRequest memory = new(w.Model)
        {
            Engine = Engine.vLLM,
            Quantization = w.EffectiveQuantization,
            KvCacheDataType = w.KvCacheDataType,
            Parallelism = new Parallelism(request.GpuCount),
            BatchSize = w.BatchSize,
            SequenceLength = w.InputLength + w.OutputLength,
            Gpu = request.Gpu,
        };
        memory.Validate();
        MemoryBreakdown bytes = MemoryEstimator.Compute(memory, out _);
        double free = (request.Gpu.MemoryGiB * Units.BytesPerGiB * request.SafetyFactor)
            - bytes.ModelWeights - bytes.Activations - bytes.CompilationOverhead;
        if (free < (double)bytes.KvCache / w.Model.LayerCount)
        {
            return new PerformancePrediction
            {
                WeightBytes = bytes.ModelWeights,
                KvCacheBytes = bytes.KvCache,
                RejectionReason = free < 0
                    ? "weights, activations and runtime do not fit"
                    : "not even one layer's KV cache fits",
            };
        }

        double share = OffloadShare(free, bytes.KvCache, request.AdjustOffloading);
        PhysicalFloor floor = PhysicalFloor.Of(w, request.Gpu, request.GpuCount);
        Achieved rates = new(w, request.Gpu, request.GpuCount);
        (double prefill, _) = Prefill(w, rates, share);
        (double decode, string bottleneck) = Decode(w, rates, share);
        prefill = Math.Max(floor.PrefillSeconds, request.Prefill?.Apply(prefill) ?? prefill);
        decode = Math.Max(floor.DecodeSeconds, request.Decode?.Apply(decode) ?? decode);
        return new PerformancePrediction
        {
            WeightBytes = bytes.ModelWeights,
            KvCacheBytes = bytes.KvCache,
            OffloadRatio = share,
            PrefillSeconds = prefill,
            DecodeSeconds = decode,
            SlowestSeconds = (prefill + decode) / (w.Model.ExpertCount > 0 ? LowestMixtureShare : LowestDenseShare),
            Bottleneck = bottleneck,
            Floor = floor,
        };
    }

    private static (double Seconds, string Bottleneck) Prefill(in Workload w, in Achieved rates, double offloaded)
    {
        double tokens = (double)w.BatchSize * w.InputLength;
        double cacheWritten = tokens * w.Model.KvCache.BytesPerToken(ModelWork.CacheElementBytes(w));
        return rates.Time(
            ModelWork.PrefillOperations(w),
            ModelWork.WeightBytesRead(w, tokens) + cacheWritten,
            offloaded * cacheWritten,
            tokens,
            steps: 1);
    }

    private static (double Seconds, string Bottleneck) Decode(in Workload w, in Achieved rates, double offloaded)
    {
        long steps = w.OutputLength - 1;
        double cacheRead = ModelWork.DecodeCacheBytes(w);
        return rates.Time(
            ModelWork.DecodeOperations(w),
            (steps * ModelWork.WeightBytesRead(w, w.BatchSize)) + ((1 - offloaded) * cacheRead),
            offloaded * cacheRead,
            (double)w.BatchSize * steps,
            steps);
    }

    private static double OffloadShare(double free, double cache, bool adjust)
    {
        double share = Math.Max(0, 1 - (free / cache));
        return adjust ? Math.Min(1, Math.Ceiling(share * InferSaveModel.AdjustFactor * 10) / 10) : share;
    }

    /// <summary>What the GPUs of a copy achieve, and how long some work takes them.</summary>
    private readonly struct Achieved
    {
        private readonly Rates _rates;
        private readonly double _hostBytesPerSecond;
        private readonly double _linkBytesPerSecond;
        private readonly int _gpuCount;
        private readonly LlmModel _model;

        public Achieved(in Workload w, GpuSpec gpu, int gpuCount)
        {
            Rates peak = Rates.Peak(w, gpu, gpuCount);
            double efficiency = gpu.MeasuredTflops is { } measured && gpu.Fp16Tflops > 0
                ? Math.Min(1, measured / gpu.Fp16Tflops)
                : TypicalComputeEfficiency;
            _rates = new Rates(peak.OperationsPerSecond * efficiency, peak.BytesPerSecond * MemoryEfficiency);
            _hostBytesPerSecond = gpuCount * gpu.HostLinkGBps * Units.BytesPerGB * LinkEfficiency;
            _linkBytesPerSecond = gpu.GpuLinkGBps * Units.BytesPerGB * LinkEfficiency;
            _gpuCount = gpuCount;
            _model = w.Model;
        }

        /// <param name="operations">Of all GPUs together.</param>
        /// <param name="bytes">Read from and written to device memory by all GPUs together.</param>
        /// <param name="hostBytes">Over the links to the host, all together.</param>
        /// <param name="tokens">Tokens whose hidden states are exchanged between the GPUs.</param>
        /// <param name="steps">Passes through the model.</param>
        public (double Seconds, string Bottleneck) Time(
            double operations, double bytes, double hostBytes, double tokens, long steps)
        {
            double compute = operations / _rates.OperationsPerSecond;
            double memory = bytes / _rates.BytesPerSecond;
            double host = hostBytes / _hostBytesPerSecond;
            double communication = 0;
            if (_gpuCount > 1)
            {
                // A ring all-reduce sends 2 (n - 1) / n of the data from each GPU.
                double exchanged = AllReducesPerLayer * _model.LayerCount * tokens * _model.HiddenSize * 2
                    * (2.0 * (_gpuCount - 1) / _gpuCount);
                communication = (exchanged / _linkBytesPerSecond)
                    + (steps * AllReducesPerLayer * _model.LayerCount * AllReduceLatencySeconds);
            }

            double fixedCost = steps * _model.LayerCount * SecondsPerLayer;
            double work = Math.Max(compute, memory);
            string bottleneck = Math.Max(host, communication) > work
                ? host > communication ? "HostLink" : "Communication"
                : compute > memory ? "Compute" : "MemoryBandwidth";
            return (work + host + communication + fixedCost, bottleneck);
        }
    }
}
