using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using LlmOps.Core;
using LlmOps.Core.Hardware;
using LlmOps.Core.Models;
using LlmOps.Errors;
using LlmOps.Operations.Prices;

namespace LlmOps.Commands;

/// <summary>What all cmdlets share: the core's errors become non-terminating ones, and Ctrl+C a cancellation.</summary>
public abstract class LlmOpsCmdlet : PSCmdlet, IDisposable
{
    /// <summary>What each session was told; it goes with the session.</summary>
    private static readonly ConditionalWeakTable<Runspace, StalePriceNotice> s_notices = [];

    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<string> _warnedOfContext = [];

    /// <summary>Set when the user stops the pipeline.</summary>
    protected CancellationToken StopToken => _stop.Token;

    /// <summary>The error id of a path that leads nowhere.</summary>
    protected virtual string PathNotFoundId => "ModelFileNotFound";

    protected override void StopProcessing() => _stop.Cancel();

    public virtual void Dispose()
    {
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs something for one record; bad input is written as an error, and the next record has its turn.</summary>
    protected bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (LlmOpsException exception)
        {
            WriteError(ErrorRecords.From(exception));
            return false;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }

    /// <summary>Resolves each of some values; those that cannot be are written as errors and left out.</summary>
    protected IReadOnlyList<TResult> ResolveEach<T, TResult>(IEnumerable<T>? values, Func<T, TResult> resolve)
    {
        List<TResult> resolved = [];
        foreach (T value in values ?? [])
        {
            Try(() => resolved.Add(resolve(value)));
        }

        return resolved;
    }

    protected IReadOnlyList<LlmModel> ResolveModels(IEnumerable<ModelReference>? models) =>
        ResolveEach(models, model => model.Resolve(ResolveLiteralPath));

    /// <summary>Has the catalogue use the user's own prices; that they are damaged is a warning.</summary>
    protected void LoadPrices() => UserPrices.Load(WriteWarning);

    /// <summary>Says that prices are old or undated, once a session for each provider and date.</summary>
    protected void WarnOfStalePrices(IEnumerable<(string Provider, DateOnly? Date, string Source)> prices)
    {
        StalePriceNotice notice = Runspace.DefaultRunspace is { } session ? s_notices.GetOrCreateValue(session) : new();
        if (notice.About(prices) is { } warning)
        {
            WriteWarning(warning);
        }
    }

    /// <summary>Says once for each model that its context is shorter than what is asked about; the figures hold all the same.</summary>
    private protected void WarnOfContext(LlmModel model, double tokens)
    {
        if (tokens > model.ContextLength && _warnedOfContext.Add(model.Name))
        {
            WriteWarning(FormattableString.Invariant(
                $"{model.Name} was made for {model.ContextLength} tokens of context; {tokens:0} are more."));
        }
    }

    /// <summary>The files that a PowerShell path with wildcards matches.</summary>
    protected IReadOnlyList<string> ResolvePath(string path)
    {
        try
        {
            Collection<string> files = GetResolvedProviderPathFromPSPath(path, out ProviderInfo provider);
            return provider.Name == "FileSystem" ? files : throw ErrorRecords.NotAFilePath(path);
        }
        catch (SessionStateException e)
        {
            throw ErrorRecords.NoSuchPath(PathNotFoundId, path, e);
        }
    }

    /// <summary>
    /// Has each file that the paths with wildcards stand for used; one that cannot be is an error, and the next has its turn.
    /// </summary>
    protected void UseFiles(IEnumerable<string> paths, Action<string> use)
    {
        foreach (string path in paths)
        {
            Try(() => UseEach(ResolvePath(path), use));
        }
    }

    /// <summary>The same for paths that are taken literally.</summary>
    protected void UseLiteralFiles(IEnumerable<string> paths, Action<string> use) =>
        UseEach(ResolveEach(paths, ResolveLiteralPath), use);

    private void UseEach(IEnumerable<string> files, Action<string> use)
    {
        foreach (string file in files)
        {
            Try(() =>
            {
                StopToken.ThrowIfCancellationRequested();
                use(file);
            });
        }
    }

    /// <summary>A PowerShell path, which may start with a drive of any provider, as a path of the file system.</summary>
    protected string ResolveLiteralPath(string path)
    {
        try
        {
            string resolved = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
            return provider.Name == "FileSystem" ? resolved : throw ErrorRecords.NotAFilePath(path);
        }
        catch (SessionStateException e)
        {
            throw ErrorRecords.NoSuchPath(PathNotFoundId, path, e);
        }
    }

    /// <summary>
    /// Writes the items of a catalogue that match the patterns, or all without patterns. A plain name that matches nothing
    /// is an error, a pattern is not, as everywhere in PowerShell.
    /// </summary>
    protected void WriteMatches<T>(
        string[]? patterns, IEnumerable<T> all, Func<string, IEnumerable<T>> find, Func<string, IEnumerable<T>> get)
    {
        if (patterns is null)
        {
            WriteObject(all, enumerateCollection: true);
            return;
        }

        foreach (string pattern in patterns)
        {
            if (WildcardName.HasWildcard(pattern))
            {
                WriteObject(find(pattern), enumerateCollection: true);
            }
            else
            {
                Try(() => WriteObject(get(pattern), enumerateCollection: true));
            }
        }
    }
}
