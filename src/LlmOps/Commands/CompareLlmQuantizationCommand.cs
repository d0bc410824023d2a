using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Errors;

namespace LlmOps.Commands;

/// <summary>Lays a model in one format beside the same in others: size, time, cost and published quality.</summary>
[Cmdlet(VerbsData.Compare, "LlmQuantization", DefaultParameterSetName = ModelSet)]
[OutputType(typeof(QuantizationComparison))]
public sealed class CompareLlmQuantizationCommand : LlmOpsCmdlet
{
    private const string ModelSet = "Model";
    private const string CountSet = "ParameterCount";
    private const long DefaultInputLength = 1024;
    private const long DefaultOutputLength = 1024;

    private readonly ResolvedValues<string, Quantization> _from;
    private readonly ResolvedValues<string, Quantization> _to;
    private readonly ResolvedValues<GpuReference, GpuSpec> _gpus;
    private IReadOnlyList<GpuInstance>? _instances;
    private bool _isReady = true;

    public CompareLlmQuantizationCommand()
    {
        _from = new(names => ResolveEach(names, Quantization.Parse));
        _to = new(names => ResolveEach(names, Quantization.Parse));
        _gpus = new(gpus => ResolveEach(gpus, gpu => gpu.Resolve()));
    }

    [Parameter(ParameterSetName = ModelSet, Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[] Model { get; set; } = [];

    [Parameter(ParameterSetName = CountSet, Mandatory = true)]
    [Converted(typeof(double))]
    public double[] ParameterCount { get; set; } = [];

    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? To { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? From { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[]? Gpu { get; set; }

    [Parameter(ParameterSetName = ModelSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(InstanceNameCompleter))]
    public InstanceReference[]? Instance { get; set; }

    [Parameter(ParameterSetName = ModelSet)]
    [Converted(typeof(double))]
    public double[]? UsdPerHour { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(Engine))]
    [ArgumentCompleter(typeof(EngineCompleter))]
    public EngineReference[]? Engine { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(KvCacheDataType))]
    public KvCacheDataType[]? KvCacheDataType { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Alias("TP")]
    [Converted(typeof(int))]
    public int[]? TensorParallelSize { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Alias("PP")]
    [Converted(typeof(int))]
    public int[]? PipelineParallelSize { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? BatchSize { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? InputLength { get; set; }

    [Parameter(ParameterSetName = ModelSet, ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(long))]
    public long[]? OutputLength { get; set; }

    protected override void BeginProcessing()
    {
        if (Instance is not null)
        {
            LoadPrices();
            _isReady = Try(ReadInstances) && _instances is { Count: > 0 };
        }
    }

    protected override void ProcessRecord()
    {
        IReadOnlyList<Quantization>? from = _from.Of(From), to = _to.Of(To);
        IReadOnlyList<GpuSpec>? gpus = _gpus.Of(Gpu);
        if (!_isReady || from is { Count: 0 } || to is { Count: 0 } || (Gpu is { Length: > 0 } && gpus is { Count: 0 }))
        {
            return;
        }

        if (ParameterSetName == CountSet)
        {
            foreach (double count in ResolveEach(ParameterCount, QuantizationComparisonRequest.CheckParameterCount))
            {
                QuantizationComparisonRequest seed = new(null, Quantization.FP16) { ParameterCount = count };
                Write(new Sweep<QuantizationComparisonRequest>(seed), Quantization.FP16, from, to);
            }

            return;
        }

        foreach (LlmModel model in ResolveModels(Model))
        {
            QuantizationComparisonRequest seed = new(null, Quantization.FP16) { Model = model };
            Try(() => Write(Deployments(seed, model, gpus), model.PublishedQuantization, from, to));
        }
    }

    /// <summary>Writes what each combination of formats and deployments comes to.</summary>
    private void Write(
        Sweep<QuantizationComparisonRequest> deployments, Quantization published, IReadOnlyList<Quantization>? from, IReadOnlyList<Quantization>? to)
    {
        IReadOnlyList<Quantization?> origins = from is null ? [null] : [.. from];
        foreach (Quantization? before in origins)
        {
            Try(() =>
            {
                foreach (Quantization after in to ?? QuantizationComparisonRequest.UsualTargets(before ?? published))
                {
                    foreach (QuantizationComparisonRequest deployment in deployments.Enumerate())
                    {
                        StopToken.ThrowIfCancellationRequested();
                        Try(() => Write(deployment with { From = before, To = after }, before ?? published));
                    }
                }
            });
        }
    }

    private void Write(QuantizationComparisonRequest request, Quantization before)
    {
        if (request.Serving is { } serving)
        {
            WarnOfContext(request.Model!, (double)serving.InputLength + serving.OutputLength);
            if (Engine is null)
            {
                request = request with { Serving = serving with { Deployment = OnUsualEngine(serving.Deployment, before, request.To) } };
            }
        }

        WriteObject(QuantizationComparer.Compare(request));
    }

    /// <summary>The engine that has both formats. llama.cpp has GPUs take turns, however many there are.</summary>
    private static MemoryRequest OnUsualEngine(MemoryRequest deployment, Quantization before, Quantization after)
    {
        Engine engine = QuantizationComparisonRequest.UsualEngine(before, after);
        (int tensor, int pipeline, _, _) = deployment.Parallelism;
        return deployment with
        {
            Engine = engine,
            Parallelism = engine == Core.Memory.Engine.LlamaCpp ? new Parallelism(1, tensor * pipeline) : deployment.Parallelism,
        };
    }

    private Sweep<QuantizationComparisonRequest> Deployments(
        QuantizationComparisonRequest seed, LlmModel model, IReadOnlyList<GpuSpec>? gpus)
    {
        Sweep<QuantizationComparisonRequest> sweep = new(seed);
        if (gpus is not { Count: > 0 } && _instances is null)
        {
            return sweep.Over(UsdPerHour, (r, v) => r with { UsdPerHour = v });
        }

        if (gpus is { Count: > 0 } && _instances is not null)
        {
            throw ErrorRecords.Ambiguous(nameof(Gpu), nameof(Instance));
        }

        PerformanceEstimateRequest serving = new(new MemoryRequest(model), DefaultInputLength, DefaultOutputLength);
        static QuantizationComparisonRequest Served(
            QuantizationComparisonRequest r, Func<PerformanceEstimateRequest, PerformanceEstimateRequest> change) =>
            r with { Serving = change(r.Serving!.Value) };

        static QuantizationComparisonRequest With(QuantizationComparisonRequest r, Func<MemoryRequest, MemoryRequest> change) =>
            Served(r, s => s with { Deployment = change(s.Deployment) });

        sweep = new Sweep<QuantizationComparisonRequest>(seed with { Serving = serving })
            .Over(Engine, (r, v) => With(r, d => d with { Engine = v.Engine }))
            .Over(KvCacheDataType, (r, v) => With(r, d => d with { KvCacheDataType = v }))
            .Over(TensorParallelSize, (r, v) => With(r, d => d with { Parallelism = d.Parallelism with { Tensor = v } }))
            .Over(PipelineParallelSize, (r, v) => With(r, d => d with { Parallelism = d.Parallelism with { Pipeline = v } }))
            .Over(gpus, (r, v) => With(r, d => d with { Gpu = v }))
            .Over(_instances, Rented)
            .Over(UsdPerHour, (r, v) => r with { UsdPerHour = v })
            .Over(BatchSize, (r, v) => With(r, d => d with { BatchSize = v }))
            .Over(InputLength, (r, v) => Served(r, s => s with { InputLength = v }))
            .Over(OutputLength, (r, v) => Served(r, s => s with { OutputLength = v }));
        return sweep;
    }

    /// <summary>As many copies as an instance has room for, at its price.</summary>
    private static QuantizationComparisonRequest Rented(QuantizationComparisonRequest request, GpuInstance instance)
    {
        PerformanceEstimateRequest serving = request.Serving!.Value;
        return request with
        {
            Serving = serving with { Deployment = serving.Deployment with { Gpu = instance.Gpu } },
            UsdPerHour = instance.UsdPerHour,
            Copies = instance.GpuCount / Math.Max(1, serving.Deployment.Parallelism.GpuCount),
        };
    }

    private void ReadInstances()
    {
        if (UsdPerHour is not null)
        {
            throw ErrorRecords.Ambiguous(nameof(UsdPerHour), nameof(Instance));
        }

        IReadOnlyList<IEnumerable<GpuInstance>> named = ResolveEach(Instance, instance => instance.IsInstance
            ? instance.Resolve()
            : InstanceCatalog.CheapestRegions(instance.Resolve(), PriceType.OnDemand));
        _instances = [.. named.SelectMany(i => i)];
        WarnOfStalePrices(_instances.Select(i => (i.Provider, i.PriceDate, i.PriceSource)));
    }
}
