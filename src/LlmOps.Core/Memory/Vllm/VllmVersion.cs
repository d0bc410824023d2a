namespace LlmOps.Core.Memory.Vllm;

/// <summary>The release part of a version: <c>0.8.5</c> of <c>v0.8.5.post1</c>, <c>0.20.2</c> of <c>0.20.2rc1.dev249+g1a2b</c>.</summary>
internal readonly record struct VllmVersion(int Major, int Minor, int Patch) : IComparable<VllmVersion>
{
    public int CompareTo(VllmVersion other) =>
        (Major, Minor, Patch).CompareTo((other.Major, other.Minor, other.Patch));

    /// <summary>False for what is no version of two or three numbers with a suffix as Python packages have them.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out VllmVersion version)
    {
        version = default;
        text = text.Trim();
        if (text.Length is 0 or > 64)
        {
            return false;
        }

        text = text[0] is 'v' or 'V' ? text[1..] : text;
        Span<int> parts = stackalloc int[3];
        int count = 0;
        while (count < parts.Length)
        {
            int digits = 0;
            while (digits < text.Length && char.IsAsciiDigit(text[digits]))
            {
                digits++;
            }

            if (digits is 0 or > 6)
            {
                break;
            }

            parts[count++] = int.Parse(text[..digits], System.Globalization.CultureInfo.InvariantCulture);
            text = text[digits..];
            if (count == parts.Length || text.Length < 2 || text[0] != '.' || !char.IsAsciiDigit(text[1]))
            {
                break;
            }

            text = text[1..];
        }

        version = new VllmVersion(parts[0], parts[1], parts[2]);
        return count >= 2 && IsSuffix(text);
    }

    /// <summary>Nothing, or a pre-release, post-release, development or local part.</summary>
    private static bool IsSuffix(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '+' or '-' or '_'))
            {
                return false;
            }
        }

        return text.IsEmpty || !char.IsAsciiDigit(text[0]) && text[^1] is not ('.' or '+' or '-');
    }
}
