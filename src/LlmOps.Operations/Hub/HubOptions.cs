using LlmOps.Core;
using LlmOps.Operations.Http;

namespace LlmOps.Operations.Hub;

/// <summary>Which hub is asked, as whom, and how patiently.</summary>
public sealed class HubOptions : EndpointOptions
{
    private const string DefaultEndpoint = "https://huggingface.co";
    private const int LongestToken = 4096;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(15);

    public HubOptions() => Timeout = s_timeout;

    /// <summary>Sent to the endpoint itself and to nobody else; null for anonymous requests.</summary>
    internal string? Token { get; init; }

    /// <summary>Whether only the cache is read.</summary>
    public bool Offline { get; init; }

    /// <summary>The folder that everything fetched is kept in.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>How long it is believed that a branch still points to the same commit.</summary>
    internal TimeSpan RevisionLife { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The cached copies of this endpoint are kept apart from those of others.</summary>
    internal string EndpointFolder
    {
        get
        {
            string scheme = Endpoint.Scheme == Uri.UriSchemeHttps ? "" : Endpoint.Scheme + "_";
            string port = Endpoint.IsDefaultPort ? "" : FormattableString.Invariant($"_{Endpoint.Port}");
            string path = Endpoint.AbsolutePath.Trim('/');
            return Uri.EscapeDataString($"{scheme}{Endpoint.IdnHost}{port}{(path.Length == 0 ? "" : "/" + path)}");
        }
    }

    /// <summary>What the user gave, completed from the environment.</summary>
    /// <param name="endpoint">Default: HF_ENDPOINT, else https://huggingface.co.</param>
    /// <param name="token">Default: HF_TOKEN.</param>
    /// <param name="offline">False leaves it to HF_HUB_OFFLINE and LLMOPS_OFFLINE.</param>
    /// <param name="timeoutSeconds">Default: 10 seconds to connect, 15 without progress.</param>
    /// <param name="environment">Reads a variable; the process's by default.</param>
    /// <exception cref="LlmOpsException">One of them cannot be used.</exception>
    public static HubOptions Create(
        string? endpoint = null,
        string? token = null,
        bool offline = false,
        double? timeoutSeconds = null,
        Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        Uri given = ParseEndpoint(endpoint ?? NotBlank(environment("HF_ENDPOINT")) ?? DefaultEndpoint, HubErrors.InvalidEndpoint);
        Uri address = new(given.GetLeftPart(UriPartial.Path).TrimEnd('/'));
        string? secret = (token ?? NotBlank(environment("HF_TOKEN")))?.Trim();
        if (secret is not null)
        {
            if (secret.Length is 0 or > LongestToken || !secret.All(c => c is > ' ' and <= '~'))
            {
                throw HubErrors.InvalidToken();
            }

            if (address.Scheme != Uri.UriSchemeHttps && !address.IsLoopback)
            {
                throw HubErrors.InvalidEndpoint(address.OriginalString, "a token would travel unencrypted; use https.");
            }
        }

        TimeSpan? timeout = ParseTimeout(timeoutSeconds);
        return new HubOptions
        {
            Endpoint = address,
            Token = secret,
            Offline = offline || IsOn(environment("HF_HUB_OFFLINE")) || IsOn(environment("LLMOPS_OFFLINE")),
            CacheFolder = Path.Combine(NotBlank(environment("LLMOPS_CACHE")) ?? DefaultCache(environment), "hub"),
            Timeout = timeout ?? s_timeout,
            ConnectTimeout = timeout ?? TimeSpan.FromSeconds(10),
        };
    }

    private static string DefaultCache(Func<string, string?> environment)
    {
        string user = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string folder = NotBlank(environment("XDG_CACHE_HOME"))
            ?? (OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : OperatingSystem.IsMacOS() ? Path.Combine(user, "Library", "Caches")
                : Path.Combine(user, ".cache"));
        return Path.Combine(folder, "LlmOps");
    }

    private static string? NotBlank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static bool IsOn(string? text) =>
        text?.Trim() is { } value && (value == "1" || new[] { "true", "yes", "on" }.Contains(value, StringComparer.OrdinalIgnoreCase));
}
