using System.Globalization;
using System.Security;
using System.Text;

namespace LlmOps.Accuracy;

/// <summary>Predicted against measured on logarithmic axes, as SVG that reads on light and dark pages.</summary>
internal static class ScatterPlot
{
    private const double Size = 460;
    private const double Left = 64, Top = 40, Bottom = 52, LegendWidth = 190;

    /// <summary>Told apart by people with any colour vision (Okabe and Ito 2008).</summary>
    private static readonly string[] s_colours =
        ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#f0e442"];

    private static string Tick(double value) => value switch
    {
        >= 1e6 => FormattableString.Invariant($"{value / 1e6:0} M"),
        >= 1e3 => FormattableString.Invariant($"{value / 1e3:0} k"),
        _ => FormattableString.Invariant($"{value:0.###}"),
    };

    /// <param name="band">Share of the measured value that the shaded band reaches to either side.</param>
    public static string Draw(string title, string unit, IReadOnlyCollection<Point> points, double band)
    {
        double low = Math.Pow(10, Math.Floor(Math.Log10(points.Min(p => Math.Min(p.Predicted, p.Measured)))));
        double high = Math.Pow(10, Math.Ceiling(Math.Log10(points.Max(p => Math.Max(p.Predicted, p.Measured)))));
        double X(double value) => Left + (Size * Math.Log10(value / low) / Math.Log10(high / low));
        double Y(double value) => Top + Size - (Size * Math.Log10(value / low) / Math.Log10(high / low));

        StringBuilder svg = new();
        void Add(FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
        double width = Left + Size + LegendWidth, height = Top + Size + Bottom;
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">");
        Add($"<title>{SecurityElement.Escape(title)}</title>");
        Add($"<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
        Add($"<text x=\"{Left}\" y=\"24\" font-size=\"15\" fill=\"#222\">{SecurityElement.Escape(title)}</text>");
        Add($"<clipPath id=\"area\"><rect x=\"{Left}\" y=\"{Top}\" width=\"{Size}\" height=\"{Size}\"/></clipPath>");
        for (double tick = low; tick <= high * 1.001; tick *= 10)
        {
            Add($"<path d=\"M{X(tick):0.#} {Top}V{Top + Size}M{Left} {Y(tick):0.#}H{Left + Size}\" stroke=\"#ddd\"/>");
            Add($"<text x=\"{X(tick):0.#}\" y=\"{Top + Size + 18}\" text-anchor=\"middle\" fill=\"#444\">{Tick(tick)}</text>");
            Add($"<text x=\"{Left - 8}\" y=\"{Y(tick) + 4:0.#}\" text-anchor=\"end\" fill=\"#444\">{Tick(tick)}</text>");
        }

        Add($"<path clip-path=\"url(#area)\" d=\"M{X(low):0.#} {Y(low * (1 + band)):0.#}L{X(high):0.#} {Y(high * (1 + band)):0.#}L{X(high):0.#} {Y(high * (1 - band)):0.#}L{X(low):0.#} {Y(low * (1 - band)):0.#}Z\" fill=\"#000\" opacity=\"0.07\"/>");
        Add($"<path d=\"M{X(low):0.#} {Y(low):0.#}L{X(high):0.#} {Y(high):0.#}\" stroke=\"#666\" stroke-dasharray=\"4 3\"/>");
        string[] groups = [.. points.Select(p => p.Group).Distinct().Order(StringComparer.Ordinal)];
        // A group's points are the round ends of one path's lines of no length: a fifth of the size of a circle each.
        for (int i = 0; i < groups.Length; i++)
        {
            string dots = string.Concat(points.Where(p => p.Group == groups[i])
                .Select(p => FormattableString.Invariant($"M{X(p.Measured):0.#} {Y(p.Predicted):0.#}h0")));
            Add($"<path d=\"{dots}\" stroke=\"{s_colours[i % s_colours.Length]}\" stroke-width=\"6\" stroke-linecap=\"round\" stroke-opacity=\"0.65\"/>");
        }

        for (int i = 0; i < groups.Length; i++)
        {
            double y = Top + 12 + (18 * i);
            int count = points.Count(p => p.Group == groups[i]);
            Add($"<circle cx=\"{Left + Size + 16}\" cy=\"{y - 4}\" r=\"4\" fill=\"{s_colours[i % s_colours.Length]}\"/>");
            Add($"<text x=\"{Left + Size + 26}\" y=\"{y}\" fill=\"#222\">{SecurityElement.Escape(groups[i])} ({count})</text>");
        }

        Add($"<text x=\"{Left + (Size / 2)}\" y=\"{height - 14}\" text-anchor=\"middle\" fill=\"#222\">measured, {SecurityElement.Escape(unit)}</text>");
        Add($"<text transform=\"translate(16 {Top + (Size / 2)}) rotate(-90)\" text-anchor=\"middle\" fill=\"#222\">predicted, {SecurityElement.Escape(unit)}; band ±{100 * band:0} %</text>");
        svg.Append("</svg>\n");
        return svg.ToString();
    }
}
