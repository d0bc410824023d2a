namespace LlmOps.Core;

/// <summary>
/// Every combination of the values that a request is to be tried with. Axes added first vary slowest, values keep the
/// order in which they were given, and combinations are made one at a time as they are asked for.
/// </summary>
/// <typeparam name="TRequest">An immutable request; usually a record struct, so that a combination costs no allocation.</typeparam>
public sealed class Sweep<TRequest>
{
    private readonly TRequest _seed;
    private readonly List<(int Count, Func<TRequest, int, TRequest> Apply)> _axes = [];

    public Sweep(TRequest seed) => _seed = seed;

    /// <summary>Adds an axis. An axis without values leaves the request as it is.</summary>
    public Sweep<TRequest> Over<TValue>(IReadOnlyList<TValue>? values, Func<TRequest, TValue, TRequest> apply)
    {
        if (values is { Count: > 0 })
        {
            _axes.Add((values.Count, (request, index) => apply(request, values[index])));
        }

        return this;
    }

    /// <summary>How many combinations there are; saturates at <see cref="long.MaxValue"/>.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            foreach ((int size, _) in _axes)
            {
                count = count > long.MaxValue / size ? long.MaxValue : count * size;
            }

            return count;
        }
    }

    public IEnumerable<TRequest> Enumerate()
    {
        int depth = _axes.Count;
        int[] index = new int[depth];

        // partial[i] has the axes before i applied, so that advancing the fastest axis re-applies only that one.
        TRequest[] partial = new TRequest[depth + 1];
        partial[0] = _seed;
        int from = 0;
        while (true)
        {
            for (int axis = from; axis < depth; axis++)
            {
                partial[axis + 1] = _axes[axis].Apply(partial[axis], index[axis]);
            }

            yield return partial[depth];

            from = depth - 1;
            while (from >= 0 && ++index[from] == _axes[from].Count)
            {
                index[from--] = 0;
            }

            if (from < 0)
            {
                yield break;
            }
        }
    }
}
