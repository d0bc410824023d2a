namespace LlmOps.Core.Tests.Sweeping;

public sealed class SweepTests
{
    private static Sweep<string> Letters() => new Sweep<string>("")
        .Over(["a", "b"], (text, value) => text + value)
        .Over([1, 2, 3], (text, value) => text + value)
        .Over(["x", "y"], (text, value) => text + value);

    [Fact]
    public void Axes_added_first_vary_slowest_and_values_keep_their_order()
    {
        Assert.Equal(
            ["a1x", "a1y", "a2x", "a2y", "a3x", "a3y", "b1x", "b1y", "b2x", "b2y", "b3x", "b3y"],
            Letters().Enumerate());
        Assert.Equal(12, Letters().Count);
    }

    [Fact]
    public void It_can_be_enumerated_again()
    {
        Sweep<string> sweep = Letters();

        Assert.Equal(sweep.Enumerate(), sweep.Enumerate());
    }

    [Fact]
    public void Without_axes_there_is_the_seed_alone()
    {
        Assert.Equal(["seed"], new Sweep<string>("seed").Enumerate());
        Assert.Equal(1, new Sweep<string>("seed").Count);
    }

    [Fact]
    public void An_axis_without_values_changes_nothing()
    {
        Sweep<string> sweep = new Sweep<string>("s")
            .Over<int>(null, (_, _) => throw new InvalidOperationException())
            .Over([1, 2], (text, value) => text + value)
            .Over<int>([], (_, _) => throw new InvalidOperationException());

        Assert.Equal(["s1", "s2"], sweep.Enumerate());
        Assert.Equal(2, sweep.Count);
    }

    [Fact]
    public void Combinations_are_made_as_they_are_asked_for()
    {
        int made = 0;
        int[] thousand = [.. Enumerable.Range(0, 1000)];
        Sweep<int> sweep = new Sweep<int>(0)
            .Over(thousand, (_, value) => value)
            .Over(thousand, (request, value) =>
            {
                made++;
                return request + value;
            });

        Assert.Equal([0, 1, 2, 3, 4], sweep.Enumerate().Take(5));
        Assert.InRange(made, 5, 6);
    }

    [Fact]
    public void A_slow_axis_is_applied_once_for_all_combinations_of_the_faster_ones()
    {
        int applied = 0;
        Sweep<int> sweep = new Sweep<int>(0)
            .Over([1, 2], (request, value) =>
            {
                applied++;
                return value;
            })
            .Over([.. Enumerable.Range(0, 100)], (request, value) => request + value);

        Assert.Equal(200, sweep.Enumerate().Count());
        Assert.Equal(2, applied);
    }

    [Fact]
    public void The_count_saturates_instead_of_overflowing()
    {
        int[] thousand = [.. Enumerable.Range(0, 1000)];
        Sweep<int> sweep = new(0);
        for (int axis = 0; axis < 6; axis++)
        {
            sweep.Over(thousand, (request, _) => request);
        }

        Assert.Equal(1_000_000_000_000_000_000, sweep.Count);
        Assert.Equal(long.MaxValue, sweep.Over(thousand, (request, _) => request).Count);
        Assert.Equal(long.MaxValue, sweep.Over([1], (request, _) => request).Count);
        Assert.Equal(3, sweep.Enumerate().Take(3).Count());
    }
}
