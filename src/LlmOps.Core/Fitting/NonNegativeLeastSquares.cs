namespace LlmOps.Core.Fitting;

/// <summary>
/// Least squares with coefficients that are never negative: what a cost is made of cannot take time or memory away.
/// The active-set method of Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23.
/// </summary>
public static class NonNegativeLeastSquares
{
    /// <summary>Coefficients x ≥ 0 that minimize |A·x - b|².</summary>
    /// <param name="rows">The rows of A: one a measurement, all of the same length.</param>
    /// <param name="targets">b: one value a row.</param>
    /// <param name="weights">What each row's error counts; null for 1 each. 1 / target fits relative errors.</param>
    /// <exception cref="ArgumentException">The lengths do not match, or a value is not finite.</exception>
    public static double[] Solve(
        IReadOnlyList<double[]> rows, IReadOnlyList<double> targets, IReadOnlyList<double>? weights = null)
    {
        int n = rows.Count == 0 ? 0 : rows[0].Length;
        (double[,] gram, double[] moment, double[] scale) = NormalEquations(rows, targets, weights, n);

        var free = new bool[n];
        var x = new double[n];
        double tolerance = 1e-12 * moment.Select(Math.Abs).Append(1e-300).Max();
        for (int round = 0; round < 3 * (n + 1); round++)
        {
            int enters = SteepestBound(gram, moment, x, free, tolerance);
            if (enters < 0)
            {
                break;
            }

            free[enters] = true;
            double[] candidate = SolveFree(gram, moment, free);
            while (Blocking(candidate, free) is { } blocked && blocked >= 0)
            {
                // Go as far towards the candidate as stays feasible, and hold what reached zero there.
                double step = 1;
                for (int i = 0; i < n; i++)
                {
                    if (free[i] && candidate[i] <= 0)
                    {
                        double distance = x[i] - candidate[i];
                        step = distance > 0 ? Math.Min(step, x[i] / distance) : 0;
                    }
                }

                for (int i = 0; i < n; i++)
                {
                    x[i] += free[i] ? step * (candidate[i] - x[i]) : 0;
                    if (free[i] && x[i] <= 1e-14)
                    {
                        free[i] = false;
                        x[i] = 0;
                    }
                }

                candidate = SolveFree(gram, moment, free);
            }

            x = candidate;
        }

        for (int i = 0; i < n; i++)
        {
            x[i] /= scale[i];
        }

        return x;
    }

    /// <summary>AᵀA and Aᵀb with columns scaled to length 1, so that bytes and seconds weigh alike.</summary>
    private static (double[,] Gram, double[] Moment, double[] Scale) NormalEquations(
        IReadOnlyList<double[]> rows, IReadOnlyList<double> targets, IReadOnlyList<double>? weights, int n)
    {
        if (rows.Count != targets.Count || (weights is not null && weights.Count != rows.Count))
        {
            throw new ArgumentException("Rows, targets and weights differ in number.", nameof(targets));
        }

        var gram = new double[n, n];
        var moment = new double[n];
        for (int r = 0; r < rows.Count; r++)
        {
            double[] row = rows[r];
            double weight = weights?[r] ?? 1;
            weight *= weight;
            if (row.Length != n || !double.IsFinite(targets[r]) || !double.IsFinite(weight) || !row.All(double.IsFinite))
            {
                throw new ArgumentException($"Row {r} is of another length, or has a value that is not finite.", nameof(rows));
            }

            for (int i = 0; i < n; i++)
            {
                moment[i] += weight * row[i] * targets[r];
                for (int j = 0; j <= i; j++)
                {
                    gram[i, j] += weight * row[i] * row[j];
                }
            }
        }

        var scale = new double[n];
        for (int i = 0; i < n; i++)
        {
            scale[i] = gram[i, i] > 0 ? Math.Sqrt(gram[i, i]) : 1;
        }

        for (int i = 0; i < n; i++)
        {
            moment[i] /= scale[i];
            for (int j = 0; j <= i; j++)
            {
                gram[i, j] /= scale[i] * scale[j];
                gram[j, i] = gram[i, j];
            }
        }

        return (gram, moment, scale);
    }

    /// <summary>The coefficient at zero that the error falls with the most; -1 where none does.</summary>
    private static int SteepestBound(double[,] gram, double[] moment, double[] x, bool[] free, double tolerance)
    {
        int best = -1;
        double steepest = tolerance;
        for (int i = 0; i < x.Length; i++)
        {
            if (free[i])
            {
                continue;
            }

            double slope = moment[i];
            for (int j = 0; j < x.Length; j++)
            {
                slope -= gram[i, j] * x[j];
            }

            if (slope > steepest)
            {
                steepest = slope;
                best = i;
            }
        }

        return best;
    }

    private static int Blocking(double[] candidate, bool[] free)
    {
        for (int i = 0; i < candidate.Length; i++)
        {
            if (free[i] && candidate[i] <= 0)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The unconstrained solution in the free coefficients, by Cholesky; a column that depends on others gets 0.</summary>
    private static double[] SolveFree(double[,] gram, double[] moment, bool[] free)
    {
        int[] index = [.. Enumerable.Range(0, free.Length).Where(i => free[i])];
        int m = index.Length;
        var lower = new double[m, m];
        var y = new double[m];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = gram[index[i], index[j]];
                for (int k = 0; k < j; k++)
                {
                    sum -= lower[i, k] * lower[j, k];
                }

                lower[i, j] = i == j
                    ? (sum > 1e-13 ? Math.Sqrt(sum) : double.PositiveInfinity)
                    : sum / lower[j, j];
            }

            double value = moment[index[i]];
            for (int k = 0; k < i; k++)
            {
                value -= lower[i, k] * y[k];
            }

            y[i] = value / lower[i, i];
        }

        var solution = new double[free.Length];
        for (int i = m - 1; i >= 0; i--)
        {
            double value = y[i];
            for (int k = i + 1; k < m; k++)
            {
                value -= lower[k, i] * solution[index[k]];
            }

            solution[index[i]] = value / lower[i, i];
        }

        return solution;
    }
}
