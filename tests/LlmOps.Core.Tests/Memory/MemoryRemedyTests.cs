using System.Text.RegularExpressions;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Tests.Memory;

public sealed partial class MemoryRemedyTests
{
    [Fact]
    public void A_remedy_makes_the_estimate_fit_when_it_is_applied()
    {
        HashSet<string> kinds = [];
        foreach (MemoryRequest request in Requests())
        {
            MemoryEstimate estimate = MemoryEstimator.Estimate(request);
            if (estimate.Fits == true)
            {
                Assert.Null(estimate.Remedy);
                continue;
            }

            Match change = Setting().Match(estimate.Remedy!);
            kinds.Add(change.Success ? change.Groups["name"].Value : "none");
            if (change.Success)
            {
                Assert.True(MemoryEstimator.Estimate(Apply(request, change)).Fits, $"{estimate}: {estimate.Remedy}");
            }
            else
            {
                Assert.StartsWith("no single change", estimate.Remedy, StringComparison.Ordinal);
            }
        }

        // The spread is wide enough to bring about every kind.
        Assert.Equal(
            ["ActivationCheckpointing", "BatchSize", "KvCacheDataType", "OffloadOptimizer", "Quantization", "SequenceLength",
                "TensorParallelSize", "ZeroStage", "none"],
            kinds.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_shorter_context_is_the_longest_that_fits()
    {
        MemoryRequest request = new(ModelCatalog.Get("SmolLM2-135M"))
        {
            Engine = Engine.Transformers,
            Training = true,
            Gpu = GpuCatalog.Get("T4"),
            SequenceLength = 1_000_000,
        };
        MemoryEstimate estimate = MemoryEstimator.Estimate(request);
        Match change = Setting().Match(estimate.Remedy!);

        Assert.Equal("SequenceLength", change.Groups["name"].Value);
        MemoryRequest fitting = Apply(request, change);
        Assert.True(MemoryEstimator.Estimate(fitting).Fits);
        Assert.False(MemoryEstimator.Estimate(fitting with { SequenceLength = fitting.SequenceLength + 1 }).Fits);
    }

    private static IEnumerable<MemoryRequest> Requests()
    {
        string[] models = ["SmolLM2-135M", "OPT-2.7B", "Llama-2-7B", "Llama-3.1-8B", "Mixtral-8x7B", "Gemma-3-27B", "DeepSeek-V3"];
        string[] gpus = ["T4", "A10G", "A100-80GB", "H100-80GB", "MI300X"];
        foreach (string model in models)
        {
            foreach (string gpu in gpus)
            {
                foreach ((long batch, long length) in new[] { (1L, 2048L), (64, 4096), (256, 100_000), (100_000, 100) })
                {
                    MemoryRequest request = new(ModelCatalog.Get(model))
                    {
                        Gpu = GpuCatalog.Get(gpu),
                        BatchSize = batch,
                        SequenceLength = length,
                    };
                    yield return request;
                    yield return request with { Engine = Engine.Transformers };
                    yield return request with { Engine = Engine.Transformers, Training = true, Quantization = Quantization.BF16 };
                    yield return request with
                    {
                        Engine = Engine.DeepSpeed,
                        Quantization = Quantization.BF16,
                        Parallelism = new Parallelism(1, 1, 1, 8),
                        BatchSize = Math.Min(batch, 16),
                        TrainingSettings = new TrainingSettings { ZeroStage = batch == 1 ? null : 3 },
                    };
                }
            }
        }
    }

    private static MemoryRequest Apply(in MemoryRequest request, Match change)
    {
        string value = change.Groups["value"].Value;
        return change.Groups["name"].Value switch
        {
            "KvCacheDataType" => request with { KvCacheDataType = Enum.Parse<KvCacheDataType>(value) },
            "Quantization" => request with { Quantization = Quantization.Parse(value) },
            "ActivationCheckpointing" => request with
            {
                TrainingSettings = request.TrainingSettings with { ActivationCheckpointing = Enum.Parse<ActivationCheckpointing>(value) },
            },
            "ZeroStage" => request with { TrainingSettings = request.TrainingSettings with { ZeroStage = int.Parse(value, null) } },
            "OffloadOptimizer" => request with
            {
                TrainingSettings = request.TrainingSettings with { OffloadOptimizer = Enum.Parse<OffloadTarget>(value) },
            },
            "TensorParallelSize" => request with { Parallelism = request.Parallelism with { Tensor = int.Parse(value, null) } },
            "SequenceLength" => request with { SequenceLength = long.Parse(value, null) },
            "BatchSize" => request with { BatchSize = long.Parse(value, null) },
            string name => throw new InvalidOperationException(name),
        };
    }

    [GeneratedRegex(@"\(-(?<name>\w+) (?<value>\w+)\)$")]
    private static partial Regex Setting();
}
