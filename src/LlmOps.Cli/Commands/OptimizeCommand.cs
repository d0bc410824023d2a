using System.CommandLine;
using LlmOps.Cli.Rendering;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
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
    private const int DefaultTop = 10;

    public static Command Create(Terminal terminal)
    {
        Arguments arguments = new();
        Command command = new("optimize",
            "Finds the GPU instance that serves a model at the best price: a batch, a rate of requests or as many users as can be, "
            + "in the best layout, with part of the KV cache in host memory where that pays.");
        arguments.AddTo(command);
        command.SetAction(parse => LlmOpsCommand.Guarded(terminal, diagnostics =>
        {
            OutputFormat format = parse.Format(arguments.Output);
            int top = arguments.ReadTop(parse);
            PricesCommand.LoadUserPrices(terminal, diagnostics);
            OptimizationRequest request = arguments.ReadRequest(parse, diagnostics);
            InstanceFilter filter = arguments.ReadFilter(parse, request, diagnostics);
            IReadOnlyList<GpuInstance> instances = InstanceOptimizer.Candidates(request.PerformanceModel, request.PriceType, filter);
            IReadOnlyList<InstanceEvaluation> all = InstanceOptimizer.Evaluate(request, instances, terminal.Cancellation);

            InstanceEvaluation[] shown = [.. all.Where(e => e.Rank <= top
                || (e.Rank is null && parse.GetValue(arguments.IncludeRejected)))];
            bool found = all.Any(e => e.Rank is not null);
            if (all.Count == 0 && diagnostics.HasErrors)
            {
                return ExitCode.BadInput;
            }

            if (new StalePriceNotice(terminal.Clock).About(shown.Where(e => e.UsdPerHour is not null && e.Provider != InstanceOptimizer.PublishedProvider)
                .Select(e => (e.Provider ?? "", e.PriceDate, e.PriceSource!))) is { } stale)
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
                terminal.Error.WriteLine("llmops: " + (all.Count == 0
                    ? InstanceOptimizer.NoCandidates(request.PerformanceModel, filter).Message
                    : OptimizationReport.WhyNothing(terminal, request, all)));
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
            "Share of GPU memory that may be used, 0.01 to 1 [default: the engine's own; 0.9 where another model is asked for]");

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
            "Fitted: coefficients fitted to measured servers, all layouts and objectives. Roofline: published efficiencies, no fit. "
            + "InferSave: the published program with its four instances; prompt and generated tokens [default: Fitted]");

        private readonly Option<string?> _engine = Options.Single("--engine", "NAME",
            $"Engine that serves the model: {string.Join(" ", EnumNames.All(typeof(Engine)))} [default: vLLM]");

        private readonly Option<string?> _rate = Options.Single("--requests-per-second", "RATE",
            "Requests that arrive in a second at random; as many instances are counted as they need [default: a batch]");

        private readonly Option<bool> _saturate = Options.Switch("--saturate",
            "As many users as give the greatest throughput with the objectives kept, instead of a batch");

        private readonly Option<string?> _sloFirst = Options.Single("--slo-ttft", "MS", "Longest time to the first token [default: none]");

        private readonly Option<string?> _sloToken = Options.Single("--slo-tpot", "MS", "Longest time per output token [default: none]");

        private readonly Option<string?> _sloEndToEnd = Options.Single("--slo-e2e", "MS", "Longest time to the end of an answer [default: none]");

        private readonly Option<string?> _percentile = Options.Single("--slo-percentile", "PERCENT",
            "Share of requests that arrive at a rate which the latencies hold for, 1 to 99.9 [default: 95]");

        private readonly Option<string[]> _allowed = Options.List("--allow-quantization", "FORMAT",
            "Formats of the weights to choose from beside the asked one");

        private readonly Option<string?> _offloading = Options.Single("--offloading", "NAME",
            "Auto: the share of the KV cache that does not fit goes to host memory where that is faster than to queue. Tenths: in "
            + "steps of a tenth. Never [default: Auto]");

        private readonly Option<string?> _budget = Options.Single("--budget", "USD",
            "The most that all instances may cost in a month of 730 hours [default: none]");

        private readonly Option<string?> _rankBy = Options.Single("--rank-by", "NAME",
            $"{string.Join(", ", Enum.GetNames<RankingOrder>())} [default: CostEfficiency]");

        private readonly Option<bool> _pareto = Options.Switch("--pareto",
            "List what nothing beats in price of tokens, time to the first token and time per output token together");

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
            foreach (Option option in (Option[])[_model, _batchSize, _rate, _saturate, _inputLength, _outputLength, _slo, _sloFirst,
                _sloToken, _sloEndToEnd, _percentile, _precision, _quantization, _allowed, _kvCacheDataType, _engine, _performanceModel,
                _safetyFactor, _offloading, _adjust, _priceType, _budget, _rankBy, _pareto])
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

        public OptimizationRequest ReadRequest(ParseResult parse, Diagnostics diagnostics)
        {
            // The other loads say themselves, or find, how many requests there are at once.
            if (parse.GetValue(_batchSize) is not null && (parse.GetValue(_rate) is not null || parse.GetValue(_saturate)))
            {
                throw Contradiction($"{_batchSize.Name} and {(parse.GetValue(_saturate) ? _saturate.Name : _rate.Name)}");
            }

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
                Engine = parse.GetValue(_engine) is { } engine ? Values.OneOf<Engine>(engine, "Engine") : Engine.vLLM,
                SafetyFactor = parse.Number(_safetyFactor, "SafetyFactor"),
                Objectives = new ServiceObjectives
                {
                    TokensPerSecond = parse.Number(_slo, "SloTokensPerSecond"),
                    TimeToFirstTokenMs = parse.Number(_sloFirst, "SloTimeToFirstTokenMs"),
                    TimePerOutputTokenMs = parse.Number(_sloToken, "SloTimePerOutputTokenMs"),
                    EndToEndMs = parse.Number(_sloEndToEnd, "SloEndToEndMs"),
                    Percentile = parse.Number(_percentile, "SloPercentile") ?? new ServiceObjectives().Percentile,
                },
                RequestsPerSecond = parse.Number(_rate, "RequestsPerSecond"),
                Saturate = parse.GetValue(_saturate),
                AllowedQuantizations = parse.GetResult(_allowed) is null
                    ? []
                    : Values.ParseList(parse.GetValue(_allowed) ?? [], diagnostics, Quantization.Parse),
                Offloading = parse.OneOf<KvCacheOffloading>(_offloading, "Offloading") ?? KvCacheOffloading.Auto,
                BudgetUsdPerMonth = parse.Number(_budget, "BudgetUsdPerMonth"),
                RankBy = parse.OneOf<RankingOrder>(_rankBy, "RankBy") ?? RankingOrder.CostEfficiency,
                Pareto = parse.GetValue(_pareto),
                AdjustOffloading = parse.GetValue(_adjust),
                PriceType = parse.OneOf<PriceType>(_priceType, "PriceType") ?? PriceType.OnDemand,
            };
        }

        public InstanceFilter ReadFilter(ParseResult parse, in OptimizationRequest request, Diagnostics diagnostics) =>
            _filter.Read(parse, diagnostics, request.PriceType);

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
