namespace LlmOps.Core.Calibration;

/// <summary>The workers of one engine, by the labels of their lines.</summary>
internal sealed class EngineRanks
{
    private const int Most = 4096;

    private readonly List<RankFigures> _ranks = [];
    private readonly Dictionary<string, RankFigures> _byName = new(StringComparer.Ordinal);

    public bool Has(Figure figure) => _ranks.Exists(rank => rank[figure] is not null);

    /// <summary>The worker with a label, made where it is new; null where there are too many already.</summary>
    public RankFigures? Of(ReadOnlySpan<char> process)
    {
        string name = LogText.Name(process);
        if (_byName.TryGetValue(name, out RankFigures? known))
        {
            return known;
        }

        if (_ranks.Count == Most)
        {
            return null;
        }

        // A label with a rank in it says enough; others are told apart by their process ids.
        int pid = name.IndexOf(" pid=", StringComparison.Ordinal);
        bool isNumbered = pid > 0 && char.IsAsciiDigit(name[pid - 1]);
        RankFigures rank = new(isNumbered ? name[..pid] : name)
        {
            Data = ProcessLabel.IndexAfter(process, "_DP"),
            Pipeline = ProcessLabel.IndexAfter(process, "_PP") ?? ProcessLabel.IndexAfter(process, " PP"),
            Tensor = ProcessLabel.IndexAfter(process, "_TP") ?? ProcessLabel.IndexAfter(process, " TP"),
            Expert = ProcessLabel.IndexAfter(process, "_EP"),
        };
        _ranks.Add(rank);
        _byName.Add(name, rank);
        return rank;
    }

    /// <summary>Takes a line in which a worker says which rank it is; false where it is none.</summary>
    public bool TakeAssignment(ReadOnlySpan<char> message, ReadOnlySpan<char> process)
    {
        LogText text = new(message);
        if (!message.StartsWith("rank ", StringComparison.Ordinal) || !text.After(" is assigned as "))
        {
            return false;
        }

        if (Of(process) is { } rank)
        {
            rank.Data = ProcessLabel.IndexAfter(text.Rest, "DP rank") ?? rank.Data;
            rank.Pipeline = ProcessLabel.IndexAfter(text.Rest, "PP rank") ?? rank.Pipeline;
            rank.Tensor = ProcessLabel.IndexAfter(text.Rest, "TP rank") ?? rank.Tensor;
            rank.Expert = ProcessLabel.IndexAfter(text.Rest, "EP rank") ?? rank.Expert;
        }

        return true;
    }

    public ServerLogMeasurement AddTo(ServerLogMeasurement measurement)
    {
        List<ServerLogRank> ranks = [.. _ranks.Where(rank => !rank.IsEmpty).Select(rank => rank.ToRank())];
        return measurement with
        {
            Ranks = ranks,
            DeviceMemoryGiB = Worst(ranks, Figure.DeviceMemory, rank => rank.DeviceMemoryGiB),
            BudgetGiB = Worst(ranks, Figure.Budget, rank => rank.BudgetGiB),
            ModelWeightsGiB = Worst(ranks, Figure.ModelWeights, rank => rank.ModelWeightsGiB),
            ActivationsGiB = Worst(ranks, Figure.Activations, rank => rank.ActivationsGiB),
            NonTorchGiB = Worst(ranks, Figure.NonTorch, rank => rank.NonTorchGiB),
            KvCacheGiB = Worst(ranks, Figure.KvCache, rank => rank.KvCacheGiB),
            CudaGraphsGiB = Worst(ranks, Figure.CudaGraphs, rank => rank.CudaGraphsGiB),
            CudaGraphsEstimatedGiB = Worst(ranks, Figure.CudaGraphsEstimated, rank => rank.CudaGraphsEstimatedGiB),
            LoadSeconds = Worst(ranks, Figure.LoadSeconds, rank => rank.LoadSeconds),
            GraphCaptureSeconds = Worst(ranks, Figure.GraphCaptureSeconds, rank => rank.GraphCaptureSeconds),
        };
    }

    private static double? Worst(List<ServerLogRank> ranks, Figure figure, Func<ServerLogRank, double?> value)
    {
        double? worst = null;
        foreach (ServerLogRank rank in ranks)
        {
            if (value(rank) is { } amount)
            {
                worst = worst is { } known ? RankFigures.Worst(figure, known, amount) : amount;
            }
        }

        return worst;
    }
}
