namespace LlmOps.Core.Calibration;

/// <summary>
/// Settings as engines print them: <c>key=value, …</c>, a namespace of such, or a Python dictionary. Values may be quoted,
/// nested in any brackets, or cut off by the end of the line. One pass, without recursion.
/// </summary>
internal static class EngineSettings
{
    private const int MostSettings = 1024;
    private const int LongestValue = 4096;

    /// <summary>Takes one setting; the text of a value stands without its quotes.</summary>
    public delegate void Setting(ReadOnlySpan<char> key, ReadOnlySpan<char> value);

    public static void Each(ReadOnlySpan<char> text, Setting take)
    {
        text = text.Trim();
        int open = text.IndexOfAny("({=,:");
        if (open >= 0 && text[open] is '(' or '{' && !text[..open].Contains(' '))
        {
            text = text[(open + 1)..];
        }

        for (int i = 0; i < MostSettings && !text.IsEmpty; i++)
        {
            text = text.TrimStart(" ,");
            int separator = text.IndexOfAny("=:,)}");
            if (separator < 0 || text[separator] is ')' or '}')
            {
                return;
            }

            if (text[separator] == ',')
            {
                text = text[(separator + 1)..];
                continue;
            }

            ReadOnlySpan<char> key = text[..separator].Trim(" '\"");
            text = text[(separator + 1)..];
            int length = LengthOfValue(text);
            ReadOnlySpan<char> value = text[..length].Trim();
            if (key.Length is > 0 and < 64 && value.Length <= LongestValue)
            {
                take(key, Unquoted(value));
            }

            text = text[length..];
        }
    }

    private static ReadOnlySpan<char> Unquoted(ReadOnlySpan<char> value) =>
        value.Length >= 2 && value[0] is '\'' or '"' && value[^1] == value[0] ? value[1..^1] : value;

    // Up to the comma or the closing bracket that belongs to no bracket and no quotation within the value.
    private static int LengthOfValue(ReadOnlySpan<char> text)
    {
        int depth = 0;
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote != '\0')
            {
                if (c == '\\')
                {
                    i++;
                }
                else if (c == quote)
                {
                    quote = '\0';
                }
            }
            else if (c is '\'' or '"')
            {
                quote = c;
            }
            else if (c is '(' or '[' or '{' || (c == '<' && i + 1 < text.Length && char.IsAsciiLetter(text[i + 1])))
            {
                depth++;
            }
            else if (depth > 0 && (c is ')' or ']' or '}' || (c == '>' && text[i - 1] is not ('-' or '='))))
            {
                depth--;
            }
            else if (depth == 0 && c is (',' or ')' or '}'))
            {
                return i;
            }
        }

        return text.Length;
    }
}
