using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;

namespace LlmOps.Cli.Commands;

/// <summary><c>llmops optimize</c>: the instance that does a job at the best price.</summary>
internal static class OptimizeCommand
{
    private const long DefaultBatchSize = 32;
    private const long DefaultInputLength = 128;
    private const long DefaultOutputLength = 512;
    private const double DefaultSafetyFactor = 0.9;
    private const int DefaultTop = 10;

    public static Command Create(Terminal terminal)
    {
        Arguments arguments = new();
        Command command = new("optimize",
            "Finds the GPU instance that runs a batch at the best price, keeping part of the KV cache in host memory where "
            + "it does not fit the GPU.");
        arguments.AddTo(command);
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            OutputFormat format = parse.Format(arguments.Output);
            int top = arguments.ReadTop(parse);
            PricesCommand.LoadUserPrices(terminal, diagnostics);
            OptimizationRequest request = arguments.ReadRequest(parse);
            IReadOnlyList<GpuInstance> instances = arguments.ReadInstances(parse, request, diagnostics);
            IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(request, instances, terminal.Cancellation);

            InstanceEvaluation[] shown = [.. all.Where(e => e.Rank <= top
                || (e.Rank is null && parse.GetValue(arguments.IncludeRejected)))];
            bool found = all.Any(e => e.Rank is not null);
            if (all.Count == 0 && diagnostics.HasErrors)
            {
                return ExitCode.BadInput;
            }

            if (new StalePriceNotice(terminal.Clock).About(shown.Where(e => e.Provider != InstanceOptimizer.PublishedProvider)
                .Select(e => (e.Provider ?? "", e.PriceDate, e.PriceSource))) is { } stale)
            {
                diagnostics.Warning(stale);
            }

            if (format == OutputFormat.Table)
            {
                OptimizationReport.Show(terminal, request, all, shown);
            }
            else
            {
                WriteRecords(terminal, diagnostics, shown, format);
            }

            if (!found)
            {
                terminal.Error.WriteLine("llmops: " + OptimizationReport.WhyNothing(terminal, request, all));
            }

            return diagnostics.ExitCodeFor(found);
        }));
        return command;
    }

    private static void WriteRecords(
        Terminal terminal, Diagnostics diagnostics, InstanceEvaluation[] shown, OutputFormat format)
    {
        RecordWriter<InstanceEvaluation> writer = RecordWriter<InstanceEvaluation>.Create(format, terminal, _ => { });
        foreach (InstanceEvaluation evaluation in shown)
        {
            writer.Write(evaluation);
            if (evaluation.BreaksPhysicalFloor)
            {
                diagnostics.Warning(OptimizationReport.FloorWarning(terminal, evaluation));
            }
        }

        writer.Complete();
    }

    /// <summary>The command's options, and what they ask for.</summary>
    private sealed class Arguments
    {
        private readonly Option<string?> _model = Options.WithModelNames(Options.Single("--model", "MODEL",
            "Catalogue name, repository id, or path of a config.json"));

        private readonly Option<string?> _batchSize = Options.Single("--batch-size", "N",
            $"Sequences in the batch [default: {DefaultBatchSize}]");

        private readonly Option<string?> _inputLength = Options.Single("--input-len", "TOKENS",
            $"Tokens of each prompt [default: {DefaultInputLength}]");

        private readonly Option<string?> _outputLength = Options.Single("--output-len", "TOKENS",
            $"Tokens generated for each prompt [default: {DefaultOutputLength}]");

        private readonly Option<string?> _safetyFactor = Options.Single("--safety-factor", "SHARE",
            "Share of GPU memory that may be used, 0.01 to 1 [default: 0.9]");

        private readonly Option<string?> _slo = Options.Single("--slo-tps", "TPS",
            "Least throughput that is acceptable, tokens a second as the performance model counts them [default: none]");

        private readonly Option<bool> _adjust = Options.Switch("--adjust",
            "Apply the experimental adjustment: 30 % more of the KV cache is offloaded");

        private readonly Option<string?> _precision = Options.Single("--precision", "BYTES",
            "Bytes of a weight: 4 (FP32), 2 (FP16), 1 (INT8) or 0.5 (INT4) [default: as published]");

        private readonly Option<string?> _quantization = Options.Single("--quantization", "FORMAT",
            "Format of the weights by name, such as FP8 or AWQ; instead of --precision [default: as published]");

        private readonly Option<string?> _kvCacheDataType = Options.Single("--kv-cache-data-type", "TYPE",
            $"Type of cached keys and values: {string.Join(" ", Enum.GetNames<KvCacheDataType>())} [default: Auto]");

        private readonly Option<string?> _performanceModel = Options.Single("--performance-model", "NAME",
            "Roofline: cloud instances, generated tokens, never faster than the hardware allows. InferSave: the published "
            + "program with its four instances; prompt and generated tokens [default: Roofline]");

        private readonly Option<string?> _priceType = Options.Single("--price-type", "NAME",
            $"{string.Join(", ", Enum.GetNames<PriceType>())} [default: OnDemand]");

        private readonly InstanceOptions _filter = new(greedy: true);

        private readonly Option<bool> _all = Options.Switch("--all", "List every instance that meets the SLO");

        private readonly Option<string?> _top = Options.Single("--top", "N",
            $"List so many of the instances that meet the SLO [default: {DefaultTop}]");

        public Option<bool> IncludeRejected { get; } = Options.Switch("--include-rejected",
            "List the instances too that cannot run the job or miss the SLO, with the reason");

        public Option<string?> Output { get; } = Options.Output();

        public void AddTo(Command command)
        {
            foreach (Option option in (Option[])[_model, _batchSize, _inputLength, _outputLength, _safetyFactor, _slo,
                _adjust, _precision, _quantization, _kvCacheDataType, _performanceModel, _priceType])
            {
                command.Add(option);
            }

            _filter.AddTo(command);
            command.Add(_all);
            command.Add(_top);
            command.Add(IncludeRejected);
            command.Add(Output);
        }

        public int ReadTop(ParseResult parse)
        {
            bool all = parse.GetValue(_all);
            if (all && parse.GetValue(_top) is not null)
            {
                throw Contradiction("--all and --top");
            }

            return all
                ? int.MaxValue
                : (int)Guard.InRange(parse.Whole(_top, "Top") ?? DefaultTop, 1, int.MaxValue, "Top");
        }

        public OptimizationRequest ReadRequest(ParseResult parse)
        {
            Workload workload = new(
                ModelSource.Resolve(parse.GetValue(_model)!),
                parse.Whole(_batchSize, "BatchSize") ?? DefaultBatchSize,
                parse.Whole(_inputLength, "InputLength") ?? DefaultInputLength,
                parse.Whole(_outputLength, "OutputLength") ?? DefaultOutputLength)
            {
                Quantization = ReadQuantization(parse),
                KvCacheDataType = parse.OneOf<KvCacheDataType>(_kvCacheDataType, "KvCacheDataType") ?? KvCacheDataType.Auto,
            };
            return new OptimizationRequest(workload)
            {
                PerformanceModel = parse.OneOf<PerformanceModelName>(_performanceModel, "PerformanceModel")
                    ?? PerformanceModelName.Fitted,
                SafetyFactor = parse.Number(_safetyFactor, "SafetyFactor") ?? DefaultSafetyFactor,
                Objectives = new ServiceObjectives { TokensPerSecond = parse.Number(_slo, "SloTokensPerSecond") },
                AdjustOffloading = parse.GetValue(_adjust),
                PriceType = parse.OneOf<PriceType>(_priceType, "PriceType") ?? PriceType.OnDemand,
            };
        }

        public IReadOnlyList<GpuInstance> ReadInstances(
            ParseResult parse, in OptimizationRequest request, Diagnostics diagnostics) =>
            InstanceOptimizer.Candidates(
                request.PerformanceModel, request.PriceType, _filter.Read(parse, diagnostics, request.PriceType));

        private Quantization? ReadQuantization(ParseResult parse)
        {
            double? bytes = parse.Number(_precision, "PrecisionBytes");
            string? name = parse.GetValue(_quantization);
            return (bytes, name) switch
            {
                (not null, not null) => throw Contradiction("--precision and --quantization"),
                (not null, null) => OptimizationRequest.QuantizationOfBytes(bytes.Value),
                (null, not null) => Quantization.Parse(name),
                _ => null,
            };
        }

        private static LlmOpsException Contradiction(string options) =>
            new("OptionsContradict", ErrorKind.InvalidArgument, $"{options} contradict each other; give one of them.");
    }
}
