using System.Management.Automation;
using LlmOps.Core;

namespace LlmOps.Errors;

/// <summary>Makes every error that the cmdlets write.</summary>
internal static class ErrorRecords
{
    /// <summary>An error of the core, with its id, category and offending value.</summary>
    public static ErrorRecord From(LlmOpsException exception) => new(
        exception,
        exception.ErrorId,
        exception.Kind switch
        {
            ErrorKind.InvalidArgument => ErrorCategory.InvalidArgument,
            ErrorKind.NotFound => ErrorCategory.ObjectNotFound,
            ErrorKind.InvalidData => ErrorCategory.InvalidData,
            ErrorKind.NotSupported => ErrorCategory.NotImplemented,
            ErrorKind.AccessDenied => ErrorCategory.PermissionDenied,
            ErrorKind.Unavailable => ErrorCategory.ResourceUnavailable,
            ErrorKind.Timeout => ErrorCategory.OperationTimeout,
            _ => ErrorCategory.NotSpecified,
        },
        exception.Target);

    /// <summary>A path that is not in the file system, such as one into the registry.</summary>
    public static LlmOpsException NotAFilePath(string path) => new(
        "PathNotInFileSystem", ErrorKind.InvalidArgument,
        $"'{path}' does not lie in the file system; give the path of a file or folder.", path);

    /// <summary>A path whose file, drive or provider does not exist.</summary>
    public static LlmOpsException NoSuchPath(string errorId, string path, SessionStateException exception) => new(
        errorId, ErrorKind.NotFound,
        exception is ItemNotFoundException ? $"There is no file '{path}'." : $"There is no file '{path}': {exception.Message}",
        path, exception);

    /// <summary>Two ways to say the same thing, given together.</summary>
    public static LlmOpsException Ambiguous(string given, string and) => new(
        "ParametersExcludeEachOther", ErrorKind.InvalidArgument, $"{given} and {and} say the same thing; give one of them.", given);
}
