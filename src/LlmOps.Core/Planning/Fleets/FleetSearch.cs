namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// Solves a <see cref="FleetProblem"/> exactly: branch and bound over the counts, kind by kind. Bounds come from cuts; where a fleet
/// meets all cuts, a linear programme decides whether it carries the load, and gives a further cut where it does not.
/// </summary>
internal sealed class FleetSearch
{
    public const double Tolerance = 1e-9;

    /// <summary>
    /// Steps of about 100 ns after which the best fleet so far is given with the bound that is proved: the same on every machine.
    /// </summary>
    public const long DefaultMostSteps = 30_000_000;

    /// <summary>Cuts in all; the oldest without tables make room for new ones.</summary>
    private const int MostCuts = 160;

    /// <summary>Cells of all tables, 8 bytes each.</summary>
    private const long MostCells = 6_000_000;

    private readonly FleetProblem _problem;
    private readonly int[] _order;
    private readonly LoadDivision _division;
    private readonly long _mostSteps;
    private readonly int _mostTables;
    private readonly CancellationToken _cancellation;
    private readonly List<FleetCut> _cuts = [];
    private readonly List<int> _used = [];
    private readonly int[] _counts;
    private readonly int[] _ofGroup;
    private readonly int[] _enough;
    private int _nextCut;
    private int[]? _best;
    private double _bestCost = double.PositiveInfinity;
    private double _openBound = double.PositiveInfinity;
    private long _steps;

    private FleetSearch(FleetProblem problem, int[] order, double[] itemPrices, long mostSteps, CancellationToken cancellation)
    {
        _order = order;
        _problem = problem with
        {
            Prices = [.. order.Select(kind => problem.Prices[kind])],
            Loads = [.. order.Select(kind => problem.Loads[kind])],
            Groups = [.. order.Select(kind => problem.Groups[kind])],
        };
        _division = new LoadDivision(_problem.Loads, itemPrices);
        _mostSteps = mostSteps;
        _cancellation = cancellation;
        _mostTables = (int)Math.Clamp(MostCells / FleetCut.CellCount(problem), 1, 32);
        _nextCut = _mostTables;
        _counts = new int[order.Length];
        _ofGroup = new int[problem.Groups.Max() + 1];
        _enough = [.. _problem.Loads.Select(loads => (int)Math.Min(
            int.MaxValue / 2, Math.Ceiling(loads.Where(double.IsFinite).Sum() - Tolerance) + problem.Spares))];
        AddCut(itemPrices);
    }

    /// <summary>The cheapest fleet.</summary>
    /// <param name="problem">Every item must be one that some kind can carry.</param>
    /// <param name="mostSteps">Where the search is given up.</param>
    /// <param name="cancellation">Stops the search.</param>
    public static FleetSolution Solve(
        FleetProblem problem, long mostSteps = DefaultMostSteps, CancellationToken cancellation = default)
    {
        // What an item costs where machines are divisible: the optimum of the linear relaxation, and its dual.
        double[] itemPrices = [.. Enumerable.Range(0, problem.ItemCount).Select(item =>
            Enumerable.Range(0, problem.KindCount).Min(kind => problem.Prices[kind] * problem.Loads[kind][item]))];

        // The kinds that come nearest to it first: without them the rest is dear, and soon cut off.
        double Ratio(int kind) => problem.Prices[kind]
            / Enumerable.Range(0, problem.ItemCount).Max(item => itemPrices[item] / problem.Loads[kind][item]);
        int[] order = [.. Enumerable.Range(0, problem.KindCount).OrderBy(Ratio).ThenBy(kind => kind)];
        FleetSearch search = new(problem, order, itemPrices, mostSteps, cancellation);
        search.StartFrom(itemPrices);
        search.Explore(0, 0);
        return search.Solution();
    }

    private FleetSolution Solution()
    {
        int[]? counts = null;
        if (_best is not null)
        {
            counts = new int[_order.Length];
            for (int i = 0; i < _order.Length; i++)
            {
                counts[_order[i]] = _best[i];
            }
        }

        double bound = Math.Min(_bestCost, _openBound);
        return new FleetSolution(counts, _bestCost, bound)
        {
            IsOptimal = double.IsPositiveInfinity(_openBound) || _openBound >= _bestCost * (1 - Tolerance),
        };
    }

    /// <summary>Fleets to begin with: of one kind each, and the divisible optimum rounded up and thinned out.</summary>
    private void StartFrom(double[] itemPrices)
    {
        int kinds = _problem.KindCount;
        for (int kind = 0; kind < kinds; kind++)
        {
            if (Array.TrueForAll(_problem.Loads[kind], double.IsFinite))
            {
                Offer(kind, _enough[kind]);
            }
        }

        double[] wanted = new double[kinds];
        for (int item = 0; item < itemPrices.Length; item++)
        {
            int cheapest = Enumerable.Range(0, kinds).MinBy(kind => _problem.Prices[kind] * _problem.Loads[kind][item]);
            wanted[cheapest] += _problem.Loads[cheapest][item];
        }

        int[] counts = [.. wanted.Select(w => w == 0 ? 0 : (int)Math.Min(int.MaxValue / 2, Math.Ceiling(w) + _problem.Spares))];
        if (!WithinLimits(counts) || !Stands(counts))
        {
            return;
        }

        foreach (int kind in Enumerable.Range(0, kinds).OrderByDescending(kind => _problem.Prices[kind]).ThenBy(kind => kind))
        {
            while (counts[kind] > 0)
            {
                counts[kind]--;
                if (!Stands(counts))
                {
                    counts[kind]++;
                    break;
                }
            }
        }

        Offer(counts, Cost(counts));
    }

    private void Offer(int kind, int count)
    {
        int[] counts = new int[_problem.KindCount];
        counts[kind] = count;
        if (WithinLimits(counts))
        {
            Offer(counts, Cost(counts));
        }
    }

    private void Offer(int[] counts, double cost)
    {
        if (cost < _bestCost - (Tolerance * cost))
        {
            _best = [.. counts];
            _bestCost = cost;
        }
    }

    private double Cost(int[] counts) => counts.Select((count, kind) => count * _problem.Prices[kind]).Sum();

    private bool WithinLimits(int[] counts)
    {
        if (_problem.MostOfGroup is not { } most)
        {
            return true;
        }

        int[] ofGroup = new int[_ofGroup.Length];
        for (int kind = 0; kind < counts.Length; kind++)
        {
            ofGroup[_problem.Groups[kind]] += counts[kind];
        }

        return Array.TrueForAll(ofGroup, count => count <= most);
    }

    /// <summary>Completes the fleet with kinds from <paramref name="kind"/> on.</summary>
    private void Explore(int kind, double cost)
    {
        double tooMuch = _bestCost * (1 - Tolerance);
        double toCome = LeastCost(kind, tooMuch - cost);
        if (toCome == 0 && cost < tooMuch)
        {
            // All conditions that are known are met. Where that is not enough, now there is one that is not met.
            if (Stands(_counts))
            {
                Offer(_counts, cost);
                return;
            }

            toCome = LeastCost(kind, tooMuch - cost);
        }

        double bound = cost + toCome;
        if (kind == _problem.KindCount || !(bound < tooMuch))
        {
            return;
        }

        if (_steps > _mostSteps)
        {
            _openBound = Math.Min(_openBound, bound);
            return;
        }

        _cancellation.ThrowIfCancellationRequested();
        ref int ofGroup = ref _ofGroup[_problem.Groups[kind]];
        int most = Math.Min(_enough[kind], (_problem.MostOfGroup ?? int.MaxValue) - ofGroup);
        most = (int)Math.Min(most, (_bestCost - cost) / _problem.Prices[kind]);
        if (most > 0)
        {
            _used.Add(kind);
            for (int count = most; count > 0; count--)
            {
                _counts[kind] = count;
                ofGroup += count;
                Explore(kind + 1, cost + (count * _problem.Prices[kind]));
                ofGroup -= count;
            }

            _counts[kind] = 0;
            _used.RemoveAt(_used.Count - 1);
        }

        Explore(kind + 1, cost);
    }

    /// <summary>What it costs at least to complete the fleet, or more than is worth knowing; 0 only where all cuts are met.</summary>
    private double LeastCost(int next, double tooMuch)
    {
        double least = 0;
        for (int i = 0; i < _cuts.Count && (least == 0 || least < tooMuch); i++)
        {
            least = Math.Max(least, _cuts[i].LeastCost(_used, _counts, next, _problem.Spares, _ofGroup, ref _steps));
        }

        return least;
    }

    /// <summary>Whether machines carry the load after the loss of any that may be lost; a cut says why where they do not.</summary>
    private bool Stands(int[] counts)
    {
        List<int> kinds = [.. Enumerable.Range(0, counts.Length).Where(kind => counts[kind] > 0)];
        return StandsWithout(kinds, [.. counts], 0, _problem.Spares);
    }

    private bool StandsWithout(List<int> kinds, int[] counts, int first, int losses)
    {
        List<int> left = [.. kinds.Where(kind => counts[kind] > 0)];
        if (losses == 0 || left.Count == 0)
        {
            // As many pivots as rows or so, each over the whole tableau.
            long rows = left.Count + _problem.ItemCount;
            _steps += rows * rows * left.Count * _problem.ItemCount / 100;
            if (_division.Carries(left, counts, out double[]? prices))
            {
                return true;
            }

            AddCut(prices!);
            return false;
        }

        for (int k = first; k < kinds.Count; k++)
        {
            int kind = kinds[k];
            if (counts[kind] == 0)
            {
                continue;
            }

            counts[kind]--;
            bool stands = StandsWithout(kinds, counts, k, losses - 1);
            counts[kind]++;
            if (!stands)
            {
                return false;
            }
        }

        return true;
    }

    private void AddCut(double[] itemPrices)
    {
        if (_cuts.Count < MostCuts)
        {
            _cuts.Add(new FleetCut(_problem, itemPrices, _cuts.Count < _mostTables));
            return;
        }

        _cuts[_nextCut] = new FleetCut(_problem, itemPrices, withTables: false);
        _nextCut = _nextCut + 1 < MostCuts ? _nextCut + 1 : _mostTables;
    }
}
