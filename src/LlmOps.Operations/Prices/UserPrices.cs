using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>
/// Has the catalogue use the user's own prices. The file is read when prices are first asked for and again when it has
/// changed, by this process or another; that it has not takes a look at its date.
/// </summary>
public static class UserPrices
{
    private static readonly object s_lock = new();
    private static (string Path, DateTime Changed, long Length)? s_read;
    private static string? s_problem;

    /// <param name="warn">
    /// Told, once, that the file is damaged and not used; null where nobody can be told, which leaves it for the next time.
    /// </param>
    public static void Load(Action<string>? warn)
    {
        string? problem = null;
        lock (s_lock)
        {
            Refresh();
            if (warn is not null)
            {
                (problem, s_problem) = (s_problem, null);
            }
        }

        if (problem is not null)
        {
            warn!(problem);
        }
    }

    private static void Refresh()
    {
        PriceStore? store = PriceStore.OfUser();
        (string, DateTime, long)? seen = store is null ? null : Look(store.FilePath);
        if (seen == s_read)
        {
            return;
        }

        s_read = seen;
        s_problem = null;
        IReadOnlyList<InstancePrice> prices = [];
        try
        {
            prices = seen is null ? [] : store!.Read();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            s_problem = $"Your prices in '{store!.FilePath}' are not used: {e.Message.TrimEnd('.')}. Those of the catalogue are. "
                + "Delete the file, or read prices anew with Update-GpuInstancePrice or 'llmops prices update'.";
        }

        InstanceCatalog.Use(prices);
    }

    private static (string, DateTime, long)? Look(string path)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists ? (path, file.LastWriteTimeUtc, file.Length) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
