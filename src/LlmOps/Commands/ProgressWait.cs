using System.Management.Automation;

namespace LlmOps.Commands;

/// <summary>Waits for work elsewhere on the pipeline thread, which alone may show progress.</summary>
internal static class ProgressWait
{
    // What takes less than that needs no progress.
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    /// <param name="cmdlet">Shows the progress.</param>
    /// <param name="work">What is waited for; it ends soon after <paramref name="stop"/>.</param>
    /// <param name="progress">How far it is, asked for several times a second.</param>
    /// <param name="stop">The user's; afterwards nothing may be shown.</param>
    public static T For<T>(Cmdlet cmdlet, Task<T> work, Func<ProgressRecord> progress, CancellationToken stop)
    {
        bool isShown = false;
        while (!((IAsyncResult)work).AsyncWaitHandle.WaitOne(s_tick))
        {
            if (!stop.IsCancellationRequested)
            {
                cmdlet.WriteProgress(progress());
                isShown = true;
            }
        }

        if (isShown && !stop.IsCancellationRequested)
        {
            ProgressRecord last = progress();
            last.RecordType = ProgressRecordType.Completed;
            cmdlet.WriteProgress(last);
        }

        return work.GetAwaiter().GetResult();
    }
}
