using LlmOps.Core.Hardware;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Planning;

/// <summary>Evaluates an instance by a performance model that knows a batch of jobs, and no single requests.</summary>
internal static class BatchEvaluation
{
    private const double DefaultSafetyFactor = 0.9;

    public static InstanceEvaluation Of(in OptimizationRequest request, GpuInstance instance)
    {
        IPerformanceModel model = request.PerformanceModel == PerformanceModelName.InferSave
            ? InferSaveModel.Instance
            : RooflineModel.Instance;
        (PerformancePrediction best, int tensor) = BestLayout(request, instance, model);
        int copies = instance.GpuCount / tensor;

        Workload w = request.Workload;
        double? price = instance.Price(request.PriceType);
        string? rejection = best.RejectionReason
            ?? (price is null ? $"no {request.PriceType} price is known" : null);
        bool feasible = rejection is null;
        bool isTimed = best.RejectionReason is null;
        double countedTokens = model.CountsInputTokens ? w.TotalTokens : w.OutputTokens;
        double? tps = feasible ? countedTokens / best.TotalSeconds : null;
        bool meetsSlo = feasible && !(tps < request.Objectives.TokensPerSecond);

        return new InstanceEvaluation
        {
            Job = request.Job,
            Instance = instance.Name,
            Provider = instance.Provider,
            Region = instance.Region,
            Gpu = instance.Gpu.Name,
            GpuCount = instance.GpuCount,
            Engine = EnumNames.Of(request.Engine),
            TensorParallelSize = tensor,
            DataParallelSize = copies,
            Layout = new ParallelLayout(tensor, 1, 1, copies).ToString(),
            Model = w.Model,
            PerformanceModel = model.Name,
            Quantization = w.EffectiveQuantization.Name,
            KvCacheDataType = w.KvCacheDataType.ToString(),
            BatchSize = w.BatchSize,
            InputLength = w.InputLength,
            OutputLength = w.OutputLength,
            WeightsGB = best.WeightBytes > 0 ? best.WeightBytes * tensor / Units.BytesPerGB : null,
            KvCacheGB = isTimed || best.KvCacheBytes > 0
                ? best.KvCacheBytes * tensor * w.BatchSize / BatchOfCopy(w.BatchSize, copies) / Units.BytesPerGB
                : null,
            OffloadRatio = isTimed ? best.OffloadRatio : null,
            PrefillSeconds = isTimed ? best.PrefillSeconds : null,
            DecodeSeconds = isTimed ? best.DecodeSeconds : null,
            TotalSeconds = isTimed ? best.TotalSeconds : null,
            TokensPerSecond = tps,
            TokensPerSecondLow = feasible ? countedTokens / best.SlowestSeconds : null,
            TokensPerSecondHigh = feasible ? countedTokens / (best.Floor.PrefillSeconds + best.Floor.DecodeSeconds) : null,
            TokensCounted = model.CountsInputTokens ? "InputAndOutput" : "Output",
            OutputTokensPerSecond = feasible ? w.OutputTokens / best.TotalSeconds : null,
            UsdPerHour = price,
            PriceDate = price is null ? null : instance.DateOf(request.PriceType),
            PriceSource = price is null ? null : instance.SourceOf(request.PriceType),
            CostEfficiency = tps is { } own
                ? CostEfficiency(model, countedTokens, Math.Min(own, request.Objectives.TokensPerSecond ?? double.PositiveInfinity), price!.Value)
                : null,
            UsdPerMillionTokens = price / (tps * Units.SecondsPerHour) * Units.TokensPerMillion,
            Bottleneck = best.Bottleneck,
            FloorSeconds = isTimed ? best.Floor.PrefillSeconds + best.Floor.DecodeSeconds : null,
            BreaksPhysicalFloor = best.BreaksPhysicalFloor,
            Feasible = feasible,
            MeetsSlo = meetsSlo,
            RejectionReason = rejection ?? (meetsSlo ? null : FormattableString.Invariant(
                $"{tps:0.###} tokens/s are below the SLO of {request.Objectives.TokensPerSecond:0.###}")),
        };
    }

    /// <summary>Sequences that the fullest copy has.</summary>
    private static long BatchOfCopy(long batch, int copies) => (batch + copies - 1) / copies;

    /// <summary>
    /// Tokens for a USD. InferSave's authors bill whole hours and divide by all of them, although the numerator is one
    /// hour's tokens; their figure is kept as they compute it.
    /// </summary>
    private static double CostEfficiency(IPerformanceModel model, double tokens, double effectiveTps, double usdPerHour)
    {
        double tokensPerHour = effectiveTps * Units.SecondsPerHour;
        double billedHours = model is InferSaveModel ? Math.Ceiling(tokens / tokensPerHour) : 1;
        return tokensPerHour / (billedHours * usdPerHour);
    }

    /// <summary>
    /// The fastest way to use all GPUs of an instance: copies of the model side by side, each divided over 1, 2, 4 … GPUs.
    /// </summary>
    private static (PerformancePrediction Prediction, int Tensor) BestLayout(
        in OptimizationRequest request, GpuInstance instance, IPerformanceModel model)
    {
        PerformancePrediction? best = null;
        int bestTensor = 1;
        for (int tensor = 1; tensor <= instance.GpuCount; tensor *= 2)
        {
            if (instance.GpuCount % tensor != 0)
            {
                continue;
            }

            int copies = instance.GpuCount / tensor;
            Workload w = request.Workload;
            PerformanceRequest part = new(
                w with { BatchSize = BatchOfCopy(w.BatchSize, copies) }, instance.Gpu, tensor)
            {
                SafetyFactor = request.SafetyFactor ?? DefaultSafetyFactor,
                AdjustOffloading = request.AdjustOffloading,
                Prefill = request.Prefill,
                Decode = request.Decode,
            };
            PerformancePrediction prediction;
            try
            {
                prediction = model.Predict(part);
            }
            catch (LlmOpsException e) when (e.ErrorId == "TensorParallelSizeNotSupported")
            {
                break;
            }

            if (best is null
                || (prediction.RejectionReason is null
                    && (best.RejectionReason is not null || prediction.TotalSeconds < best.TotalSeconds)))
            {
                (best, bestTensor) = (prediction, tensor);
            }
        }

        return (best!, bestTensor);
    }
}
