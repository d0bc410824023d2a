using LlmOps.Core.Fitting;

namespace LlmOps.Core.Performance.StepTime;

/// <summary>A measured deployment.</summary>
/// <param name="Case">What ran.</param>
/// <param name="TimePerOutputTokenMs">Mean time between output tokens in milliseconds; null where it is not known.</param>
/// <param name="TimeToFirstTokenMs">Mean time to the first token in milliseconds; null where it is not known.</param>
internal sealed record StepTimeRow(StepTimeCase Case, double? TimePerOutputTokenMs, double? TimeToFirstTokenMs)
{
    /// <summary>How much the row counts; 1 as any other.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>How coefficients are fitted.</summary>
internal sealed record StepTimeFitOptions
{
    /// <summary>
    /// Scale of the residuals of a time per output token, as a logarithm: how much a row counts against the priors. It is wider than
    /// the scatter of single rows, because rows of one deployment err together.
    /// </summary>
    public double TokenLogScale { get; init; } = 0.2;

    /// <summary>The same of a time to the first token.</summary>
    public double FirstLogScale { get; init; } = 0.4;

    /// <summary>Residuals larger than some times the scale of single rows count less and less (Student's t with so many degrees of freedom).</summary>
    public double DegreesOfFreedom { get; init; } = 4;

    /// <summary>Scatter of single rows, as a logarithm, for the robust loss.</summary>
    public double SingleLogScale { get; init; } = 0.1;

    /// <summary>Standard deviations of the priors are multiplied by it.</summary>
    public double PriorWidth { get; init; } = 1;

    /// <summary>Whether the priors' medians are the starting values in place of those that the coefficients name.</summary>
    public bool StartIsPrior { get; init; }

    public int MaxIterations { get; init; } = 40;

    /// <summary>The fit ends when a step lowers the objective by less than this share.</summary>
    public double Tolerance { get; init; } = 1e-6;
}

/// <summary>A coefficient that a fit moved.</summary>
/// <param name="Name">As in the data file.</param>
/// <param name="Key">Engine, GPU, precision or class; null for a shared value.</param>
/// <param name="Before">Where the fit began.</param>
/// <param name="After">Where it ended.</param>
internal readonly record struct StepTimeChange(string Name, string? Key, double Before, double After)
{
    public double LogChange => Math.Log(After / Before);
}

/// <summary>What a fit found.</summary>
/// <param name="Data">The coefficients.</param>
/// <param name="Objective">Half the sum of the robust squares and of the priors'.</param>
/// <param name="Iterations">Steps that were taken.</param>
/// <param name="Changes">Coefficients that moved, the most moved first.</param>
internal sealed record StepTimeFitResult(
    StepTimeData Data, double Objective, int Iterations, IReadOnlyList<StepTimeChange> Changes);

/// <summary>
/// Fits the coefficients of the step-time model to measurements: the most probable values under their log-normal priors and a
/// robust loss of the logarithms of measured over predicted times, by Levenberg and Marquardt's method in the logarithms of the
/// coefficients, with derivatives by differences. Corrections of groups are no part of it (<see cref="StepTimeGroups"/>).
/// </summary>
internal sealed class StepTimeFit
{
    private const double Difference = 1e-5;
    private const int Shares = 8;

    private readonly StepTimeRow[] _rows;
    private readonly string[][] _keys;
    private readonly StepTimeData _data;
    private readonly StepTimeFitOptions _options;
    private readonly Parameter[] _parameters;
    private readonly ParallelOptions _running;

    private StepTimeFit(
        IReadOnlyCollection<StepTimeRow> rows, StepTimeData data, StepTimeFitOptions options, CancellationToken cancel = default)
    {
        _running = new ParallelOptions { CancellationToken = cancel };
        _rows = [.. rows];
        _data = data;
        _options = options;
        _keys = [.. _rows.Select(row => KeysOf(row.Case, data))];
        _parameters =
        [
            .. data.Coefficients.SelectMany(pair => Parameters(pair.Key, pair.Value, options)),
        ];
    }

    /// <summary>
    /// Fits all coefficients to the rows, from the values of <paramref name="start"/> on. Corrections of groups that it has stay on,
    /// so that a fit of the whole model starts from data without.
    /// </summary>
    public static StepTimeFitResult Fit(
        IReadOnlyCollection<StepTimeRow> rows, StepTimeData start, StepTimeFitOptions? options = null, CancellationToken cancel = default) =>
        new StepTimeFit(rows, start, options ?? new StepTimeFitOptions(), cancel).Solve();

    /// <summary>
    /// Adjusts coefficients to somebody's own measurements: those that are there are the priors, as far apart from what is right
    /// as <paramref name="priorWidth"/> times what the fit allowed. A GPU that was not fitted gets multipliers of its own.
    /// Predictions with the result keep the corrections of groups.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled, which takes no longer than a row.</exception>
    public static StepTimeFitResult Refine(
        IReadOnlyCollection<StepTimeRow> rows, StepTimeData data, double priorWidth = 0.5, CancellationToken cancel = default)
    {
        StepTimeData known = rows.Select(row => row.Case.Gpu).Distinct().Aggregate(data, (d, gpu) => d.WithGpu(gpu));

        // Single rows count as they scatter: there is no crowd of them that errs together.
        StepTimeFitOptions options = new()
        {
            StartIsPrior = true,
            PriorWidth = priorWidth,
            TokenLogScale = 0.1,
            FirstLogScale = 0.25,
        };
        return Fit(rows, known, options, cancel);
    }

    /// <summary>What a fit minimizes, at given coefficients.</summary>
    public static double ObjectiveOf(IReadOnlyCollection<StepTimeRow> rows, StepTimeData data, StepTimeFitOptions? options = null)
    {
        StepTimeFit fit = new(rows, data, options ?? new StepTimeFitOptions());
        return fit.Objective(fit.Evaluate(data), [.. fit._parameters.Select(p => p.Start)]);
    }

    private static IEnumerable<Parameter> Parameters(string name, StepTimeCoefficient coefficient, StepTimeFitOptions options)
    {
        Parameter Of(string? key, double value) => new(
            name, key, Math.Log(value), Math.Log(options.StartIsPrior ? value : coefficient.Prior), coefficient.PriorLogSd * options.PriorWidth);

        return coefficient.Shared is { } shared
            ? [Of(null, shared)]
            : coefficient.Values.Select(pair => Of(pair.Key, pair.Value));
    }

    private static string[] KeysOf(in StepTimeCase c, StepTimeData data)
    {
        StepTimeShape shape = StepTimeShape.Of(c.Model, c.Quantization);
        string kind = shape.Class.ToString();
        PrecisionClass precision = PrecisionClasses.Of(shape, c);
        return [c.Engine, data.KeyOf(c.Gpu), precision.ToString(), kind, $"{kind}|{c.Engine}"];
    }

    private StepTimeFitResult Solve()
    {
        double[] logs = [.. _parameters.Select(p => p.Start)];
        int n = logs.Length;
        double damping = 1e-3;
        Residuals now = Evaluate(DataOf(logs));
        double objective = Objective(now, logs);
        int iterations = 0;
        for (; iterations < _options.MaxIterations; iterations++)
        {
            (double[,] normal, double[] gradient) = Linearize(now, logs);
            double before = objective;
            bool isLower = false;
            while (!isLower && damping < 1e8)
            {
                double[] step = DampedStep(normal, gradient, damping);
                double[] tried = new double[n];
                for (int i = 0; i < n; i++)
                {
                    tried[i] = logs[i] + step[i];
                }

                Residuals residuals = Evaluate(DataOf(tried));
                double lower = Objective(residuals, tried);
                if (lower < objective)
                {
                    (logs, now, objective, isLower) = (tried, residuals, lower, true);
                    damping = Math.Max(damping / 10, 1e-7);
                }
                else
                {
                    damping *= 10;
                }
            }

            if (!isLower || before - objective < _options.Tolerance * before)
            {
                break;
            }
        }

        List<StepTimeChange> changes =
        [
            .. _parameters
                .Select((p, i) => new StepTimeChange(p.Name, p.Key, Math.Exp(p.Start), Math.Exp(logs[i])))
                .Where(change => Math.Abs(change.LogChange) > 1e-6)
                .OrderByDescending(change => Math.Abs(change.LogChange)),
        ];
        return new StepTimeFitResult(DataOf(logs), objective, iterations, changes);
    }

    private StepTimeData DataOf(double[] logs) =>
        _data.With(_parameters.Select((p, i) => (p.Name, p.Key, Math.Exp(logs[i]))));

    private Residuals Evaluate(StepTimeData data)
    {
        double[] token = new double[_rows.Length], first = new double[_rows.Length];
        Parallel.For(0, _rows.Length, _running, i => (token[i], first[i]) = LogErrors(_rows[i], data));
        return new Residuals(token, first);
    }

    private static (double Token, double First) LogErrors(StepTimeRow row, StepTimeData data)
    {
        StepTimeParts parts = StepTimeModel.Predict(row.Case, data);
        return (
            row.TimePerOutputTokenMs is { } token ? Math.Log(parts.TimePerOutputToken / token) : 0,
            row.TimeToFirstTokenMs is { } first ? Math.Log(parts.TimeToFirstToken / first) : 0);
    }

    /// <summary>Student's t: half ν log(1 + r²/ν) in single rows' scale, weighted back to the scale that counts.</summary>
    private double Loss(double residual, double scale)
    {
        double share = _options.SingleLogScale / scale, nu = _options.DegreesOfFreedom;
        double r = residual / _options.SingleLogScale;
        return 0.5 * (nu + 1) * Math.Log(1 + (r * r / nu)) * share * share;
    }

    /// <summary>The weight of a squared residual that has the same slope.</summary>
    private double WeightOf(double residual, double scale)
    {
        double r = residual / _options.SingleLogScale, nu = _options.DegreesOfFreedom;
        return (nu + 1) / (nu + (r * r)) / (scale * scale);
    }

    private double Objective(Residuals residuals, double[] logs)
    {
        double sum = 0;
        for (int i = 0; i < _rows.Length; i++)
        {
            sum += _rows[i].Weight * (Loss(residuals.Token[i], _options.TokenLogScale) + Loss(residuals.First[i], _options.FirstLogScale));
        }

        for (int i = 0; i < logs.Length; i++)
        {
            double z = (logs[i] - _parameters[i].PriorLog) / _parameters[i].PriorLogSd;
            sum += 0.5 * z * z;
        }

        return sum;
    }

    private (double[,] Normal, double[] Gradient) Linearize(Residuals now, double[] logs)
    {
        int n = logs.Length;
        StepTimeData at = DataOf(logs);
        StepTimeData[] nearby =
        [
            .. _parameters.Select((p, i) => at.With([(p.Name, p.Key, Math.Exp(logs[i] + Difference))])),
        ];

        // Sums of fixed shares of the rows, added in order: the same result on any number of cores.
        (double[,] Normal, double[] Gradient)[] shares = [.. Enumerable.Range(0, Shares).Select(_ => (new double[n, n], new double[n]))];
        Parallel.For(0, Shares, _running, share =>
        {
            for (int row = share; row < _rows.Length; row += Shares)
            {
                _running.CancellationToken.ThrowIfCancellationRequested();
                AddRow(row, now, nearby, shares[share].Normal, shares[share].Gradient);
            }
        });
        (double[,] normal, double[] gradient) = shares[0];
        foreach ((double[,] partNormal, double[] partGradient) in shares.Skip(1))
        {
            for (int i = 0; i < n; i++)
            {
                gradient[i] += partGradient[i];
                for (int j = 0; j <= i; j++)
                {
                    normal[i, j] += partNormal[i, j];
                }
            }
        }

        for (int i = 0; i < n; i++)
        {
            Parameter p = _parameters[i];
            double precision = 1 / (p.PriorLogSd * p.PriorLogSd);
            normal[i, i] += precision;
            gradient[i] += precision * (logs[i] - p.PriorLog);
        }

        return (normal, gradient);
    }

    private void AddRow(int index, Residuals now, StepTimeData[] nearby, double[,] normal, double[] gradient)
    {
        StepTimeRow row = _rows[index];
        double tokenWeight = row.TimePerOutputTokenMs is null ? 0 : row.Weight * WeightOf(now.Token[index], _options.TokenLogScale);
        double firstWeight = row.TimeToFirstTokenMs is null ? 0 : row.Weight * WeightOf(now.First[index], _options.FirstLogScale);
        List<(int Parameter, double Token, double First)> slopes = [];
        for (int i = 0; i < nearby.Length; i++)
        {
            if (!Touches(_parameters[i], _keys[index]))
            {
                continue;
            }

            (double token, double first) = LogErrors(row, nearby[i]);
            token = (token - now.Token[index]) / Difference;
            first = (first - now.First[index]) / Difference;
            if (token != 0 || first != 0)
            {
                slopes.Add((i, token, first));
            }
        }

        for (int a = 0; a < slopes.Count; a++)
        {
            (int i, double token, double first) = slopes[a];
            gradient[i] += (tokenWeight * token * now.Token[index]) + (firstWeight * first * now.First[index]);
            for (int b = 0; b <= a; b++)
            {
                normal[i, slopes[b].Parameter] += (tokenWeight * token * slopes[b].Token) + (firstWeight * first * slopes[b].First);
            }
        }
    }

    /// <summary>Whether a coefficient may matter to a row. Element types are not told apart: a row has more than one.</summary>
    private bool Touches(in Parameter parameter, string[] keys)
    {
        if (parameter.Key is not { } key || Array.IndexOf(keys, key) >= 0)
        {
            return true;
        }

        // A row whose key is unknown sees the mean of the known ones.
        IReadOnlyDictionary<string, double> values = _data.Coefficients[parameter.Name].Values;
        return !Array.Exists(keys, values.ContainsKey) || Enum.TryParse(key, out Arithmetic _);
    }

    private static double[] DampedStep(double[,] normal, double[] gradient, double damping)
    {
        int n = gradient.Length;
        double[,] matrix = new double[n, n];
        double[] right = new double[n];
        for (int i = 0; i < n; i++)
        {
            right[i] = -gradient[i];
            for (int j = 0; j <= i; j++)
            {
                matrix[i, j] = normal[i, j];
            }

            matrix[i, i] *= 1 + damping;
        }

        return Cholesky.Solve(matrix, right);
    }

    private readonly record struct Residuals(double[] Token, double[] First);

    private readonly record struct Parameter(string Name, string? Key, double Start, double PriorLog, double PriorLogSd);
}
