namespace LlmOps.Core;

internal static class Bisection
{
    /// <summary>
    /// The largest whole number from 1 to <paramref name="most"/> that holds, where every smaller one holds too; null where
    /// none does.
    /// </summary>
    public static long? Largest(long most, Func<long, bool> holds)
    {
        if (most >= 1 && holds(most))
        {
            return most;
        }

        long good = 0, bad = most;
        while (bad - good > 1)
        {
            long middle = good + ((bad - good) / 2);
            if (holds(middle))
            {
                good = middle;
            }
            else
            {
                bad = middle;
            }
        }

        return good == 0 ? null : good;
    }
}
