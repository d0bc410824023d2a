using LlmOps.Core.Hardware;

namespace LlmOps.Core.Calibration;

/// <summary>
/// How an engine was set up: its version, its arguments, the header that says what they came to, and sentences about single
/// settings. What a header says counts more than what was asked for.
/// </summary>
internal sealed class EngineSetUp(LogNotes notes)
{
    private const int MostBlockTokens = 1 << 20;

    private readonly HashSet<int> _engines = [];

    private string? _version;
    private string? _generation;
    private string? _model;
    private string? _dataType;
    private string? _quantization;
    private string? _kvCacheDataType;
    private string? _gpu;
    private double? _tensor;
    private double? _pipeline;
    private double? _data;
    private double? _maxModelLength;
    private double? _maxSequences;
    private double? _maxBatchedTokens;
    private double? _utilization;
    private double? _utilizationPrinted;
    private double? _blockSize;
    private bool? _graphsReserved;
    private bool? _eager;
    private bool? _speculative;
    private bool? _expertParallel;

    public bool HasArguments { get; private set; }

    public bool HasHeader { get; private set; }

    /// <summary>Takes a version, arguments or a header; false where a line is none of these.</summary>
    public bool Take(in LogLine line, long number)
    {
        ReadOnlySpan<char> message = line.Message;
        ReadOnlySpan<char> version = SetUpLine.VersionOf(message);
        if (version.Length > 0)
        {
            _version = LogText.Name(version.TrimStart('v'));
            return true;
        }

        LogText text = new(message);
        if (SetUpLine.IsHeader(message))
        {
            HasHeader = true;
            _engines.Add(ProcessLabel.EngineIndex(line.Process) ?? -1);
            _generation = message.StartsWith("Initializing a V1 ", StringComparison.Ordinal) ? "V1"
                : message.StartsWith("Initializing a V0 ", StringComparison.Ordinal) ? "V0"
                : null;
            LogText before = new(message);
            if (before.After(" engine (") && before.Rest.IndexOf(')') is > 0 and < 128 and int end)
            {
                _version = LogText.Name(before.Rest[..end].TrimStart('v'));
            }

            if (text.After("with config: "))
            {
                EngineSettings.Each(text.Rest, (key, value) => TakeSetting(key, value, number, isEffective: true));
            }

            return true;
        }

        if (SetUpLine.IsArguments(message) && text.After("args: "))
        {
            HasArguments = true;
            EngineSettings.Each(text.Rest, (key, value) => TakeSetting(key, value, number, isEffective: false));
            return true;
        }

        return false;
    }

    /// <summary>Takes a sentence about one setting, which by itself makes no start; false where a line is none.</summary>
    public bool TakeSentence(in WorkerLine line)
    {
        LogText text = new(line.Message);
        if (line.Is("Chunked prefill is enabled with max_num_batched_tokens=") && text.After("="))
        {
            Set(ref _maxBatchedTokens, text.Number(), "max_num_batched_tokens", line.Number);
            return true;
        }

        if (line.Is("Using max model len ") && text.After("len "))
        {
            Set(ref _maxModelLength, text.Number(), "max_model_len", line.Number);
            return true;
        }

        if (line.Is("Setting attention block size to ") && text.After(" to "))
        {
            Set(ref _blockSize, text.Number(), "block size", line.Number, MostBlockTokens);
            return true;
        }

        if (line.Is("CUDA graph memory profiling is ") || line.Is("In v0.19, CUDA graph memory profiling"))
        {
            _graphsReserved = line.Is("CUDA graph memory profiling is enabled");
            if (text.After("--gpu-memory-utilization=") || text.After("--gpu-memory-utilization from "))
            {
                TakePrintedUtilization(text.Number(), line.Number);
            }

            return true;
        }

        if (line.Is("Overriding num_gpu_blocks=") && text.After(" with "))
        {
            notes.Add(line.Number, $"the KV cache was set by {LogText.Limited(text.Rest, 64)}, not by what memory allows", "");
            return true;
        }

        // The files of tuned kernels are named after the GPU.
        if (line.Is("Using ") && text.After("device_name="))
        {
            _gpu ??= GpuOf(text.Rest);
            return true;
        }

        return line.Is("Starting to load model ");
    }

    /// <summary>Takes the share of a GPU's memory that was asked for.</summary>
    public void TakeUtilization(double? share, long number) => SetShare(ref _utilization, share, number);

    /// <summary>Takes the share that a line of results names; it counts where no setting does.</summary>
    public void TakePrintedUtilization(double? share, long number) => SetShare(ref _utilizationPrinted, share, number);

    /// <summary>The length that a failed start names, where no line before did.</summary>
    public void TakeLengthOfFailure(double? length, long number)
    {
        if (length is { } tokens && notes.IsCount(tokens, 0, "max_model_len", number))
        {
            _maxModelLength ??= tokens;
        }
    }

    /// <summary>Whether a header is that of a further engine of the same server, under data parallelism.</summary>
    public bool IsFurtherEngine(ReadOnlySpan<char> process) =>
        _data > 1 && ProcessLabel.EngineIndex(process) is { } engine && !_engines.Contains(engine);

    /// <param name="measurement">With its workers: their ranks tell whether experts are parallel where no setting does.</param>
    public ServerLogMeasurement AddTo(ServerLogMeasurement measurement)
    {
        string? dataType = EngineNames.DataType(_dataType);
        bool isExpertParallel = _expertParallel == true || measurement.Ranks.Any(rank => rank.ExpertParallelRank > 0);
        return measurement with
        {
            EngineVersion = _version,
            EngineGeneration = _generation,
            ModelName = _model,
            DataType = dataType,
            Quantization = EngineNames.Quantization(_quantization, dataType),
            QuantizationMethod = _quantization is "None" ? null : _quantization,
            KvCacheDataType = EngineNames.KvCache(_kvCacheDataType),
            TensorParallelSize = (int?)_tensor,
            PipelineParallelSize = (int?)_pipeline,
            DataParallelSize = (int?)_data,
            ExpertParallelSize = isExpertParallel ? (int?)((_tensor ?? 1) * (_data ?? 1)) : HasArguments ? 1 : null,
            MaxModelLength = (long?)_maxModelLength,
            MaxSequences = (long?)_maxSequences,
            MaxBatchedTokens = (long?)_maxBatchedTokens,
            GpuMemoryUtilization = _utilization ?? _utilizationPrinted,
            BlockSize = (int?)_blockSize,
            EnforceEager = _eager,
            HasSpeculativeDecoding = _speculative,
            HasCudaGraphsReserved = _graphsReserved,
            Gpu = _gpu,
        };
    }

    private void TakeSetting(ReadOnlySpan<char> key, ReadOnlySpan<char> value, long number, bool isEffective)
    {
        bool isSet = value is not ("None" or "");
        switch (key)
        {
            case "model" or "model_tag" when isSet && (isEffective || _model is null):
                _model = LogText.Name(value);
                break;
            case "dtype" when isEffective || (isSet && value is not "auto"):
                _dataType = LogText.Name(value);
                break;
            case "quantization" when isEffective || isSet:
                _quantization = LogText.Name(value);
                break;
            case "kv_cache_dtype" when isSet:
                _kvCacheDataType = LogText.Name(value);
                if (EngineNames.KvCache(_kvCacheDataType) is null)
                {
                    notes.Add(number, $"the KV-cache type '{_kvCacheDataType}' is not known");
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
                SetWhole(ref _maxModelLength, value, "max_model_len", number);
                break;
            case "tensor_parallel_size" when isSet:
                SetWhole(ref _tensor, value, "tensor_parallel_size", number, ushort.MaxValue);
                break;
            case "pipeline_parallel_size" when isSet:
                SetWhole(ref _pipeline, value, "pipeline_parallel_size", number, ushort.MaxValue);
                break;
            case "data_parallel_size" when isSet:
                SetWhole(ref _data, value, "data_parallel_size", number, ushort.MaxValue);
                break;
            case "max_num_seqs" when isSet:
                SetWhole(ref _maxSequences, value, "max_num_seqs", number);
                break;
            case "max_num_batched_tokens" when isSet:
                SetWhole(ref _maxBatchedTokens, value, "max_num_batched_tokens", number);
                break;
            case "block_size" when isSet:
                SetWhole(ref _blockSize, value, "block_size", number, MostBlockTokens);
                break;
            case "gpu_memory_utilization" when isSet:
                TakeUtilization(new LogText(value).Number(), number);
                break;
        }
    }

    private void SetWhole(ref double? kept, ReadOnlySpan<char> value, string what, long number, double most = LogNotes.MostTokens)
    {
        // 8k or a list is no plain number: what it came to stands elsewhere in the log.
        LogText text = new(value);
        double? count = text.Number();
        if (text.Rest.Trim().IsEmpty && count is { } known && notes.IsCount(known, 1, what, number, most))
        {
            kept = Math.Floor(known);
        }
    }

    private void Set(ref double? kept, double? value, string what, long number, double most = LogNotes.MostTokens)
    {
        if (value is { } count && notes.IsCount(count, 1, what, number, most))
        {
            kept = count;
        }
    }

    private void SetShare(ref double? kept, double? share, long number)
    {
        if (share is { } value && notes.IsPlausible(value, double.Epsilon, 1, "gpu_memory_utilization", "", number))
        {
            kept = value;
        }
    }

    private static string? GpuOf(ReadOnlySpan<char> fileName)
    {
        int end = fileName.IndexOfAny(",]' ");
        ReadOnlySpan<char> device = end < 0 ? fileName : fileName[..end];
        int extension = device.IndexOf(".json", StringComparison.Ordinal);
        string name = LogText.Name(extension < 0 ? device : device[..extension]).Replace('_', ' ');
        return name.Length == 0 ? null : GpuCatalog.TryGet(name, out GpuSpec? gpu) ? gpu.Name : name;
    }

    private static bool? Flag(ReadOnlySpan<char> value) => value is "True" or "true" ? true : value is "False" or "false" ? false : null;
}
