using LlmOps.Core.Performance;

namespace LlmOps.Core.Planning.Fleets;

/// <summary>The requests of one size that the instances of a type answer.</summary>
public sealed class GpuFleetShare
{
    private readonly PerformanceEstimate _ofCopy;
    private readonly int _copies;

    internal GpuFleetShare(RequestSize size, double share, double requestsPerSecond, PerformanceEstimate ofCopy, int copies)
    {
        (InputLength, OutputLength) = (size.InputLength, size.OutputLength);
        SharePercent = 100 * share;
        RequestsPerSecond = requestsPerSecond;
        _ofCopy = ofCopy;
        _copies = copies;
    }

    /// <summary>Tokens of a prompt.</summary>
    public long InputLength { get; }

    /// <summary>Tokens of an answer.</summary>
    public long OutputLength { get; }

    /// <summary>Percent of all requests of this size.</summary>
    public double SharePercent { get; }

    /// <summary>Requests of this size a second, of all instances of the type together.</summary>
    public double RequestsPerSecond { get; }

    /// <summary>Output tokens of them in a second.</summary>
    public double TokensPerSecond => RequestsPerSecond * OutputLength;

    /// <summary>Requests of this size that one instance answers in a second within the objectives, if it answers no others.</summary>
    public double CapacityRequestsPerSecond => _copies * _ofCopy.RequestsPerSecond!.Value;

    /// <summary>The same where servers turn out as slow as the estimate's lower bound.</summary>
    public double CapacityLowRequestsPerSecond =>
        CapacityRequestsPerSecond * _ofCopy.TokensPerSecondLow!.Value / _ofCopy.TokensPerSecond!.Value;

    /// <summary>The same where servers turn out as fast as the estimate's upper bound.</summary>
    public double CapacityHighRequestsPerSecond =>
        CapacityRequestsPerSecond * _ofCopy.TokensPerSecondHigh!.Value / _ofCopy.TokensPerSecond!.Value;

    /// <summary>Users of one instance who each have a request, at its capacity.</summary>
    public double BatchSize => _copies * _ofCopy.RunningBatch!.Value;

    /// <summary>Mean time to the first token at capacity.</summary>
    public double TimeToFirstTokenMs => _ofCopy.TimeToFirstTokenMs!.Value;

    /// <summary>Mean time per output token at capacity.</summary>
    public double TimePerOutputTokenMs => _ofCopy.TimePerOutputTokenMs!.Value;

    /// <summary>Mean time from sending a request to the end of its answer, at capacity.</summary>
    public double EndToEndMs => 1000 * _ofCopy.TotalSeconds!.Value;

    /// <summary>Where the times come from.</summary>
    public Evidence Evidence => _ofCopy.Evidence;

    public override string ToString() => FormattableString.Invariant(
        $"{SharePercent:0.#} % of {InputLength} + {OutputLength} tokens: {RequestsPerSecond:G3} requests/s");
}
