namespace LlmOps.Core.Calibration;

/// <summary>
/// One line of a log, apart from what loggers, containers and terminals put around its message. A phrase counts only where a
/// message starts with it: a prompt that a server logs may hold any text.
/// </summary>
internal readonly ref struct LogLine
{
    private const int MostTokens = 32;
    private const int LongestLabel = 128;

    private LogLine(ReadOnlySpan<char> source, ReadOnlySpan<char> process, ReadOnlySpan<char> message)
    {
        Source = source;
        Process = process;
        Message = message;
    }

    /// <summary>The container or pod that several logs in one are told apart by; empty in a plain log.</summary>
    public ReadOnlySpan<char> Source { get; }

    /// <summary>The process as vLLM or Ray labels it, such as <c>Worker_PP1_TP0 pid=71</c>; empty without a label.</summary>
    public ReadOnlySpan<char> Process { get; }

    public ReadOnlySpan<char> Message { get; }

    /// <param name="text">The line without colours.</param>
    public static LogLine Of(ReadOnlySpan<char> text)
    {
        (int sourceStart, int sourceEnd, int rest) = FindSource(text);
        ReadOnlySpan<char> source = text[sourceStart..sourceEnd];
        text = text[rest..];
        int message = AfterLocation(text);
        if (message >= 0)
        {
            return new LogLine(source, LastProcess(text[..message]), text[message..].Trim());
        }

        ReadOnlySpan<char> process = default;
        for (int i = 0; i < MostTokens; i++)
        {
            text = text.TrimStart(" \t│|");
            int length = LengthOfDecoration(text);
            if (length == 0)
            {
                break;
            }

            ReadOnlySpan<char> label = LastProcess(text[..length]);
            process = label.IsEmpty ? process : label;
            text = text[length..];
        }

        return new LogLine(source, process, text.TrimEnd(" \t│"));
    }

    /// <summary>
    /// Removes colours, also where the escape character before them got lost or was spelled out, and control characters.
    /// </summary>
    /// <returns>How many characters of <paramref name="clean"/> are filled.</returns>
    public static int WithoutColours(ReadOnlySpan<char> line, Span<char> clean)
    {
        int length = 0;
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c == '[' && LengthOfColour(line[i..], i > 0 && line[i - 1] == '\u001b') is > 0 and int colour)
            {
                ReadOnlySpan<char> before = clean[..length];
                length -= before.EndsWith("\ufffd") ? 1 : before.EndsWith("^[") ? 2 : before.EndsWith("#033") ? 4 : 0;
                i += colour - 1;
            }
            else if (!char.IsControl(c))
            {
                clean[length++] = c;
            }
            else if (c == '\t')
            {
                clean[length++] = ' ';
            }
        }

        return length;
    }

    // [1;36m and the like: digits, then the letter that ends a control sequence.
    private static int LengthOfColour(ReadOnlySpan<char> text, bool isEscaped)
    {
        int i = 1;
        while (i < text.Length && i < 24 && (char.IsAsciiDigit(text[i]) || text[i] == ';'))
        {
            i++;
        }

        return i < text.Length && (isEscaped ? char.IsAsciiLetter(text[i]) : i > 1 && text[i] == 'm') ? i + 1 : 0;
    }

    // As docker compose ("vllm-1  | ") and kubectl logs --prefix ("[pod/vllm-0/server] ") begin a line.
    private static (int Start, int End, int Next) FindSource(ReadOnlySpan<char> text)
    {
        if (text.StartsWith("[pod/", StringComparison.Ordinal) && text.IndexOf(']') is > 0 and < LongestLabel and int close)
        {
            return (1, close, close + 1);
        }

        int length = 0;
        while (length < text.Length && length < LongestLabel && (char.IsAsciiLetterOrDigit(text[length]) || text[length] is '-' or '_' or '.'))
        {
            length++;
        }

        int bar = length + text[length..].Length - text[length..].TrimStart(' ').Length;
        return length > 0 && char.IsAsciiLetter(text[0]) && text[bar..].StartsWith("| ") ? (0, length, bar + 2) : (0, 0, 0);
    }

    // Where the message begins behind "03-21 20:15:45 [worker.py:267] " or the older "03-21 20:15:45 worker.py:267] ".
    private static int AfterLocation(ReadOnlySpan<char> text)
    {
        int from = 0;
        for (int tries = 0; tries < 8; tries++)
        {
            int found = text[from..].IndexOf(".py:", StringComparison.Ordinal);
            if (found < 0)
            {
                return -1;
            }

            int dot = from + found;
            int end = dot + 4;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
            {
                end++;
            }

            int name = text[..dot].LastIndexOfAny(' ', '[');
            if (name > 0 && end > dot + 4 && end < text.Length && text[end] == ']' && EndsWithTime(text[..name].TrimEnd(" [")))
            {
                return end + 1;
            }

            from = end;
        }

        return -1;
    }

    private static bool EndsWithTime(ReadOnlySpan<char> text)
    {
        ReadOnlySpan<char> word = text[(text.LastIndexOf(' ') + 1)..];
        return word.Length >= 8 && char.IsAsciiDigit(word[0]) && word[2] == ':' && word[5] == ':';
    }

    private static ReadOnlySpan<char> LastProcess(ReadOnlySpan<char> head)
    {
        int pid = head.LastIndexOf("pid=", StringComparison.Ordinal);
        if (pid < 0)
        {
            return default;
        }

        int open = head[..pid].LastIndexOf('(');
        int close = head[pid..].IndexOf(')');
        return open < 0 || close < 0 || pid + close - open > LongestLabel ? default : head[(open + 1)..(pid + close)];
    }

    // What stands before a message without a location: labels, dates, levels, streams. 0 where the message begins.
    private static int LengthOfDecoration(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return 0;
        }

        if (text[0] is '(' or '[')
        {
            int close = text.IndexOf(text[0] == '(' ? ')' : ']');
            return close < 0 || close > LongestLabel || (text[0] == '(' && !text[..close].Contains("pid=", StringComparison.Ordinal))
                ? 0
                : close + 1 + (close + 1 < text.Length && text[close + 1] == ':' ? 1 : 0);
        }

        int length = text.IndexOf(' ');
        ReadOnlySpan<char> word = length < 0 ? text : text[..length];
        bool isDecoration = word.TrimEnd(':') is "INFO" or "DEBUG" or "WARNING" or "WARN" or "ERROR" or "CRITICAL"
                or "-" or "stdout" or "stderr" or "F" or "P"
            || IsTime(word)
            || (word.EndsWith("]") && word.Contains(".py:", StringComparison.Ordinal));
        return isDecoration ? word.Length : 0;
    }

    private static bool IsTime(ReadOnlySpan<char> word) =>
        word.Length >= 5 && char.IsAsciiDigit(word[0]) && word.IndexOfAny('-', ':', '/') > 0
        && word.TrimStart("0123456789:.,-+/TZ").IsEmpty;
}
