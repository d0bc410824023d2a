using System.Runtime.InteropServices;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>
/// The sizes of a service's requests. A few sizes are kept as they are; a log of many is counted into ranges of input and output
/// length, as Mélange does (Griggs et al. 2024, arXiv 2404.14527), each of which stands at the mean of its requests.
/// </summary>
public sealed class RequestSizeDistribution
{
    /// <summary>Different sizes that are kept as they are.</summary>
    public const int MostExactSizes = 60;

    private readonly Dictionary<(long Input, long Output), double> _weights = [];

    /// <summary>
    /// The upper ends of the ranges, in tokens: 25, 100, 250, 500, 1000 and doubling from there, for inputs and outputs alike. Those
    /// up to 32,000 are Mélange's of inputs.
    /// </summary>
    public static IReadOnlyList<long> Edges { get; } =
        [25, 100, 250, 500, .. Enumerable.Range(0, 18).Select(power => 1000L << power)];

    /// <summary>The sum of all weights.</summary>
    public double TotalWeight { get; private set; }

    /// <exception cref="LlmOpsException">A value is out of bounds.</exception>
    public void Add(RequestSize size)
    {
        size.Validate();
        if (size.Weight > 0)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_weights, (size.InputLength, size.OutputLength), out _) += size.Weight;
            TotalWeight += size.Weight;
        }
    }

    /// <summary>The sizes to plan for, smallest first, with weights that come to 1.</summary>
    /// <exception cref="LlmOpsException">There are none.</exception>
    public IReadOnlyList<RequestSize> Sizes()
    {
        if (_weights.Count == 0)
        {
            throw new LlmOpsException("RequestSizeRequired", ErrorKind.InvalidArgument,
                "No request has a size with a weight above 0; give InputLength and OutputLength.", null);
        }

        IEnumerable<RequestSize> sizes = _weights.Count <= MostExactSizes
            ? _weights.Select(pair => new RequestSize(pair.Key.Input, pair.Key.Output, pair.Value))
            : _weights.GroupBy(pair => (Range(pair.Key.Input), Range(pair.Key.Output))).Select(Mean);
        return [.. sizes
            .Select(size => size with { Weight = size.Weight / TotalWeight })
            .OrderBy(size => size.InputLength).ThenBy(size => size.OutputLength)];
    }

    private static int Range(long length)
    {
        int range = 0;
        while (range < Edges.Count && length > Edges[range])
        {
            range++;
        }

        return range;
    }

    private static RequestSize Mean(IEnumerable<KeyValuePair<(long Input, long Output), double>> members)
    {
        double input = 0, output = 0, weight = 0;
        foreach (((long i, long o), double w) in members)
        {
            input += w * i;
            output += w * o;
            weight += w;
        }

        return new RequestSize((long)Math.Round(input / weight), (long)Math.Round(output / weight), weight);
    }
}
