using System.Globalization;
using System.Text;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;
using LlmOps.Core.Planning;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Models;

namespace LlmOps.Core.Tests;

/// <summary>German writes 1.234,5 where the invariant culture writes 1,234.5; Turkish has another lower case of I.</summary>
public sealed class CultureTests
{
    [Theory]
    [InlineData("de-DE")]
    [InlineData("tr-TR")]
    [InlineData("ar-SA")]
    public void Everything_that_is_printed_is_the_same_in_every_culture(string culture)
    {
        string invariant = In(CultureInfo.InvariantCulture, Print);
        string here = In(CultureInfo.GetCultureInfo(culture), Print);

        Assert.Contains("1.05", invariant, StringComparison.Ordinal);
        Assert.Equal(invariant.Split('\n'), here.Split('\n'));
    }

    private static string In(CultureInfo culture, Func<string> print)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = culture;
            return print();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static string Print()
    {
        StringBuilder text = new();
        void Line(object? value) => text.Append(CultureInfo.InvariantCulture, $"{value}\n");
        void Refusal(Action action) => Line(Assert.Throws<LlmOpsException>(action).Message);

        MemoryRequest request = new(ModelCatalog.Get("mixtral-8x7b-instruct-v0.1"))
        {
            Gpu = GpuCatalog.Get("NVIDIA L4"),
            Quantization = Quantization.Parse("INT4"),
            BatchSize = 1234,
            SequenceLength = 5678,
            Parallelism = new Parallelism(2, 2),
        };
        foreach (MemoryRequest variant in new[]
        {
            request,
            request with { Engine = Engine.Transformers, KvCacheDataType = KvCacheDataType.INT8 },
            request with { Engine = Engine.Transformers, Training = true, Quantization = Quantization.BF16 },
        })
        {
            MemoryEstimate estimate = MemoryEstimator.Estimate(variant);
            Line(estimate);
            Line(estimate.Remedy);
            foreach (MemoryTerm term in estimate.Terms)
            {
                Line(term.Name + ": " + term.Formula + "; " + term.Source);
            }
        }

        foreach (PerformanceModelName model in Enum.GetValues<PerformanceModelName>())
        {
            OptimizationRequest job = new(new Workload(ModelCatalog.Get("OPT-2.7B"), 32, 128, 512))
            {
                PerformanceModel = model,
                Objectives = new ServiceObjectives { TokensPerSecond = 1234.5 },
            };
            foreach (InstanceEvaluation evaluation in InstanceOptimizer.Evaluate(job))
            {
                Line(evaluation);
                Line(evaluation.RejectionReason);
            }
        }

        Refusal(() => MemoryEstimator.Estimate(request with { BatchSize = -1_234_567 }));
        Refusal(() => MemoryEstimator.Estimate(request with { GpuMemoryUtilization = 1.5 }));
        Refusal(() => MemoryEstimator.Estimate(request with { Parallelism = new Parallelism(3) }));
        Refusal(() => MemoryEstimator.Estimate(request with { Parallelism = new Parallelism(8, 1, 3) }));
        Refusal(() => MemoryEstimator.Estimate(request with
        {
            Parameters = MemoryEstimationParameter.Default with { FragmentationOverheadFactor = 2.25 },
        }));
        Refusal(() => MemoryEstimator.Estimate(request with
        {
            BatchSize = MemoryRequest.MaximumBatchSize,
            SequenceLength = MemoryRequest.MaximumSequenceLength,
        }));
        Refusal(() => new PhaseCalibration(0.0001, 0).Validate("Prefill"));
        Refusal(() => OptimizationRequest.QuantizationOfBytes(1.75));
        Refusal(() => ModelCatalog.Get("Lama-2-7B"));
        Refusal(() => GpuCatalog.Get("L5"));
        Refusal(() => Quantization.Parse("int3"));
        foreach (string json in new[] { "", "[1.5]", "{\"model_type\": \"LLAMI\"}", "{\"model_type\": \"llama\", \"hidden_size\": 1.5}" })
        {
            Refusal(() => HuggingFaceConfig.Read(Encoding.UTF8.GetBytes(json), "config.json"));
        }

        Refusal(() => HuggingFaceConfig.Read(RealConfigs.Of("gpt-oss-20b").AsMemory(0, 100), "config.json"));
        return text.ToString();
    }
}
