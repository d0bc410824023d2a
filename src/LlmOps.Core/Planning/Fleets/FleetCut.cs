namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// A condition that every fleet that carries the load meets: with a price on each item, Σ count·worth ≥ 1, where a machine is worth
/// what it earns by carrying only what pays best (a Benders cut). It also bounds the cost of meeting it.
/// </summary>
internal sealed class FleetCut
{
    /// <summary>Steps that worths are rounded up to in the tables, so that their bounds stay bounds.</summary>
    private const int Steps = 1024;

    /// <summary>Bands of worth that the most worthy machine is looked for in.</summary>
    private const int MostBands = 8;

    private readonly double[] _worths;
    private readonly double[] _prices;
    private readonly double[] _leastRatios;
    private readonly (double Worth, double Ratio)[][]? _steps;
    private readonly (double Least, double Most)[]? _bands;
    private readonly int[]? _byRatio;
    private readonly int[] _groups;
    private readonly int _mostOfGroup;
    private readonly double[][][]? _tables;

    /// <param name="problem">Its kinds in the order in which they are searched.</param>
    /// <param name="prices">Of the items; not negative, not all zero.</param>
    /// <param name="withTables">Whether to bound whole machines, which takes memory, and not only parts of them.</param>
    public FleetCut(FleetProblem problem, double[] prices, bool withTables)
    {
        int kinds = problem.KindCount;
        double total = prices.Sum();
        _worths = new double[kinds];
        for (int kind = 0; kind < kinds; kind++)
        {
            double best = 0;
            for (int item = 0; item < prices.Length; item++)
            {
                best = Math.Max(best, prices[item] / total / problem.Loads[kind][item]);
            }

            // One machine that is worth it all meets the condition alone, and more than that is of no use.
            _worths[kind] = Math.Min(1, best);
        }

        _prices = problem.Prices;
        _groups = problem.Groups;
        _mostOfGroup = problem.MostOfGroup ?? int.MaxValue;
        _leastRatios = new double[kinds + 1];
        _leastRatios[kinds] = double.PositiveInfinity;
        for (int kind = kinds - 1; kind >= 0; kind--)
        {
            _leastRatios[kind] = Math.Min(_leastRatios[kind + 1], Ratio(kind));
        }

        _bands = problem.Spares > 0 && problem.MostOfGroup is not null ? Bands() : null;
        _steps = problem.Spares > 0 && problem.MostOfGroup is null ? Enumerable.Range(0, kinds + 1).Select(StepsFrom).ToArray() : null;
        _byRatio = problem.MostOfGroup is null
            ? null
            : [.. Enumerable.Range(0, kinds).Where(kind => _worths[kind] > 0).OrderBy(Ratio)];
        _tables = withTables ? Tables(problem) : null;
    }

    /// <summary>Cells of the tables of one cut.</summary>
    public static long CellCount(FleetProblem problem) => (problem.Spares + 1L) * (problem.KindCount + 1) * (Steps + 1);

    /// <summary>
    /// What it costs at least to complete a fleet with kinds from <paramref name="next"/> on, so that it meets the condition after
    /// the loss of any so many machines; infinite where that cannot be.
    /// </summary>
    /// <param name="used">The kinds before that there are machines of.</param>
    /// <param name="counts">By kind.</param>
    /// <param name="next">The first kind whose count is open.</param>
    /// <param name="spares">Machines that can be lost.</param>
    /// <param name="ofGroup">Machines of each group that are there.</param>
    /// <param name="steps">Work that is done, in steps of about 100 ns.</param>
    public double LeastCost(List<int> used, int[] counts, int next, int spares, int[] ofGroup, ref long steps)
    {
        steps++;
        double missing = 1;
        foreach (int kind in used)
        {
            missing -= counts[kind] * _worths[kind];
        }

        // Of the lost machines some are among those that are there: the best of them; the others are among those to come.
        double bound = 0;
        double lostWorth = double.PositiveInfinity;
        int left = 0;
        for (int lost = 0; ; lost++)
        {
            if (missing > FleetSearch.Tolerance)
            {
                bound = Math.Max(bound, Bound(missing, next, spares - lost, ofGroup, ref steps));
            }

            if (lost == spares)
            {
                return bound;
            }

            if (left == 0)
            {
                NextBest(used, counts, ref lostWorth, ref left);
                if (left == 0)
                {
                    return bound;
                }
            }

            missing += lostWorth;
            left--;
        }
    }

    /// <summary>The greatest worth below the last one, and how many machines have it.</summary>
    private void NextBest(List<int> used, int[] counts, ref double worth, ref int count)
    {
        double best = -1;
        count = 0;
        foreach (int kind in used)
        {
            double own = _worths[kind];
            if (own < worth && own > best)
            {
                (best, count) = (own, counts[kind]);
            }
            else if (own == best)
            {
                count += counts[kind];
            }
        }

        worth = best;
    }

    private double Bound(double missing, int next, int spares, int[] ofGroup, ref long steps)
    {
        double divisible = _byRatio is null ? missing * _leastRatios[next] : Limited(missing, next, ofGroup, 1, ref steps);
        if (spares > 0)
        {
            divisible = Math.Max(divisible, _byRatio is null
                ? WithSpare(missing, _steps![next])
                : LimitedWithSpare(missing, next, ofGroup, divisible, ref steps));
        }

        return _tables is null
            ? divisible
            : Math.Max(divisible, _tables[spares][next][(int)Math.Min(Steps, missing * Steps)]);
    }

    /// <summary>The cost of divisible machines where there are only so many of each group, whose members have one price.</summary>
    private double Limited(double missing, int next, int[] ofGroup, double mostWorth, ref long steps)
    {
        Span<bool> isUsedUp = stackalloc bool[ofGroup.Length];
        double cost = 0;
        for (int i = 0; i < _byRatio!.Length; i++)
        {
            int kind = _byRatio[i];
            if (kind < next || _worths[kind] > mostWorth || isUsedUp[_groups[kind]])
            {
                continue;
            }

            isUsedUp[_groups[kind]] = true;
            double count = Math.Min(_mostOfGroup - ofGroup[_groups[kind]], missing / _worths[kind]);
            cost += count * _prices[kind];
            missing -= count * _worths[kind];
            if (missing <= FleetSearch.Tolerance)
            {
                steps += i / 32;
                return cost;
            }
        }

        steps += _byRatio.Length / 32;
        return double.PositiveInfinity;
    }

    /// <summary>
    /// The same where the most worthy of those that are used can be lost: whichever band it is in, no better ones are used, and they
    /// must come to the least of the band more.
    /// </summary>
    private double LimitedWithSpare(double missing, int next, int[] ofGroup, double known, ref long steps)
    {
        double least = double.PositiveInfinity;
        foreach ((double leastOfBand, double most) in _bands!)
        {
            least = Math.Min(least, Limited(missing + leastOfBand, next, ofGroup, most, ref steps));
            if (least <= known)
            {
                return known;
            }
        }

        return least;
    }

    private (double Least, double Most)[] Bands()
    {
        double[] worths = [.. _worths.Where(worth => worth > 0).Distinct().Order()];
        int size = (worths.Length + MostBands - 1) / MostBands;
        return [.. worths.Chunk(size).Select(band => (band[0], band[^1]))];
    }

    /// <summary>
    /// The cost of divisible machines where the most worthy of those that are used can be lost: no better ones are there, and they
    /// must come to its worth more.
    /// </summary>
    private static double WithSpare(double missing, (double Worth, double Ratio)[] steps)
    {
        double least = double.PositiveInfinity;
        foreach ((double worth, double ratio) in steps)
        {
            least = Math.Min(least, ratio * (missing + worth));
        }

        return least;
    }

    /// <summary>Of the kinds from one on, the worths at which machines up to that worth become cheaper for what they are worth.</summary>
    private (double Worth, double Ratio)[] StepsFrom(int next)
    {
        List<(double Worth, double Ratio)> steps = [];
        foreach (int kind in Enumerable.Range(next, _worths.Length - next).Where(kind => _worths[kind] > 0).OrderBy(kind => _worths[kind]))
        {
            if (steps.Count == 0 || Ratio(kind) < steps[^1].Ratio)
            {
                steps.Add((_worths[kind], Ratio(kind)));
            }
        }

        return [.. steps];
    }

    private double Ratio(int kind) => _prices[kind] / _worths[kind];

    /// <summary>
    /// By spares, first open kind and missing worth in steps, the least cost of machines that make up for it: unbounded knapsacks. A
    /// fleet that can lose a machine more is one machine of its first kind, and a fleet that can lose one less.
    /// </summary>
    private double[][][] Tables(FleetProblem problem)
    {
        int kinds = problem.KindCount;
        double[][][] tables = new double[problem.Spares + 1][][];
        for (int spares = 0; spares <= problem.Spares; spares++)
        {
            double[][] table = tables[spares] = new double[kinds + 1][];
            table[kinds] = new double[Steps + 1];
            Array.Fill(table[kinds], double.PositiveInfinity, 1, Steps);
            for (int kind = kinds - 1; kind >= 0; kind--)
            {
                double price = problem.Prices[kind];
                int worth = (int)Math.Min(Steps, Math.Ceiling((_worths[kind] * Steps) - FleetSearch.Tolerance));
                double[] without = table[kind + 1];
                double[] with = table[kind] = new double[Steps + 1];
                for (int missing = 1; missing <= Steps; missing++)
                {
                    double one = worth == 0 ? double.PositiveInfinity
                        : spares == 0 ? with[Math.Max(0, missing - worth)]
                        : tables[spares - 1][kind][missing];
                    with[missing] = Math.Min(without[missing], price + one);
                }
            }
        }

        return tables;
    }
}
