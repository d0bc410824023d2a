namespace LlmOps.Core.Calibration;

/// <summary>One start of an engine, as far as its lines have been read.</summary>
internal sealed class EngineStart
{
    private readonly string? _path;
    private readonly LogNotes _notes = new();
    private readonly EngineRanks _ranks = new();
    private readonly EngineSetUp _setUp;
    private readonly WorkerMemory _memory;
    private readonly EnginePool _pool;
    private readonly EngineFailure _failure;
    private bool _isMeasured;

    /// <param name="path">The log; null where lines come from elsewhere.</param>
    /// <param name="lineNumber">The line where the start begins, from 1.</param>
    public EngineStart(string? path, long lineNumber)
    {
        _path = path;
        LineNumber = lineNumber;
        _setUp = new EngineSetUp(_notes);
        _memory = new WorkerMemory(_setUp, _notes);
        _pool = new EnginePool(_notes);
        _failure = new EngineFailure(_setUp, _memory, _pool, _ranks, _notes);
    }

    public long LineNumber { get; }

    /// <summary>Whether there is anything to report: an engine that was set up, or figures of one.</summary>
    public bool IsStart => _setUp.HasHeader || _isMeasured || _failure.IsKnown;

    private bool HasPool => _pool.IsKnown || _ranks.Has(Figure.KvCache);

    private bool IsRunning => _memory.IsComplete || _ranks.Has(Figure.GraphCaptureSeconds);

    /// <summary>Whether a line belongs to the next start, and not to this one.</summary>
    public bool EndsBefore(in LogLine line)
    {
        ReadOnlySpan<char> message = line.Message;
        if (SetUpLine.VersionOf(message).Length > 0)
        {
            // A server with several front ends prints its version once for each.
            bool isFurtherFrontEnd = line.Process.StartsWith("ApiServer_", StringComparison.OrdinalIgnoreCase)
                && !line.Process.StartsWith("ApiServer_0", StringComparison.OrdinalIgnoreCase);
            return !isFurtherFrontEnd && (IsStart || _setUp.HasArguments);
        }

        if (SetUpLine.IsArguments(message))
        {
            return IsStart || _setUp.HasArguments;
        }

        if (SetUpLine.IsHeader(message))
        {
            return IsStart && !_setUp.IsFurtherEngine(line.Process);
        }

        return HasPool
            && (message.StartsWith("Using max model len ", StringComparison.Ordinal)
                || message.StartsWith("Chunked prefill is enabled with ", StringComparison.Ordinal)
                || (!_setUp.HasHeader && message.StartsWith("Starting to load model ", StringComparison.Ordinal)));
    }

    /// <summary>Takes what a line says; false where it is none of an engine's start.</summary>
    public bool Take(in LogLine line, long number)
    {
        if (_setUp.Take(line, number))
        {
            return true;
        }

        WorkerLine worker = new(line.Message, line.Process, number, _ranks, _notes);
        if (_memory.Take(worker) || _pool.Take(worker))
        {
            _isMeasured = true;
            return true;
        }

        return _setUp.TakeSentence(worker)
            || _ranks.TakeAssignment(line.Message, line.Process)
            || _failure.Take(worker, isStarting: IsStart && !IsRunning);
    }

    public ServerLogMeasurement ToMeasurement()
    {
        ServerLogMeasurement measurement = new() { Path = _path, LineNumber = LineNumber, Notes = _notes.ToList() };
        measurement = _ranks.AddTo(measurement);
        measurement = _memory.AddTo(measurement);
        measurement = _setUp.AddTo(measurement);
        measurement = _pool.AddTo(measurement);
        return _failure.AddTo(measurement);
    }
}
