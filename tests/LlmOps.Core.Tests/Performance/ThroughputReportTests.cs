using LlmOps.Accuracy;

namespace LlmOps.Core.Tests.Performance;

/// <summary>Published throughputs that had no part in the fit, against what the product estimates of them.</summary>
public sealed class ThroughputReportTests
{
    [Fact]
    public void Each_published_row_is_there_once()
    {
        Assert.Equal(Enumerable.Range(0, 216), ThroughputRow.All.Select(row => row.Row));
        Assert.Equal(97, ThroughputRow.All.Count(row => row.Collection == "TensorRT-LLM"));
        Assert.Equal(26, ThroughputRow.All.Count(row => row.Collection == "cloudrift"));
        Assert.Equal(93, ThroughputRow.All.Count(row => row.Collection == "dstack"));
        Assert.Equal(
            ["chose expandedDense:6", "chose pcieHopMs:2", "chose pipelineBubble:12", "doubled:19"],
            ThroughputRow.All.Where(row => row.Excluded.Length > 0).GroupBy(row => row.Excluded).Select(g => $"{g.Key}:{g.Count()}").Order());
    }

    /// <summary>One of each collection, as published.</summary>
    [Theory]
    [InlineData("Llama-3.1-405B NVFP4 on 4 x B200, TP4 PP1, 1000/1000 x 3000", 5209)]
    [InlineData("GLM-4.6 BF16 on 8 x H200, TP8 PP1, 1000/1000 x 512", 4759.15)]
    [InlineData("Llama-3.1-405B FP8 on 8 x H100-80GB, TP8 PP1, 128/2048 x 32, Meta's checkpoint", 888.503)]
    public void Rows_are_as_published(string label, double tokensPerSecond) =>
        Assert.Equal(tokensPerSecond, ThroughputRow.Compared.Single(row => row.ToString() == label).TokensPerSecond);

    /// <summary>They all ran.</summary>
    [Fact]
    public void Every_row_is_said_to_fit() => Assert.All(ThroughputRow.All, row => Assert.True(row.Estimate.Fits, row.ToString()));

    [Fact]
    public void A_published_rate_of_copies_is_that_of_as_many_copies_as_have_users()
    {
        ThroughputRow one = ThroughputRow.All.Single(row => row.ToString() == "GLM-4.5-Air AWQ on 8 x RTX-PRO-6000, TP1 PP1, 1000/1000 x 1");
        ThroughputRow many = ThroughputRow.All.Single(row => row.ToString() == "GLM-4.5-Air AWQ on 8 x RTX-PRO-6000, TP1 PP1, 1000/1000 x 512");

        Assert.Equal(1, one.Deployment.Deployment.BatchSize);
        Assert.Equal(one.Estimate.TokensPerSecond!.Value, one.PredictedTokensPerSecond!.Value, 1e-9);
        Assert.Equal(64, many.Deployment.Deployment.BatchSize);
        Assert.Equal(8 * many.Estimate.TokensPerSecond!.Value, many.PredictedTokensPerSecond!.Value, 1e-9);
    }

    /// <summary>The source counts prompts: 2,048 read and 2,048 answered are twice the output.</summary>
    [Fact]
    public void Prompts_count_where_the_source_counts_them()
    {
        ThroughputRow row = ThroughputRow.All.First(row => row.Collection == "dstack" && row.Deployment.InputLength == 2048);

        Assert.Equal(2 * row.Estimate.TokensPerSecond!.Value, row.PredictedTokensPerSecond!.Value, 1e-9);
    }

    /// <summary>Neither memory nor the engine's limit of 2,048 lets more run, and no more than the run has.</summary>
    [Fact]
    public void Queued_requests_run_as_many_as_there_is_room_for()
    {
        ThroughputRow[] rows = [.. ThroughputRow.All.Where(row => row.Collection == ThroughputRow.Saturated)];

        Assert.All(rows, row => Assert.InRange(row.Estimate.RunningBatch!.Value, 1, Math.Min(2048, row.Users)));
        Assert.All(rows, row => Assert.Equal(row.Deployment.Deployment.BatchSize, row.Estimate.RunningBatch!.Value));
        Assert.Contains(rows, row => row.Estimate.RunningBatch == 2048);
        Assert.Contains(rows, row => row.Estimate.RunningBatch < 100);
    }

    [Theory]
    [InlineData("TensorRT-LLM", 85, 16, 25)]
    [InlineData("cloudrift", 18, 16, 24)]
    public void Errors_are_within_what_the_report_says(string collection, int rows, double median, double mean)
    {
        ErrorSummary errors = ErrorSummary.Of([.. ThroughputRow.Compared.Where(row => row.Collection == collection).Select(row => row.Rate)]);

        Assert.Equal(rows, errors.Rows);
        Assert.InRange(errors.Median, 0, median);
        Assert.InRange(errors.Mean, 0, mean);
    }

    [Fact]
    public void Times_per_token_of_cloudrift_are_within_what_the_report_says()
    {
        ErrorSummary errors = ErrorSummary.Of([.. ThroughputRow.Compared.Where(row => row.Collection == "cloudrift").Select(row => row.Token)]);

        Assert.Equal(18, errors.Rows);
        Assert.InRange(errors.Median, 0, 18);
        Assert.InRange(errors.Mean, 0, 22);
    }

    /// <summary>Engines of 2024 were slower; what the pool held apart, by about a third.</summary>
    [Fact]
    public void Batches_that_the_pool_held_are_within_two_fifths()
    {
        ErrorSummary errors = ErrorSummary.Of([.. ThroughputSection.HeldByThePool(ThroughputRow.Compared).Select(row => row.Rate)]);

        Assert.Equal(7, errors.Rows);
        Assert.InRange(errors.Worst, 0, 40);
    }

    /// <summary>Nothing of AMD was fitted: the estimates say so, and they are far off.</summary>
    [Fact]
    public void Estimates_of_other_vendors_are_assumed()
    {
        ThroughputRow[] rows = [.. ThroughputRow.Compared.Where(row => row.Gpu == "MI300X")];

        Assert.Equal(57, rows.Length);
        Assert.All(rows, row => Assert.Equal(Evidence.Assumed, row.Estimate.Evidence));
        ErrorSummary ofAmd = ErrorSummary.Of([.. rows.Where(row => row.Variant == "AMD's checkpoint").Select(row => row.Rate)]);
        Assert.Equal(38, ofAmd.Rows);
        Assert.InRange(ofAmd.Median, 0, 65);
    }
}
