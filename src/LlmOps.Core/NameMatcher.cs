namespace LlmOps.Core;

/// <summary>Finds what a user may have meant by a name that matches nothing.</summary>
public static class NameMatcher
{
    /// <summary>
    /// A name with everything removed that users spell differently: case, spaces, hyphens, underscores and dots between
    /// words (<c>NVIDIA H100 80GB</c>, <c>nvidia_h100-80gb</c>).
    /// </summary>
    public static string Canonical(string name)
    {
        Span<char> buffer = name.Length <= 256 ? stackalloc char[name.Length] : new char[name.Length];
        int length = 0;
        foreach (char c in name)
        {
            if (c is not (' ' or '-' or '_'))
            {
                buffer[length++] = char.ToLowerInvariant(c);
            }
        }

        return new string(buffer[..length]);
    }

    /// <summary>The candidate nearest to <paramref name="name"/>, or null where none is at all alike.</summary>
    public static string? Nearest(string name, IEnumerable<string> candidates)
    {
        // Bounds the work on hostile input: no name in any catalogue is nearly this long.
        const int longestName = 128;
        string wanted = Canonical(name.Length > longestName ? name[..longestName] : name);
        if (wanted.Length == 0)
        {
            return null;
        }

        string? best = null;
        double bestScore = double.MaxValue;
        foreach (string candidate in candidates)
        {
            string other = Canonical(candidate);
            double score = (double)Distance(wanted, other) / Math.Max(wanted.Length, other.Length);
            if (other.StartsWith(wanted, StringComparison.Ordinal) || wanted.StartsWith(other, StringComparison.Ordinal))
            {
                score *= 0.5;
            }

            if (score < bestScore)
            {
                (best, bestScore) = (candidate, score);
            }
        }

        return bestScore <= 0.5 ? best : null;
    }

    /// <summary>
    /// The nearest candidate as a sentence to put behind an error, with a blank before it; empty where none is alike.
    /// </summary>
    public static string Suggest(string name, IEnumerable<string> candidates) =>
        Nearest(name, candidates) is { } nearest ? $" Did you mean {nearest}?" : "";

    /// <summary>Insertions, deletions and substitutions that turn one string into the other (Levenshtein 1966).</summary>
    private static int Distance(string a, string b)
    {
        int[] previous = new int[b.Length + 1];
        int[] current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(substitution, Math.Min(previous[j], current[j - 1]) + 1);
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
