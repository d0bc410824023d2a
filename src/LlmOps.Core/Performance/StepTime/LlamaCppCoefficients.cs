using System.Collections.Frozen;
using System.Text.Json;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>The coefficients of llama.cpp, which has formulas of its own: as shipped, or as a fit tries them.</summary>
internal sealed record LlamaCppCoefficients
{
    public required string Source { get; init; }

    public required LlamaCppPhase Decode { get; init; }

    public required LlamaCppPhase Prefill { get; init; }

    /// <summary>Peaks of 16-bit products as llama.cpp makes them, by GPU.</summary>
    public required IReadOnlyDictionary<string, double> Fp16Tflops { get; init; }

    public static LlamaCppCoefficients Read(JsonElement element) => new()
    {
        Source = element.GetProperty("source").GetString()!,
        Decode = LlamaCppPhase.Read(element.GetProperty("decode")),
        Prefill = LlamaCppPhase.Read(element.GetProperty("prefill")),
        Fp16Tflops = StepTimeData.Numbers(element.GetProperty("fp16Tflops")),
    };

    /// <summary>The peak of 16-bit products as llama.cpp makes them; null where the data sheet's is right.</summary>
    public double? PeakOf(string gpu) => Fp16Tflops.TryGetValue(gpu, out double peak) ? peak : null;
}

/// <summary>What decoding or the reading of prompts takes.</summary>
internal sealed record LlamaCppPhase
{
    private static readonly FrozenDictionary<string, double> s_none = FrozenDictionary<string, double>.Empty;

    /// <summary>Share of bandwidth (decoding) or of the 16-bit peak (prompts) that weights of 16 bits reach.</summary>
    public required double Efficiency16 { get; init; }

    public required double EfficiencyQuantized { get; init; }

    /// <summary>A layer's launches, in milliseconds: for a token, or for a part of a prompt.</summary>
    public required double LayerMs { get; init; }

    /// <summary>Handing on to the next GPU; decoding only.</summary>
    public double HopMs { get; init; }

    /// <summary>What every token takes; decoding only.</summary>
    public double StepMs { get; init; }

    /// <summary>How far GPUs work on parts of a prompt at once, from 0 to 1; prompts only.</summary>
    public double PipelineExponent { get; init; }

    public IReadOnlyDictionary<string, double> ByFamily { get; init; } = s_none;

    public IReadOnlyDictionary<string, double> ByGpu { get; init; } = s_none;

    public ResidualBounds InSample { get; init; }

    public ResidualBounds GpuLeftOut { get; init; }

    public static LlamaCppPhase Read(JsonElement element) => new()
    {
        Efficiency16 = element.GetProperty("efficiency16").GetDouble(),
        EfficiencyQuantized = element.GetProperty("efficiencyQuantized").GetDouble(),
        LayerMs = element.GetProperty("layerMs").GetDouble(),
        HopMs = element.OptionalNumber("hopMs") ?? 0,
        StepMs = element.OptionalNumber("stepMs") ?? 0,
        PipelineExponent = element.OptionalNumber("pipelineExponent") ?? 0,
        ByFamily = StepTimeData.Numbers(element.GetProperty("byFamily")),
        ByGpu = StepTimeData.Numbers(element.GetProperty("byGpu")),
        InSample = StepTimeData.Residuals(element.GetProperty("inSample")),
        GpuLeftOut = StepTimeData.Residuals(element.GetProperty("gpuLeftOut")),
    };

    /// <summary>Whether the phase was measured on that GPU.</summary>
    public bool Knows(string gpu) => ByGpu.ContainsKey(gpu);

    public double Multiplier(string gpu, string family) =>
        (ByGpu.TryGetValue(gpu, out double own) ? own : 1) * (ByFamily.TryGetValue(family, out double shared) ? shared : 1);
}
