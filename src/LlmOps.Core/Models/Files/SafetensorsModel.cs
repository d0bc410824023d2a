using System.Collections.Immutable;
using System.Globalization;

namespace LlmOps.Core.Models.Files;

/// <summary>Adds to a configuration's model what the safetensors files beside it hold.</summary>
internal static class SafetensorsModel
{
    public const string Extension = ".safetensors";

    /// <summary>The one file of a model that is not divided.</summary>
    private const string SingleName = "model.safetensors";

    /// <summary>32-bit integers hold 8, 4 or 16 weights: 4, 8 or 2 bits.</summary>
    private static readonly int[] s_packFactors = [8, 4, 16];

    /// <summary>Whether there are weights beside a configuration.</summary>
    public static bool AreIn(IModelFileSet files) => WeightFile(files) is not null;

    /// <param name="model">The configuration's.</param>
    /// <param name="files">Where the weights lie.</param>
    /// <param name="stop">Ends the reading of a model of many files.</param>
    /// <exception cref="LlmOpsException">A header is damaged.</exception>
    public static LlmModel WithHeaders(LlmModel model, IModelFileSet files, CancellationToken stop = default)
    {
        List<string> notes = [];
        IReadOnlyList<string>? shards = Shards(files, notes, out SafetensorsIndex? index);
        if (shards is null)
        {
            return model.WithFiles(null, null, index?.TotalBytes, notes);
        }

        var tensors = ImmutableArray.CreateBuilder<TensorInfo>();
        HashSet<string> names = new(StringComparer.Ordinal);
        long bytes = 0;
        foreach (string shard in shards)
        {
            stop.ThrowIfCancellationRequested();
            long length = files.Length(shard);
            using Stream stream = files.Open(shard);
            foreach (TensorInfo tensor in SafetensorsHeader.Read(stream, length, files.OriginOf(shard)))
            {
                tensors.Add(names.Add(tensor.Name)
                    ? tensor
                    : throw FileErrors.Invalid(files.OriginOf(shard), $"the tensor '{FileErrors.Shown(tensor.Name)}' is in two files."));
            }

            bytes += length;
        }

        if (index is not null && index.TensorCount != tensors.Count)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"The index lists {index.TensorCount:N0} tensors, but its files hold {tensors.Count:N0}. The files are believed."));
        }

        TensorInventory inventory = new(files.Origin, tensors.ToImmutable());
        try
        {
            return model.WithFiles(Counts(model, inventory, notes), inventory, bytes, notes);
        }
        catch (OverflowException e)
        {
            throw FileErrors.Invalid(files.Origin, "its tensors together claim more than 2^63 parameters.", e);
        }
    }

    private static ParameterBreakdown? Counts(LlmModel model, TensorInventory inventory, List<string> notes)
    {
        RoleCounts counts = Count(s_packFactors[0], out bool isPackGuessed);
        for (int i = 1; i < s_packFactors.Length && isPackGuessed && counts.Parameters != model.Parameters.Total; i++)
        {
            // The files do not say how many bits a weight has; the width that gives the architecture's count is the right one.
            RoleCounts other = Count(s_packFactors[i], out _);
            counts = other.Parameters == model.Parameters.Total ? other : counts;
        }

        ModelNotes.Add(notes, counts);
        if (counts.Parameters == model.Parameters.Total)
        {
            return null;
        }

        notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"The files hold {counts.Parameters:N0} parameters, but the configuration describes {model.Parameters.Total:N0}, {Difference(counts.Parameters - model.Parameters.Total)}. The files are believed."));
        return counts.ToBreakdown(model.ExpertCount, model.ExpertsPerToken);

        RoleCounts Count(int packFactor, out bool isGuessed) => SafetensorsCount.Count(
            inventory.Tensors, model.LayerCount, model.Architecture.HasTiedHead, packFactor, out isGuessed);
    }

    private static string Difference(long difference) =>
        string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(difference):N0} {(difference > 0 ? "fewer" : "more")}");

    /// <summary>The files that make up the model; null where some are missing.</summary>
    private static IReadOnlyList<string>? Shards(IModelFileSet files, List<string> notes, out SafetensorsIndex? index)
    {
        string weights = WeightFile(files)!;
        index = null;
        if (!weights.EndsWith(".json", StringComparison.Ordinal))
        {
            return [weights];
        }

        using (Stream stream = files.Open(weights))
        {
            index = SafetensorsIndex.Read(stream, files.Length(weights), files.OriginOf(weights));
        }

        HashSet<string> present = new(files.Names, StringComparer.Ordinal);
        string[] missing = [.. index.Shards.Where(shard => !present.Contains(shard))];
        if (missing.Length == 0)
        {
            return index.Shards;
        }

        const int named = 5;
        notes.Add(string.Create(CultureInfo.InvariantCulture,
            $"{missing.Length} of {index.Shards.Count} files that the index lists are missing: {string.Join(", ", missing.Take(named).Select(FileErrors.Shown))}{(missing.Length > named ? ", …" : "")}. The counts follow from the configuration."));
        return null;
    }

    /// <summary>The index, the one file, or the only file of that kind; null where there is none or no telling which.</summary>
    private static string? WeightFile(IModelFileSet files)
    {
        if (files.Names.Contains(SafetensorsIndex.FileName))
        {
            return SafetensorsIndex.FileName;
        }

        if (files.Names.Contains(SingleName))
        {
            return SingleName;
        }

        string[] found = [.. files.Names.Where(name => name.EndsWith(Extension, StringComparison.Ordinal)).Take(2)];
        return found is [var single] ? single : null;
    }
}
