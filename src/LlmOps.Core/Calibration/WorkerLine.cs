namespace LlmOps.Core.Calibration;

/// <summary>One line of a worker: its figures go to that worker, where they can be.</summary>
internal readonly ref struct WorkerLine
{
    private readonly ReadOnlySpan<char> _process;
    private readonly EngineRanks _ranks;
    private readonly LogNotes _notes;

    public WorkerLine(ReadOnlySpan<char> message, ReadOnlySpan<char> process, long number, EngineRanks ranks, LogNotes notes)
    {
        Message = message;
        Number = number;
        _process = process;
        _ranks = ranks;
        _notes = notes;
    }

    public ReadOnlySpan<char> Message { get; }

    /// <summary>From 1.</summary>
    public long Number { get; }

    /// <summary>The same line without what stands before a message in it.</summary>
    public WorkerLine With(ReadOnlySpan<char> message) => new(message, _process, Number, _ranks, _notes);

    public bool Is(ReadOnlySpan<char> start) => Message.StartsWith(start, StringComparison.Ordinal);

    /// <inheritdoc cref="GiB" />
    public bool GiBAfter(ReadOnlySpan<char> phrase, Figure figure)
    {
        LogText text = new(Message);
        return text.After(phrase) && GiB(figure, text.GiB());
    }

    /// <returns>Whether a number stood there, plausible or not.</returns>
    public bool GiB(Figure figure, double? amount)
    {
        // A pool can be short of nothing, and graphs can free more than they take; all else is an amount.
        double least = figure is Figure.KvCache or Figure.CudaGraphs ? -LogNotes.MostGiB : 0;
        if (amount is { } value && _notes.IsPlausible(value, least, LogNotes.MostGiB, Words(figure), " GiB", Number))
        {
            _ranks.Of(_process)?.Take(figure, value, isBetter: false);
        }

        return amount is not null;
    }

    public void Seconds(Figure figure, double? seconds, bool isBetter = false)
    {
        if (seconds is { } value && _notes.IsPlausible(value, 0, LogNotes.MostSeconds, Words(figure), "", Number))
        {
            _ranks.Of(_process)?.Take(figure, value, isBetter);
        }
    }

    private static string Words(Figure figure) => figure switch
    {
        Figure.DeviceMemory => "device memory",
        Figure.Budget => "memory budget",
        Figure.ModelWeights => "weights",
        Figure.Activations => "activation peak",
        Figure.NonTorch => "non-torch memory",
        Figure.KvCache => "KV cache",
        Figure.CudaGraphs => "CUDA graphs",
        Figure.CudaGraphsEstimated => "estimate of CUDA graphs",
        Figure.LoadSeconds => "seconds to load",
        Figure.GraphCaptureSeconds => "seconds to capture graphs",
        Figure.PeakTorch => "peak of PyTorch memory",
        _ => "consumed memory",
    };
}
