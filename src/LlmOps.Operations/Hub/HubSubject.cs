namespace LlmOps.Operations.Hub;

/// <summary>What a request is about, as errors call it.</summary>
/// <param name="Repository">Whose it is.</param>
/// <param name="Revision">As the user named it.</param>
/// <param name="File">A path in the repository; null for the repository itself.</param>
internal sealed record HubSubject(RepositoryId Repository, string Revision, string? File = null)
{
    /// <summary>The offending value of errors.</summary>
    public string Target => Repository.ToString();

    public override string ToString() =>
        File is null ? $"'{Repository}' at {Revision}" : $"'{File}' of '{Repository}' at {Revision}";
}
