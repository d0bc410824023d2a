namespace LlmOps.Core.Calibration;

/// <summary>Why a start came to nothing, for lack of memory, and the figures that the engine gives for it.</summary>
internal sealed class EngineFailure(EngineSetUp setUp, WorkerMemory memory, EnginePool pool, EngineRanks ranks, LogNotes notes)
{
    private const int LongestText = 400;

    private string? _text;
    private double? _needed;
    private double? _estimatedLength;

    public bool IsKnown => _text is not null;

    /// <summary>Takes a line; false where it is no such failure.</summary>
    /// <param name="line">As printed.</param>
    /// <param name="isStarting">Requests of a server that runs can run out of memory too; that is not its start.</param>
    public bool Take(in WorkerLine line, bool isStarting)
    {
        WorkerLine error = line.With(ErrorOf(line.Message));
        LogText text = new(error.Message);
        if (error.Is("To serve at least one request with the model"))
        {
            TakePoolTooSmall(error);
        }
        else if (error.Is("The model's max seq len ("))
        {
            text.After("(");
            setUp.TakeLengthOfFailure(text.Number(), line.Number);
            if (text.After("stored in KV cache ("))
            {
                double? tokens = text.Number();
                TakeEstimatedLength(tokens, "KV-cache tokens", line.Number);
                pool.TakeTokensOfFailure(tokens, line.Number);
            }
        }
        else if (error.Is("CUDA out of memory. ") || error.Is("HIP out of memory. "))
        {
            if (!isStarting)
            {
                return false;
            }

            error.GiBAfter("has a total capacity of ", Figure.DeviceMemory);
        }
        else if (error.Is("Free memory on device"))
        {
            memory.Take(error);
        }
        else if (!error.Is("No available memory for the cache blocks"))
        {
            return false;
        }

        _text ??= LogText.Limited(error.Message, LongestText);
        return true;
    }

    public ServerLogMeasurement AddTo(ServerLogMeasurement measurement) => measurement with
    {
        KvCacheNeededGiB = _needed,
        EstimatedMaxModelLength = (long?)_estimatedLength,
        Failure = _text,
    };

    // An error's text follows its Python type, or names the worker that it came from.
    private static ReadOnlySpan<char> ErrorOf(ReadOnlySpan<char> message)
    {
        int colon = message.IndexOf(": ", StringComparison.Ordinal);
        return colon > 0 && (message[..colon].EndsWith("Error", StringComparison.Ordinal) && !message[..colon].Contains(' ')
            || message.StartsWith("Exception in worker ", StringComparison.Ordinal))
            ? message[(colon + 2)..]
            : message;
    }

    private void TakePoolTooSmall(in WorkerLine error)
    {
        LogText text = new(error.Message);
        if (text.After("max seq len ("))
        {
            setUp.TakeLengthOfFailure(text.Number(), error.Number);
        }

        // The older texts have a bracket before the number that is never closed.
        if (text.After("), ") && text.GiB() is { } needed
            && notes.IsPlausible(needed, 0, LogNotes.MostGiB, "KV cache needed", " GiB", error.Number))
        {
            _needed ??= needed;
        }

        // The engine says it, not the worker that measured it and printed it before.
        if (!pool.IsKnown && !ranks.Has(Figure.KvCache))
        {
            error.With(text.Rest).GiBAfter("available KV cache memory (", Figure.KvCache);
        }

        if (text.After("estimated maximum model length is "))
        {
            TakeEstimatedLength(text.Number(), "estimated maximum model length", error.Number);
        }
    }

    private void TakeEstimatedLength(double? length, string what, long number)
    {
        if (length is { } tokens && notes.IsCount(tokens, 0, what, number))
        {
            _estimatedLength ??= tokens;
        }
    }
}
