namespace LlmOps.Core.Fitting;

/// <summary>Solves systems whose matrix is symmetric and positive definite.</summary>
internal static class Cholesky
{
    /// <param name="matrix">The lower triangle; it is overwritten.</param>
    /// <param name="right">The right side; it is overwritten by the solution, which is returned.</param>
    /// <exception cref="ArgumentException">The matrix is not positive definite.</exception>
    public static double[] Solve(double[,] matrix, double[] right)
    {
        int n = right.Length;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double sum = matrix[i, j];
                for (int k = 0; k < j; k++)
                {
                    sum -= matrix[i, k] * matrix[j, k];
                }

                if (i != j)
                {
                    matrix[i, j] = sum / matrix[j, j];
                }
                else if (sum > 0)
                {
                    matrix[i, i] = Math.Sqrt(sum);
                }
                else
                {
                    throw new ArgumentException($"The matrix is not positive definite in row {i}.", nameof(matrix));
                }
            }
        }

        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < i; k++)
            {
                right[i] -= matrix[i, k] * right[k];
            }

            right[i] /= matrix[i, i];
        }

        for (int i = n - 1; i >= 0; i--)
        {
            for (int k = i + 1; k < n; k++)
            {
                right[i] -= matrix[k, i] * right[k];
            }

            right[i] /= matrix[i, i];
        }

        return right;
    }
}
