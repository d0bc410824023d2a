using System.Management.Automation;
using System.Net;
using System.Security;
using LlmOps.Core.Models;
using LlmOps.Operations.Hub;

namespace LlmOps.Commands;

/// <summary>Reads models from a hub for a cmdlet, and shows how far it is.</summary>
internal sealed class HubReader : IDisposable
{
    private const int ProgressId = 1;

    private readonly Cmdlet _cmdlet;
    private readonly CancellationToken _stop;
    private readonly ModelHub _hub;
    private HubProgress _progress = new(0, 0);

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
        Volatile.Write(ref _progress, new HubProgress(0, 0));
        Task<LlmModel> reading = Task.Run(
            () => _hub.GetModelAsync(repository, revision, file, progress => Volatile.Write(ref _progress, progress), _stop),
            CancellationToken.None);
        return ProgressWait.For(_cmdlet, reading, () => Progress(repository), _stop);
    }

    private ProgressRecord Progress(string repository)
    {
        (int done, int total) = Volatile.Read(ref _progress);
        return new ProgressRecord(ProgressId, $"Reading {repository}",
            total == 0 ? "Asking the hub" : FormattableString.Invariant($"{done}/{total} files"))
        {
            PercentComplete = total == 0 ? -1 : (int)(100L * done / total),
        };
    }
}
