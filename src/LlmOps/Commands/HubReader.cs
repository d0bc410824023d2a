using System.Management.Automation;
using System.Net;
using System.Security;
using LlmOps.Core.Models;
using LlmOps.Operations.Hub;

namespace LlmOps.Commands;

/// <summary>Reads models from a hub for a cmdlet: waits on the pipeline thread, which alone may show progress.</summary>
internal sealed class HubReader : IDisposable
{
    private const int ProgressId = 1;

    // What takes less than that needs no progress.
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);

    private readonly Cmdlet _cmdlet;
    private readonly CancellationToken _stop;
    private readonly ModelHub _hub;
    private long _progress;

    public HubReader(
        Cmdlet cmdlet, string? endpoint, SecureString? token, bool offline, double? timeoutSeconds, CancellationToken stop)
    {
        _cmdlet = cmdlet;
        _stop = stop;
        string? secret = token is null ? null : new NetworkCredential("", token).Password;
        _hub = new ModelHub(HubOptions.Create(endpoint, secret, offline, timeoutSeconds));
    }

    public void Dispose() => _hub.Dispose();

    public LlmModel Read(string repository, string revision, string? file)
    {
        Interlocked.Exchange(ref _progress, 0);
        Task<LlmModel> reading = Task.Run(
            () => _hub.GetModelAsync(repository, revision, file, progress => Interlocked.Exchange(ref _progress, Pack(progress)), _stop),
            CancellationToken.None);
        bool shown = false;
        while (!((IAsyncResult)reading).AsyncWaitHandle.WaitOne(s_tick))
        {
            Show(repository);
            shown = true;
        }

        if (shown && !_stop.IsCancellationRequested)
        {
            _cmdlet.WriteProgress(new ProgressRecord(ProgressId, "Get-LlmModel", repository) { RecordType = ProgressRecordType.Completed });
        }

        return reading.GetAwaiter().GetResult();
    }

    private void Show(string repository)
    {
        long packed = Interlocked.Read(ref _progress);
        (int done, int total) = ((int)(packed >> 32), (int)(packed & int.MaxValue));
        if (!_stop.IsCancellationRequested)
        {
            _cmdlet.WriteProgress(new ProgressRecord(ProgressId, $"Reading {repository}",
                total == 0 ? "Asking the hub" : FormattableString.Invariant($"{done}/{total} files"))
            {
                PercentComplete = total == 0 ? -1 : (int)(100L * done / total),
            });
        }
    }

    // Both counts in one word, so that the pipeline thread never sees one of each kind.
    private static long Pack(HubProgress progress) => ((long)progress.FilesDone << 32) | (uint)progress.FilesTotal;
}
