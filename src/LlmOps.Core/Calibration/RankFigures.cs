namespace LlmOps.Core.Calibration;

/// <summary>A figure that each worker prints for its own GPU.</summary>
internal enum Figure
{
    DeviceMemory,
    Budget,
    ModelWeights,
    Activations,
    NonTorch,
    KvCache,
    CudaGraphs,
    CudaGraphsEstimated,
    LoadSeconds,
    GraphCaptureSeconds,

    /// <summary>Weights and activations together, which vLLM 0.6 printed.</summary>
    PeakTorch,

    /// <summary>Weights and what is outside PyTorch together, which vLLM prints since 0.2x.</summary>
    Consumed,
}

/// <summary>The figures of one worker, as far as they have been read.</summary>
internal sealed class RankFigures(string name)
{
    // Figures of lines without a label that differ by more than rounding are those of several workers.
    private const double Rounding = 0.02;

    private readonly double?[] _values = new double?[Enum.GetValues<Figure>().Length];

    public string Name { get; } = name;

    public int? Data { get; set; }

    public int? Pipeline { get; set; }

    public int? Tensor { get; set; }

    public int? Expert { get; set; }

    public bool IsEmpty => Array.TrueForAll(_values, value => value is null);

    public double? this[Figure figure] => _values[(int)figure];

    /// <summary>
    /// Keeps a figure. The first one of a worker stays: later lines round it more. Without a label, the worst of several.
    /// </summary>
    public void Take(Figure figure, double value, bool isBetter)
    {
        ref double? kept = ref _values[(int)figure];
        if (kept is not { } known || isBetter)
        {
            kept = value;
        }
        else if (Name.Length == 0 && Math.Abs(value - known) > Rounding * (1 + Math.Abs(known)))
        {
            kept = Worst(figure, known, value);
        }
    }

    /// <summary>The figure of the GPU with less room left.</summary>
    public static double Worst(Figure figure, double a, double b) =>
        figure is Figure.DeviceMemory or Figure.Budget or Figure.KvCache ? Math.Min(a, b) : Math.Max(a, b);

    public ServerLogRank ToRank() => new()
    {
        Name = Name,
        DataParallelRank = Data,
        PipelineParallelRank = Pipeline,
        TensorParallelRank = Tensor,
        ExpertParallelRank = Expert,
        DeviceMemoryGiB = this[Figure.DeviceMemory],
        BudgetGiB = this[Figure.Budget],
        ModelWeightsGiB = this[Figure.ModelWeights],
        ActivationsGiB = this[Figure.Activations] ?? Rest(Figure.PeakTorch),
        NonTorchGiB = this[Figure.NonTorch] ?? Rest(Figure.Consumed),
        KvCacheGiB = this[Figure.KvCache],
        CudaGraphsGiB = this[Figure.CudaGraphs],
        CudaGraphsEstimatedGiB = this[Figure.CudaGraphsEstimated],
        LoadSeconds = this[Figure.LoadSeconds],
        GraphCaptureSeconds = this[Figure.GraphCaptureSeconds],
    };

    // A sum less the weights in it; nothing where rounding leaves no more than that.
    private double? Rest(Figure sum) =>
        this[sum] - this[Figure.ModelWeights] is { } rest and >= 0 ? rest : null;
}
