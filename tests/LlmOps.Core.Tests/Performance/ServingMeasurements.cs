using System.Globalization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Performance;

/// <summary>
/// Measured times of servers: a sample of the silicon samples of ai-dynamo/aiconfigurator (Apache-2.0) that the step-time model was
/// fitted to, over all engines, GPUs, models and precisions. Parallel sizes are those of the deployments; lengths are nominal, and
/// the share says what requests had on average.
/// </summary>
internal sealed record ServingMeasurement
{
    private static readonly Lazy<IReadOnlyList<ServingMeasurement>> s_all = new(Read);

    public required int Row { get; init; }

    public required double? TimeToFirstTokenMs { get; init; }

    public required double TimePerOutputTokenMs { get; init; }

    public required StepTimeCase Case { get; init; }

    public required string KvCacheDataType { get; init; }

    public static IReadOnlyList<ServingMeasurement> All => s_all.Value;

    public override string ToString() => FormattableString.Invariant(
        $"row {Row}: {Case.Model} {Case.Quantization} on {Case.StageGpus} x {Case.Gpu}, {Case.Engine}, {Case.InputLength:0}/{Case.OutputLength:0} x {Case.Users}");

    private static List<ServingMeasurement> Read()
    {
        using Stream stream = typeof(ServingMeasurement).Assembly.GetManifestResourceStream("serving-latency.csv")!;
        using StreamReader reader = new(stream);
        string[] header = reader.ReadLine()!.Split(',');
        List<ServingMeasurement> rows = [];
        while (reader.ReadLine() is { } line)
        {
            Dictionary<string, string> row = header.Zip(line.Split(',')).ToDictionary(pair => pair.First, pair => pair.Second);
            double Number(string name) => double.Parse(row[name], CultureInfo.InvariantCulture);
            double? Optional(string name) => row[name].Length == 0 ? null : Number(name);
            LlmModel model = ModelCatalog.Get(row["Model"]);
            int gpus = (int)Number("GpuCount"), ranks = (int)Number("AttentionRanks");
            rows.Add(new ServingMeasurement
            {
                Row = (int)Number("Row"),
                TimeToFirstTokenMs = Optional("TtftMs"),
                TimePerOutputTokenMs = Number("TpotMs"),
                KvCacheDataType = row["KvCacheDataType"],
                Case = new StepTimeCase(
                    model,
                    row["Quantization"].Length == 0 ? model.PublishedQuantization : Quantization.Parse(row["Quantization"]),
                    GpuCatalog.Get(row["Gpu"]),
                    row["Engine"])
                {
                    TensorRanks = gpus / ranks,
                    AttentionRanks = ranks,
                    DividesExperts = Number("ExpertParallelSize") > 1,
                    CacheElementBytes = row["KvCacheDataType"] == "FP8" ? 1 : 2,
                    Users = Number("Users"),
                    Running = Number("Running"),
                    InputLength = Number("LengthShare") * Number("InputLength"),
                    OutputLength = Number("LengthShare") * Number("OutputLength"),
                    PredictsAhead = Number("PredictsAhead") > 0,
                    PollInterval = Number("PollInterval"),
                    GraphTokens = Optional("GraphTokens") ?? 0,
                    BatchWaitSteps = Optional("BatchWaitSteps") ?? 0,
                    BatchWaitTokens = Optional("BatchWaitTokens") ?? double.PositiveInfinity,
                    InterruptsAnswers = row["Engine"] == "vLLM",
                    IsSteadyLoad = Number("IsSteadyLoad") > 0,
                },
            });
        }

        return rows;
    }
}
