namespace LlmOps.Core.Calibration;

/// <summary>What the pool for keys and values came to: tokens, blocks, and sequences that it holds at once.</summary>
internal sealed class EnginePool(LogNotes notes)
{
    private double? _gpuBlocks;
    private double? _cpuBlocks;
    private double? _tokens;
    private double? _concurrency;
    private double? _concurrencyTokens;

    public bool IsKnown => _tokens is not null || _gpuBlocks is not null;

    /// <summary>Takes a line; false where it says nothing of the pool.</summary>
    public bool Take(in WorkerLine line)
    {
        LogText text = new(line.Message);
        if (line.Is("Available KV cache memory:"))
        {
            return line.GiBAfter(":", Figure.KvCache);
        }

        if (line.Is("GPU KV cache size:") && text.After(":"))
        {
            TakeLeast(ref _tokens, text.Number(), "KV-cache tokens", line.Number);
            TakeConcurrency(text, line.Number);
            return true;
        }

        if (line.Is("Maximum concurrency for "))
        {
            TakeConcurrency(text, line.Number);
            return true;
        }

        // "# GPU blocks: 7191, # CPU blocks: 512", later "# cuda blocks", "# rocm blocks" and so on.
        if (line.Is("# ") && text.After(" blocks: "))
        {
            TakeLeast(ref _gpuBlocks, text.Number(), "GPU blocks", line.Number);
            if (text.After("CPU blocks: "))
            {
                TakeLeast(ref _cpuBlocks, text.Number(), "CPU blocks", line.Number);
            }

            return true;
        }

        if ((line.Is("vllm cache_config_info ") || line.Is("Engine ")) && text.After("num_gpu_blocks is: "))
        {
            TakeLeast(ref _gpuBlocks, text.Number(), "GPU blocks", line.Number);
            return true;
        }

        return false;
    }

    /// <summary>The tokens that a failed start names, where no line before did.</summary>
    public void TakeTokensOfFailure(double? tokens, long number)
    {
        if (tokens is { } count && notes.IsCount(count, 0, "KV-cache tokens", number))
        {
            _tokens ??= count;
        }
    }

    public ServerLogMeasurement AddTo(ServerLogMeasurement measurement)
    {
        int? blockSize = measurement.BlockSize ?? BlockSizeOf(_concurrency, _concurrencyTokens, _gpuBlocks);
        return measurement with
        {
            KvCacheTokens = (long?)_tokens ?? (long?)_gpuBlocks * blockSize,
            GpuBlocks = (long?)_gpuBlocks,
            CpuBlocks = (long?)_cpuBlocks,
            BlockSize = blockSize,
            MaxConcurrency = _concurrency,
            MaxConcurrencyTokens = (long?)_concurrencyTokens,
        };
    }

    private void TakeConcurrency(LogText text, long number)
    {
        if (!text.After("Maximum concurrency for ") || text.Number() is not { } tokens || !text.After("per request:")
            || text.Number() is not { } times
            || !notes.IsCount(tokens, 1, "tokens per request", number)
            || !notes.IsCount(times, 0, "maximum concurrency", number))
        {
            return;
        }

        if (_concurrency is null || times < _concurrency)
        {
            _concurrency = times;
            _concurrencyTokens = tokens;
        }
    }

    // Of several engines, the one with least room: each prints its own.
    private void TakeLeast(ref double? kept, double? value, string what, long number)
    {
        if (value is { } count && notes.IsCount(count, 0, what, number))
        {
            kept = kept is { } known ? Math.Min(known, count) : count;
        }
    }

    // Blocks × size = concurrency × tokens, where all layers are alike. Sizes are powers of two; one that the two decimals of
    // the concurrency do not settle is not given.
    private static int? BlockSizeOf(double? concurrency, double? tokens, double? blocks)
    {
        double size = concurrency * tokens / blocks ?? 0;
        double nearest = Math.Round(size);
        return nearest is >= 8 and <= 1024 && double.IsPow2(nearest) && Math.Abs(size - nearest) <= 0.01 * nearest && concurrency >= 0.5 ? (int)nearest : null;
    }
}
