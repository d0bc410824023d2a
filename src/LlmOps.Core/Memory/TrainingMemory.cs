using LlmOps.Core.Models;

namespace LlmOps.Core.Memory;

/// <summary>What a training step allocates; the same for every engine that trains.</summary>
internal static class TrainingMemory
{
    /// <summary>How the formula and its coefficients compare with measurements.</summary>
    private const string Fit =
        "held against 42 published peaks of litgpt and torchtune, see Get-LlmMemoryEstimate";

    private const double ActivationUncertainty = 0.3;

    private const string ZeroPaper = "Rajbhandari et al. 2020 (ZeRO), section 3.1";

    public static void Validate(in MemoryRequest request)
    {
        TrainingSettings settings = request.TrainingSettings;
        if (settings.LoraRank is { } rank)
        {
            Guard.InRange(rank, 1, TrainingSettings.MaximumLoraRank, nameof(settings.LoraRank));
        }
        else if (settings.LoraTarget is { } target)
        {
            throw NotSupported(nameof(settings.LoraTarget), target, "it needs LoraRank.");
        }
        else if (request.EffectiveQuantization.IsQuantized)
        {
            throw new LlmOpsException("TrainingPrecisionNotSupported", ErrorKind.NotSupported,
                $"Weights in {request.EffectiveQuantization} cannot be trained; use FP32, BF16 or FP16, or LoraRank for "
                + "adapters beside them.",
                request.EffectiveQuantization);
        }

        if (settings.GradientAccumulationStep is { } steps)
        {
            Guard.InRange(steps, 1, TrainingSettings.MaximumAccumulationSteps, nameof(settings.GradientAccumulationStep));
        }
    }

    public static LlmOpsException NotSupported(string setting, object value, string why) =>
        new($"{setting}NotSupported", ErrorKind.NotSupported, $"{setting} is {value}, but {why}", value);

    public static StageMemory Compute(in MemoryRequest request, PipelineStage stage, in ZeroPlan plan, double runtime)
    {
        ZeroStates states = States(request, stage, plan);
        double activations = Activations(request, stage);
        (double host, double disk) = Offloaded(request, stage, plan, states);
        return new StageMemory
        {
            Weights = states.Weights,
            Gradients = states.Gradients,
            OptimizerStates = states.Optimizer,
            Activations = activations,
            Runtime = runtime,
            Host = host,
            Disk = disk,
        };
    }

    /// <summary>Parameters that are trained on one rank: the adapters, or all.</summary>
    public static Divided Trained(in MemoryRequest request, PipelineStage stage)
    {
        Parallelism parallelism = request.Parallelism;
        if (request.TrainingSettings.LoraRank is { } rank)
        {
            TrainingShape shape = stage.Training;
            LoraTarget target = request.TrainingSettings.LoraTarget ?? LoraTarget.AllLinear;
            double dense = (double)rank / parallelism.Tensor * target switch
            {
                LoraTarget.Attention => shape.AttentionSides,
                LoraTarget.QueryValue => shape.QueryValueSides,
                _ => shape.LinearSides,
            };
            double routed = target == LoraTarget.AllLinear
                ? rank * shape.ExpertSides
                    * WeightMemory.ExpertShare(request.Model.ExpertCount, parallelism.Tensor, parallelism.Expert)
                : 0;
            return new Divided(
                dense + routed, (dense / parallelism.ZeroRanks) + (routed / parallelism.ExpertZeroRanks));
        }

        double experts = WeightMemory.ExpertParameters(request.Model, stage, parallelism);
        double others = WeightMemory.Parameters(request.Model, stage, parallelism) - experts;
        return new Divided(others + experts, (others / parallelism.ZeroRanks) + (experts / parallelism.ExpertZeroRanks));
    }

    public static IEnumerable<MemoryTerm> Explain(
        MemoryRequest request, PipelineStage stage, MemoryBreakdown bytes, ZeroPlan plan, MemoryTerm runtime)
    {
        TrainingSettings settings = request.TrainingSettings;
        ZeroStates states = States(request, stage, plan);
        MemoryTerm weights = MemoryTerms.Weights(request, stage, bytes);
        yield return weights with
        {
            Formula = weights.Formula
                + (settings.LoraRank is null ? "" : ", frozen, with the adapters' own weights")
                + (plan.Stage == 3 ? $", {Over(request, plan.Parameter, "the share of")} and the largest module gathered to compute with" : ""),
        };
        yield return MemoryTerms.Term("Activations", bytes.Activations, ActivationUncertainty, ActivationUncertainty,
            ActivationFormula(request, stage), Evidence.Fitted, "Korthikanti et al. 2022, section 4; " + Fit);
        double gradients = Math.Max(1, bytes.Gradients);
        yield return MemoryTerms.Term("Gradients", bytes.Gradients,
            0, Math.Max(0, (MemoryEstimator.Whole(states.GradientsAtMost) / gradients) - 1),
            GradientFormula(request, plan), Evidence.Exact,
            plan.Stage > 0 ? ZeroPaper + "; upper bound: DeepSpeed's estimators, with FP32 copies for the step" : ZeroPaper);
        yield return MemoryTerms.Term("OptimizerStates", bytes.OptimizerStates, 0, 0,
            StateFormula(request, plan), Evidence.Exact, StateSource(settings.Optimizer));
        yield return runtime;
        foreach (MemoryTerm term in ExplainOffloaded(request, stage, plan, states))
        {
            yield return term;
        }
    }

    /// <summary>
    /// Bytes of optimizer state a parameter: FP32 master weights beside 16-bit weights, and the moments, in FP32 where
    /// there are FP32 weights of either kind. Mixed precision Adam: 12 (Rajbhandari et al. 2020, ZeRO, section 3.1).
    /// </summary>
    private static double StateBytes(in MemoryRequest request, out double perFactor)
    {
        TrainingSettings settings = request.TrainingSettings;
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        double master = HasMasterWeights(request) ? sizeof(float) : 0;
        double moment = settings.NoMasterWeight ? elementBytes : sizeof(float);
        perFactor = settings.Optimizer == Optimizer.Adafactor ? sizeof(float) : 0;
        return master + settings.Optimizer switch
        {
            Optimizer.AdamW => 2 * moment,
            Optimizer.Adam8bit => 2,
            Optimizer.Lion => moment,
            _ => 0,
        };
    }

    private static bool HasMasterWeights(in MemoryRequest request) =>
        !request.TrainingSettings.NoMasterWeight && MemoryEstimator.ComputeElementBytes(request) < sizeof(float);

    /// <summary>
    /// Whether micro-batches' gradients are added up in FP32 beside the current ones: where asked for, and with DeepSpeed in
    /// BF16 without ZeRO (runtime/engine.py, get_data_types).
    /// </summary>
    private static bool AccumulatesInFp32(in MemoryRequest request, in ZeroPlan plan) =>
        request.TrainingSettings.MicroBatches(request.Parallelism.Pipeline) > 1
        && MemoryEstimator.ComputeElementBytes(request) < sizeof(float)
        && (request.TrainingSettings.FullPrecisionAccumulation
            || (request.Engine == Engine.DeepSpeed && plan.Stage == 0 && HasMasterWeights(request)
                && request.EffectiveQuantization.Name == "BF16"));

    private static ZeroStates States(in MemoryRequest request, PipelineStage stage, in ZeroPlan plan)
    {
        LlmModel model = request.Model;
        Parallelism parallelism = request.Parallelism;
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        bool isLora = request.TrainingSettings.LoraRank is not null;
        Divided trained = Trained(request, stage);
        double largest = (double)stage.Training.LargestModule / parallelism.Tensor;
        Divided weights = trained * elementBytes;
        double largestWeights = largest * elementBytes;
        if (isLora)
        {
            double whole = WeightMemory.Bytes(model, stage, request);
            double parameters = WeightMemory.Parameters(model, stage, parallelism);
            double share = Share(request, stage);
            weights += new Divided(whole, whole * share);

            // A quantized weight is gathered as it is stored; embeddings are not quantized.
            largestWeights = Math.Max(
                largest == (double)stage.Training.LargestMatrix / parallelism.Tensor ? largest * whole / parameters : 0,
                stage.Training.LargestModule > stage.Training.LargestMatrix ? largestWeights : 0);
        }

        double gradientBytes = elementBytes + (AccumulatesInFp32(request, plan) ? sizeof(float) : 0);
        double stateBytes = StateBytes(request, out double factorBytes);
        Divided states = trained * stateBytes;
        if (factorBytes > 0)
        {
            TrainingShape shape = stage.Training;
            double factored = factorBytes * (isLora
                ? trained.Whole / Math.Max(1, request.TrainingSettings.LoraRank!.Value) * 2
                : (double)shape.FactoredElements / parallelism.Tensor);
            states += new Divided(factored, factored / parallelism.ZeroRanks);
        }

        return ZeroStates.Of(
            plan,
            weights,
            trained * (gradientBytes * request.Parameters.GradientMemoryMultiplier),
            states,
            trained,
            largestWeights,
            isLora ? 0 : largest * elementBytes * request.Parameters.GradientMemoryMultiplier,
            elementBytes < sizeof(float));
    }

    /// <summary>Share of the stage's weights that one rank keeps under ZeRO-3.</summary>
    private static double Share(in MemoryRequest request, PipelineStage stage)
    {
        Parallelism parallelism = request.Parallelism;
        double all = WeightMemory.Parameters(request.Model, stage, parallelism);
        double experts = WeightMemory.ExpertParameters(request.Model, stage, parallelism);
        return (((all - experts) / parallelism.ZeroRanks) + (experts / parallelism.ExpertZeroRanks)) / all;
    }

    private static double Activations(in MemoryRequest request, PipelineStage stage)
    {
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        double expanded = request.TrainingSettings.LoraRank is not null && request.EffectiveQuantization.IsQuantized
            ? (double)stage.Training.LargestMatrix * elementBytes / request.Parallelism.Tensor
            : 0;
        return TrainingActivations.Bytes(request, stage, elementBytes) + expanded;
    }

    private static (double Host, double Disk) Offloaded(
        in MemoryRequest request, PipelineStage stage, in ZeroPlan plan, in ZeroStates states)
    {
        double host = 0, disk = 0;
        switch (plan.Optimizer)
        {
            case OffloadTarget.Cpu:
                host += states.OffloadedStates;
                break;
            case OffloadTarget.Nvme:
                disk += states.OffloadedStates;
                host += OptimizerBuffers(request, stage);
                break;
        }

        switch (plan.Parameter)
        {
            case OffloadTarget.Cpu:
                host += states.OffloadedWeights;
                break;
            case OffloadTarget.Nvme:
                disk += states.OffloadedWeights;
                host += ParameterBuffers(request);
                break;
        }

        return (host, disk);
    }

    /// <summary>DeepSpeed's offload_optimizer.buffer_count of 4 for sub_group_size 10⁹ in FP32.</summary>
    private static double OptimizerBuffers(in MemoryRequest request, PipelineStage stage) =>
        4 * sizeof(float) * Math.Min(1e9, Trained(request, stage).Share);

    /// <summary>DeepSpeed's offload_param.buffer_count of 5 and buffer_size of 10⁸ elements.</summary>
    private static double ParameterBuffers(in MemoryRequest request) =>
        5 * 1e8 * MemoryEstimator.ComputeElementBytes(request);

    private static IEnumerable<MemoryTerm> ExplainOffloaded(
        MemoryRequest request, PipelineStage stage, ZeroPlan plan, ZeroStates states)
    {
        const string defaults = "DeepSpeed's defaults (buffer_count, buffer_size, sub_group_size)";
        if (plan.Optimizer != OffloadTarget.None)
        {
            yield return MemoryTerms.Term("OffloadedOptimizerStates", MemoryEstimator.Whole(states.OffloadedStates), 0, 0.5,
                $"{StateFormula(request, plan with { Optimizer = OffloadTarget.None })}, and FP32 gradients",
                Evidence.Exact, ZeroPaper + "; DeepSpeed's estimators add 50 % for buffers",
                plan.Optimizer == OffloadTarget.Cpu ? MemoryPlace.Host : MemoryPlace.Disk);
        }

        if (plan.Parameter != OffloadTarget.None)
        {
            yield return MemoryTerms.Term("OffloadedParameters", MemoryEstimator.Whole(states.OffloadedWeights), 0, 0.5,
                $"the share of one of {request.Parallelism.ZeroRanks} ranks of all weights",
                Evidence.Exact, ZeroPaper + "; DeepSpeed's estimators add 50 % for buffers",
                plan.Parameter == OffloadTarget.Cpu ? MemoryPlace.Host : MemoryPlace.Disk);
        }

        double buffers = (plan.Optimizer == OffloadTarget.Nvme ? OptimizerBuffers(request, stage) : 0)
            + (plan.Parameter == OffloadTarget.Nvme ? ParameterBuffers(request) : 0);
        if (buffers > 0)
        {
            yield return MemoryTerms.Term("OffloadBuffers", MemoryEstimator.Whole(buffers), 0.5, 0.5,
                "pinned buffers on the way to the disk: 4 of 10^9 FP32 elements for states, 5 of 10^8 elements for weights",
                Evidence.Assumed, defaults, MemoryPlace.Host);
        }
    }

    private static string ActivationFormula(in MemoryRequest request, PipelineStage stage)
    {
        TrainingSettings settings = request.TrainingSettings;
        string kept = settings.ActivationCheckpointing switch
        {
            ActivationCheckpointing.Full => "the input of each layer, one layer computed again",
            ActivationCheckpointing.Selective => "inputs and intermediate results of all layers but attention scores",
            ActivationCheckpointing.None => "inputs and intermediate results of all layers",
            _ => FormattableString.Invariant(
                $"inputs and intermediate results of all layers x {request.Parameters.ActivationRecomputationFactor} kept (ActivationRecomputationFactor), one layer recomputed"),
        };
        int inFlight = TrainingActivations.InFlight(request, stage);
        return kept
            + (settings.ActivationCheckpointing is null ? "" : " (ActivationCheckpointing, in place of ActivationRecomputationFactor)")
            + (request.EffectiveAttention == AttentionImplementation.Eager ? ", scores of all pairs of tokens in FP32 and in the compute type" : "")
            + (inFlight > 1 ? $", {inFlight} micro-batches in flight" : "")
            + (request.Parallelism.Sequence > 1 ? $", tokens divided over {request.Parallelism.Sequence} ranks" : "")
            + (stage.HasHead ? ", logits with FP32 copies" : "")
            + (settings.LoraRank is not null && request.EffectiveQuantization.IsQuantized ? ", the largest matrix expanded" : "");
    }

    private static string GradientFormula(in MemoryRequest request, in ZeroPlan plan)
    {
        int elementBytes = MemoryEstimator.ComputeElementBytes(request);
        return FormattableString.Invariant($"{elementBytes} bytes a trained parameter x GradientMemoryMultiplier {request.Parameters.GradientMemoryMultiplier}")
            + (AccumulatesInFp32(request, plan) ? ", and 4 to add micro-batches up in FP32" : "")
            + (plan.Stage < 2 ? ""
                : $", {Over(request, plan.Optimizer, "divided over")} and those of the largest module before they are reduced");
    }

    private static string StateFormula(in MemoryRequest request, in ZeroPlan plan)
    {
        TrainingSettings settings = request.TrainingSettings;
        if (plan.Optimizer != OffloadTarget.None)
        {
            return $"{settings.Optimizer}: offloaded";
        }

        double perParameter = StateBytes(request, out double perFactor);
        return FormattableString.Invariant($"{perParameter} bytes a trained parameter for {settings.Optimizer}")
            + (perFactor > 0 ? ", 4 for each row and column of a matrix" : "")
            + (HasMasterWeights(request) ? ", master weights included" : "")
            + (plan.Stage > 0 ? $", divided over {request.Parallelism.ZeroRanks} ranks" : "");
    }

    private static string StateSource(Optimizer optimizer) => optimizer switch
    {
        Optimizer.Adam8bit => ZeroPaper + "; Dettmers et al. 2022",
        Optimizer.Lion => "Chen et al. 2023 (Lion), algorithm 2",
        Optimizer.Adafactor => "Shazeer and Stern 2018 (Adafactor), section 3",
        _ => ZeroPaper,
    };

    private static string Over(in MemoryRequest request, OffloadTarget offload, string share) =>
        offload == OffloadTarget.None ? $"{share} {(share == "divided over" ? "" : "one of ")}{request.Parallelism.ZeroRanks} ranks" : "offloaded";
}
