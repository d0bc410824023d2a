using System.Text.RegularExpressions;

namespace LlmOps.Cli.Rendering;

/// <summary>What would make something fit, in words.</summary>
internal static partial class Remedy
{
    /// <summary>The core names the module's parameters; here they are options.</summary>
    public static string AsOption(string remedy) => ParameterName().Replace(remedy, match =>
        "(-" + Capital().Replace(match.Groups[1].Value, "-$0").ToLowerInvariant());

    [GeneratedRegex(@"\(-(\p{Lu}\w*)")]
    private static partial Regex ParameterName();

    [GeneratedRegex(@"\p{Lu}")]
    private static partial Regex Capital();
}
