using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Calibration;

/// <summary>What a server measured while it started, with the request that estimates the same.</summary>
public sealed class MeasuredStart
{
    private MeasuredStart(ServerLogMeasurement measurement, in MemoryRequest request)
    {
        Measurement = measurement;
        Request = request;
    }

    public ServerLogMeasurement Measurement { get; }

    /// <summary>The settings of the log; what it does not say is left at the engine's default.</summary>
    public MemoryRequest Request { get; }

    /// <param name="measurement">The start.</param>
    /// <param name="model">The model that it served.</param>
    /// <param name="gpu">The GPU; null takes the one that the log names or whose memory alone is what the log prints.</param>
    /// <param name="calibration">Corrections of the estimate; null for none.</param>
    /// <exception cref="LlmOpsException">The settings do not go together with the model.</exception>
    public static MeasuredStart Of(
        ServerLogMeasurement measurement, LlmModel model, GpuSpec? gpu = null, MemoryCalibration? calibration = null)
    {
        MemoryRequest request = new(model)
        {
            Engine = measurement.Engine,
            EngineVersion = measurement.EngineVersion,
            Quantization = measurement.Quantization is { } name ? Quantization.Parse(name) : null,
            KvCacheDataType = measurement.KvCacheDataType ?? KvCacheDataType.Auto,
            Parallelism = new Parallelism(
                measurement.TensorParallelSize ?? 1,
                measurement.PipelineParallelSize ?? 1,
                measurement.ExpertParallelSize ?? 1,
                measurement.DataParallelSize ?? 1),
            MaxModelLength = measurement.MaxModelLength,
            SequenceLength = Math.Min(2048, measurement.MaxModelLength ?? 2048),
            MaxSequences = measurement.MaxSequences,
            MaxBatchedTokens = measurement.MaxBatchedTokens,
            GpuMemoryUtilization = measurement.GpuMemoryUtilization,
            EnforceEager = measurement.EnforceEager ?? false,
            Gpu = gpu ?? GpuOf(measurement),
            Calibration = calibration,
        };
        request.Validate();
        return new MeasuredStart(measurement, request);
    }

    /// <summary>
    /// The terms side by side. With several stages each term is that of the stage that has most of it, and the pool that of
    /// the stage with least, as measurements of several ranks are summed up.
    /// </summary>
    public IReadOnlyList<TermComparison> Compare()
    {
        EngineMemory engine = EngineMemory.Of(Request.Engine);
        double? device = Measurement.DeviceMemoryGiB ?? Request.Gpu?.MemoryGiB;
        Dictionary<string, MemoryTerm> terms = new(StringComparer.Ordinal);
        double pool = double.MaxValue;
        foreach (PipelineStage stage in Request.Model.Stages(Request.Parallelism.Pipeline))
        {
            foreach (MemoryTerm term in MemoryTerms.Explain(Request, MemoryEstimator.ComputeStage(Request, stage), stage))
            {
                if (!terms.TryGetValue(term.Name, out MemoryTerm? known) || known.GiB < term.GiB)
                {
                    terms[term.Name] = term;
                }
            }

            if (device is { } gib)
            {
                pool = Math.Min(pool, engine.KvPool(Request, engine.Allocate(Request, stage), gib * Units.BytesPerGiB));
            }
        }

        List<TermComparison> compared =
        [
            Of(terms, TermComparison.ModelWeights, Measurement.ModelWeightsGiB),
            Of(terms, TermComparison.Activations, Measurement.ActivationsGiB),
            Of(terms, TermComparison.NonTorch, Measurement.NonTorchGiB),
        ];
        if (terms.ContainsKey(TermComparison.CudaGraphs))
        {
            compared.Add(Of(terms, TermComparison.CudaGraphs, Measurement.CudaGraphsGiB));
        }

        if (device is not null)
        {
            compared.Add(New(TermComparison.KvCachePool, "GiB", Units.ToGiB(pool), Measurement.KvCacheGiB));
        }

        if (Request.Gpu is not null)
        {
            KvCacheMeasurement capacity = KvCacheCalculator.Measure(
                Request with { SequenceLength = Measurement.MaxConcurrencyTokens ?? Request.SequenceLength });
            if (capacity.TokenCapacity is { } tokens)
            {
                compared.Add(New(TermComparison.KvCacheTokens, "tokens", tokens, Measurement.KvCacheTokens));
            }

            if (capacity.MaxConcurrency is { } sequences)
            {
                compared.Add(New(TermComparison.MaxConcurrency, "sequences", sequences, Measurement.MaxConcurrency));
            }
        }

        return compared;
    }

    private TermComparison Of(Dictionary<string, MemoryTerm> terms, string name, double? measured)
    {
        MemoryTerm term = terms[name];
        return New(name, "GiB", term.GiB, measured) with { PredictedLow = term.LowGiB, PredictedHigh = term.HighGiB };
    }

    private TermComparison New(string term, string unit, double predicted, double? measured) => new()
    {
        ModelName = Request.Model.Name,
        Engine = EnumNames.Of(Request.Engine),
        EngineVersion = Measurement.EngineVersion,
        Gpu = Request.Gpu?.Name,
        Quantization = Request.EffectiveQuantization.Name,
        TensorParallelSize = Request.Parallelism.Tensor,
        PipelineParallelSize = Request.Parallelism.Pipeline,
        Term = term,
        Unit = unit,
        Predicted = predicted,
        Measured = measured,
        Path = Measurement.Path,
        LineNumber = Measurement.LineNumber,
    };

    /// <summary>Total memory differs from card to card of one kind by some MiB, and between kinds by far more.</summary>
    private static GpuSpec? GpuOf(ServerLogMeasurement measurement)
    {
        const double tolerance = 0.06;
        if (measurement.Gpu is { } name && GpuCatalog.TryGet(name, out GpuSpec? named))
        {
            return named;
        }

        GpuSpec[] alike = measurement.DeviceMemoryGiB is { } gib
            ? [.. GpuCatalog.All.Where(gpu => Math.Abs(gpu.MemoryGiB - gib) < tolerance)]
            : [];
        return alike.Length == 1 ? alike[0] : null;
    }
}
