namespace LlmOps.Core.Calibration;

/// <summary>
/// The lines in which workers say where memory and time went: loading, profiling, free memory, CUDA graphs. The figures go to
/// the workers.
/// </summary>
internal sealed class WorkerMemory(EngineSetUp setUp, LogNotes notes)
{
    private double? _initSeconds;

    /// <summary>Whether the engine says that it has started.</summary>
    public bool IsComplete => _initSeconds is not null;

    /// <summary>Takes a line; false where it is none of these.</summary>
    public bool Take(in WorkerLine line) =>
        TakeLoading(line) || TakeProfile(line) || TakeFreeMemory(line) || TakeGraphs(line);

    public ServerLogMeasurement AddTo(ServerLogMeasurement measurement) => measurement with { EngineInitSeconds = _initSeconds };

    private bool TakeLoading(in WorkerLine line)
    {
        LogText text = new(line.Message);
        if (line.Is("Loading model weights took ") || line.Is("Model loading took "))
        {
            text.After(" took ");
            line.GiB(Figure.ModelWeights, text.GiB());
            if (text.After(" and "))
            {
                line.Seconds(Figure.LoadSeconds, text.Number(), isBetter: true);
            }

            return true;
        }

        if (line.Is("Loading weights took ") && text.After(" took "))
        {
            line.Seconds(Figure.LoadSeconds, text.Number());
            return true;
        }

        if (line.Is("init engine ") && text.After(" took "))
        {
            if (text.Number() is { } seconds
                && notes.IsPlausible(seconds, 0, LogNotes.MostSeconds, "seconds to set up the engine", "", line.Number))
            {
                _initSeconds = Math.Max(seconds, _initSeconds ?? 0);
            }

            return true;
        }

        return false;
    }

    // The result of the profiling run: a sentence (0.7 to 0.9), pairs (0.6), or the terms in a debug line (since 0.9).
    private bool TakeProfile(in WorkerLine line)
    {
        if (!line.Is("Memory profiling ")
            && !line.Is("the current vLLM instance can use")
            && !line.Is("total_gpu_memory")
            && !line.Is("gpu_memory_utilization (")
            && !line.Is("x gpu_memory_utilization (")
            && !line.Is("model weights take ")
            && !line.Is("non_torch_memory")
            && !line.Is("PyTorch activation peak memory takes")
            && !line.Is("the rest of the memory reserved for KV Cache")
            && !line.Is("torch peak memory increase:")
            && !line.Is("non-torch forward increase memory:")
            && !line.Is("weights memory:")
            && !line.Is("Total non KV cache memory:"))
        {
            return false;
        }

        line.GiBAfter("total_gpu_memory (", Figure.DeviceMemory);
        line.GiBAfter("total_gpu_memory=", Figure.DeviceMemory);
        LogText share = new(line.Message);
        if (share.After("gpu_memory_utilization (") || share.After("gpu_memory_utilization="))
        {
            setUp.TakePrintedUtilization(share.Number(), line.Number);
            line.With(share.Rest).GiBAfter(") = ", Figure.Budget);
        }

        line.GiBAfter("model weights take ", Figure.ModelWeights);
        line.GiBAfter("weights memory: ", Figure.ModelWeights);
        line.GiBAfter("non_torch_memory takes ", Figure.NonTorch);
        line.GiBAfter("non_torch_memory=", Figure.NonTorch);
        line.GiBAfter("non-torch forward increase memory: ", Figure.NonTorch);
        line.GiBAfter("total consumed (from mem_get_info): ", Figure.Consumed);
        line.GiBAfter("PyTorch activation peak memory takes ", Figure.Activations);
        line.GiBAfter("torch peak memory increase: ", Figure.Activations);
        line.GiBAfter("peak_torch_memory=", Figure.PeakTorch);
        line.GiBAfter("reserved for KV Cache is ", Figure.KvCache);
        line.GiBAfter("kv_cache_size=", Figure.KvCache);
        return true;
    }

    // What free memory and settings came to: before loading, and in the summary after warming up (since 0.11).
    private bool TakeFreeMemory(in WorkerLine line)
    {
        LogText text = new(line.Message);
        if (line.Is("Free memory on device"))
        {
            if (text.After("(") && text.After("/"))
            {
                line.GiB(Figure.DeviceMemory, text.GiB());
            }

            LogText setting = text;
            if (setting.After("esired GPU memory utilization is (") || setting.After("esired GPU memory utilization ("))
            {
                setUp.TakeUtilization(setting.Number(), line.Number);
                line.GiB(Figure.Budget, setting.GiB());
            }

            if (text.After("Actual usage is "))
            {
                TakeUsage(text, line);
            }

            line.GiBAfter("Current kv cache memory in use is ", Figure.KvCache);
            return true;
        }

        if (line.Is("Initial free memory"))
        {
            line.GiBAfter("(util), ", Figure.Budget);
            line.GiBAfter("requested GPU memory: ", Figure.Budget);
            if (text.After(", reserved ") && text.Rest.Contains("for KV Cache", StringComparison.Ordinal))
            {
                line.GiB(Figure.KvCache, text.GiB());
            }

            return true;
        }

        return line.Is("worker requested memory: ") && line.GiBAfter("memory: ", Figure.Budget);
    }

    // "74.28 GiB for weight, 5.58 GiB for peak activation, …": the number comes first.
    private static void TakeUsage(LogText text, in WorkerLine line)
    {
        const int mostTerms = 8;
        for (int i = 0; i < mostTerms; i++)
        {
            double? amount = text.GiB();
            if (amount is null || !text.After(" for "))
            {
                return;
            }

            if (UsedFor(text.Rest) is { } figure)
            {
                line.GiB(figure, amount);
            }

            if (!text.After(", "))
            {
                return;
            }

            if (text.Rest.StartsWith("and ", StringComparison.Ordinal))
            {
                text.After("and ");
            }
        }
    }

    private static Figure? UsedFor(ReadOnlySpan<char> what) =>
        what.StartsWith("weight", StringComparison.Ordinal) ? Figure.ModelWeights
        : what.StartsWith("consumed memory", StringComparison.Ordinal) ? Figure.Consumed
        : what.StartsWith("peak activation", StringComparison.Ordinal) ? Figure.Activations
        : what.StartsWith("non-torch", StringComparison.Ordinal) ? Figure.NonTorch
        : what.StartsWith("CUDAGraph", StringComparison.Ordinal) ? Figure.CudaGraphs
        : null;

    private static bool TakeGraphs(in WorkerLine line)
    {
        LogText text = new(line.Message);
        if (line.Is("Graph capturing finished in "))
        {
            text.After(" in ");
            line.Seconds(Figure.GraphCaptureSeconds, text.Number());
            line.With(text.Rest).GiBAfter("took ", Figure.CudaGraphs);
            return true;
        }

        if (line.Is("Estimated CUDA graph memory: "))
        {
            return line.GiBAfter(": ", Figure.CudaGraphsEstimated);
        }

        if (line.Is("CUDA graph pool memory: ") && text.After(": "))
        {
            line.GiB(Figure.CudaGraphs, text.GiB());
            line.With(text.Rest).GiBAfter("(actual), ", Figure.CudaGraphsEstimated);
            return true;
        }

        return false;
    }
}
