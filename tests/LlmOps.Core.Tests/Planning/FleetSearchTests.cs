using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Planning.Fleets;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Planning;

public sealed class FleetSearchTests
{
    private const double Infinite = double.PositiveInfinity;

    private static readonly Gen<FleetProblem> s_problems =
        from kinds in Gen.Choose(1, 3)
        from items in Gen.Choose(1, 3)
        from prices in Gen.Choose(1, 12).ArrayOf(kinds)
        from loads in Gen.Frequency((8, Gen.Choose(5, 250).Select(percent => percent / 100.0)), (1, Gen.Constant(Infinite)))
            .ArrayOf(kinds * items)
        from spares in Gen.Choose(0, 2)
        from most in Gen.Choose(0, 4)
        from sameGroup in Gen.Elements(false, true)
        select new FleetProblem(
            [.. prices.Select(price => price / 4.0)],
            [.. Enumerable.Range(0, kinds).Select(kind => loads.Skip(kind * items).Take(items).ToArray())])
        {
            Spares = spares,
            MostOfGroup = most == 0 ? null : most,
            // The members of a group are one machine, which has one price.
            Groups = [.. Enumerable.Range(0, kinds).Select(kind => sameGroup && kind > 0 && prices[kind] == prices[0] ? 0 : kind)],
        };

    [Fact]
    public void The_cheapest_fleet_is_found_as_by_trying_them_all()
    {
        int fleets = 0, mixed = 0, impossible = 0;
        Always.Holds(s_problems, 3000, problem =>
        {
            if (Enumerable.Range(0, problem.ItemCount).Any(item => problem.Loads.All(loads => double.IsInfinity(loads[item]))))
            {
                return;
            }

            FleetSolution found = FleetSearch.Solve(problem);
            double cheapest = CheapestByTrying(problem);

            Assert.True(found.IsOptimal);
            if (double.IsInfinity(cheapest))
            {
                Assert.Null(found.Counts);
                impossible++;
                return;
            }

            Assert.Equal(cheapest, found.Cost, 1e-9);
            Assert.Equal(cheapest, found.LowerBound, 1e-9);
            Assert.Equal(cheapest, found.Counts!.Select((count, kind) => count * problem.Prices[kind]).Sum(), 1e-9);
            Assert.True(Stands(problem, found.Counts!));

            // Divisible machines are never dearer.
            double divisible = Enumerable.Range(0, problem.ItemCount).Sum(item =>
                Enumerable.Range(0, problem.KindCount).Min(kind => problem.Prices[kind] * problem.Loads[kind][item]));
            Assert.True(found.Cost >= divisible * (1 - 1e-9));
            fleets++;
            mixed += found.Counts!.Count(count => count > 0) > 1 ? 1 : 0;
        });

        Assert.True(fleets > 1000 && mixed > 100 && impossible > 100, $"{fleets} fleets, {mixed} mixed, {impossible} impossible");
    }

    [Fact]
    public void A_search_that_is_given_up_says_how_far_it_is_from_proof()
    {
        int open = 0;
        Always.Holds(s_problems.Where(p => p.KindCount == 3 && p.MostOfGroup is null && p.Loads.All(l => l.All(double.IsFinite))), 500, problem =>
        {
            FleetSolution found = FleetSearch.Solve(problem, mostSteps: 1);
            double cheapest = CheapestByTrying(problem);

            Assert.NotNull(found.Counts);
            Assert.True(Stands(problem, found.Counts));
            Assert.InRange(cheapest, found.LowerBound * (1 - 1e-9), found.Cost * (1 + 1e-9));
            if (!found.IsOptimal)
            {
                Assert.True(found.LowerBound < found.Cost);
                open++;
            }
        });
        Assert.True(open > 10, $"{open} were given up");
    }

    /// <summary>
    /// The example of Mélange's published program (tyler-griggs/melange-release, config/example.json): with one slice for each size it
    /// has 3 A10G and 1 A100 for 6.70. Divided at any ratio, an A10G takes a third of the 15 requests/s of one size from the A100,
    /// and both are full.
    /// </summary>
    [Fact]
    public void The_published_example_is_cheaper_when_sizes_are_divided()
    {
        double[] rates = [6, 3, 15, 6];
        double[] a10g = [2, 1, 5, 2], a100 = [20, 20, 40, 20];
        FleetProblem problem = new(
            [1.01, 3.67], [[.. rates.Zip(a10g, (r, c) => r / c)], [.. rates.Zip(a100, (r, c) => r / c)]])
        {
            Groups = [0, 1],
        };

        FleetSolution found = FleetSearch.Solve(problem);
        double[][] shares = new LoadDivision(problem.Loads, rates).Shares([0, 1], found.Counts!, out double scale);

        Assert.Equal([1, 1], found.Counts!);
        Assert.Equal(4.68, found.Cost, 1e-12);
        Assert.True(found.IsOptimal);
        Assert.Equal(1, scale, 1e-5);
        Assert.Equal(1 / 3.0, shares[0][2], 1e-4);
        Assert.Equal([1, 1, 2 / 3.0, 1], shares[1].Select(share => Math.Round(share, 4)), (a, b) => Math.Abs(a - b) < 1e-3);
    }

    [Fact]
    public void Machines_that_are_lost_are_the_best_ones()
    {
        // One large machine carries it all, but its loss leaves nothing: two of it, or four small ones.
        FleetProblem problem = new([2, 0.9], [[0.9], [2.9]]) { Groups = [0, 1], Spares = 1 };
        Assert.Equal([0, 4], FleetSearch.Solve(problem).Counts!);
        Assert.Equal([1, 0], FleetSearch.Solve(problem with { Spares = 0 }).Counts!);
        Assert.Equal([2, 0], FleetSearch.Solve(problem with { Prices = [1.7, 0.9] }).Counts!);
    }

    [Fact]
    public void Large_fleets_are_exact()
    {
        // 1,000.5 of the first, or 1,000 and one of the second, which carries half of what the first does.
        FleetProblem problem = new([1, 0.6], [[1000.5], [2001]]) { Groups = [0, 1] };
        FleetSolution found = FleetSearch.Solve(problem);
        Assert.Equal([1000, 1], found.Counts!);
        Assert.True(found.IsOptimal);
    }

    [Fact]
    public void A_search_can_be_stopped()
    {
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Random random = new(7);
        FleetProblem problem = new(
            [.. Enumerable.Range(0, 40).Select(_ => 1 + random.NextDouble())],
            [.. Enumerable.Range(0, 40).Select(_ => Enumerable.Range(0, 12).Select(_ => 1 + (9 * random.NextDouble())).ToArray())])
        {
            Groups = [.. Enumerable.Range(0, 40)],
            MostOfGroup = 1,
        };
        Assert.Throws<OperationCanceledException>(() => FleetSearch.Solve(problem, cancellation: stop.Token));
    }

    private static double CheapestByTrying(FleetProblem problem)
    {
        int[] counts = new int[problem.KindCount];
        int[] most = [.. problem.Loads.Select(loads =>
            Math.Min(problem.MostOfGroup ?? 99, (int)Math.Ceiling(loads.Where(double.IsFinite).Sum()) + problem.Spares))];
        double best = Infinite;
        Try(0, 0);
        return best;

        void Try(int kind, double cost)
        {
            if (cost >= best)
            {
                return;
            }

            if (kind == counts.Length)
            {
                bool allowed = problem.MostOfGroup is null || problem.Groups.Distinct().All(group =>
                    counts.Where((_, k) => problem.Groups[k] == group).Sum() <= problem.MostOfGroup);
                if (allowed && Stands(problem, counts))
                {
                    best = cost;
                }

                return;
            }

            for (int count = 0; count <= most[kind]; count++)
            {
                counts[kind] = count;
                Try(kind + 1, cost + (count * problem.Prices[kind]));
            }

            counts[kind] = 0;
        }
    }

    private static bool Stands(FleetProblem problem, int[] counts) => StandsAfter(problem, [.. counts], problem.Spares);

    private static bool StandsAfter(FleetProblem problem, int[] counts, int losses)
    {
        if (losses == 0 || counts.Sum() == 0)
        {
            return Carries(problem, counts);
        }

        for (int kind = 0; kind < counts.Length; kind++)
        {
            if (counts[kind] > 0)
            {
                counts[kind]--;
                bool stands = StandsAfter(problem, counts, losses - 1);
                counts[kind]++;
                if (!stands)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>
    /// By the dual, at all of its corners: the load is carried where no prices of the items have machines earn less than the items
    /// come to. At a corner the prices of some items are 0, and those of the others hang together by kinds that earn the same with
    /// two of them.
    /// </summary>
    private static bool Carries(FleetProblem problem, int[] counts)
    {
        int items = problem.ItemCount;
        foreach (int[] chosen in Enumerable.Range(1, (1 << items) - 1)
            .Select(mask => Enumerable.Range(0, items).Where(item => (mask >> item & 1) == 1).ToArray()))
        {
            foreach ((int From, int To)[] tree in Trees(chosen))
            {
                foreach (double[] prices in Corners(problem, chosen, tree))
                {
                    double earned = 0;
                    for (int kind = 0; kind < counts.Length; kind++)
                    {
                        earned += counts[kind] * chosen.Max(item => prices[item] / problem.Loads[kind][item]);
                    }

                    if (earned < prices.Sum() * (1 - 1e-9))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    private static IEnumerable<(int, int)[]> Trees(int[] items) => items switch
    {
        [_] => [[]],
        [int a, int b] => [[(a, b)]],
        [int a, int b, int c] => [[(a, b), (b, c)], [(a, b), (a, c)], [(a, c), (c, b)]],
        _ => throw new ArgumentOutOfRangeException(nameof(items)),
    };

    private static IEnumerable<double[]> Corners(FleetProblem problem, int[] items, (int From, int To)[] tree)
    {
        double[] first = new double[problem.ItemCount];
        first[items[0]] = 1;
        IEnumerable<double[]> corners = [first];
        foreach ((int from, int to) in tree)
        {
            corners = corners.SelectMany(prices => problem.Loads
                .Where(loads => double.IsFinite(loads[from]) && double.IsFinite(loads[to]))
                .Select(loads =>
                {
                    double[] more = [.. prices];
                    more[to] = prices[from] * loads[to] / loads[from];
                    return more;
                })).ToList();
        }

        return corners;
    }
}
