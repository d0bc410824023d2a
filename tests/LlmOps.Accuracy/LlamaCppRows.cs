using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Accuracy;

/// <summary>A measured speed of llama.cpp, as <c>Data/llama-cpp.csv</c> has it.</summary>
internal sealed class LlamaCppRow
{
    private static readonly Lazy<IReadOnlyDictionary<string, GpuSpec>> s_cards = new(() =>
        DataRows.Read("llama-cpp-gpus.csv").Select(Card).ToDictionary(gpu => gpu.Name));

    private static readonly Lazy<IReadOnlyList<LlamaCppRow>> s_all = new(() =>
        [.. DataRows.Read("llama-cpp.csv").Select(row => new LlamaCppRow(row))]);

    private readonly MemoryRequest _request;
    private readonly Workload _workload;

    private LlamaCppRow(DataRow row)
    {
        Row = (int)row.Whole("Row")!;
        IsPrefill = row.Text("Test") == "prefill";
        Excluded = row.Text("Excluded");
        TokensPerSecond = row.Number("TokensPerSecond")!.Value;
        Model = ModelCatalog.Get(row.Text("Model"));
        Quantization = Quantization.Parse(row.Text("Type"));
        string card = row.Text("Gpu");
        Gpu = s_cards.Value.TryGetValue(card, out GpuSpec? gpu) ? gpu : GpuCatalog.Get(card);
        GpuCount = (int)row.Whole("GpuCount")!;
        _request = new MemoryRequest(Model)
        {
            Engine = Core.Memory.Engine.LlamaCpp,
            Quantization = Quantization,
            Gpu = Gpu,
            Parallelism = new Parallelism(1, Pipeline: GpuCount),
        };
        _workload = new Workload(Model, 1, Math.Max(1, row.Whole("PromptTokens")!.Value), Math.Max(1, row.Whole("OutputTokens")!.Value))
        {
            Quantization = Quantization,
        };
    }

    public static IReadOnlyList<LlamaCppRow> All => s_all.Value;

    /// <summary>Those of a phase that have part in the fit.</summary>
    public static IEnumerable<LlamaCppRow> Fitted(bool isPrefill) =>
        All.Where(row => row.IsPrefill == isPrefill && row.Excluded.Length == 0);

    public int Row { get; }

    /// <summary>Whether a prompt was read; else tokens were decoded.</summary>
    public bool IsPrefill { get; }

    /// <summary>Why the row is no part of the fit; empty for those that are.</summary>
    public string Excluded { get; }

    public double TokensPerSecond { get; }

    public double MillisecondsPerToken => 1000 / TokensPerSecond;

    public LlmModel Model { get; }

    public Quantization Quantization { get; }

    public GpuSpec Gpu { get; }

    public int GpuCount { get; }

    /// <summary>Milliseconds a token; of a prompt without the first answer's step, which the measurements leave out.</summary>
    public double Predict(LlamaCppCoefficients coefficients)
    {
        StepTimeParts parts = LlamaCppTime.Predict(_request, _workload, 1, coefficients);
        return IsPrefill ? (parts.PromptWork + parts.PromptLatency) / _workload.InputLength : parts.Step;
    }

    /// <summary>
    /// Milliseconds a token by the data sheet alone: the bytes that a token reads over the bandwidth, or the operations of
    /// a prompt's token over the peak; GPUs one after another.
    /// </summary>
    public double Roofline(LlamaCppCoefficients coefficients)
    {
        LlamaCppPhase sheet = new() { Efficiency16 = 1, EfficiencyQuantized = 1, LayerMs = 0 };
        return Predict(coefficients with { Decode = sheet, Prefill = sheet });
    }

    public Point PointOf(double predicted) => new(Gpu.Name, ToString(), predicted, MillisecondsPerToken);

    public override string ToString() => $"{Model.Name} {Quantization} on {GpuCount} x {Gpu.Name}";

    /// <summary>
    /// A card that the catalogue lacks. The peak with FP16 accumulation is 512 multiply-adds a clock on each multiprocessor of
    /// an Ampere or Ada card: 119 TFLOPS for the RTX 3080 (NVIDIA Ampere GA102 white paper).
    /// </summary>
    private static GpuSpec Card(DataRow row) => new()
    {
        Name = row.Text("Gpu"),
        Vendor = "NVIDIA",
        Architecture = row.Text("Architecture"),
        ComputeCapability = row.Text("ComputeCapability"),
        Aliases = [],
        MemoryGB = row.Number("MemoryGB")!.Value,
        MemoryGiB = row.Number("MemoryGB")!.Value,
        MemoryEvidence = Evidence.Datasheet,
        MemoryBandwidthGBps = row.Number("MemoryBandwidthGBps")!.Value,
        DenseTflops = new DenseThroughput
        {
            Fp16 = row.Number("Multiprocessors")!.Value * 1024 * row.Number("BoostMHz")!.Value / 1e6,
        },
        HostLinkGBps = 31.5,
        GpuLink = "PCIe",
        GpuLinkGBps = 31.5,
        Source = row.Text("Source"),
    };
}
