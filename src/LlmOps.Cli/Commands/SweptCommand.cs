using LlmOps.Cli.Rendering;

namespace LlmOps.Cli.Commands;

/// <summary>What commands share that answer each combination of their options.</summary>
internal static class SweptCommand
{
    /// <summary>Answers each request and writes the answers; what cannot be answered is reported, and the next has its turn.</summary>
    /// <param name="terminal">Whose Ctrl+C ends it between two requests.</param>
    /// <param name="diagnostics">Where errors go.</param>
    /// <param name="requests">All combinations.</param>
    /// <param name="answer">Answers one.</param>
    /// <param name="fits">Whether an answer is one that can be used.</param>
    /// <param name="writer">Takes the answers, and is completed.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static int Run<TRequest, TAnswer>(
        Terminal terminal,
        Diagnostics diagnostics,
        IEnumerable<TRequest> requests,
        Func<TRequest, TAnswer> answer,
        Func<TAnswer, bool> fits,
        RecordWriter<TAnswer> writer)
        where TAnswer : class
    {
        bool anyFits = false;
        foreach (TRequest request in requests)
        {
            terminal.Cancellation.ThrowIfCancellationRequested();
            diagnostics.Try(() =>
            {
                TAnswer found = answer(request);
                anyFits |= fits(found);
                writer.Write(found);
            });
        }

        writer.Complete(!diagnostics.HasErrors);
        return diagnostics.ExitCodeFor(anyFits);
    }
}
