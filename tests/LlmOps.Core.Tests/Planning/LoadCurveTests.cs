using LlmOps.Core.Planning;

namespace LlmOps.Core.Tests.Planning;

/// <summary>The distributions of textbook queues, which the curve must give where its times are those of one.</summary>
public sealed class LoadCurveTests
{
    private const double ServiceMs = 200;

    /// <summary>Users do not disturb each other: an infinite server, whose number of users is Poisson distributed.</summary>
    [Theory]
    [InlineData(0.5)]
    [InlineData(5)]
    [InlineData(100)]
    [InlineData(600)]
    public void Users_who_do_not_disturb_each_other_are_Poisson_distributed(double meanUsers)
    {
        LoadCurve curve = new(users => Times(users, ServiceMs), LoadCurve.MostUsers, 1);

        ArrivalTimes times = curve.Under(meanUsers / ServiceMs * 1000, 95)!.Value;

        Assert.Equal(meanUsers, times.MeanUsers, meanUsers * 1e-3);
        Assert.Equal(ServiceMs, times.Median.EndToEndMs, 1e-6);
        Assert.Equal(PoissonQuantile(meanUsers, 0.5) + 1, times.Median.Users);
        Assert.Equal(PoissonQuantile(meanUsers, 0.95) + 1, times.High.Users);
    }

    /// <summary>All share one server: M/M/1 with processor sharing, whose number of users is geometric, whatever the sizes.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.85)]
    public void Users_who_share_one_server_are_geometrically_distributed(double utilization)
    {
        LoadCurve curve = new(users => Times(users, ServiceMs * users), LoadCurve.MostUsers, 1);

        ArrivalTimes times = curve.Under(utilization / ServiceMs * 1000, 99)!.Value;

        Assert.Equal(utilization, times.Utilization, 1e-9);
        Assert.Equal(utilization / (1 - utilization), times.MeanUsers, 1e-6);
        foreach ((double share, UserTimes at) in new[] { (0.5, times.Median), (0.95, times.High), (0.99, times.AtPercentile) })
        {
            double found = Math.Max(0, Math.Ceiling((Math.Log(1 - share) / Math.Log(utilization)) - 1));
            Assert.Equal(found + 1, at.Users);
            Assert.Equal(ServiceMs * (found + 1), at.EndToEndMs, 1e-6);
        }
    }

    /// <summary>Some servers and a queue: M/M/c, whose chance to wait is Erlang's C.</summary>
    [Theory]
    [InlineData(4, 0.6)]
    [InlineData(4, 0.85)]
    [InlineData(16, 0.88)]
    public void Who_finds_all_places_taken_waits_as_Erlang_found(int places, double utilization)
    {
        LoadCurve curve = new(users => Times(users, ServiceMs), places, 1);
        double offered = utilization * places;
        double wait = ErlangC(places, offered);

        // The queue is as long as k with the chance C·ρᵏ at least, so that this percentile waits for k others.
        const int k = 3;
        double percentile = 100 * (1 - (wait * Math.Pow(utilization, k) * 0.9999));
        ArrivalTimes times = curve.Under(offered / ServiceMs * 1000, percentile)!.Value;

        Assert.Equal(offered + (wait * utilization / (1 - utilization)), times.MeanUsers, 1e-6);
        Assert.Equal(places + k + 1, times.AtPercentile.Users);
        Assert.Equal((k + 1) * ServiceMs / places, times.AtPercentile.TimeToFirstTokenMs, 1e-6);
    }

    [Fact]
    public void A_rate_beyond_what_keeps_queues_short_is_refused()
    {
        LoadCurve curve = new(users => Times(users, ServiceMs), 10, 1);
        double most = 10 / ServiceMs * 1000;

        Assert.NotNull(curve.Under(0.89 * most, 95));
        Assert.Null(curve.Under(0.91 * most, 95));
        Assert.Null(curve.Under(2 * most, 95));
    }

    [Fact]
    public void The_busiest_number_of_users_keeps_the_objectives_and_one_more_breaks_them()
    {
        static UserTimes Slower(long users) => new(users, 0, 10 + (0.37 * users), 101);
        LoadCurve curve = new(Slower, 1000, 1);

        UserTimes busiest = curve.Busiest(new ServiceObjectives { TimePerOutputTokenMs = 50 })!.Value;

        Assert.Equal(108, busiest.Users);
        Assert.Equal(1000, curve.Busiest(new ServiceObjectives())!.Value.Users);
        Assert.Null(curve.Busiest(new ServiceObjectives { TimePerOutputTokenMs = 10 }));
    }

    /// <summary>Attention ranks have users of their own: the same copy seen as one server with all of them.</summary>
    [Fact]
    public void Ranks_add_up()
    {
        LoadCurve ranks = new(users => Times(8 * users, ServiceMs), 128, 8);
        LoadCurve whole = new(users => Times(users, ServiceMs), 1024, 1);

        Assert.Equal(whole.Best.RequestsPerSecond, ranks.Best.RequestsPerSecond, 1e-9);
        Assert.Equal(whole.Under(1000, 95)!.Value.High.Users, ranks.Under(1000, 95)!.Value.High.Users);
    }

    private static UserTimes Times(double users, double endToEndMs) => new(users, 0, endToEndMs / 100, 101);

    private static double PoissonQuantile(double mean, double share)
    {
        double sum = 0;
        int n = -1;
        while (sum < share)
        {
            n++;
            sum += Math.Exp((n * Math.Log(mean)) - mean - LogFactorial(n));
        }

        return n;
    }

    private static double LogFactorial(int n) => Enumerable.Range(1, n).Sum(i => Math.Log(i));

    private static double ErlangC(int servers, double offered)
    {
        double last = Math.Exp((servers * Math.Log(offered)) - LogFactorial(servers)) / (1 - (offered / servers));
        double others = Enumerable.Range(0, servers).Sum(n => Math.Exp((n * Math.Log(offered)) - LogFactorial(n)));
        return last / (others + last);
    }
}
