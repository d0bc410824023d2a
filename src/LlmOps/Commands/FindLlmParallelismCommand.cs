using System.Globalization;
using System.Management.Automation;
using LlmOps.Binding;
using LlmOps.Completion;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Commands;

/// <summary>Finds the ways to divide a model over a machine's GPUs, and ranks those that fit.</summary>
[Cmdlet(VerbsCommon.Find, "LlmParallelism")]
[OutputType(typeof(ParallelismLayout))]
public sealed class FindLlmParallelismCommand : LoadCmdlet
{
    private const long DefaultBatchSize = 32;
    private const long DefaultInputLength = 1024;
    private const long DefaultOutputLength = 1024;

    private readonly ResolvedValues<string, Quantization> _quantizations;
    private readonly ResolvedValues<GpuReference, GpuSpec> _gpus;

    public FindLlmParallelismCommand()
    {
        _quantizations = new(names => ResolveEach(names, Core.Precision.Quantization.Parse));
        _gpus = new(gpus => [.. ResolveEach(gpus, gpu => gpu.ResolveAll()).SelectMany(found => found).Distinct()]);
    }

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    public ModelReference[] Model { get; set; } = [];

    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(GpuNameCompleter))]
    public GpuReference[] Gpu { get; set; } = [];

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(int))]
    public int[]? GpuCount { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(string))]
    [ArgumentCompleter(typeof(QuantizationCompleter))]
    public string[]? Quantization { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Converted(typeof(ParallelismOrder), IsSingle = true)]
    public ParallelismOrder RankBy { get; set; } = ParallelismOrder.TokensPerSecondPerGpu;

    [Parameter]
    public SwitchParameter IncludeRejected { get; set; }

    protected override void ProcessRecord()
    {
        IReadOnlyList<Quantization>? quantizations = _quantizations.Of(Quantization);
        IReadOnlyList<GpuSpec>? gpus = _gpus.Of(Gpu);
        if (quantizations is { Count: 0 } || gpus is null or { Count: 0 })
        {
            return;
        }

        foreach (LlmModel model in ResolveModels(Model))
        {
            foreach (ParallelismRequest request in Combinations(model, quantizations, gpus).Enumerate())
            {
                Try(() => WriteLayouts(request));
            }
        }
    }

    private Sweep<ParallelismRequest> Combinations(
        LlmModel model, IReadOnlyList<Quantization>? quantizations, IReadOnlyList<GpuSpec> gpus)
    {
        static ParallelismRequest With(ParallelismRequest r, MemoryRequest deployment) => r with { Deployment = deployment };

        ParallelismRequest seed = new(
            new MemoryRequest(model) { BatchSize = DefaultBatchSize },
            GpuCount ?? ParallelismRequest.DefaultGpuCounts,
            DefaultInputLength,
            DefaultOutputLength)
        {
            RankBy = RankBy,
        };
        return new Sweep<ParallelismRequest>(seed)
            .Over(Engine, (r, v) => With(r, r.Deployment with { Engine = v.Engine }))
            .Over(quantizations, (r, v) => With(r, r.Deployment with { Quantization = v }))
            .Over(KvCacheDataType, (r, v) => With(r, r.Deployment with { KvCacheDataType = v }))
            .Over(gpus, (r, v) => With(r, r.Deployment with { Gpu = v }))
            .Over(GpuMemoryUtilization, (r, v) => With(r, r.Deployment with { GpuMemoryUtilization = v }))
            .Over(BatchSize, (r, v) => With(r, r.Deployment with { BatchSize = v }))
            .Over(InputLength, (r, v) => r with { InputLength = v })
            .Over(OutputLength, (r, v) => r with { OutputLength = v });
    }

    private void WriteLayouts(in ParallelismRequest request)
    {
        IReadOnlyList<ParallelismLayout> layouts = ParallelismFinder.Find(request, StopToken);
        WarnOfContext(request.Deployment.Model, (double)request.InputLength + request.OutputLength);

        if (layouts.Count > 0 && layouts[0].Rank is null)
        {
            WriteWarning(NothingFits(request, layouts));
        }

        foreach (ParallelismLayout layout in layouts.Where(layout => layout.Rank is not null || IncludeRejected))
        {
            WriteObject(layout);
        }
    }

    /// <summary>What was closest to fitting.</summary>
    private static string NothingFits(in ParallelismRequest request, IReadOnlyList<ParallelismLayout> layouts)
    {
        ParallelismLayout? closest = layouts.Where(layout => layout.TotalGiB is not null).MinBy(layout => layout.TotalGiB);
        if (closest is null && layouts.Select(layout => layout.RejectionReason).Distinct().Count() == 1)
        {
            return $"No layout of {request.Deployment.Model.Name} in {request.Deployment.EffectiveQuantization} on {request.Deployment.Gpu} "
                + $"can be ranked: {layouts[0].RejectionReason}. -IncludeRejected shows each.";
        }

        string counts = string.Join(", ", request.GpuCounts.Select(count => count.ToString(CultureInfo.InvariantCulture)));
        return $"{request.Deployment.Model.Name} in {request.Deployment.EffectiveQuantization} fits no layout of {counts} x "
            + $"{request.Deployment.Gpu}" + (closest is null ? "" : $"; closest is {closest.Layout}, {closest.RejectionReason}")
            + ". -IncludeRejected shows each with the reason.";
    }
}
