using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Accuracy;

/// <summary>A published throughput that had no part in the fit of the step-time model, as <c>Data/serving-throughput.csv</c> has it.</summary>
internal sealed class ThroughputRow
{
    private static readonly Lazy<IReadOnlyList<ThroughputRow>> s_all = new(() =>
        [.. DataRows.Read("serving-throughput.csv").Select(row => new ThroughputRow(row))]);

    private readonly int _replicas;
    private readonly double _tokensPerOutput;

    private ThroughputRow(DataRow row)
    {
        Row = (int)row.Whole("Row")!;
        Collection = row.Text("Collection");
        Variant = row.Text("Variant");
        Excluded = row.Text("Excluded");
        TokensPerSecond = row.Number("TokensPerSecond")!.Value;
        TimePerOutputTokenMs = row.Number("TpotMs");
        _replicas = (int)row.Whole("Replicas")!;
        long users = row.Whole("Users")!.Value, input = row.Whole("InputLength")!.Value, output = row.Whole("OutputLength")!.Value;
        Users = users;
        _tokensPerOutput = row.Whole("CountsPrompts") == 1 ? (double)(input + output) / output : 1;
        Core.Memory.Engine engine = row.Engine("Engine");
        string version = row.Text("Version");
        Deployment = new PerformanceEstimateRequest(
            new MemoryRequest(ModelCatalog.Get(row.Text("Model")))
            {
                Engine = engine,
                EngineVersion = engine == Core.Memory.Engine.vLLM && version.Length > 0 ? version : null,
                Quantization = Quantization.Parse(row.Text("Quantization")),
                KvCacheDataType = Enum.Parse<KvCacheDataType>(row.Text("KvCacheDataType")),
                Gpu = GpuCatalog.Get(row.Text("Gpu")),
                Parallelism = new Parallelism(
                    (int)row.Whole("TensorParallelSize")!, (int)row.Whole("PipelineParallelSize")!, (int)row.Whole("ExpertParallelSize")!),
                MaxModelLength = row.Whole("MaxModelLength"),
                MaxSequences = row.Whole("MaxSequences"),
                GpuMemoryUtilization = row.Number("Utilization"),
                EnforceEager = row.Whole("EnforceEager") == 1,
                BatchSize = ((users - 1) / _replicas) + 1,
            },
            input,
            output);
        if (Collection == Saturated)
        {
            // Requests that wait add nothing to what is generated, but to the waiting.
            double room = PerformanceEstimator.Room(Deployment, Deployment.Memory);
            Deployment = Deployment.WithUsers(Math.Min(users, Math.Max(1, (long)room)));
        }

        Estimate = PerformanceEstimator.Estimate(Deployment);
    }

    /// <summary>The collection whose servers always have more requests than they run at once.</summary>
    public const string Saturated = "TensorRT-LLM";

    public static IReadOnlyList<ThroughputRow> All => s_all.Value;

    /// <summary>Those that predictions are held against.</summary>
    public static IEnumerable<ThroughputRow> Compared => All.Where(row => row.Excluded.Length == 0);

    public int Row { get; }

    public string Collection { get; }

    /// <summary>What tells rows of a collection apart that differ in nothing that is predicted; empty for most.</summary>
    public string Variant { get; }

    /// <summary>Why the row says nothing of the model's errors; empty for those that do.</summary>
    public string Excluded { get; }

    /// <summary>As published: of all copies, with the prompts' tokens in some collections.</summary>
    public double TokensPerSecond { get; }

    public double? TimePerOutputTokenMs { get; }

    /// <summary>Concurrent users of all copies, or requests of the whole run.</summary>
    public long Users { get; }

    /// <summary>One copy.</summary>
    public PerformanceEstimateRequest Deployment { get; }

    public PerformanceEstimate Estimate { get; }

    /// <summary>What is published, predicted; null where the model is said not to fit. A single user keeps one copy busy.</summary>
    public double? PredictedTokensPerSecond => PublishedRate(Estimate.TokensPerSecond);

    /// <summary>Whether the published rate is between the bounds of the predicted one.</summary>
    public bool IsWithinBounds =>
        TokensPerSecond >= PublishedRate(Estimate.TokensPerSecondLow) && TokensPerSecond <= PublishedRate(Estimate.TokensPerSecondHigh);

    public string Gpu => Deployment.Deployment.Gpu!.Name;

    public string Engine => EnumNames.Of(Deployment.Deployment.Engine);

    /// <summary>What points of one colour have in common: there are as many colours as can be told apart.</summary>
    private string Group => Variant.Length > 0 ? $"{Collection}, {Gpu}" : Collection;

    /// <summary>What a table's row tells apart beside the collection.</summary>
    public string Setup => Variant.Length > 0 ? $"{Gpu}, {Variant}" : Gpu;

    /// <summary>The model and its layout, the load apart.</summary>
    public string Layout
    {
        get
        {
            Parallelism parallelism = Deployment.Deployment.Parallelism;
            return FormattableString.Invariant(
                $"{Deployment.Deployment.Model.Name} {Deployment.Deployment.Quantization} on {_replicas * parallelism.GpuCount} x {Gpu}, TP{parallelism.Tensor} PP{parallelism.Pipeline}");
        }
    }

    /// <summary>Tokens of all requests of one copy at their ends.</summary>
    public long TokensAtOnce => Deployment.Deployment.BatchSize * (Deployment.InputLength + Deployment.OutputLength);

    public Point Rate => new(Group, ToString(), PredictedTokensPerSecond!.Value, TokensPerSecond);

    public Point Token => new(Group, ToString(), Estimate.TimePerOutputTokenMs!.Value, TimePerOutputTokenMs!.Value);

    public override string ToString() => FormattableString.Invariant(
        $"{Layout}, {Deployment.InputLength}/{Deployment.OutputLength} x {Users}{(Variant.Length > 0 ? ", " + Variant : "")}");

    private double? PublishedRate(double? outputTokens) => outputTokens * Math.Min(_replicas, Users) * _tokensPerOutput;
}
