using System.CommandLine;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Precision;

namespace LlmOps.Cli;

/// <summary>The options of a performance estimate. Lists are swept.</summary>
internal sealed class PerformanceRequestOptions
{
    private const long DefaultInputLength = 1024;
    private const long DefaultOutputLength = 1024;

    private readonly Option<string[]> _model = DeploymentOptions.Model();
    private readonly Option<string[]> _quantization = DeploymentOptions.Quantization();
    private readonly Option<string[]> _kvCacheDataType = DeploymentOptions.KvCacheDataType();

    private readonly Option<string[]> _engine = Options.List("--engine", "ENGINE",
        $"{string.Join(" ", EnumNames.All(typeof(Engine)).Where(name => name != nameof(Engine.DeepSpeed)))} [default: vLLM]");

    private readonly Option<string[]> _gpu = Options.Gpus("GPUs that serve the model, by name or wildcard");

    private readonly Option<string[]> _batchSize = Options.List("--batch-size", "N",
        "Users of one copy, each with one request at a time [default: 1]");

    private readonly Option<string[]> _inputLength = Length("--input-length", "--input-len", "prompt", DefaultInputLength);
    private readonly Option<string[]> _outputLength = Length("--output-length", "--output-len", "answer", DefaultOutputLength);
    private readonly Option<string[]> _tensor = DeploymentOptions.TensorParallelSize();
    private readonly Option<string[]> _pipeline = DeploymentOptions.PipelineParallelSize();
    private readonly Option<string[]> _expert = DeploymentOptions.ExpertParallelSize();
    private readonly Option<string[]> _data = DeploymentOptions.DataParallelSize();
    private readonly Option<string[]> _utilization = DeploymentOptions.GpuMemoryUtilization();

    private readonly Option<string[]> _sequences = Options.List("--max-sequences", "N",
        "Requests of a copy that may run at once; the others queue [default: the engine's limit, and as many as the KV cache holds]");

    private readonly Option<bool> _prediction = Options.Switch("--multi-token-prediction",
        "The model's own prediction layers guess tokens ahead");

    public PerformanceRequestOptions() => _gpu.Required = true;

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _gpu, _engine, _quantization, _kvCacheDataType, _batchSize, _inputLength, _outputLength,
            _tensor, _pipeline, _expert, _data, _utilization, _sequences, _prediction])
        {
            command.Add(option);
        }
    }

    /// <summary>Every combination of the values that are right; the wrong ones are reported.</summary>
    public IEnumerable<PerformanceEstimateRequest> Requests(ParseResult parse, Diagnostics diagnostics)
    {
        List<LlmModel> models = Values.ParseModels(parse.GetValue(_model) ?? [], diagnostics);
        OptionReader read = new(parse, diagnostics);
        List<Engine> engines = read.Enums<Engine>(_engine, "Engine");
        List<Quantization> quantizations = read.List(_quantization, Quantization.Parse);
        List<KvCacheDataType> cacheTypes = read.Enums<KvCacheDataType>(_kvCacheDataType, "KvCacheDataType");
        List<GpuSpec> gpus = read.Gpus(_gpu);
        List<int> tensor = read.SmallWholes(_tensor, "TensorParallelSize");
        List<int> pipeline = read.SmallWholes(_pipeline, "PipelineParallelSize");
        List<int> expert = read.SmallWholes(_expert, "ExpertParallelSize");
        List<int> data = read.SmallWholes(_data, "DataParallelSize");
        List<double> utilization = read.List(_utilization, text => Values.Number(text, "GpuMemoryUtilization"));
        List<long> sequences = read.Wholes(_sequences, "MaxSequences");
        List<long> batchSizes = read.Wholes(_batchSize, "BatchSize");
        List<long> inputs = read.Wholes(_inputLength, "InputLength");
        List<long> outputs = read.Wholes(_outputLength, "OutputLength");
        if (models.Count == 0 || read.LeavesNothing)
        {
            return [];
        }

        static PerformanceEstimateRequest With(PerformanceEstimateRequest r, Func<MemoryRequest, MemoryRequest> change) =>
            r with { Deployment = change(r.Deployment) };

        static PerformanceEstimateRequest Divided(PerformanceEstimateRequest r, Func<Parallelism, Parallelism> change) =>
            With(r, d => d with { Parallelism = change(d.Parallelism) });

        PerformanceEstimateRequest seed = new(new MemoryRequest(models[0]), DefaultInputLength, DefaultOutputLength)
        {
            MultiTokenPrediction = parse.GetValue(_prediction),
        };
        return new Sweep<PerformanceEstimateRequest>(seed)
            .Over(models, (r, v) => With(r, d => d with { Model = v }))
            .Over(engines, (r, v) => With(r, d => d with { Engine = v }))
            .Over(quantizations, (r, v) => With(r, d => d with { Quantization = v }))
            .Over(cacheTypes, (r, v) => With(r, d => d with { KvCacheDataType = v }))
            .Over(gpus, (r, v) => With(r, d => d with { Gpu = v }))
            .Over(tensor, (r, v) => Divided(r, p => p with { Tensor = v }))
            .Over(pipeline, (r, v) => Divided(r, p => p with { Pipeline = v }))
            .Over(expert, (r, v) => Divided(r, p => p with { Expert = v }))
            .Over(data, (r, v) => Divided(r, p => p with { Data = v }))
            .Over(utilization, (r, v) => With(r, d => d with { GpuMemoryUtilization = v }))
            .Over(sequences, (r, v) => With(r, d => d with { MaxSequences = v }))
            .Over(batchSizes, (r, v) => With(r, d => d with { BatchSize = v }))
            .Over(inputs, (r, v) => r with { InputLength = v })
            .Over(outputs, (r, v) => r with { OutputLength = v })
            .Enumerate();
    }

    /// <summary>Under the name of the parameter, and under the one that the ranking has.</summary>
    private static Option<string[]> Length(string name, string alias, string what, long usual)
    {
        Option<string[]> option = Options.List(name, "TOKENS", $"Tokens of each {what} [default: {usual}]");
        option.Aliases.Add(alias);
        return option;
    }
}
