using System.Text.Json;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

/// <summary>Published figures that training estimates are held against.</summary>
internal static class TrainingMeasurements
{
    private static readonly JsonElement[] s_rows = Read();

    public static IEnumerable<JsonElement> Rows(string kind) => s_rows.Where(row => Text(row, "kind") == kind);

    public static string? Text(JsonElement row, string name) =>
        row.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    public static double? Number(JsonElement row, string name) =>
        row.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : null;

    /// <summary>The request that describes a row; weights in BF16 are trained without FP32 copies in all of them.</summary>
    public static MemoryRequest Request(JsonElement row)
    {
        int? Whole(string name) => (int?)Number(row, name);
        T? Value<T>(string name)
            where T : struct, Enum => Text(row, name) is { } text ? Enum.Parse<T>(text) : null;
        bool isZero = Whole("zeroStage") is not null;
        return new MemoryRequest(ModelCatalog.Get(Text(row, "model")!))
        {
            Engine = isZero ? Engine.DeepSpeed : Engine.Transformers,
            Training = true,
            Quantization = Quantization.Parse(Text(row, "quantization")!),
            BatchSize = Whole("batchSize") ?? 1,
            SequenceLength = Whole("sequenceLength") ?? 1,
            Parallelism = new Parallelism(1, 1, 1, Whole("dataParallelSize") ?? 1),
            TrainingSettings = new TrainingSettings
            {
                NoMasterWeight = true,
                ChunkedLoss = row.TryGetProperty("chunkedLoss", out _),
                ZeroStage = Whole("zeroStage"),
                ActivationCheckpointing = Value<ActivationCheckpointing>("checkpointing") ?? ActivationCheckpointing.None,
                GradientAccumulationStep = Whole("gradientAccumulationStep"),
                LoraRank = Whole("loraRank"),
                LoraTarget = Value<LoraTarget>("loraTarget"),
            },
        };
    }

    private static JsonElement[] Read()
    {
        using Stream file = typeof(TrainingMeasurements).Assembly.GetManifestResourceStream("training.json")!;
        using JsonDocument document = JsonDocument.Parse(file);
        return [.. document.RootElement.GetProperty("rows").EnumerateArray().Select(row => row.Clone())];
    }
}
