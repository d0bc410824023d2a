using System.Globalization;
using LlmOps.Core.Hardware;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Calibration;

/// <summary>One start of an engine, as far as its lines have been read.</summary>
internal sealed class EngineStart(string? path, long lineNumber)
{
    private const int MostRanks = 4096;
    private const int MostNotes = 20;
    private const int LongestName = 1024;
    private const int LongestFailure = 400;

    // Bounds beyond which a figure is no measurement: a rack's memory, eleven days, more tokens than any pool holds.
    private const double MostGiB = 65536;
    private const double MostSeconds = 1e6;
    private const double MostTokens = 1e12;

    private readonly List<RankFigures> _ranks = [];
    private readonly Dictionary<string, RankFigures> _ranksByName = new(StringComparer.Ordinal);
    private readonly HashSet<int> _engines = [];
    private readonly List<string> _notes = [];
    private int _notesLeftOut;

    private string? _version;
    private string? _generation;
    private string? _model;
    private string? _dataType;
    private string? _quantization;
    private string? _kvCacheDataType;
    private string? _gpu;
    private string? _failure;
    private double? _tensor;
    private double? _pipeline;
    private double? _data;
    private double? _maxModelLength;
    private double? _maxSequences;
    private double? _maxBatchedTokens;
    private double? _utilization;
    private double? _utilizationPrinted;
    private double? _blockSize;
    private double? _gpuBlocks;
    private double? _cpuBlocks;
    private double? _tokens;
    private double? _concurrency;
    private double? _concurrencyTokens;
    private double? _initSeconds;
    private double? _needed;
    private double? _estimatedLength;
    private bool? _graphsReserved;
    private bool? _eager;
    private bool? _speculative;
    private bool? _expertParallel;
    private bool _hasArguments;
    private bool _hasHeader;
    private bool _isMeasured;

    public long LineNumber { get; } = lineNumber;

    /// <summary>Whether there is anything to report: an engine that was set up, or figures of one.</summary>
    public bool IsStart => _hasHeader || _isMeasured || _failure is not null;

    private bool HasPool => _tokens is not null || _gpuBlocks is not null || _ranks.Exists(rank => rank[Figure.KvCache] is not null);

    /// <summary>Whether a line belongs to the next start, and not to this one.</summary>
    public bool EndsBefore(in LogLine line)
    {
        ReadOnlySpan<char> message = line.Message;
        if (VersionOf(message).Length > 0)
        {
            // A server with several front ends prints its version once for each.
            bool isFurtherFrontEnd = line.Process.StartsWith("ApiServer_", StringComparison.OrdinalIgnoreCase)
                && !line.Process.StartsWith("ApiServer_0", StringComparison.OrdinalIgnoreCase);
            return !isFurtherFrontEnd && (IsStart || _hasArguments);
        }

        if (IsArguments(message))
        {
            return IsStart || _hasArguments;
        }

        if (IsHeader(message))
        {
            bool isFurtherEngine = _data > 1 && EngineIndex(line.Process) is { } engine && !_engines.Contains(engine);
            return IsStart && !isFurtherEngine;
        }

        return HasPool
            && (message.StartsWith("Using max model len ", StringComparison.Ordinal)
                || message.StartsWith("Chunked prefill is enabled with ", StringComparison.Ordinal)
                || (!_hasHeader && message.StartsWith("Starting to load model ", StringComparison.Ordinal)));
    }

    /// <summary>Takes what a line says; false where it is none of an engine's start.</summary>
    public bool Take(in LogLine line, long number)
    {
        ReadOnlySpan<char> message = line.Message;
        if (TakeSetUp(line, number))
        {
            return true;
        }

        Measured measured = new(this, line.Process, number);
        bool isTaken = TakeLoading(message, measured)
            || TakeProfile(message, measured)
            || TakeMemorySummary(message, measured)
            || TakePool(message, measured)
            || TakeGraphs(message, measured);
        _isMeasured |= isTaken;
        return isTaken || TakeHint(message, line.Process, number) || TakeFailure(message, measured);
    }

    public ServerLogMeasurement ToMeasurement()
    {
        List<ServerLogRank> ranks = [.. _ranks.Where(rank => !rank.IsEmpty).Select(rank => rank.ToRank())];
        string? dataType = DataTypeName(_dataType);
        long? blocks = Whole(_gpuBlocks);
        int? blockSize = (int?)_blockSize ?? BlockSizeOf(_concurrency, _concurrencyTokens, _gpuBlocks);
        bool isExpertParallel = _expertParallel == true || ranks.Exists(rank => rank.ExpertParallelRank > 0);
        if (_notesLeftOut > 0)
        {
            _notes.Add(FormattableString.Invariant($"{_notesLeftOut} more values were left out."));
        }

        return new ServerLogMeasurement
        {
            EngineVersion = _version,
            EngineGeneration = _generation,
            ModelName = _model,
            DataType = dataType,
            Quantization = QuantizationName(_quantization, dataType),
            QuantizationMethod = _quantization is "None" ? null : _quantization,
            KvCacheDataType = KvCacheDataTypeOf(_kvCacheDataType),
            TensorParallelSize = (int?)_tensor,
            PipelineParallelSize = (int?)_pipeline,
            DataParallelSize = (int?)_data,
            ExpertParallelSize = isExpertParallel ? (int?)((_tensor ?? 1) * (_data ?? 1)) : _hasArguments ? 1 : null,
            MaxModelLength = Whole(_maxModelLength),
            MaxSequences = Whole(_maxSequences),
            MaxBatchedTokens = Whole(_maxBatchedTokens),
            GpuMemoryUtilization = _utilization ?? _utilizationPrinted,
            EnforceEager = _eager,
            HasSpeculativeDecoding = _speculative,
            Gpu = _gpu,
            DeviceMemoryGiB = Worst(ranks, Figure.DeviceMemory, rank => rank.DeviceMemoryGiB),
            BudgetGiB = Worst(ranks, Figure.Budget, rank => rank.BudgetGiB),
            ModelWeightsGiB = Worst(ranks, Figure.ModelWeights, rank => rank.ModelWeightsGiB),
            ActivationsGiB = Worst(ranks, Figure.Activations, rank => rank.ActivationsGiB),
            NonTorchGiB = Worst(ranks, Figure.NonTorch, rank => rank.NonTorchGiB),
            KvCacheGiB = Worst(ranks, Figure.KvCache, rank => rank.KvCacheGiB),
            KvCacheTokens = Whole(_tokens) ?? blocks * blockSize,
            GpuBlocks = blocks,
            CpuBlocks = Whole(_cpuBlocks),
            BlockSize = blockSize,
            MaxConcurrency = _concurrency,
            MaxConcurrencyTokens = Whole(_concurrencyTokens),
            CudaGraphsGiB = Worst(ranks, Figure.CudaGraphs, rank => rank.CudaGraphsGiB),
            CudaGraphsEstimatedGiB = Worst(ranks, Figure.CudaGraphsEstimated, rank => rank.CudaGraphsEstimatedGiB),
            HasCudaGraphsReserved = _graphsReserved,
            LoadSeconds = Worst(ranks, Figure.LoadSeconds, rank => rank.LoadSeconds),
            GraphCaptureSeconds = Worst(ranks, Figure.GraphCaptureSeconds, rank => rank.GraphCaptureSeconds),
            EngineInitSeconds = _initSeconds,
            KvCacheNeededGiB = _needed,
            EstimatedMaxModelLength = Whole(_estimatedLength),
            Failure = _failure,
            Ranks = ranks,
            Notes = _notes,
            Path = path,
            LineNumber = LineNumber,
        };
    }

    private static bool IsHeader(ReadOnlySpan<char> message) =>
        message.StartsWith("Initializing a", StringComparison.Ordinal) && message.Contains(" LLM engine", StringComparison.Ordinal);

    private static bool IsArguments(ReadOnlySpan<char> message) =>
        message.StartsWith("args: Namespace(", StringComparison.Ordinal)
        || message.StartsWith("non-default args: ", StringComparison.Ordinal);

    // The version that a server opens its log with, in a sentence or beside its name in block letters.
    private static ReadOnlySpan<char> VersionOf(ReadOnlySpan<char> message)
    {
        LogText text = new(message);
        bool isVersion = message.StartsWith("vLLM API server version ", StringComparison.Ordinal) ? text.After("version ")
            : message.Contains('█') && text.After(" version ");
        return isVersion ? FirstWord(text.Rest) : default;
    }

    private static ReadOnlySpan<char> FirstWord(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        int end = text.IndexOf(' ');
        return end < 0 ? text : text[..end];
    }

    // EngineCore_DP1, or EngineCore_1 for short in 0.10; null where the engines of a server are not told apart.
    private static int? EngineIndex(ReadOnlySpan<char> process) =>
        process.StartsWith("EngineCore_", StringComparison.Ordinal) ? IndexAfter(process, "EngineCore_DP") ?? IndexAfter(process, "EngineCore_") : null;

    private static int? IndexAfter(ReadOnlySpan<char> label, ReadOnlySpan<char> name)
    {
        int place = label.IndexOf(name, StringComparison.Ordinal);
        if (place < 0)
        {
            return null;
        }

        ReadOnlySpan<char> rest = label[(place + name.Length)..].TrimStart(' ');
        int length = 0;
        while (length < rest.Length && length < 6 && char.IsAsciiDigit(rest[length]))
        {
            length++;
        }

        return length == 0 ? null : int.Parse(rest[..length], CultureInfo.InvariantCulture);
    }

    private bool TakeSetUp(in LogLine line, long number)
    {
        ReadOnlySpan<char> message = line.Message;
        ReadOnlySpan<char> version = VersionOf(message);
        if (version.Length > 0)
        {
            _version = Name(version.TrimStart('v'));
            return true;
        }

        LogText text = new(message);
        if (IsHeader(message))
        {
            _hasHeader = true;
            _engines.Add(EngineIndex(line.Process) ?? -1);
            _generation = message.StartsWith("Initializing a V1 ", StringComparison.Ordinal) ? "V1"
                : message.StartsWith("Initializing a V0 ", StringComparison.Ordinal) ? "V0"
                : null;
            LogText before = new(message);
            if (before.After(" engine (") && before.Rest.IndexOf(')') is > 0 and < 128 and int end)
            {
                _version = Name(before.Rest[..end].TrimStart('v'));
            }

            if (text.After("with config: "))
            {
                EngineSettings.Each(text.Rest, (key, value) => TakeSetting(key, value, number, isEffective: true));
            }

            return true;
        }

        if (IsArguments(message) && text.After("args: "))
        {
            _hasArguments = true;
            EngineSettings.Each(text.Rest, (key, value) => TakeSetting(key, value, number, isEffective: false));
            return true;
        }

        return false;
    }

    // The header says what a setting came to, arguments what was asked for.
    private void TakeSetting(ReadOnlySpan<char> key, ReadOnlySpan<char> value, long number, bool isEffective)
    {
        bool isSet = value is not ("None" or "");
        switch (key)
        {
            case "model" or "model_tag" when isSet && (isEffective || _model is null):
                _model = Name(value);
                break;
            case "dtype" when isEffective || (isSet && value is not "auto"):
                _dataType = Name(value);
                break;
            case "quantization" when isEffective || isSet:
                _quantization = Name(value);
                break;
            case "kv_cache_dtype" when isSet:
                _kvCacheDataType = Name(value);
                if (KvCacheDataTypeOf(_kvCacheDataType) is null)
                {
                    Note(number, $"the KV-cache type '{_kvCacheDataType}' is not known");
                }

                break;
            case "enforce_eager":
                _eager = Flag(value) ?? _eager;
                break;
            case "enable_expert_parallel":
                _expertParallel = Flag(value) ?? _expertParallel;
                break;
            case "speculative_config" or "speculative_model":
                _speculative = _speculative == true || isSet;
                break;
            case "max_seq_len" or "max_model_len" when isSet && value is not ("-1" or "auto"):
                SetCount(ref _maxModelLength, value, "max_model_len", number);
                break;
            case "tensor_parallel_size" when isSet:
                SetCount(ref _tensor, value, "tensor_parallel_size", number, most: ushort.MaxValue);
                break;
            case "pipeline_parallel_size" when isSet:
                SetCount(ref _pipeline, value, "pipeline_parallel_size", number, most: ushort.MaxValue);
                break;
            case "data_parallel_size" when isSet:
                SetCount(ref _data, value, "data_parallel_size", number, most: ushort.MaxValue);
                break;
            case "max_num_seqs" when isSet:
                SetCount(ref _maxSequences, value, "max_num_seqs", number);
                break;
            case "max_num_batched_tokens" when isSet:
                SetCount(ref _maxBatchedTokens, value, "max_num_batched_tokens", number);
                break;
            case "block_size" when isSet:
                SetCount(ref _blockSize, value, "block_size", number, most: 1 << 20);
                break;
            case "gpu_memory_utilization" when isSet:
                TakeShare(ref _utilization, new LogText(value).Number(), number);
                break;
        }
    }

    private void SetCount(ref double? kept, ReadOnlySpan<char> value, string what, long number, double most = MostTokens)
    {
        // 8k or a list is no plain number: what it came to stands elsewhere in the log.
        LogText text = new(value);
        double? count = text.Number();
        if (count is not null && text.Rest.Trim().IsEmpty && IsPlausible(count.Value, 1, most, what, "", number))
        {
            kept = Math.Floor(count.Value);
        }
    }

    private void TakeShare(ref double? kept, double? share, long number)
    {
        if (share is { } value && IsPlausible(value, double.Epsilon, 1, "gpu_memory_utilization", "", number))
        {
            kept = value;
        }
    }

    private static bool TakeLoading(ReadOnlySpan<char> message, Measured measured)
    {
        LogText text = new(message);
        if (message.StartsWith("Loading model weights took ", StringComparison.Ordinal)
            || message.StartsWith("Model loading took ", StringComparison.Ordinal))
        {
            text.After(" took ");
            measured.GiB(Figure.ModelWeights, text.GiB());
            if (text.After(" and "))
            {
                measured.Seconds(Figure.LoadSeconds, text.Number(), isBetter: true);
            }

            return true;
        }

        if (message.StartsWith("Loading weights took ", StringComparison.Ordinal) && text.After(" took "))
        {
            measured.Seconds(Figure.LoadSeconds, text.Number());
            return true;
        }

        if (message.StartsWith("init engine ", StringComparison.Ordinal) && text.After(" took "))
        {
            measured.InitSeconds(text.Number());
            return true;
        }

        return false;
    }

    // The result of the profiling run: a sentence (0.7 to 0.9), pairs (0.6), or the terms in a debug line (since 0.9).
    private static bool TakeProfile(ReadOnlySpan<char> message, Measured measured)
    {
        if (!message.StartsWith("Memory profiling ", StringComparison.Ordinal)
            && !message.StartsWith("the current vLLM instance can use", StringComparison.Ordinal)
            && !message.StartsWith("total_gpu_memory", StringComparison.Ordinal)
            && !message.StartsWith("gpu_memory_utilization (", StringComparison.Ordinal)
            && !message.StartsWith("x gpu_memory_utilization (", StringComparison.Ordinal)
            && !message.StartsWith("model weights take ", StringComparison.Ordinal)
            && !message.StartsWith("non_torch_memory", StringComparison.Ordinal)
            && !message.StartsWith("PyTorch activation peak memory takes", StringComparison.Ordinal)
            && !message.StartsWith("the rest of the memory reserved for KV Cache", StringComparison.Ordinal)
            && !message.StartsWith("torch peak memory increase:", StringComparison.Ordinal)
            && !message.StartsWith("non-torch forward increase memory:", StringComparison.Ordinal)
            && !message.StartsWith("weights memory:", StringComparison.Ordinal)
            && !message.StartsWith("Total non KV cache memory:", StringComparison.Ordinal))
        {
            return false;
        }

        measured.GiBAfter(message, "total_gpu_memory (", Figure.DeviceMemory);
        measured.GiBAfter(message, "total_gpu_memory=", Figure.DeviceMemory);
        LogText share = new(message);
        if (share.After("gpu_memory_utilization (") || share.After("gpu_memory_utilization="))
        {
            measured.Share(share.Number());
            measured.GiBAfter(share.Rest, ") = ", Figure.Budget);
        }

        measured.GiBAfter(message, "model weights take ", Figure.ModelWeights);
        measured.GiBAfter(message, "weights memory: ", Figure.ModelWeights);
        measured.GiBAfter(message, "non_torch_memory takes ", Figure.NonTorch);
        measured.GiBAfter(message, "non_torch_memory=", Figure.NonTorch);
        measured.GiBAfter(message, "non-torch forward increase memory: ", Figure.NonTorch);
        measured.GiBAfter(message, "total consumed (from mem_get_info): ", Figure.Consumed);
        measured.GiBAfter(message, "PyTorch activation peak memory takes ", Figure.Activations);
        measured.GiBAfter(message, "torch peak memory increase: ", Figure.Activations);
        measured.GiBAfter(message, "peak_torch_memory=", Figure.PeakTorch);
        measured.GiBAfter(message, "reserved for KV Cache is ", Figure.KvCache);
        measured.GiBAfter(message, "kv_cache_size=", Figure.KvCache);
        return true;
    }

    // What free memory and settings came to: before loading, and in the summary after warming up (since 0.11).
    private bool TakeMemorySummary(ReadOnlySpan<char> message, Measured measured)
    {
        LogText text = new(message);
        if (message.StartsWith("Free memory on device", StringComparison.Ordinal))
        {
            if (text.After("(") && text.After("/"))
            {
                measured.GiB(Figure.DeviceMemory, text.GiB());
            }

            LogText setting = text;
            if (setting.After("esired GPU memory utilization is (") || setting.After("esired GPU memory utilization ("))
            {
                TakeShare(ref _utilization, setting.Number(), measured.LineNumber);
                measured.GiB(Figure.Budget, setting.GiB());
            }

            if (text.After("Actual usage is "))
            {
                TakeUsage(text, measured);
            }

            measured.GiBAfter(message, "Current kv cache memory in use is ", Figure.KvCache);
            return true;
        }

        if (message.StartsWith("Initial free memory", StringComparison.Ordinal))
        {
            measured.GiBAfter(message, "(util), ", Figure.Budget);
            measured.GiBAfter(message, "requested GPU memory: ", Figure.Budget);
            if (text.After(", reserved ") && text.Rest.Contains("for KV Cache", StringComparison.Ordinal))
            {
                measured.GiB(Figure.KvCache, text.GiB());
            }

            return true;
        }

        return message.StartsWith("worker requested memory: ", StringComparison.Ordinal)
            && measured.GiBAfter(message, "memory: ", Figure.Budget);
    }

    // "74.28 GiB for weight, 5.58 GiB for peak activation, …": the number comes first.
    private static void TakeUsage(LogText text, Measured measured)
    {
        for (int i = 0; i < 8; i++)
        {
            double? amount = text.GiB();
            if (amount is null || !text.After(" for "))
            {
                return;
            }

            ReadOnlySpan<char> what = text.Rest;
            if (what.StartsWith("weight", StringComparison.Ordinal))
            {
                measured.GiB(Figure.ModelWeights, amount);
            }
            else if (what.StartsWith("consumed memory", StringComparison.Ordinal))
            {
                measured.GiB(Figure.Consumed, amount);
            }
            else if (what.StartsWith("peak activation", StringComparison.Ordinal))
            {
                measured.GiB(Figure.Activations, amount);
            }
            else if (what.StartsWith("non-torch", StringComparison.Ordinal))
            {
                measured.GiB(Figure.NonTorch, amount);
            }
            else if (what.StartsWith("CUDAGraph", StringComparison.Ordinal))
            {
                measured.GiB(Figure.CudaGraphs, amount);
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

    private bool TakePool(ReadOnlySpan<char> message, Measured measured)
    {
        LogText text = new(message);
        if (message.StartsWith("Available KV cache memory:", StringComparison.Ordinal))
        {
            return measured.GiBAfter(message, ":", Figure.KvCache);
        }

        if (message.StartsWith("GPU KV cache size:", StringComparison.Ordinal) && text.After(":"))
        {
            TakeLeast(ref _tokens, text.Number(), "KV-cache tokens", measured.LineNumber);
            TakeConcurrency(text, measured.LineNumber);
            return true;
        }

        if (message.StartsWith("Maximum concurrency for ", StringComparison.Ordinal))
        {
            TakeConcurrency(text, measured.LineNumber);
            return true;
        }

        // "# GPU blocks: 7191, # CPU blocks: 512", later "# cuda blocks", "# rocm blocks" and so on.
        if (message.StartsWith("# ", StringComparison.Ordinal) && text.After(" blocks: "))
        {
            TakeLeast(ref _gpuBlocks, text.Number(), "GPU blocks", measured.LineNumber);
            if (text.After("CPU blocks: "))
            {
                TakeLeast(ref _cpuBlocks, text.Number(), "CPU blocks", measured.LineNumber);
            }

            return true;
        }

        if ((message.StartsWith("vllm cache_config_info ", StringComparison.Ordinal) || message.StartsWith("Engine ", StringComparison.Ordinal))
            && text.After("num_gpu_blocks is: "))
        {
            TakeLeast(ref _gpuBlocks, text.Number(), "GPU blocks", measured.LineNumber);
            return true;
        }

        return false;
    }

    private void TakeConcurrency(LogText text, long number)
    {
        if (!text.After("Maximum concurrency for ") || text.Number() is not { } tokens || !text.After("per request:")
            || text.Number() is not { } times
            || !IsPlausible(tokens, 1, MostTokens, "tokens per request", "", number)
            || !IsPlausible(times, 0, MostTokens, "maximum concurrency", "", number))
        {
            return;
        }

        if (_concurrency is null || times < _concurrency)
        {
            _concurrency = times;
            _concurrencyTokens = tokens;
        }
    }

    private static bool TakeGraphs(ReadOnlySpan<char> message, Measured measured)
    {
        LogText text = new(message);
        if (message.StartsWith("Graph capturing finished in ", StringComparison.Ordinal))
        {
            text.After(" in ");
            measured.Seconds(Figure.GraphCaptureSeconds, text.Number());
            measured.GiBAfter(text.Rest, "took ", Figure.CudaGraphs);
            return true;
        }

        if (message.StartsWith("Estimated CUDA graph memory: ", StringComparison.Ordinal))
        {
            return measured.GiBAfter(message, ": ", Figure.CudaGraphsEstimated);
        }

        if (message.StartsWith("CUDA graph pool memory: ", StringComparison.Ordinal) && text.After(": "))
        {
            measured.GiB(Figure.CudaGraphs, text.GiB());
            measured.GiBAfter(text.Rest, "(actual), ", Figure.CudaGraphsEstimated);
            return true;
        }

        return false;
    }

    // What is worth knowing about a start, but makes none by itself.
    private bool TakeHint(ReadOnlySpan<char> message, ReadOnlySpan<char> process, long number)
    {
        LogText text = new(message);
        if (message.StartsWith("Chunked prefill is enabled with max_num_batched_tokens=", StringComparison.Ordinal) && text.After("="))
        {
            if (text.Number() is { } tokens && IsPlausible(tokens, 1, MostTokens, "max_num_batched_tokens", "", number))
            {
                _maxBatchedTokens = tokens;
            }

            return true;
        }

        if (message.StartsWith("Using max model len ", StringComparison.Ordinal) && text.After("len "))
        {
            if (text.Number() is { } length && IsPlausible(length, 1, MostTokens, "max_model_len", "", number))
            {
                _maxModelLength = length;
            }

            return true;
        }

        if (message.StartsWith("Setting attention block size to ", StringComparison.Ordinal) && text.After(" to "))
        {
            if (text.Number() is { } size && IsPlausible(size, 1, 1 << 20, "block size", "", number))
            {
                _blockSize = size;
            }

            return true;
        }

        if (message.StartsWith("CUDA graph memory profiling is ", StringComparison.Ordinal)
            || message.StartsWith("In v0.19, CUDA graph memory profiling", StringComparison.Ordinal))
        {
            _graphsReserved = message.StartsWith("CUDA graph memory profiling is enabled", StringComparison.Ordinal);
            if (text.After("--gpu-memory-utilization=") || text.After("--gpu-memory-utilization from "))
            {
                TakeShare(ref _utilizationPrinted, text.Number(), number);
            }

            return true;
        }

        if (message.StartsWith("Overriding num_gpu_blocks=", StringComparison.Ordinal) && text.After(" with "))
        {
            Note(number, $"the KV cache was set by {Limited(text.Rest, 64)}, not by what memory allows", "");
            return true;
        }

        if (message.StartsWith("rank ", StringComparison.Ordinal) && text.After(" is assigned as "))
        {
            if (RankOf(process) is { } rank)
            {
                rank.Data = IndexAfter(text.Rest, "DP rank") ?? rank.Data;
                rank.Pipeline = IndexAfter(text.Rest, "PP rank") ?? rank.Pipeline;
                rank.Tensor = IndexAfter(text.Rest, "TP rank") ?? rank.Tensor;
                rank.Expert = IndexAfter(text.Rest, "EP rank") ?? rank.Expert;
            }

            return true;
        }

        // The files of tuned kernels are named after the GPU.
        if (message.StartsWith("Using ", StringComparison.Ordinal) && text.After("device_name="))
        {
            int end = text.Rest.IndexOfAny(",]' ");
            ReadOnlySpan<char> device = end < 0 ? text.Rest : text.Rest[..end];
            int extension = device.IndexOf(".json", StringComparison.Ordinal);
            string name = Name(extension < 0 ? device : device[..extension]).Replace('_', ' ');
            _gpu ??= name.Length == 0 ? null : GpuCatalog.TryGet(name, out GpuSpec? gpu) ? gpu.Name : name;
            return true;
        }

        return message.StartsWith("Starting to load model ", StringComparison.Ordinal);
    }

    private bool TakeFailure(ReadOnlySpan<char> message, Measured measured)
    {
        // An error's text follows its Python type, or names the worker that it came from.
        ReadOnlySpan<char> error = message;
        int colon = error.IndexOf(": ", StringComparison.Ordinal);
        if (colon > 0 && (error[..colon].EndsWith("Error", StringComparison.Ordinal) && !error[..colon].Contains(' ')
            || error.StartsWith("Exception in worker ", StringComparison.Ordinal)))
        {
            error = error[(colon + 2)..];
        }

        LogText text = new(error);
        if (error.StartsWith("To serve at least one request with the model", StringComparison.Ordinal))
        {
            if (text.After("max seq len ("))
            {
                TakeIfNone(ref _maxModelLength, text.Number(), "max_model_len", measured.LineNumber);
            }

            // The older texts have a bracket before the number that is never closed.
            if (text.After("), ") && text.GiB() is { } needed && IsPlausible(needed, 0, MostGiB, "KV cache needed", " GiB", measured.LineNumber))
            {
                _needed ??= needed;
            }

            // The engine says it, not the worker that measured it and printed it before.
            if (!HasPool)
            {
                measured.GiBAfter(text.Rest, "available KV cache memory (", Figure.KvCache);
            }

            if (text.After("estimated maximum model length is "))
            {
                TakeIfNone(ref _estimatedLength, text.Number(), "estimated maximum model length", measured.LineNumber);
            }
        }
        else if (error.StartsWith("The model's max seq len (", StringComparison.Ordinal))
        {
            text.After("(");
            TakeIfNone(ref _maxModelLength, text.Number(), "max_model_len", measured.LineNumber);
            if (text.After("stored in KV cache ("))
            {
                double? tokens = text.Number();
                TakeIfNone(ref _estimatedLength, tokens, "KV-cache tokens", measured.LineNumber);
                TakeIfNone(ref _tokens, tokens, "KV-cache tokens", measured.LineNumber);
            }
        }
        else if (error.StartsWith("CUDA out of memory. ", StringComparison.Ordinal) || error.StartsWith("HIP out of memory. ", StringComparison.Ordinal))
        {
            // Requests of a server that runs can run out of memory too; that is not its start.
            if (!IsStart || _initSeconds is not null || _ranks.Exists(rank => rank[Figure.GraphCaptureSeconds] is not null))
            {
                return false;
            }

            measured.GiBAfter(error, "has a total capacity of ", Figure.DeviceMemory);
        }
        else if (error.StartsWith("Free memory on device", StringComparison.Ordinal))
        {
            TakeMemorySummary(error, measured);
        }
        else if (!error.StartsWith("No available memory for the cache blocks", StringComparison.Ordinal))
        {
            return false;
        }

        _failure ??= Limited(error, LongestFailure);
        return true;
    }

    private void TakeIfNone(ref double? kept, double? value, string what, long number)
    {
        if (value is { } count && IsPlausible(count, 0, MostTokens, what, "", number))
        {
            kept ??= count;
        }
    }

    private void TakeLeast(ref double? kept, double? value, string what, long number)
    {
        if (value is { } count && IsPlausible(count, 0, MostTokens, what, "", number))
        {
            kept = kept is { } known ? Math.Min(known, count) : count;
        }
    }

    private bool IsPlausible(double value, double least, double most, string what, string unit, long number)
    {
        if (value >= least && value <= most)
        {
            return true;
        }

        string shown = double.IsFinite(value) ? value.ToString("R", CultureInfo.InvariantCulture) + unit : "no finite number";
        Note(number, $"{what} is {shown}, which cannot be");
        return false;
    }

    private void Note(long number, string what, string outcome = "; it was left out")
    {
        if (_notes.Count < MostNotes)
        {
            _notes.Add(FormattableString.Invariant($"Line {number}: {what}{outcome}."));
        }
        else
        {
            _notesLeftOut++;
        }
    }

    private RankFigures? RankOf(ReadOnlySpan<char> process)
    {
        string name = Name(process);
        if (_ranksByName.TryGetValue(name, out RankFigures? known))
        {
            return known;
        }

        if (_ranks.Count == MostRanks)
        {
            return null;
        }

        // A label with a rank in it says enough; others are told apart by their process ids.
        int pid = name.IndexOf(" pid=", StringComparison.Ordinal);
        bool isNumbered = pid > 0 && char.IsAsciiDigit(name[pid - 1]);
        RankFigures rank = new(isNumbered ? name[..pid] : name)
        {
            Data = IndexAfter(process, "_DP"),
            Pipeline = IndexAfter(process, "_PP") ?? IndexAfter(process, " PP"),
            Tensor = IndexAfter(process, "_TP") ?? IndexAfter(process, " TP"),
            Expert = IndexAfter(process, "_EP"),
        };
        _ranks.Add(rank);
        _ranksByName.Add(name, rank);
        return rank;
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

    // Blocks × size = concurrency × tokens, where all layers are alike. Sizes are powers of two; one that the two decimals of
    // the concurrency do not settle is not given.
    private static int? BlockSizeOf(double? concurrency, double? tokens, double? blocks)
    {
        double size = concurrency * tokens / blocks ?? 0;
        double nearest = Math.Round(size);
        return nearest is >= 8 and <= 1024 && double.IsPow2(nearest) && Math.Abs(size - nearest) <= 0.01 * nearest && concurrency >= 0.5 ? (int)nearest : null;
    }

    private static long? Whole(double? value) => value is { } number ? (long)number : null;

    private static bool? Flag(ReadOnlySpan<char> value) => value is "True" or "true" ? true : value is "False" or "false" ? false : null;

    private static string Name(ReadOnlySpan<char> value) => Limited(value, LongestName);

    private static string Limited(ReadOnlySpan<char> text, int most) => text.Length <= most ? text.ToString() : $"{text[..most]}…";

    private static string? DataTypeName(string? printed) => printed?.Replace("torch.", "", StringComparison.Ordinal) switch
    {
        "bfloat16" => "BF16",
        "float16" or "half" => "FP16",
        "float32" or "float" => "FP32",
        _ => null,
    };

    private static string? QuantizationName(string? method, string? dataType) => method switch
    {
        null or "None" => dataType,
        "fp8" or "fbgemm_fp8" or "ptpc_fp8" => "FP8",
        "awq" or "awq_marlin" => "AWQ",
        "gptq" or "gptq_marlin" or "gptq_bitblas" => "GPTQ",
        "bitsandbytes" => "NF4",
        "mxfp4" or "gpt_oss_mxfp4" => "MXFP4",
        "modelopt_fp4" or "nvfp4" => "NVFP4",
        _ => null,
    };

    private static KvCacheDataType? KvCacheDataTypeOf(string? printed) => printed switch
    {
        null => null,
        "auto" => KvCacheDataType.Auto,
        "bfloat16" or "bf16" => KvCacheDataType.BF16,
        "float16" or "half" or "fp16" => KvCacheDataType.FP16,
        _ when printed.StartsWith("fp8", StringComparison.Ordinal) => KvCacheDataType.FP8,
        _ when printed.StartsWith("int8", StringComparison.Ordinal) => KvCacheDataType.INT8,
        _ when printed.StartsWith("int4", StringComparison.Ordinal) => KvCacheDataType.INT4,
        _ => null,
    };

    /// <summary>Where the figures of one line go: to the worker that printed it.</summary>
    private readonly ref struct Measured(EngineStart start, ReadOnlySpan<char> process, long lineNumber)
    {
        private readonly ReadOnlySpan<char> _process = process;

        public long LineNumber { get; } = lineNumber;

        public bool GiBAfter(ReadOnlySpan<char> message, ReadOnlySpan<char> phrase, Figure figure)
        {
            LogText text = new(message);
            return text.After(phrase) && GiB(figure, text.GiB());
        }

        /// <returns>Whether a number stood there, plausible or not.</returns>
        public bool GiB(Figure figure, double? amount)
        {
            // A pool can be short of nothing, and graphs can free more than they take; all else is an amount.
            double least = figure is Figure.KvCache or Figure.CudaGraphs ? -MostGiB : 0;
            if (amount is { } value && start.IsPlausible(value, least, MostGiB, Words(figure), " GiB", LineNumber))
            {
                start.RankOf(_process)?.Take(figure, value, isBetter: false);
            }

            return amount is not null;
        }

        public void Seconds(Figure figure, double? seconds, bool isBetter = false)
        {
            if (seconds is { } value && start.IsPlausible(value, 0, MostSeconds, Words(figure), "", LineNumber))
            {
                start.RankOf(_process)?.Take(figure, value, isBetter);
            }
        }

        public void Share(double? share) => start.TakeShare(ref start._utilizationPrinted, share, LineNumber);

        public void InitSeconds(double? seconds)
        {
            if (seconds is { } value && start.IsPlausible(value, 0, MostSeconds, "seconds to set up the engine", "", LineNumber))
            {
                start._initSeconds = Math.Max(value, start._initSeconds ?? 0);
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
}
