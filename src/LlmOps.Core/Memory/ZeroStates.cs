namespace LlmOps.Core.Memory;

/// <summary>An amount on one rank without data parallelism, and what is left of it where the ranks divide it.</summary>
internal readonly record struct Divided(double Whole, double Share)
{
    public static Divided operator *(in Divided amount, double factor) => new(amount.Whole * factor, amount.Share * factor);

    public static Divided operator +(in Divided a, in Divided b) => new(a.Whole + b.Whole, a.Share + b.Share);
}

/// <summary>What ZeRO is to divide and to offload.</summary>
internal readonly record struct ZeroPlan(
    int Stage, OffloadTarget Optimizer = OffloadTarget.None, OffloadTarget Parameter = OffloadTarget.None);

/// <summary>
/// Model states of one GPU under ZeRO (Rajbhandari et al. 2020, section 5): stage 1 divides the optimizer states over the
/// data-parallel ranks, stage 2 the gradients too, stage 3 the weights too.
/// </summary>
internal readonly record struct ZeroStates
{
    public double Weights { get; private init; }

    public double Gradients { get; private init; }

    /// <summary>
    /// Gradients as DeepSpeed's own estimators count them (runtime/zero, estimate_zero2_model_states_mem_needs and
    /// estimate_zero3_model_states_mem_needs): those of stage 2 not yet divided, and an FP32 copy of a rank's share while it
    /// steps.
    /// </summary>
    public double GradientsAtMost { get; private init; }

    public double Optimizer { get; private init; }

    /// <summary>Optimizer states and the FP32 gradients that they are updated with, where they are offloaded.</summary>
    public double OffloadedStates { get; private init; }

    /// <summary>Weights, where they are offloaded.</summary>
    public double OffloadedWeights { get; private init; }

    /// <param name="plan">Stage and offloading.</param>
    /// <param name="weights">Bytes of all weights.</param>
    /// <param name="gradients">Bytes of gradients.</param>
    /// <param name="optimizer">Bytes of optimizer states, master weights included.</param>
    /// <param name="trained">Parameters that are trained.</param>
    /// <param name="largestWeights">Bytes of the largest module's weights, which a rank needs whole to compute with.</param>
    /// <param name="largestGradients">Bytes of its gradients, which are whole until they are reduced.</param>
    /// <param name="copiesGradients">Whether they are converted to FP32 for the step.</param>
    public static ZeroStates Of(
        in ZeroPlan plan,
        in Divided weights,
        in Divided gradients,
        in Divided optimizer,
        in Divided trained,
        double largestWeights,
        double largestGradients,
        bool copiesGradients)
    {
        bool offloadsStates = plan.Optimizer != OffloadTarget.None;
        bool offloadsWeights = plan.Parameter != OffloadTarget.None;
        double fp32Share = copiesGradients ? sizeof(float) * trained.Share : 0;
        double heldWeights = plan.Stage < 3 ? weights.Whole
            : Gathered(offloadsWeights ? 0 : weights.Share, weights.Whole, largestWeights);
        double heldGradients = plan.Stage < 2 ? gradients.Whole
            : Gathered(offloadsStates ? 0 : gradients.Share, gradients.Whole, largestGradients);
        return new ZeroStates
        {
            Weights = heldWeights,
            Gradients = heldGradients,
            GradientsAtMost = offloadsStates || plan.Stage == 0 ? heldGradients
                : plan.Stage < 3 ? gradients.Whole + fp32Share
                : Math.Max(heldGradients, heldGradients - gradients.Share + (sizeof(float) * trained.Share)),
            Optimizer = offloadsStates ? 0 : plan.Stage == 0 ? optimizer.Whole : optimizer.Share,
            OffloadedStates = offloadsStates ? optimizer.Share + (sizeof(float) * trained.Share) : 0,
            OffloadedWeights = offloadsWeights ? weights.Share : 0,
        };
    }

    /// <summary>A rank's own share and the largest module beside it; never more than the whole.</summary>
    private static double Gathered(double share, double whole, double largest) => Math.Min(whole, share + largest);
}
