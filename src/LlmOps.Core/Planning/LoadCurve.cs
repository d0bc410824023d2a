namespace LlmOps.Core.Planning;

/// <summary>
/// The times of one copy of a model by the number of its users, and from them the times under a rate of arrivals.
/// </summary>
/// <remarks>
/// Requests that arrive at random (Poisson) are taken to share the copy like a processor whose speed depends on how many there
/// are: with n of them it answers X(n) a second, as it does for n steady users (flow-equivalent server: Chandy, Herzog and Woo,
/// "Parametric Analysis of Queuing Networks", 1975). Then n requests are there with a probability in proportion to
/// λⁿ / (X(1) · … · X(n)), whatever the distribution of their sizes, and arrivals find that distribution (Kelly, "Reversibility
/// and Stochastic Networks", 1979). A request is taken to live under the load that it finds; one that finds the copy full waits
/// until enough others are answered.
/// </remarks>
internal sealed class LoadCurve
{
    /// <summary>Users of an attention rank beyond which no throughput was measured.</summary>
    public const int MostUsers = 1024;

    /// <summary>Share of the greatest throughput that a rate may take: near all of it, queues grow without bounds.</summary>
    public const double MostUtilization = 0.9;

    /// <summary>Chances beyond which further states change nothing.</summary>
    private const double Negligible = 1e-12;

    private readonly Func<long, UserTimes> _timesOfRank;
    private readonly long _mostOfRank;
    private readonly int _ranks;
    private readonly List<UserTimes> _points = [];

    /// <param name="timesOfRank">The times with so many users of each attention rank.</param>
    /// <param name="mostOfRank">Users of a rank that run at once; at least 1.</param>
    /// <param name="ranks">Attention ranks of the copy.</param>
    public LoadCurve(Func<long, UserTimes> timesOfRank, double mostOfRank, int ranks)
    {
        _timesOfRank = timesOfRank;
        _mostOfRank = (long)Math.Clamp(mostOfRank, 1, MostUsers);
        _ranks = ranks;

        // 1, 2, 3, 4, 6, 8, 12 …: between them times are near to straight lines.
        for (long users = 1; users < _mostOfRank; users = users < 3 ? users + 1 : long.IsPow2(users) ? users * 3 / 2 : users / 3 * 4)
        {
            _points.Add(timesOfRank(users));
        }

        _points.Add(timesOfRank(_mostOfRank));
        Best = _points.MaxBy(point => point.RequestsPerSecond);
    }

    /// <summary>The number of users with the greatest throughput.</summary>
    public UserTimes Best { get; }

    public IReadOnlyList<UserTimes> Points => _points;

    /// <summary>The number of users with the greatest throughput at which the latencies are kept; null where one is too many.</summary>
    public UserTimes? Busiest(ServiceObjectives objectives)
    {
        int kept = 0;
        while (kept < _points.Count && objectives.Allow(_points[kept]))
        {
            kept++;
        }

        if (kept == 0)
        {
            return null;
        }

        UserTimes best = _points.Take(kept).MaxBy(point => point.RequestsPerSecond);
        if (kept == _points.Count)
        {
            return best;
        }

        long low = OfRank(_points[kept - 1]), between = OfRank(_points[kept]) - low - 1;
        long more = Bisection.Largest(between, extra => objectives.Allow(_timesOfRank(low + extra))) ?? 0;
        UserTimes last = _timesOfRank(low + more);
        return last.RequestsPerSecond > best.RequestsPerSecond ? last : best;
    }

    /// <summary>The times under a rate of arrivals; null where the copy cannot keep up with it.</summary>
    /// <param name="requestsPerSecond">Arrivals at this copy.</param>
    /// <param name="percentile">Percent of the requests that <see cref="ArrivalTimes.AtPercentile"/> holds for.</param>
    public ArrivalTimes? Under(double requestsPerSecond, double percentile)
    {
        double utilization = requestsPerSecond / Best.RequestsPerSecond;
        long most = _mostOfRank * _ranks;
        if (utilization > MostUtilization || !(requestsPerSecond < Throughput(most)))
        {
            return null;
        }

        // From the most likely state down and up, so that nothing overflows; the states past the last all answer alike.
        long mode = Bisection.Largest(most, n => requestsPerSecond > Throughput(n)) ?? 0;
        List<double> below = [1];
        for (long n = mode; n > 0 && below[^1] > Negligible; n--)
        {
            below.Add(below[^1] * Throughput(n) / requestsPerSecond);
        }

        long first = mode - below.Count + 1;
        below.Reverse();
        List<double> chances = below;
        for (long n = mode + 1; n <= most && chances[^1] > Negligible; n++)
        {
            chances.Add(chances[^1] * requestsPerSecond / Throughput(n));
        }

        double ratio = requestsPerSecond / Throughput(most);
        bool reachesMost = first + chances.Count - 1 == most;
        double tail = reachesMost ? chances[^1] * ratio / (1 - ratio) : 0;
        double total = chances.Sum() + tail;
        double mean = 0;
        for (int i = 0; i < chances.Count; i++)
        {
            mean += chances[i] * (first + i);
        }

        mean += tail * (most + (1 / (1 - ratio)));
        return new ArrivalTimes(utilization, mean / total, Quantile(50), Quantile(95), Quantile(percentile));

        UserTimes Quantile(double percent)
        {
            double wanted = percent / 100 * total, sum = 0;
            for (int i = 0; i < chances.Count; i++)
            {
                sum += chances[i];
                if (sum >= wanted)
                {
                    return Found(first + i);
                }
            }

            // The chances past the last state fall by the ratio from one to the next.
            return Found(reachesMost && tail > 0
                ? most + (long)Math.Ceiling(Math.Log(Math.Max(total - wanted, double.Epsilon) / tail) / Math.Log(ratio))
                : most);
        }

        // Who finds n requests there is one more; where the copy is full, the first ones to leave make room.
        UserTimes Found(long n)
        {
            if (n < most)
            {
                return Times(n + 1);
            }

            UserTimes full = Times(most);
            double wait = 1000 * (n + 1 - most) / Throughput(most);
            return full with { Users = n + 1, TimeToFirstTokenMs = full.TimeToFirstTokenMs + wait };
        }
    }

    private long OfRank(in UserTimes times) => (long)Math.Round(times.Users / _ranks);

    private double Throughput(long users) => Times(users).RequestsPerSecond;

    /// <summary>Between the points on straight lines.</summary>
    private UserTimes Times(double users)
    {
        int high = 0;
        for (int low = 0, end = _points.Count - 1; low <= end;)
        {
            int middle = (low + end) / 2;
            if (_points[middle].Users < users)
            {
                low = middle + 1;
                high = low;
            }
            else
            {
                end = middle - 1;
            }
        }

        if (high == 0)
        {
            return _points[0] with { Users = users };
        }

        if (high == _points.Count)
        {
            return _points[^1];
        }

        UserTimes a = _points[high - 1], b = _points[high];
        double share = (users - a.Users) / (b.Users - a.Users);
        return new UserTimes(
            users,
            a.TimeToFirstTokenMs + (share * (b.TimeToFirstTokenMs - a.TimeToFirstTokenMs)),
            a.TimePerOutputTokenMs + (share * (b.TimePerOutputTokenMs - a.TimePerOutputTokenMs)),
            a.OutputLength);
    }
}
