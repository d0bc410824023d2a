using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>One copy of a model under a steady load, as the fitted formulas see it.</summary>
/// <param name="Model">The model.</param>
/// <param name="Quantization">How its weights are stored.</param>
/// <param name="Gpu">The kind of GPU, one on each rank.</param>
/// <param name="Engine">The engine whose coefficients are used, by the name that users write.</param>
internal readonly record struct StepTimeCase(LlmModel Model, Quantization Quantization, GpuSpec Gpu, string Engine)
{
    public int TensorRanks { get; init; } = 1;

    /// <summary>Groups of tensor-parallel ranks that each run attention for sequences of their own and share the experts.</summary>
    public int AttentionRanks { get; init; } = 1;

    public int Stages { get; init; } = 1;

    public bool DividesExperts { get; init; } = false;

    public double CacheElementBytes { get; init; } = 2;

    /// <summary>Users of this copy, each with one request at a time.</summary>
    public double Users { get; init; } = 1;

    /// <summary>Requests of them that run at once.</summary>
    public double Running { get; init; } = 1;

    public double InputLength { get; init; } = 1;

    public double OutputLength { get; init; } = 1;

    /// <summary>Whether the model's prediction layers guess tokens ahead.</summary>
    public bool PredictsAhead { get; init; } = false;

    /// <summary>Steps after which SGLang looks for new requests (scheduler-recv-interval).</summary>
    public double PollInterval { get; init; } = 1;

    /// <summary>Steps that TensorRT-LLM holds a prompt back at the most for others to join it (batch_wait_timeout_iters).</summary>
    public double BatchWaitSteps { get; init; } = 0;

    /// <summary>Tokens of prompts that end that wait early (batch_wait_max_tokens_ratio of max_num_tokens).</summary>
    public double BatchWaitTokens { get; init; } = double.PositiveInfinity;

    /// <summary>Tokens up to which prompts run as captured CUDA graphs.</summary>
    public double GraphTokens { get; init; } = 0;

    /// <summary>
    /// Whether the engine starts a request as soon as there is room for its prompt, and sets answers back when they outgrow the
    /// memory, as vLLM's scheduler does; else requests wait for the room of whole answers.
    /// </summary>
    public bool InterruptsAnswers { get; init; } = false;

    /// <summary>Whether all requests are equally long and arrive through a gateway, as in one of the fitted collections.</summary>
    public bool IsSteadyLoad { get; init; } = false;

    /// <summary>GPUs of a stage.</summary>
    public int StageGpus => TensorRanks * AttentionRanks;
}
