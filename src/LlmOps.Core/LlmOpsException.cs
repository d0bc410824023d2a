namespace LlmOps.Core;

/// <summary>What kind of mistake an <see cref="LlmOpsException"/> reports.</summary>
public enum ErrorKind
{
    /// <summary>A value is outside what can be computed.</summary>
    InvalidArgument,

    /// <summary>A name or a path matches nothing.</summary>
    NotFound,

    /// <summary>A file is not what it claims to be, or claims what cannot be.</summary>
    InvalidData,

    /// <summary>The request is well-formed, but this engine, model or GPU cannot do it.</summary>
    NotSupported,

    /// <summary>Somebody who is asked does not permit it.</summary>
    AccessDenied,

    /// <summary>Somebody who is asked cannot be reached, or does not serve now.</summary>
    Unavailable,

    /// <summary>Somebody who is asked does not answer in time.</summary>
    Timeout,
}

/// <summary>
/// The only exception that the core raises for bad input. Its message names the offending value, what was expected and
/// the nearest valid choice, so that a caller can show it as it stands.
/// </summary>
public sealed class LlmOpsException : Exception
{
    public LlmOpsException(string errorId, ErrorKind kind, string message, object? target = null, Exception? inner = null)
        : base(message, inner)
    {
        ErrorId = errorId;
        Kind = kind;
        Target = target;
    }

    /// <summary>A stable identifier for scripts, such as <c>ModelNotFound</c>.</summary>
    public string ErrorId { get; }

    public ErrorKind Kind { get; }

    /// <summary>The offending value.</summary>
    public object? Target { get; }
}
