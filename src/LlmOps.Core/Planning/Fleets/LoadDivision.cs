namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// Divides the items of a load over given machines: maximize Σ weight·share carried, where the shares of an item come to at most
/// 1 and those of a kind, times their loads, to at most its count. A linear programme, solved by the primal simplex method from
/// the corner where nothing is carried.
/// </summary>
internal sealed class LoadDivision
{
    /// <summary>Share of the whole load that may be left out as rounding.</summary>
    public const double Tolerance = 1e-7;

    private const double PivotTolerance = 1e-11;

    private readonly double[][] _loads;
    private readonly double[] _weights;

    /// <param name="loads">By kind and item, as in <see cref="FleetProblem"/>.</param>
    /// <param name="weights">What it is worth to carry each item; positive. Any weights decide whether all can be carried.</param>
    public LoadDivision(double[][] loads, double[] weights)
    {
        _loads = loads;
        double sum = weights.Sum();
        _weights = [.. weights.Select(weight => weight / sum)];
    }

    /// <summary>Whether so many machines carry the whole load.</summary>
    /// <param name="kinds">The kinds of which there are machines.</param>
    /// <param name="counts">By kind.</param>
    /// <param name="prices">
    /// Where they do not: prices of the items, none negative, such that Σ count · max(price/load) of any fleet that carries the
    /// load is at least Σ price. The dual solution; of this fleet it is less.
    /// </param>
    public bool Carries(IReadOnlyList<int> kinds, int[] counts, out double[]? prices)
    {
        int items = _weights.Length;
        for (int item = 0; item < items; item++)
        {
            if (!kinds.Any(kind => counts[kind] > 0 && double.IsFinite(_loads[kind][item])))
            {
                prices = new double[items];
                prices[item] = 1;
                return false;
            }
        }

        double carried = Solve(kinds, counts, 1, out double[] itemDuals, null);
        if (carried >= 1 - Tolerance)
        {
            prices = null;
            return true;
        }

        prices = [.. itemDuals.Select((dual, item) => Math.Max(0, _weights[item] - dual))];
        return false;
    }

    /// <summary>
    /// The shares of the items, by kind and item, that load the fullest machines least.
    /// </summary>
    /// <param name="kinds">The kinds of which there are machines.</param>
    /// <param name="counts">By kind; they must carry the load.</param>
    /// <param name="scale">How many times the load these machines could carry.</param>
    public double[][] Shares(IReadOnlyList<int> kinds, int[] counts, out double scale)
    {
        double low = 1, high = 2;
        while (high < 1e12 && Solve(kinds, counts, high, out _, null) >= 1 - Tolerance)
        {
            (low, high) = (high, 2 * high);
        }

        while (high - low > 1e-6 * low)
        {
            double middle = (low + high) / 2;
            (low, high) = Solve(kinds, counts, middle, out _, null) >= 1 - Tolerance ? (middle, high) : (low, middle);
        }

        double[][] shares = [.. _loads.Select(_ => new double[_weights.Length])];
        Solve(kinds, counts, low, out _, shares);

        // What rounding left out.
        for (int item = 0; item < _weights.Length; item++)
        {
            double sum = kinds.Sum(kind => shares[kind][item]);
            foreach (int kind in kinds)
            {
                shares[kind][item] /= sum;
            }
        }

        scale = low;
        return shares;
    }

    /// <returns>The share of the weights that is carried.</returns>
    private double Solve(IReadOnlyList<int> kinds, int[] counts, double scale, out double[] itemDuals, double[][]? shares)
    {
        int items = _weights.Length;
        List<(int Kind, int Row, int Item)> columns = [];
        for (int k = 0; k < kinds.Count; k++)
        {
            for (int item = 0; item < items; item++)
            {
                if (counts[kinds[k]] > 0 && double.IsFinite(_loads[kinds[k]][item]))
                {
                    columns.Add((kinds[k], items + k, item));
                }
            }
        }

        // Rows: items, then kinds, then the objective. Last column: right-hand side. Nonbasic variables are columns.
        int rows = items + kinds.Count, width = columns.Count;
        double[][] tableau = [.. Enumerable.Range(0, rows + 1).Select(_ => new double[width + 1])];
        for (int c = 0; c < width; c++)
        {
            (int kind, int row, int item) = columns[c];
            tableau[item][c] = 1;
            tableau[row][c] = _loads[kind][item] * scale / counts[kind];
            tableau[rows][c] = -_weights[item];
        }

        for (int r = 0; r < rows; r++)
        {
            tableau[r][width] = 1;
        }

        // Variables: 0 … width-1 are shares, width … are the rows' slacks.
        int[] nonbasic = [.. Enumerable.Range(0, width)];
        int[] basic = [.. Enumerable.Range(width, rows)];
        int most = 50 * (rows + width);
        for (int pivots = 0; pivots < most; pivots++)
        {
            // After many steps the first column instead of the steepest one: it cannot go round in circles (Bland 1977).
            bool careful = pivots > most / 2;
            int column = Entering(tableau[rows], nonbasic, width, careful);
            int row = column < 0 ? -1 : Leaving(tableau, basic, rows, width, column);
            if (row < 0)
            {
                break;
            }

            Pivot(tableau, row, column, rows, width);
            (nonbasic[column], basic[row]) = (basic[row], nonbasic[column]);
        }

        itemDuals = new double[items];
        for (int c = 0; c < width; c++)
        {
            int row = nonbasic[c] - width;
            if (row >= 0 && row < items)
            {
                itemDuals[row] = tableau[rows][c];
            }
        }

        if (shares is not null)
        {
            for (int r = 0; r < rows; r++)
            {
                if (basic[r] < width)
                {
                    (int kind, _, int item) = columns[basic[r]];
                    shares[kind][item] = Math.Max(0, tableau[r][width]);
                }
            }
        }

        return tableau[rows][width];
    }

    private static int Entering(double[] objective, int[] nonbasic, int width, bool careful)
    {
        int best = -1;
        for (int c = 0; c < width; c++)
        {
            if (objective[c] < -PivotTolerance
                && (best < 0 || (careful ? nonbasic[c] < nonbasic[best] : objective[c] < objective[best])))
            {
                best = c;
            }
        }

        return best;
    }

    private static int Leaving(double[][] tableau, int[] basic, int rows, int width, int column)
    {
        int best = -1;
        double least = double.PositiveInfinity;
        for (int r = 0; r < rows; r++)
        {
            double pivot = tableau[r][column];
            if (pivot <= PivotTolerance)
            {
                continue;
            }

            double ratio = tableau[r][width] / pivot;
            if (ratio < least || (ratio == least && basic[r] < basic[best]))
            {
                (best, least) = (r, ratio);
            }
        }

        return best;
    }

    private static void Pivot(double[][] tableau, int row, int column, int rows, int width)
    {
        double[] leaving = tableau[row];
        double inverse = 1 / leaving[column];
        for (int c = 0; c <= width; c++)
        {
            leaving[c] *= inverse;
        }

        leaving[column] = inverse;
        for (int r = 0; r <= rows; r++)
        {
            double factor = tableau[r][column];
            if (r == row || factor == 0)
            {
                continue;
            }

            double[] other = tableau[r];
            for (int c = 0; c <= width; c++)
            {
                other[c] -= factor * leaving[c];
            }

            other[column] = -factor * inverse;
        }
    }
}
