namespace LlmOps.Core.Calibration;

/// <summary>
/// Fits measured = α · computed + β with β ≥ 0 by least squares on the logarithms of predicted over measured, which weigh too long
/// and too short alike, with outliers weighted down by Tukey's biweight about a start that they do not reach: the median slope
/// (Theil 1950, Sen 1968) or the median ratio. A constant is kept where rows that were left out are met better with it than without,
/// and a factor where they are met better than by the estimate as it is.
/// </summary>
internal static class TimeFit
{
    // Computed times that lie closer together than that do not tell a factor from a constant; two of them need more.
    private const double LeastSpread = 1.5;
    private const double LeastSpreadOfTwo = 2;

    // Where 95 % of the efficiency of least squares is kept for normal errors (Beaton and Tukey 1974).
    private const double TukeyWidth = 4.685;
    private const double NormalMedian = 0.6745;
    private const int MostRounds = 100;
    private const double LongestStep = 3;
    private const double SmallestError = 1e-12;

    // Repeated measurements of one server differ by that much; rows within it are no outliers, however well the others agree.
    private const double SmallestScale = 0.01;

    // Slopes are taken between all pairs up to that many rows, and between the halves above.
    private const int MostPaired = 40;

    // Each row is left out alone up to that many; more are left out in groups.
    private const int MostAlone = 500;
    private const int Groups = 100;

    private enum Form
    {
        AsEstimated,
        Factor,
        Line,
    }

    /// <summary>A measured time, and what is computed for it without calibration, in milliseconds.</summary>
    /// <param name="Computed">As the formulas have it.</param>
    /// <param name="Floor">The least that the hardware allows.</param>
    /// <param name="Measured">Greater than 0.</param>
    public readonly record struct Pair(double Computed, double Floor, double Measured)
    {
        public double Estimated => Math.Max(Floor, Computed);

        public double At(in Line line) => Math.Max(Floor, (line.Alpha * Computed) + line.BetaMs);
    }

    public readonly record struct Line(double Alpha, double BetaMs);

    /// <summary>What was fitted, and what each pair is predicted at without itself in the fit (NaN for a single pair).</summary>
    public static (PhaseTimeCalibration Calibration, double[] LeftOut) Fit(IReadOnlyList<Pair> pairs)
    {
        (Form form, double[] leftOut) = Chosen(pairs);
        Line line = Of(pairs, form);
        return (Judged(pairs, [.. pairs.Select(pair => pair.At(line))], pairs.Count > 1 ? leftOut : null) with
        {
            Alpha = line.Alpha,
            BetaMs = line.BetaMs,
            Note = pairs.Count == 1 ? "one measurement: a factor alone, and no error of it is known"
                : form == Form.AsEstimated ? "neither a factor nor a constant meets rows that were left out better than the estimate as it is; nothing is corrected"
                : !HasConstant(pairs) ? FormattableString.Invariant(
                    $"a factor alone: computed times differ by {Spread(pairs):0.##} times, too little to tell a constant from it")
                : pairs.Count == 2 ? "two measurements, which two coefficients meet exactly: others must say how far off it is"
                : null,
        }, leftOut);
    }

    /// <summary>The form that meets rows best that were left out, the simpler one of two that are as good.</summary>
    private static (Form Form, double[] LeftOut) Chosen(IReadOnlyList<Pair> pairs)
    {
        double[] factor = LeftOut(pairs, Form.Factor);
        if (pairs.Count == 1)
        {
            return (Form.Factor, factor);
        }

        double[] estimated = [.. pairs.Select(pair => pair.Estimated)];
        double best = MeanError(pairs, factor);
        (Form form, double[] leftOut) = (Form.Factor, factor);
        if (HasConstant(pairs))
        {
            double[] line = LeftOut(pairs, Form.Line);

            // Of two rows one alone is left, which says nothing of a constant.
            if (pairs.Count == 2 || MeanError(pairs, line) < best)
            {
                (form, leftOut, best) = (Form.Line, line, MeanError(pairs, line));
            }
        }

        // Where rows are of several kinds, the mean can fall while most rows get worse.
        return best <= MeanError(pairs, estimated) + SmallestError
            && MedianError(pairs, leftOut) <= MedianError(pairs, estimated) + SmallestError
            ? (form, leftOut)
            : (Form.AsEstimated, estimated);
    }

    private static double MeanError(IReadOnlyList<Pair> pairs, double[] predicted) =>
        pairs.Select((pair, i) => Math.Abs(Math.Log(predicted[i] / pair.Measured))).Average();

    private static double MedianError(IReadOnlyList<Pair> pairs, double[] predicted) =>
        Quantile([.. pairs.Select((pair, i) => Math.Abs((predicted[i] / pair.Measured) - 1)).Order()], 0.5);

    /// <summary>How far predictions are off, and between what bounds.</summary>
    /// <param name="pairs">What was measured.</param>
    /// <param name="after">Predictions with all of it in the fit.</param>
    /// <param name="leftOut">Those without the pair in the fit; null for a single one.</param>
    public static PhaseTimeCalibration Judged(IReadOnlyList<Pair> pairs, double[] after, double[]? leftOut)
    {
        double[] ratios = [.. pairs.Select((pair, i) => pair.Measured / (leftOut ?? after)[i]).Order()];
        bool hasPercentiles = ratios.Length >= PhaseTimeCalibration.EnoughForPercentiles;
        return new PhaseTimeCalibration
        {
            Alpha = 1,
            BetaMs = 0,
            Count = pairs.Count,
            LeastComputedMs = pairs.Min(pair => pair.Computed),
            MostComputedMs = pairs.Max(pair => pair.Computed),
            Low = Math.Min(1, Quantile(ratios, hasPercentiles ? 0.1 : 0)),
            High = Math.Max(1, Quantile(ratios, hasPercentiles ? 0.9 : 1)),
            Before = TimeErrors.Of(pairs.Select(pair => (pair.Estimated, pair.Measured))),
            After = TimeErrors.Of(pairs.Select((pair, i) => (after[i], pair.Measured))),
            LeftOut = leftOut is null ? null : TimeErrors.Of(pairs.Select((pair, i) => (leftOut[i], pair.Measured))),
            Note = pairs.Count == 1 ? "one measurement: no error is known" : null,
        };
    }

    private static double Spread(IReadOnlyList<Pair> pairs) => pairs.Max(pair => pair.Computed) / pairs.Min(pair => pair.Computed);

    private static bool HasConstant(IReadOnlyList<Pair> pairs) =>
        pairs.Count >= 2 && Spread(pairs) >= (pairs.Count == 2 ? LeastSpreadOfTwo : LeastSpread);

    private static double[] LeftOut(IReadOnlyList<Pair> pairs, Form form)
    {
        double[] predicted = new double[pairs.Count];
        int folds = pairs.Count <= MostAlone ? pairs.Count : Groups;
        for (int fold = 0; fold < folds; fold++)
        {
            List<Pair> others = new(pairs.Count);
            for (int i = 0; i < pairs.Count; i++)
            {
                if (i % folds != fold)
                {
                    others.Add(pairs[i]);
                }
            }

            Line line = others.Count == 0 ? new Line(double.NaN, double.NaN) : Of(others, form);
            for (int i = fold; i < pairs.Count; i += folds)
            {
                predicted[i] = pairs[i].At(line);
            }
        }

        return predicted;
    }

    private static Line Of(IReadOnlyList<Pair> pairs, Form form)
    {
        if (form == Form.AsEstimated)
        {
            return new Line(1, 0);
        }

        bool hasConstant = form == Form.Line && HasConstant(pairs);
        double[] ratios = [.. pairs.Select(pair => pair.Measured / pair.Computed).Order()];
        Line line = Bounded(Quantile(ratios, 0.5), 0);
        double scale = Scale(pairs, line, 1);
        if (hasConstant && MedianLine(pairs) is { } sloped && Scale(pairs, sloped, 2) is var closer && closer < scale)
        {
            (line, scale) = (sloped, closer);
        }

        double[] weights = new double[pairs.Count];
        for (int round = 0; round < MostRounds; round++)
        {
            for (int i = 0; i < weights.Length; i++)
            {
                double distance = Residual(pairs[i], line) / (scale * TukeyWidth);
                double inner = 1 - (distance * distance);
                weights[i] = inner <= 0 ? 0 : inner * inner;
            }

            Line next = Weighted(pairs, line, weights, hasConstant) ?? line;
            bool isSettled = Math.Abs(next.Alpha - line.Alpha) <= 1e-12 * line.Alpha && Math.Abs(next.BetaMs - line.BetaMs) <= 1e-12;
            line = next;
            if (isSettled)
            {
                break;
            }
        }

        return line;
    }

    private static double Residual(in Pair pair, in Line line) =>
        Math.Log(((line.Alpha * pair.Computed) + line.BetaMs) / pair.Measured);

    /// <summary>The median size of residuals, of few rows a larger one: as many as there are coefficients are met by any line.</summary>
    private static double Scale(IReadOnlyList<Pair> pairs, Line line, int coefficients)
    {
        double[] sizes = [.. pairs.Select(pair => Math.Abs(Residual(pair, line))).Order()];
        return Math.Max(sizes[Math.Min(sizes.Length, (sizes.Length + coefficients + 1) / 2) - 1] / NormalMedian, SmallestScale);
    }

    /// <summary>The median slope between rows, and the median of what is left; null where the line falls or starts below 0.</summary>
    private static Line? MedianLine(IReadOnlyList<Pair> pairs)
    {
        Pair[] ordered = [.. pairs.OrderBy(pair => pair.Computed)];
        List<double> slopes = [];
        int half = ordered.Length / 2;
        for (int i = 0; i < ordered.Length; i++)
        {
            bool hasAll = ordered.Length <= MostPaired;
            for (int j = hasAll ? i + 1 : i + half; j < (hasAll ? ordered.Length : Math.Min(i + half + 1, ordered.Length)); j++)
            {
                if (ordered[j].Computed > ordered[i].Computed)
                {
                    slopes.Add((ordered[j].Measured - ordered[i].Measured) / (ordered[j].Computed - ordered[i].Computed));
                }
            }
        }

        double slope = Quantile([.. slopes.Order()], 0.5);
        double start = Quantile([.. ordered.Select(pair => pair.Measured - (slope * pair.Computed)).Order()], 0.5);
        return slope > 0 && start >= 0 ? Bounded(slope, start) : null;
    }

    /// <summary>
    /// One step of Gauss and Newton to the least sum of weighted squares with β ≥ 0; null where the weights leave nothing to fit.
    /// </summary>
    private static Line? Weighted(IReadOnlyList<Pair> pairs, Line line, double[] weights, bool hasConstant)
    {
        double xx = 0, xy = 0, yy = 0, x1 = 0, y1 = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            double now = (line.Alpha * pairs[i].Computed) + line.BetaMs;
            double x = pairs[i].Computed / now, y = 1 / now, w = weights[i];
            double target = Math.Clamp(1 - Residual(pairs[i], line), 1 / LongestStep, LongestStep);
            xx += w * x * x;
            xy += w * x * y;
            yy += w * y * y;
            x1 += w * x * target;
            y1 += w * y * target;
        }

        if (!(xx > 0))
        {
            return null;
        }

        double determinant = (xx * yy) - (xy * xy);
        if (hasConstant && determinant > 1e-9 * xx * yy)
        {
            double alpha = ((x1 * yy) - (y1 * xy)) / determinant, beta = ((xx * y1) - (xy * x1)) / determinant;
            if (beta >= 0 && alpha >= PhaseTimeCalibration.LeastAlpha)
            {
                return Bounded(alpha, beta);
            }

            if (beta >= 0)
            {
                return Bounded(PhaseTimeCalibration.LeastAlpha, (y1 - (PhaseTimeCalibration.LeastAlpha * xy)) / yy);
            }
        }

        return Bounded(x1 / xx, 0);
    }

    private static Line Bounded(double alpha, double betaMs) => new(
        Math.Clamp(alpha, PhaseTimeCalibration.LeastAlpha, PhaseTimeCalibration.MostAlpha),
        Math.Clamp(betaMs, 0, PhaseTimeCalibration.MostBetaMs));

    /// <summary>Between the two values next to the share.</summary>
    internal static double Quantile(double[] ordered, double share)
    {
        double at = share * (ordered.Length - 1);
        int below = (int)at;
        return below + 1 >= ordered.Length
            ? ordered[^1]
            : ordered[below] + ((at - below) * (ordered[below + 1] - ordered[below]));
    }
}
