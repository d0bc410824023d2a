using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Planning;

/// <summary>What a comparison of two formats is asked about: a model, or a number of parameters alone.</summary>
/// <param name="From">The format before; null stands for the model's published one, and for FP16 without a model.</param>
/// <param name="To">The format after.</param>
public readonly record struct QuantizationComparisonRequest(Quantization? From, Quantization To)
{
    /// <summary>The smallest number of parameters: less is a number of billions.</summary>
    public const double LeastParameters = 1e6;

    public const double MostParameters = 1e15;

    private static readonly string[] s_usual =
        ["FP8", "INT8", "INT4", "GPTQ", "AWQ", "NF4", "NVFP4", "MXFP4", "Q8_0", "Q4_K_M"];

    /// <summary>Null where only parameters are counted.</summary>
    public LlmModel? Model { get; init; } = null;

    /// <summary>Parameters, each stored in the format's nominal bits; not used with a model.</summary>
    public double ParameterCount { get; init; } = 0;

    /// <summary>
    /// The deployment that times are compared for, with its GPU; null for none. Its quantization and its model are those of the
    /// comparison.
    /// </summary>
    public PerformanceEstimateRequest? Serving { get; init; } = null;

    /// <summary>Price in USD of an hour of all GPUs that serve the copies; null for none.</summary>
    public double? UsdPerHour { get; init; } = null;

    /// <summary>Copies of the deployment that the price buys.</summary>
    public int Copies { get; init; } = 1;

    internal Quantization EffectiveFrom => From is null
        ? Model?.PublishedQuantization ?? Quantization.FP16
        : OfModel(From);

    internal Quantization EffectiveTo => OfModel(To);

    /// <summary>The formats that are usually considered: those that are not wider than the one before, and another than it.</summary>
    /// <exception cref="LlmOpsException">There are none so small.</exception>
    public static IReadOnlyList<Quantization> UsualTargets(Quantization from)
    {
        ArgumentNullException.ThrowIfNull(from);
        List<Quantization> targets =
            [.. s_usual.Select(Quantization.Parse).Where(q => q.NominalBits <= from.NominalBits && q.Name != from.Name)];
        return targets.Count > 0
            ? targets
            : throw new LlmOpsException("QuantizationRequired", ErrorKind.InvalidArgument,
                $"None of the usual formats ({string.Join(", ", s_usual)}) is smaller than {from}; name those to compare with (-To).", from.Name);
    }

    /// <summary>The engine that has both formats: llama.cpp for types of its files, else vLLM.</summary>
    public static Engine UsualEngine(Quantization from, Quantization to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        return from.IsGguf || to.IsGguf ? Engine.LlamaCpp : Engine.vLLM;
    }

    /// <summary>The number itself, where a model can have it.</summary>
    /// <exception cref="LlmOpsException">It cannot; of a small one it is said how billions are written.</exception>
    public static double CheckParameterCount(double count)
    {
        if (count is >= LeastParameters and <= MostParameters)
        {
            return count;
        }

        string hint = count is > 0 and < LeastParameters
            ? FormattableString.Invariant($" For {count} billion parameters write {count}e9.")
            : "";
        throw new LlmOpsException(Guard.OutOfRangeId, ErrorKind.InvalidArgument, FormattableString.Invariant(
            $"ParameterCount is {count}, but must be between {LeastParameters:0e+0} and {MostParameters:0e+0}.{hint}"), count);
    }

    /// <exception cref="LlmOpsException">A value is out of bounds, or the parts do not go together.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(To);
        if (Model is null)
        {
            CheckParameterCount(ParameterCount);
        }

        if (UsdPerHour is { } price)
        {
            Guard.InRange(price, 0, 1e6, nameof(UsdPerHour));
            if (Serving is null)
            {
                throw new LlmOpsException("GpuRequired", ErrorKind.InvalidArgument,
                    "The cost of a token needs a GPU that generates it (-Gpu).", price);
            }
        }

        if (Copies < 1)
        {
            throw new LlmOpsException("InstanceTooSmall", ErrorKind.InvalidArgument,
                $"The instance has too few GPUs for one copy of {Model?.Name} on {Serving?.Deployment.Parallelism.GpuCount} of them; give a "
                + "smaller TensorParallelSize or PipelineParallelSize, or a larger instance.", Serving?.Deployment.Parallelism.GpuCount);
        }

        if (Serving is not null && Model is null)
        {
            throw new LlmOpsException("ModelRequired", ErrorKind.InvalidArgument,
                "Times need a model: a number of parameters does not say what a token costs.", null);
        }
    }

    private Quantization OfModel(Quantization quantization) => Model?.Named(quantization) ?? quantization;
}
