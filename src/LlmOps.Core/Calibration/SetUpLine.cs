namespace LlmOps.Core.Calibration;

/// <summary>Tells the lines that a start begins with.</summary>
internal static class SetUpLine
{
    /// <summary>The line in which an engine says how it is set up.</summary>
    public static bool IsHeader(ReadOnlySpan<char> message) =>
        message.StartsWith("Initializing a", StringComparison.Ordinal) && message.Contains(" LLM engine", StringComparison.Ordinal);

    /// <summary>The line in which a server repeats its arguments.</summary>
    public static bool IsArguments(ReadOnlySpan<char> message) =>
        message.StartsWith("args: Namespace(", StringComparison.Ordinal)
        || message.StartsWith("non-default args: ", StringComparison.Ordinal);

    /// <summary>The version that a server opens its log with, in a sentence or beside its name in block letters; else empty.</summary>
    public static ReadOnlySpan<char> VersionOf(ReadOnlySpan<char> message)
    {
        LogText text = new(message);
        bool isVersion = message.StartsWith("vLLM API server version ", StringComparison.Ordinal) ? text.After("version ")
            : message.Contains('█') && text.After(" version ");
        return isVersion ? FirstWord(text.Rest) : default;
    }

    private static ReadOnlySpan<char> FirstWord(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        int end = text.IndexOf(' ');
        return end < 0 ? text : text[..end];
    }
}
