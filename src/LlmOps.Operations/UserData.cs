namespace LlmOps.Operations;

/// <summary>
/// Where the user's own data lies: the folder that LLMOPS_DATA names, else LocalApplicationData on Windows, XDG_DATA_HOME or
/// ~/.local/share elsewhere. Null where there is none.
/// </summary>
internal static class UserData
{
    /// <param name="environment">Where variables are read; null for the process's own.</param>
    public static string? Folder(Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        if (NotBlank(environment("LLMOPS_DATA")) is { } given)
        {
            return Path.GetFullPath(given);
        }

        // Relative ones are void by the specification of these variables.
        string? folder = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : NotBlank(environment("XDG_DATA_HOME")) is { } data && Path.IsPathFullyQualified(data)
                ? data
                : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home
                    ? Path.Combine(home, ".local", "share")
                    : null;
        return string.IsNullOrEmpty(folder) ? null : Path.Combine(folder, "LlmOps");
    }

    private static string? NotBlank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
