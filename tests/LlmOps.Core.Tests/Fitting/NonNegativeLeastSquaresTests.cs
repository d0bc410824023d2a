using FsCheck.Fluent;
using LlmOps.Core.Fitting;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Fitting;

public sealed class NonNegativeLeastSquaresTests
{
    [Fact]
    public void A_line_with_positive_coefficients_is_found()
    {
        double[][] rows = [[1, 1], [1, 2], [1, 3], [1, 4]];

        double[] x = NonNegativeLeastSquares.Solve(rows, [3, 5, 7, 9]);

        Assert.Equal(1, x[0], 1e-9);
        Assert.Equal(2, x[1], 1e-9);
    }

    /// <summary>The free fit of 3, 2, 1 over 1, 2, 3 is 4 - x; without negative slopes the best is the mean.</summary>
    [Fact]
    public void A_coefficient_that_would_be_negative_is_zero()
    {
        double[][] rows = [[1, 1], [1, 2], [1, 3]];

        double[] x = NonNegativeLeastSquares.Solve(rows, [3, 2, 1]);

        Assert.Equal(2, x[0], 1e-9);
        Assert.Equal(0, x[1]);
    }

    [Fact]
    public void Weights_of_one_over_the_target_fit_relative_errors()
    {
        double[] x = NonNegativeLeastSquares.Solve([[1], [1]], [1, 3], [1, 1 / 3.0]);

        // d/dx of (x - 1)² + (x/3 - 1)² is zero at (1 + 1/3) / (1 + 1/9).
        Assert.Equal(1.2, x[0], 1e-9);
    }

    [Fact]
    public void Columns_that_say_the_same_do_no_harm()
    {
        double[][] rows = [[1, 1e9], [2, 2e9], [3, 3e9]];

        double[] x = NonNegativeLeastSquares.Solve(rows, [2, 4, 6]);

        Assert.Equal(2, x[0] + (1e9 * x[1]), 1e-6);
    }

    [Fact]
    public void No_rows_give_no_coefficients() => Assert.Empty(NonNegativeLeastSquares.Solve([], []));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_value_that_is_not_finite_is_refused(double bad) =>
        Assert.Throws<ArgumentException>(() => NonNegativeLeastSquares.Solve([[bad]], [1]));

    /// <summary>No step along any coefficient from the solution makes the error smaller: the conditions of Kuhn and Tucker.</summary>
    [Fact]
    public void Nothing_nearby_is_better()
    {
        var cases =
            from columns in Gen.Choose(1, 6)
            from values in Gen.Choose(-100, 100).ArrayOf(12 * columns)
            from targets in Gen.Choose(-100, 100).ArrayOf(12)
            select (columns, values, targets);
        Always.Holds(cases, 500, c =>
        {
            double[][] rows = [.. c.values.Select(v => (double)v).Chunk(c.columns)];
            double[] targets = [.. c.targets.Select(v => (double)v)];
            double[] x = NonNegativeLeastSquares.Solve(rows, targets);
            double best = Error(rows, targets, x);
            Assert.All(x, value => Assert.True(value >= 0 && double.IsFinite(value)));
            for (int i = 0; i < x.Length; i++)
            {
                foreach (double step in (double[])[1e-3, -1e-3])
                {
                    double[] other = [.. x];
                    other[i] = Math.Max(0, x[i] + step);
                    Assert.True(Error(rows, targets, other) >= best - (1e-6 * (1 + best)));
                }
            }
        });
    }

    private static double Error(double[][] rows, double[] targets, double[] x) =>
        rows.Zip(targets, (row, target) => Math.Pow(row.Zip(x, (a, b) => a * b).Sum() - target, 2)).Sum();
}
