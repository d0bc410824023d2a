using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance.StepTime;
using LlmOps.Core.Precision;

namespace LlmOps.Accuracy;

/// <summary>A measured deployment of the silicon samples, as <c>Data/serving-latency.csv</c> has it.</summary>
internal sealed record ServingRow
{
    private static readonly Lazy<IReadOnlyList<ServingRow>> s_all = new(() => [.. DataRows.Read("serving-latency.csv").Select(row => new ServingRow(row))]);

    private ServingRow(DataRow row)
    {
        Row = (int)row.Whole("Row")!;
        Run = row.Text("Run");
        Version = row.Text("Version");
        Excluded = row.Text("Excluded");
        ExcludedFirst = row.Text("ExcludedTtft");
        TimePerOutputTokenMs = row.Number("TpotMs")!.Value;
        TimeToFirstTokenMs = row.Number("TtftMs")!.Value;
        LlmModel model = ModelCatalog.Get(row.Text("Model"));
        GpuSpec gpu = GpuCatalog.Get(row.Text("Gpu"));
        Quantization = row.Text("Quantization") is { Length: > 0 } name ? Quantization.Parse(name) : model.PublishedQuantization;
        int gpus = (int)row.Whole("GpuCount")!, ranks = (int)row.Whole("AttentionRanks")!;
        double share = row.Number("LengthShare")!.Value, users = row.Number("Users")!.Value;
        Case = new StepTimeCase(model, Quantization, gpu, row.Text("Engine"))
        {
            TensorRanks = gpus / ranks,
            AttentionRanks = ranks,
            DividesExperts = row.Whole("ExpertParallelSize") > 1,
            CacheElementBytes = row.Text("KvCacheDataType") == "FP8" ? 1 : 2,
            Users = users,
            InputLength = share * row.Number("InputLength")!.Value,
            OutputLength = share * row.Number("OutputLength")!.Value,
            PredictsAhead = row.Whole("PredictsAhead") == 1,
            PollInterval = row.Number("PollInterval")!.Value,
            IsSteadyLoad = row.Whole("IsSteadyLoad") == 1,
            GraphTokens = row.Number("GraphTokens") ?? 0,
            InterruptsAnswers = row.Text("Engine") == "vLLM",
            BatchWaitSteps = row.Number("BatchWaitSteps") ?? 0,
            BatchWaitTokens = row.Number("BatchWaitTokens") ?? double.PositiveInfinity,
        };
        Case = Case with { Running = RunningAtOnce(row.Engine("Engine"), row.Text("KvCacheDataType"), row.Number("Utilization")) };
    }

    public static IReadOnlyList<ServingRow> All => s_all.Value;

    /// <summary>Place in the source, from 0.</summary>
    public int Row { get; }

    /// <summary>What the source calls the run: a configuration, a date or a file.</summary>
    public string Run { get; }

    public string Version { get; }

    /// <summary>Why the row is no part of the fit; empty for those that are.</summary>
    public string Excluded { get; private init; }

    /// <summary>Why its time to the first token is no part of the fit.</summary>
    public string ExcludedFirst { get; private init; }

    public double TimePerOutputTokenMs { get; }

    public double TimeToFirstTokenMs { get; }

    public Quantization Quantization { get; }

    public StepTimeCase Case { get; private init; }

    public bool IsFitted => Excluded.Length == 0;

    public string Family => Case.Model.Name;

    public string Engine => Case.Engine;

    public string Gpu => Case.Gpu.Name;

    public string Combination => $"{Family}|{Engine}|{Gpu}";

    /// <summary>What a server is set up as; the load apart.</summary>
    public string Configuration => FormattableString.Invariant(
        $"{Combination}|{Quantization}|{Case.StageGpus}|{Case.AttentionRanks}|{Case.DividesExperts}|{Case.PredictsAhead}");

    /// <summary>The source lists some measurements up to four times.</summary>
    public string Measurement => FormattableString.Invariant(
        $"{Combination}|{Quantization}|{Case.StageGpus}|{Case.AttentionRanks}|{Case.InputLength}|{Case.OutputLength}|{Case.Users}|{TimePerOutputTokenMs:G3}|{TimeToFirstTokenMs:G3}");

    /// <summary>Output tokens a second of a user, over its whole answer.</summary>
    public static double TokensPerSecond(double firstMs, double tokenMs, double outputLength) =>
        1000 * outputLength / (firstMs + (tokenMs * Math.Max(outputLength - 1, 1)));

    /// <summary>With nothing known of it but the source's columns: no reason to exclude it, and none of the load or of prediction layers.</summary>
    public ServingRow AsGiven() => this with
    {
        Excluded = "",
        ExcludedFirst = "",
        Case = Case with { PredictsAhead = false, PollInterval = 1, GraphTokens = 0, BatchWaitSteps = 0, IsSteadyLoad = false },
    };

    /// <summary>Whether the GPUs have no room for all users at once, so that requests wait for whole answers.</summary>
    public bool Queues => Case.Running < Case.Users;

    public StepTimeRow ForFit() => new(Case, TimePerOutputTokenMs, ExcludedFirst.Length == 0 ? TimeToFirstTokenMs : null);

    public override string ToString() => FormattableString.Invariant(
        $"{Family} {Quantization} on {Case.StageGpus} x {Gpu}, {Engine} {Version}, {Case.InputLength:0}/{Case.OutputLength:0} x {Case.Users}");

    /// <summary>Requests whose caches the GPUs have room for, by the memory that the product computes; no more than there are users.</summary>
    private double RunningAtOnce(Core.Memory.Engine engine, string cacheType, double? utilization)
    {
        MemoryRequest request = new(Case.Model)
        {
            Engine = engine,
            Quantization = Quantization,
            KvCacheDataType = cacheType == "FP8" ? KvCacheDataType.FP8 : KvCacheDataType.BF16,
            Gpu = Case.Gpu,
            Parallelism = new Parallelism(Case.TensorRanks, Expert: Case.DividesExperts ? Case.StageGpus : 1),
            BatchSize = (long)Math.Ceiling(Case.Users / Case.AttentionRanks),
            SequenceLength = (long)(Case.InputLength + Case.OutputLength),
        };
        request = utilization is { } share ? request with { GpuMemoryUtilization = share } : request;
        double held = Case.InputLength + (engine == Core.Memory.Engine.TensorRtLlm ? Case.OutputLength : Case.OutputLength / 2);
        double room = ServingRoom.Sequences(request, (long)held);
        return Math.Min(Case.Users, Case.AttentionRanks * Math.Max(1, room));
    }
}
