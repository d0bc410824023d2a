using System.CommandLine;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Cli;

/// <summary>The options that a memory estimate and a KV-cache measurement share. Lists are swept.</summary>
internal sealed class MemoryRequestOptions
{
    private readonly Option<string[]> _model = DeploymentOptions.Model();

    private readonly Option<string[]> _quantization = DeploymentOptions.Quantization();

    private readonly Option<string[]> _kvCacheDataType = DeploymentOptions.KvCacheDataType();

    private readonly Option<string[]> _engine = Options.List("--engine", "ENGINE",
        $"{string.Join(" ", EnumNames.All(typeof(Engine)))} [default: vLLM, or Transformers with --training]");

    private readonly Option<string[]> _engineVersion = Options.List("--engine-version", "VERSION",
        $"Release of the engine, such as 0.11.0; vLLM from {EngineVersions.Of(Engine.vLLM)[0]} on [default: 0.19, measured best]");

    private readonly Option<string[]> _gpu = Options.Gpus(
        "GPUs to hold the result against, by name or wildcard [default: none]");

    private readonly Option<string[]> _gpuLayers = Options.List("--gpu-layers", "N",
        "llama.cpp's -ngl: layers on GPUs, the output counted as one [default: all]");

    private readonly Option<string[]> _flashAttention = Options.List("--flash-attention", "MODE",
        $"llama.cpp's --flash-attn: {string.Join(" ", EnumNames.All(typeof(FlashAttention)))} [default: Auto, which is on]");

    private readonly Option<string[]> _batchSize = Options.List("--batch-size", "N", "Sequences in flight [default: 1]");

    private readonly Option<string[]> _sequenceLength = Options.List("--sequence-length", "TOKENS",
        "Tokens of a sequence, prompt and output together [default: 2048]");

    private readonly Option<string[]> _tensor = DeploymentOptions.TensorParallelSize();

    private readonly Option<string[]> _pipeline = DeploymentOptions.PipelineParallelSize();

    private readonly Option<string[]> _expert = DeploymentOptions.ExpertParallelSize();

    private readonly Option<string[]> _data = DeploymentOptions.DataParallelSize();

    private readonly Option<string[]> _utilization = DeploymentOptions.GpuMemoryUtilization();

    private readonly Option<string[]> _batchedTokens = Options.List("--max-batched-tokens", "TOKENS",
        "Tokens of one pass: vLLM's max_num_batched_tokens, SGLang's chunked_prefill_size, TensorRT-LLM's max_num_tokens, "
        + "llama.cpp's n_ubatch [default: the engine's on that GPU]");

    private readonly Option<string[]> _sequences = Options.List("--max-sequences", "N",
        "vLLM's max_num_seqs, TensorRT-LLM's max_batch_size [default: the engine's on that GPU]");

    private readonly Option<string[]> _maxModelLength = Options.List("--max-model-length", "TOKENS",
        "The longest sequence that the server accepts; -1 finds the longest that fits [default: no limit]");

    private readonly Option<bool> _eager = Options.Switch("--enforce-eager", "vLLM captures no CUDA graphs");

    private readonly Option<bool> _training = Options.Switch("--training",
        "Estimate a training step: with gradients and optimizer states, without KV cache");

    private readonly Option<string[]> _optimizer = Options.List("--optimizer", "NAME",
        $"Optimizer of the training: {string.Join(" ", Enum.GetNames<Optimizer>())} [default: AdamW]");

    private readonly Option<string[]> _zeroStage = Options.List("--zero-stage", "N",
        "What DeepSpeed divides over data-parallel ranks: 0 nothing, 1 optimizer states, 2 gradients too, 3 weights too [default: 0]");

    private readonly Option<string[]> _offloadOptimizer = Options.List("--offload-optimizer", "PLACE",
        $"Where DeepSpeed keeps optimizer states: {string.Join(" ", Enum.GetNames<OffloadTarget>())} [default: None, the GPU]");

    private readonly Option<string[]> _offloadParameter = Options.List("--offload-parameter", "PLACE",
        "Where DeepSpeed keeps weights under ZeRO-3 [default: None]");

    private readonly Option<bool> _noMasterWeight = Options.Switch("--no-master-weight",
        "Train 16-bit weights without FP32 copies");

    private readonly Option<string[]> _checkpointing = Options.List("--activation-checkpointing", "KIND",
        $"{string.Join(" ", Enum.GetNames<ActivationCheckpointing>())} [default: 0.3 of the activations are kept]");

    private readonly Option<bool> _chunkedLoss = Options.Switch("--chunked-loss",
        "The loss is computed in chunks, without FP32 copies of all logits");

    private readonly Option<string[]> _accumulation = Options.List("--gradient-accumulation-steps", "N",
        "Micro-batches of a step [default: 1, or the number of pipeline stages]");

    private readonly Option<bool> _fp32Accumulation = Options.Switch("--full-precision-accumulation",
        "Micro-batches' gradients are added up in FP32");

    private readonly Option<string[]> _sequenceParallel = Options.List("--sequence-parallel-size", "N",
        "GPUs that the tokens of a sequence are divided over, with DeepSpeed [default: 1]");

    private readonly Option<string[]> _loraRank = Options.List("--lora-rank", "N",
        "Train adapters of that rank in place of the weights [default: all weights]");

    private readonly Option<string[]> _loraTarget = Options.List("--lora-target", "MATRICES",
        $"Matrices with adapters: {string.Join(" ", Enum.GetNames<LoraTarget>())} [default: AllLinear]");

    private readonly Option<string[]> _attention = Options.List("--attention-implementation", "NAME",
        $"Of Transformers and DeepSpeed: {string.Join(" ", Enum.GetNames<AttentionImplementation>())} [default: Sdpa]");

    private readonly Option<string[]> _cache = Options.List("--cache-implementation", "NAME",
        $"Of Transformers: {string.Join(" ", Enum.GetNames<CacheImplementation>())} [default: Dynamic]");

    private readonly bool _withTraining;

    public MemoryRequestOptions(bool withTraining) => _withTraining = withTraining;

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _quantization, _kvCacheDataType, _engine, _engineVersion, _gpu, _gpuLayers, _flashAttention, _batchSize,
            _sequenceLength, _tensor, _pipeline, _expert, _data, _utilization, _batchedTokens, _sequences, _maxModelLength, _eager])
        {
            command.Add(option);
        }

        if (_withTraining)
        {
            foreach (Option option in (Option[])[_training, _optimizer, _zeroStage, _offloadOptimizer, _offloadParameter,
                _noMasterWeight, _checkpointing, _chunkedLoss, _accumulation, _fp32Accumulation, _sequenceParallel, _loraRank,
                _loraTarget, _attention, _cache])
            {
                command.Add(option);
            }
        }
    }

    /// <summary>Every combination of the values that are right; the wrong ones are reported.</summary>
    public IEnumerable<MemoryRequest> Requests(ParseResult parse, Diagnostics diagnostics)
    {
        List<LlmModel> models = Values.ParseModels(parse.GetValue(_model) ?? [], diagnostics);
        OptionReader read = new(parse, diagnostics);
        bool training = _withTraining && parse.GetValue(_training);
        List<Engine> engines = read.Enums<Engine>(_engine, "Engine");
        List<string> versions = read.List(_engineVersion, text => text);
        List<Quantization> quantizations = read.List(_quantization, Quantization.Parse);
        List<KvCacheDataType> cacheTypes = read.Enums<KvCacheDataType>(_kvCacheDataType, "KvCacheDataType");
        List<GpuSpec> gpus = read.Gpus(_gpu);
        List<int> gpuLayers = read.SmallWholes(_gpuLayers, "GpuLayers");
        List<FlashAttention> flashAttention = read.Enums<FlashAttention>(_flashAttention, "FlashAttention");
        List<int> tensor = read.SmallWholes(_tensor, "TensorParallelSize");
        List<int> pipeline = read.SmallWholes(_pipeline, "PipelineParallelSize");
        List<int> expert = read.SmallWholes(_expert, "ExpertParallelSize");
        List<int> data = read.SmallWholes(_data, "DataParallelSize");
        List<double> utilization = read.List(_utilization, text => Values.Number(text, "GpuMemoryUtilization"));
        List<long> batchedTokens = read.Wholes(_batchedTokens, "MaxBatchedTokens");
        List<long> sequences = read.Wholes(_sequences, "MaxSequences");
        List<long> longest = read.Wholes(_maxModelLength, "MaxModelLength");
        List<Optimizer> optimizers = _withTraining ? read.Enums<Optimizer>(_optimizer, "Optimizer") : [];
        Func<Sweep<MemoryRequest>, Sweep<MemoryRequest>> trainingAxes = _withTraining ? TrainingAxes(read) : sweep => sweep;
        List<long> batchSizes = read.Wholes(_batchSize, "BatchSize");
        List<long> lengths = read.Wholes(_sequenceLength, "SequenceLength");
        if (models.Count == 0 || read.LeavesNothing)
        {
            return [];
        }

        MemoryRequest seed = new(models[0])
        {
            Engine = training ? Engine.Transformers : Engine.vLLM,
            Training = training,
            TrainingSettings = _withTraining
                ? new TrainingSettings
                {
                    NoMasterWeight = parse.GetValue(_noMasterWeight),
                    ChunkedLoss = parse.GetValue(_chunkedLoss),
                    FullPrecisionAccumulation = parse.GetValue(_fp32Accumulation),
                }
                : TrainingSettings.Default,
            EnforceEager = parse.GetValue(_eager),
        };
        return trainingAxes(new Sweep<MemoryRequest>(seed)
            .Over(models, (r, v) => r with { Model = v })
            .Over(engines, (r, v) => r with { Engine = v })
            .Over(versions, (r, v) => r with { EngineVersion = v }))
            .Over(quantizations, (r, v) => r with { Quantization = v })
            .Over(cacheTypes, (r, v) => r with { KvCacheDataType = v })
            .Over(gpus, (r, v) => r with { Gpu = v })
            .Over(gpuLayers, (r, v) => r with { GpuLayers = v })
            .Over(flashAttention, (r, v) => r with { FlashAttention = v })
            .Over(tensor, (r, v) => r with { Parallelism = r.Parallelism with { Tensor = v } })
            .Over(pipeline, (r, v) => r with { Parallelism = r.Parallelism with { Pipeline = v } })
            .Over(expert, (r, v) => r with { Parallelism = r.Parallelism with { Expert = v } })
            .Over(data, (r, v) => r with { Parallelism = r.Parallelism with { Data = v } })
            .Over(utilization, (r, v) => r with { GpuMemoryUtilization = v })
            .Over(batchedTokens, (r, v) => r with { MaxBatchedTokens = v })
            .Over(sequences, (r, v) => r with { MaxSequences = v })
            .Over(longest, (r, v) => r with { MaxModelLength = v, SequenceLength = v > 0 ? v : r.SequenceLength })
            .Over(optimizers, (r, v) => r with { TrainingSettings = r.TrainingSettings with { Optimizer = v } })
            .Over(batchSizes, (r, v) => r with { BatchSize = v })
            .Over(lengths, (r, v) => r with { SequenceLength = v })
            .Enumerate();
    }

    /// <summary>Reads the settings of training; gives what adds them to a sweep.</summary>
    private Func<Sweep<MemoryRequest>, Sweep<MemoryRequest>> TrainingAxes(OptionReader read)
    {
        List<int> stages = read.SmallWholes(_zeroStage, "ZeroStage");
        List<OffloadTarget> offloadOptimizer = read.Enums<OffloadTarget>(_offloadOptimizer, "OffloadOptimizer");
        List<OffloadTarget> offloadParameter = read.Enums<OffloadTarget>(_offloadParameter, "OffloadParameter");
        List<ActivationCheckpointing> checkpointing = read.Enums<ActivationCheckpointing>(_checkpointing, "ActivationCheckpointing");
        List<int> steps = read.SmallWholes(_accumulation, "GradientAccumulationStep");
        List<int> ranks = read.SmallWholes(_loraRank, "LoraRank");
        List<LoraTarget> targets = read.Enums<LoraTarget>(_loraTarget, "LoraTarget");
        List<int> sequence = read.SmallWholes(_sequenceParallel, "SequenceParallelSize");
        List<AttentionImplementation> attention = read.Enums<AttentionImplementation>(_attention, "AttentionImplementation");
        List<CacheImplementation> caches = read.Enums<CacheImplementation>(_cache, "CacheImplementation");
        static MemoryRequest With(MemoryRequest r, TrainingSettings settings) => r with { TrainingSettings = settings };
        return sweep => sweep
            .Over(stages, (r, v) => With(r, r.TrainingSettings with { ZeroStage = v }))
            .Over(offloadOptimizer, (r, v) => With(r, r.TrainingSettings with { OffloadOptimizer = v }))
            .Over(offloadParameter, (r, v) => With(r, r.TrainingSettings with { OffloadParameter = v }))
            .Over(checkpointing, (r, v) => With(r, r.TrainingSettings with { ActivationCheckpointing = v }))
            .Over(steps, (r, v) => With(r, r.TrainingSettings with { GradientAccumulationStep = v }))
            .Over(ranks, (r, v) => With(r, r.TrainingSettings with { LoraRank = v }))
            .Over(targets, (r, v) => With(r, r.TrainingSettings with { LoraTarget = v }))
            .Over(sequence, (r, v) => r with { Parallelism = r.Parallelism with { Sequence = v } })
            .Over(attention, (r, v) => r with { AttentionImplementation = v })
            .Over(caches, (r, v) => r with { CacheImplementation = v });
    }
}
