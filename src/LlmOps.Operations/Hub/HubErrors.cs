using LlmOps.Core;
using LlmOps.Core.Models;
using static System.FormattableString;

namespace LlmOps.Operations.Hub;

/// <summary>
/// Makes every error of the hub. None shows a token, nor the address that a file was redirected to: such addresses carry
/// signatures.
/// </summary>
internal static class HubErrors
{
    public const string Unauthorized = "HubUnauthorized";
    public const string NotFoundId = "HubNotFound";
    public const string RateLimited = "HubRateLimited";
    public const string Timeout = "HubTimeout";
    public const string Unreachable = "HubUnreachable";
    public const string Unavailable = "HubUnavailable";
    public const string ResponseInvalid = "HubResponseInvalid";
    public const string Offline = "HubOffline";
    public const string FileAmbiguous = "HubFileAmbiguous";
    public const string ModelMissing = "HubModelMissing";
    public const string CacheFailed = "HubCacheFailed";
    public const string EndpointInvalid = "HubEndpointInvalid";
    public const string TokenInvalid = "HubTokenInvalid";
    public const string RepositoryInvalid = "HubRepositoryInvalid";
    public const string RevisionInvalid = "HubRevisionInvalid";

    private const string TokenAdvice = "give a token of an account that may read it with -Token or in HF_TOKEN";

    public static LlmOpsException InvalidRepository(string text) => new(
        RepositoryInvalid, ErrorKind.InvalidArgument,
        $"'{Shortened(text)}' is no repository: expected is organisation/name of letters, digits, '-', '_' and '.', at most 96 "
        + $"characters.{Nearest(text)}", text);

    public static LlmOpsException InvalidRevision(string text) => new(
        RevisionInvalid, ErrorKind.InvalidArgument,
        $"'{Shortened(text)}' is no revision: expected is a branch, a tag or a commit, such as main.", text);

    public static LlmOpsException InvalidEndpoint(string text, string problem) => new(
        EndpointInvalid, ErrorKind.InvalidArgument,
        $"The endpoint '{Shortened(text)}' cannot be used: {problem} Expected is an address such as https://huggingface.co.", text);

    /// <summary>Without the token in it: what is wrong with a secret is said, not shown.</summary>
    public static LlmOpsException InvalidToken() => new(
        TokenInvalid, ErrorKind.InvalidArgument,
        "The token cannot be used: expected are 1 to 4096 printable ASCII characters without spaces.");

    public static LlmOpsException Denied(HubSubject subject, int status, string? code, bool hasToken, string host)
    {
        string given = hasToken ? "The token that was given is not enough" : "No token was given";
        string advice = code == "GatedRepo"
            ? $"the repository is gated. {given}: accept its terms on the hub, then {TokenAdvice}."
            : $"the repository is gated or private. {given}: {TokenAdvice}.";
        return new LlmOpsException(Unauthorized, ErrorKind.AccessDenied,
            Invariant($"{host} refuses {subject} with status {status}: {advice}"), subject.Target);
    }

    public static LlmOpsException NoRepository(HubSubject subject, string host, bool mayBePrivate) => new(
        NotFoundId, ErrorKind.NotFound,
        $"{host} has no repository '{subject.Repository}'"
        + (mayBePrivate ? $", or only a private one, in which case {TokenAdvice}." : ".")
        + Nearest(subject.Target), subject.Target);

    public static LlmOpsException NoRevision(HubSubject subject, string host) => new(
        NotFoundId, ErrorKind.NotFound,
        $"{host} has no revision '{subject.Revision}' of '{subject.Repository}'; main is the usual one.", subject.Target);

    public static LlmOpsException NoRepositoryOrRevision(HubSubject subject, string host) => new(
        NotFoundId, ErrorKind.NotFound,
        $"{host} has no repository '{subject.Repository}' with a revision '{subject.Revision}'.{Nearest(subject.Target)}",
        subject.Target);

    public static LlmOpsException NoFile(HubSubject subject, string host) => new(
        NotFoundId, ErrorKind.NotFound, $"{host} lists, but does not have, {subject}.", subject.Target);

    public static LlmOpsException TooMany(HubSubject subject, string host, TimeSpan? retryAfter) => new(
        RateLimited, ErrorKind.Unavailable,
        $"{host} answers {subject} with status 429, too many requests"
        + (retryAfter is { } wait ? Invariant($", and asks to wait {wait.TotalSeconds:0} seconds") : "")
        + "; a token raises the limit (-Token, HF_TOKEN).", subject.Target);

    public static LlmOpsException Failing(HubSubject subject, string host, int status) => new(
        Unavailable, ErrorKind.Unavailable,
        Invariant($"{host} answers {subject} with status {status}; try again later."), subject.Target);

    public static LlmOpsException Silent(HubSubject subject, string host, TimeSpan limit) => new(
        Timeout, ErrorKind.Timeout,
        Invariant($"{host} made no progress with {subject} for {limit.TotalSeconds:0.###} seconds; -TimeoutSeconds allows more."),
        subject.Target);

    public static LlmOpsException NoConnection(HubSubject subject, string host, Exception inner) => new(
        Unreachable, ErrorKind.Unavailable,
        $"{host} cannot be reached for {subject}: {inner.Message} -Offline reads what an earlier call kept.",
        subject.Target, inner);

    public static LlmOpsException Invalid(HubSubject subject, string problem, Exception? inner = null) => new(
        ResponseInvalid, ErrorKind.InvalidData, $"The hub's answer for {subject} is refused: {problem}", subject.Target, inner);

    public static LlmOpsException NotCached(HubSubject subject, string cache) => new(
        Offline, ErrorKind.Unavailable,
        $"Offline, and {subject} is not in the cache '{cache}', or damaged there; read it once without -Offline, "
        + "HF_HUB_OFFLINE and LLMOPS_OFFLINE.", subject.Target);

    public static LlmOpsException Ambiguous(HubSubject subject, IReadOnlyList<string> files)
    {
        const int shown = 8;
        string list = string.Join(", ", files.Take(shown)) + (files.Count > shown ? ", ..." : "");
        return new LlmOpsException(FileAmbiguous, ErrorKind.InvalidArgument,
            Invariant($"'{subject.Repository}' has {files.Count} GGUF models; choose one with -File: {list}."), subject.Target);
    }

    public static LlmOpsException NoSuchFile(HubSubject subject, string pattern, IReadOnlyList<string> files) => new(
        NotFoundId, ErrorKind.NotFound,
        $"'{subject.Repository}' has no weights file '{Shortened(pattern)}'."
        + NameMatcher.Suggest(pattern, files), subject.Target);

    public static LlmOpsException NoModel(HubSubject subject) => new(
        ModelMissing, ErrorKind.NotFound,
        $"'{subject.Repository}' has no config.json at {subject.Revision}, and no GGUF file; it holds no model that can be read.",
        subject.Target);

    public static LlmOpsException Cache(string path, Exception inner) => new(
        CacheFailed, ErrorKind.InvalidData,
        $"The cache '{path}' cannot be written: {inner.Message} LLMOPS_CACHE names another folder.", path, inner);

    private static string Nearest(string text)
    {
        // An empty name is a user's slip, not a misspelling.
        return NameMatcher.Nearest(text, ModelCatalog.Repositories) is { } nearest && !nearest.Equals(text, StringComparison.OrdinalIgnoreCase)
            ? $" Did you mean {nearest}?"
            : "";
    }

    private static string Shortened(string text) => text.Length <= 120 ? text : text[..120] + "...";
}
