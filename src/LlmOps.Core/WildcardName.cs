using System.IO.Enumeration;

namespace LlmOps.Core;

/// <summary>Wildcards in names, with the meaning that a shell gives to <c>*</c> and <c>?</c>; case does not matter.</summary>
public static class WildcardName
{
    public static bool HasWildcard(string pattern) => pattern.AsSpan().IndexOfAny('*', '?') >= 0;

    public static bool Matches(string pattern, string name) =>
        FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: true);
}
