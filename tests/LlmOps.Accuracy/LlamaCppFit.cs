using LlmOps.Core.Fitting;
using LlmOps.Core.Performance.StepTime;

namespace LlmOps.Accuracy;

/// <summary>
/// Fits the coefficients of one phase of llama.cpp to measured speeds: the most probable values under log-normal priors and a
/// robust loss (Student's t) of the logarithms of predicted over measured times, by Levenberg and Marquardt's method in the
/// logarithms of the coefficients, with derivatives by differences.
/// </summary>
internal sealed class LlamaCppFit
{
    private const double DegreesOfFreedom = 4;
    private const double Difference = 1e-5;
    private const int MaxIterations = 300;

    private readonly bool _isPrefill;
    private readonly LlamaCppRow[] _rows;
    private readonly Parameter[] _parameters;

    private LlamaCppFit(bool isPrefill, IEnumerable<LlamaCppRow> rows)
    {
        _isPrefill = isPrefill;
        _rows = [.. rows];
        _parameters = [.. Shared(isPrefill), .. Keys(_rows)];
    }

    /// <summary>What is left out together.</summary>
    public static (string Name, Func<LlamaCppRow, string> Group)[] LeftOut { get; } =
    [
        ("gpu", row => row.Gpu.Name),
        ("model", row => row.Model.Name),
    ];

    /// <summary>Scale of the logarithms of single rows' errors, as far as they count against the priors.</summary>
    private double Scale => _isPrefill ? 0.15 : 0.05;

    /// <summary>The coefficients of a phase by these rows alone; GPUs that have none are as their family is.</summary>
    public static LlamaCppPhase Phase(bool isPrefill, IEnumerable<LlamaCppRow> rows)
    {
        LlamaCppFit fit = new(isPrefill, rows);
        return fit.PhaseOf(fit.Solve());
    }

    /// <summary>The coefficients of a phase that a GPU or a model had no part in.</summary>
    public static LlamaCppPhase Without(bool isPrefill, string kind, string group)
    {
        Func<LlamaCppRow, string> groupOf = LeftOut.Single(l => l.Name == kind).Group;
        return Phase(isPrefill, LlamaCppRow.Fitted(isPrefill).Where(row => groupOf(row) != group));
    }

    /// <summary>The shipped coefficients with one phase replaced.</summary>
    public static LlamaCppCoefficients With(bool isPrefill, LlamaCppPhase phase) => isPrefill
        ? StepTimeData.Instance.LlamaCpp with { Prefill = phase }
        : StepTimeData.Instance.LlamaCpp with { Decode = phase };

    private static IEnumerable<Parameter> Shared(bool isPrefill) => isPrefill
        ?
        [
            new(Kind.Efficiency16, "", 0.4, 0.5), new(Kind.EfficiencyQuantized, "", 0.3, 0.5), new(Kind.LayerMs, "", 0.1, 1),
            new(Kind.PipelineExponent, "", 0.7, 0.3),
        ]
        :
        [
            new(Kind.Efficiency16, "", 0.8, 0.2), new(Kind.EfficiencyQuantized, "", 0.75, 0.2), new(Kind.LayerMs, "", 0.05, 1),
            new(Kind.HopMs, "", 0.2, 1), new(Kind.StepMs, "", 0.3, 1),
        ];

    private static IEnumerable<Parameter> Keys(LlamaCppRow[] rows) =>
    [
        .. rows.Select(row => LlamaCppTime.FamilyOf(row.Gpu)).Distinct().Order(StringComparer.Ordinal)
            .Select(family => new Parameter(Kind.Family, family, 1, 0.3)),
        .. rows.Select(row => row.Gpu.Name).Distinct().Order(StringComparer.Ordinal).Select(gpu => new Parameter(Kind.Gpu, gpu, 1, 0.1)),
    ];

    private double[] Solve()
    {
        double[] logs = [.. _parameters.Select(p => Math.Log(p.Prior))];
        double[] errors = Errors(logs);
        double objective = Objective(errors, logs), damping = 1e-3;
        for (int iteration = 0; iteration < MaxIterations; iteration++)
        {
            double before = objective;
            (double[,] normal, double[] gradient) = Linearize(errors, logs);
            bool isLower = false;
            while (!isLower && damping < 1e8)
            {
                double[] tried = [.. logs.Zip(Step(normal, gradient, damping), (log, step) => log + step)];
                double[] triedErrors = Errors(tried);
                double lower = Objective(triedErrors, tried);
                isLower = lower < objective;
                if (isLower)
                {
                    (logs, errors, objective) = (tried, triedErrors, lower);
                }

                damping = isLower ? Math.Max(damping / 10, 1e-7) : damping * 10;
            }

            if (!isLower || before - objective < 1e-12 * before)
            {
                break;
            }
        }

        return logs;
    }

    private double[] Errors(double[] logs)
    {
        LlamaCppCoefficients coefficients = With(_isPrefill, PhaseOf(logs));
        return [.. _rows.Select(row => Math.Log(row.Predict(coefficients) / row.MillisecondsPerToken))];
    }

    private double Objective(double[] errors, double[] logs) =>
        errors.Sum(error => 0.5 * (DegreesOfFreedom + 1) * Math.Log(1 + (error * error / (Scale * Scale * DegreesOfFreedom))))
        + _parameters.Select((p, i) => 0.5 * Math.Pow((logs[i] - Math.Log(p.Prior)) / p.LogSd, 2)).Sum();

    private (double[,] Normal, double[] Gradient) Linearize(double[] errors, double[] logs)
    {
        int n = logs.Length;
        double[][] slopes = [.. Enumerable.Range(0, n).Select(i =>
        {
            double[] nearby = [.. logs];
            nearby[i] += Difference;
            return Errors(nearby).Zip(errors, (near, error) => (near - error) / Difference).ToArray();
        })];
        double[,] normal = new double[n, n];
        double[] gradient = new double[n];
        for (int i = 0; i < n; i++)
        {
            double precision = 1 / (_parameters[i].LogSd * _parameters[i].LogSd);
            normal[i, i] = precision;
            gradient[i] = precision * (logs[i] - Math.Log(_parameters[i].Prior));
            for (int row = 0; row < errors.Length; row++)
            {
                double r = errors[row] / Scale;
                double weighted = slopes[i][row] * (DegreesOfFreedom + 1) / (DegreesOfFreedom + (r * r)) / (Scale * Scale);
                gradient[i] += weighted * errors[row];
                for (int j = 0; j <= i; j++)
                {
                    normal[i, j] += weighted * slopes[j][row];
                }
            }
        }

        return (normal, gradient);
    }

    private static double[] Step(double[,] normal, double[] gradient, double damping)
    {
        double[,] matrix = (double[,])normal.Clone();
        for (int i = 0; i < gradient.Length; i++)
        {
            matrix[i, i] *= 1 + damping;
        }

        return Cholesky.Solve(matrix, [.. gradient.Select(slope => -slope)]);
    }

    private LlamaCppPhase PhaseOf(double[] logs)
    {
        double Of(Kind kind) => Array.FindIndex(_parameters, p => p.Kind == kind) is var i and >= 0 ? Math.Exp(logs[i]) : 0;
        Dictionary<string, double> By(Kind kind) => _parameters.Select((p, i) => (Parameter: p, Value: Math.Exp(logs[i])))
            .Where(pair => pair.Parameter.Kind == kind).ToDictionary(pair => pair.Parameter.Key, pair => pair.Value);

        return new LlamaCppPhase
        {
            Efficiency16 = Of(Kind.Efficiency16),
            EfficiencyQuantized = Of(Kind.EfficiencyQuantized),
            LayerMs = Of(Kind.LayerMs),
            HopMs = Of(Kind.HopMs),
            StepMs = Of(Kind.StepMs),
            PipelineExponent = Of(Kind.PipelineExponent),
            ByFamily = By(Kind.Family),
            ByGpu = By(Kind.Gpu),
        };
    }

    private enum Kind
    {
        Efficiency16,
        EfficiencyQuantized,
        LayerMs,
        HopMs,
        StepMs,
        PipelineExponent,
        Family,
        Gpu,
    }

    private readonly record struct Parameter(Kind Kind, string Key, double Prior, double LogSd);
}
