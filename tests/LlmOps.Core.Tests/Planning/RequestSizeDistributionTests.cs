using LlmOps.Core.Planning.Fleets;

namespace LlmOps.Core.Tests.Planning;

public sealed class RequestSizeDistributionTests
{
    [Fact]
    public void Few_sizes_are_kept_as_they_are_and_equal_ones_counted_together()
    {
        RequestSizeDistribution distribution = new();
        distribution.Add(new RequestSize(2000, 100, 1));
        distribution.Add(new RequestSize(100, 20));
        distribution.Add(new RequestSize(100, 20, 2));
        distribution.Add(new RequestSize(7, 7, 0));

        Assert.Equal(4, distribution.TotalWeight);
        Assert.Equal([new RequestSize(100, 20, 0.75), new RequestSize(2000, 100, 0.25)], distribution.Sizes());
    }

    [Fact]
    public void Many_sizes_are_counted_into_ranges_at_their_means()
    {
        // Inputs 1 to 100 with one output: ranges up to 25 and up to 100.
        RequestSizeDistribution distribution = new();
        for (int input = 1; input <= 100; input++)
        {
            distribution.Add(new RequestSize(input, 10));
        }

        Assert.Equal([new RequestSize(13, 10, 0.25), new RequestSize(63, 10, 0.75)], distribution.Sizes());
    }

    [Fact]
    public void Ranges_are_those_of_the_paper_and_go_on_to_the_longest_sequence()
    {
        Assert.Equal([25, 100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000], RequestSizeDistribution.Edges.Take(10));
        Assert.True(RequestSizeDistribution.Edges[^1] >= 100_000_000);
    }

    [Fact]
    public void However_many_sizes_there_are_the_tokens_stay_the_same()
    {
        Random random = new(3);
        RequestSizeDistribution distribution = new();
        double input = 0, output = 0;
        for (int i = 0; i < 20_000; i++)
        {
            RequestSize size = new((long)Math.Exp(12 * random.NextDouble()), (long)Math.Exp(8 * random.NextDouble()), random.Next(1, 5));
            distribution.Add(size);
            input += size.Weight * size.InputLength;
            output += size.Weight * size.OutputLength;
        }

        IReadOnlyList<RequestSize> sizes = distribution.Sizes();
        Assert.InRange(sizes.Count, 20, FleetRequest.MostSizes);
        Assert.Equal(1, sizes.Sum(size => size.Weight), 1e-9);
        Assert.Equal(1, sizes.Sum(size => size.Weight * size.InputLength) * distribution.TotalWeight / input, 1e-2);
        Assert.Equal(1, sizes.Sum(size => size.Weight * size.OutputLength) * distribution.TotalWeight / output, 1e-2);
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, -5, 1)]
    [InlineData(long.MaxValue, 1, 1)]
    [InlineData(60_000_000, 60_000_000, 1)]
    [InlineData(1, 1, -1)]
    [InlineData(1, 1, double.NaN)]
    [InlineData(1, 1, double.PositiveInfinity)]
    public void Sizes_that_cannot_be_are_refused(long input, long output, double weight)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => new RequestSizeDistribution().Add(new RequestSize(input, output, weight)));
        Assert.Equal("ValueOutOfRange", e.ErrorId);
    }

    [Fact]
    public void Without_any_request_there_are_no_sizes()
    {
        RequestSizeDistribution distribution = new();
        distribution.Add(new RequestSize(1, 1, 0));
        Assert.Equal("RequestSizeRequired", Assert.Throws<LlmOpsException>(distribution.Sizes).ErrorId);
    }
}
