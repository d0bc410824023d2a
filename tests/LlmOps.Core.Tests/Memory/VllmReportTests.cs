using LlmOps.Accuracy;
using LlmOps.Core.Memory.Vllm;

namespace LlmOps.Core.Tests.Memory;

/// <summary>
/// What vLLM printed at start-up, against what is predicted: the 41 reports of vLLM 0.19 on H100-80GB (llm-d-planner, accuracy
/// runs, Apache-2.0) and those of other releases, all in tests/LlmOps.Accuracy/Data with their sources.
/// </summary>
public sealed class VllmReportTests
{
    /// <summary>Figures are printed to 0.01 GiB.</summary>
    private const double Digit = 0.0051;

    public static TheoryData<int> Reports =>
        [.. Enumerable.Range(0, DataRows.Read("vllm-memory.csv").Count())];

    [Theory]
    [MemberData(nameof(Reports))]
    public void Each_term_is_what_vLLM_printed(int index)
    {
        VllmReport report = new(DataRows.Read("vllm-memory.csv").ElementAt(index));
        Dictionary<string, double> predicted = report.Predict();
        void Near(string term, double relative, double gib)
        {
            if (report.Measured(term) is { } measured)
            {
                double within = Math.Max(relative * Math.Abs(measured), gib + Digit);
                Assert.True(Math.Abs(predicted[term] - measured) <= within, $"{report.Label}, {term}: {predicted[term]} for {measured}");
            }
        }

        // A stage without a head, and FP32, have one constant for peaks of 5.8 to 6.9 copies.
        bool isWide = report.IsPipelined || report.Request.Quantization?.Name == "FP32";
        Near("weights_gib", 0.002, 0.005);
        Near("activations_gib", isWide ? 0.055 : 0.02, 0.01);
        Near("non_torch_gib", 0.025, 0.015);
        Near("pool_gib", 0.003, 0.03);
        Near("tokens", 0.0035, 0);
        Near("concurrency", 0.0035, 0);
    }

    [Fact]
    public void Out_of_sample_the_capacity_is_within_one_percent_in_the_median_and_three_at_worst()
    {
        ErrorSummary errors = ErrorSummary.Of(new VllmMemorySection().OutOfSample()["tokens"]);

        Assert.True(errors.Rows >= 40);
        Assert.InRange(errors.Median, 0, 0.1);
        Assert.InRange(errors.Worst, 0, 1);
    }

    [Fact]
    public void The_report_on_accuracy_is_the_one_that_the_code_writes()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "LlmOps.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        string written = File.ReadAllText(Path.Combine(root, "docs", "accuracy.md")).ReplaceLineEndings("\n");
        Assert.Equal(Program.Document(Program.Sections()), written);
    }

    /// <summary>Printed figures are between the bounds of their terms.</summary>
    [Theory]
    [InlineData("weights_gib", "ModelWeights")]
    [InlineData("activations_gib", "Activations")]
    [InlineData("non_torch_gib", "CompilationOverhead")]
    [InlineData("graphs_gib", "CudaGraphs")]
    public void Bounds_hold_what_vLLM_printed(string column, string term)
    {
        (int rows, int within) = new VllmMemorySection().Covered(column, term);

        Assert.True(rows >= 40);
        Assert.Equal(rows, within);
    }

    /// <summary>
    /// PyTorch's allocator does not split a rest of 1 MiB or less off a block of 2 MiB multiples, from 10 MiB on; Llama-3.1-8B
    /// printed 14.9889 GiB, of which 14.9577 are parameters and the table of 131,072 rotary positions is 0.03125.
    /// </summary>
    [Theory]
    [InlineData(9.99, 9.99)]
    [InlineData(10, 10)]
    [InlineData(10.5, 10.5)]
    [InlineData(11, 12)]
    [InlineData(11.5, 12)]
    [InlineData(12, 12)]
    [InlineData(12.9, 12.9)]
    public void A_tensor_is_booked_as_the_caching_allocator_does(double mebibytes, double booked)
    {
        const double mebibyte = 1 << 20;
        Assert.Equal(booked, VllmWeights.Booked(mebibytes * mebibyte) / mebibyte, 1e-9);
    }
}
