using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Files;

/// <summary>Reads a model from one GGUF file, or from all parts of a split one.</summary>
internal static partial class GgufModel
{
    /// <summary>llama.cpp's own name for split files (gguf-split): <c>name-00001-of-00003.gguf</c>.</summary>
    private const int MaximumParts = 9999;

    /// <summary><c>general.file_type</c> by name (llama.cpp, include/llama.h, llama_ftype).</summary>
    private static readonly FrozenDictionary<long, string> s_fileTypes = new Dictionary<long, string>
    {
        [0] = "FP32",
        [1] = "FP16",
        [2] = "Q4_0",
        [3] = "Q4_1",
        [7] = "Q8_0",
        [8] = "Q5_0",
        [9] = "Q5_1",
        [10] = "Q2_K",
        [11] = "Q3_K_S",
        [12] = "Q3_K_M",
        [13] = "Q3_K_L",
        [14] = "Q4_K_S",
        [15] = "Q4_K_M",
        [16] = "Q5_K_S",
        [17] = "Q5_K_M",
        [18] = "Q6_K",
        [19] = "IQ2_XXS",
        [20] = "IQ2_XS",
        [21] = "Q2_K_S",
        [22] = "IQ3_XS",
        [23] = "IQ3_XXS",
        [24] = "IQ1_S",
        [25] = "IQ4_NL",
        [26] = "IQ3_S",
        [27] = "IQ3_M",
        [28] = "IQ2_S",
        [29] = "IQ2_M",
        [30] = "IQ4_XS",
        [31] = "IQ1_M",
        [32] = "BF16",
        [36] = "TQ1_0",
        [37] = "TQ2_0",
    }.ToFrozenDictionary();

    /// <summary>The name of the first part of the set that a file is part of; null where it is no part.</summary>
    public static string? FirstPart(string name)
    {
        Match match = PartName().Match(name);
        return match.Success
            ? string.Create(CultureInfo.InvariantCulture, $"{match.Groups[1].Value}-00001-of-{match.Groups[3].Value}.gguf")
            : null;
    }

    /// <param name="files">Where the file lies, with the other parts where it is split.</param>
    /// <param name="name">The file; any of the parts.</param>
    /// <exception cref="LlmOpsException">A file is damaged or missing, or describes no model that can be read.</exception>
    public static LlmModel Read(IModelFileSet files, string name)
    {
        string first = FirstPart(name) is { } start && files.Names.Contains(start) ? start : name;
        string origin = files.OriginOf(first);
        GgufHeader header = ReadHeader(files, first);
        ImmutableArray<TensorInfo> tensors = header.Tensors;
        long bytes = files.Length(first);
        List<string> notes = [];
        if (Integer(header, "split.count") is { } parts and > 1)
        {
            tensors = Gather(files, first, header, parts, ref bytes);
        }

        string architectureName = header.Metadata.TryGetValue("general.architecture", out GgufValue value) && value.Text is { } text
            ? text
            : throw FileErrors.Invalid(origin, "the key 'general.architecture' is missing.");
        GgufArchitecture traits = GgufArchitectures.Get(architectureName, origin);
        GgufFields fields = new(header.Metadata, architectureName, origin);
        try
        {
            return Build(fields, traits, header, tensors, origin, first, bytes, notes);
        }
        catch (OverflowException e)
        {
            throw FileErrors.Invalid(origin, "its sizes multiply to more than a model can have.", e);
        }
    }

    private static LlmModel Build(
        GgufFields fields, GgufArchitecture traits, GgufHeader header, ImmutableArray<TensorInfo> tensors, string origin,
        string fileName, long bytes, List<string> notes)
    {
        int blocks = fields.Layers();
        int layers = blocks - PredictionLayers(fields, tensors, blocks);
        GgufTensors byName = new(tensors, layers);
        ModelArchitecture architecture = GgufLayers.Build(fields, traits, byName, layers);
        Quantization? published = Published(header, tensors);
        TensorInventory? inventory = byName.IsEmpty ? null : new TensorInventory(origin, tensors);
        if (inventory is not null && published is null)
        {
            notes.Add($"The file stores most weights as {inventory.ByType[0].ElementType.Name}, at "
                + string.Create(CultureInfo.InvariantCulture, $"{8.0 * inventory.TotalBytes / inventory.TotalElements:0.00} bits a weight over all; ")
                + "no quantization of that mix is known, so estimates assume 16 bits unless told otherwise.");
        }

        LlmModel model = new(Name(header, fileName), traits.Family, architecture, published ?? Quantization.FP16, origin)
        {
            HasPublishedType = published is not null,
        };
        if (inventory is null)
        {
            string head = traits.IsAlwaysTied ? ""
                : $", assuming {(architecture.HasTiedHead ? "that the head is the embedding matrix" : "a head of its own")}";
            notes.Add($"The file holds no tensors (a vocabulary only); the counts follow from its metadata{head}.");
            return model.WithFiles(null, null, bytes, notes);
        }

        RoleCounts counts = Count(byName, architecture, fields, notes);
        ParameterBreakdown breakdown = counts.ToBreakdown(model.ExpertCount, model.ExpertsPerToken);
        if (breakdown.Total != model.Parameters.Total)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"The tensors hold {breakdown.Total:N0} parameters; layers of the sizes in the metadata would hold {model.Parameters.Total:N0}. The tensors are believed."));
        }

        return model.WithFiles(breakdown, inventory, bytes, notes);
    }

    private static RoleCounts Count(GgufTensors tensors, ModelArchitecture architecture, GgufFields fields, List<string> notes)
    {
        RoleCounts counts = new();
        foreach (TensorInfo tensor in tensors.All)
        {
            TensorRole role = tensors.Role(tensor, out int layer);
            if (tensor.Name == "output.weight" && architecture.HasTiedHead)
            {
                role = TensorRole.Copy;
            }
            else if (tensor.Name.Contains("attn_kv_b.", StringComparison.Ordinal) && tensors.HasInLayer(layer, "attn_k_b.weight"))
            {
                role = TensorRole.Copy;
            }

            counts.Add(role, tensor.ElementCount);
        }

        ModelNotes.Add(notes, counts);
        if (counts[TensorRole.Unknown] > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"{counts[TensorRole.Unknown]:N0} parameters are in tensors whose names are not known for '{fields.Architecture}'; they are counted."));
        }

        return counts;
    }

    /// <summary>Layers at the end that predict further tokens: the metadata says so, or they have a projection for it.</summary>
    private static int PredictionLayers(GgufFields fields, ImmutableArray<TensorInfo> tensors, int blocks)
    {
        HashSet<int> found = [];
        int last = -1;
        foreach (TensorInfo tensor in tensors)
        {
            if (BlockNumber().Match(tensor.Name) is { Success: true } match)
            {
                int block = int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                    ? number
                    : int.MaxValue;
                if (block >= blocks)
                {
                    throw fields.Contradiction($"the tensor '{FileErrors.Shown(tensor.Name)}' is of a layer past the {blocks} that the "
                        + "metadata claims.");
                }

                last = Math.Max(last, block);
                if (match.Groups[2].ValueSpan.StartsWith("nextn.", StringComparison.Ordinal))
                {
                    found.Add(block);
                }
            }
        }

        if (!tensors.IsEmpty && last != blocks - 1)
        {
            throw fields.Contradiction($"the metadata claims {blocks} layers, but the tensors end with layer {last} (counted from 0).");
        }

        int predicting = found.Count;
        if (predicting >= blocks || found.Any(block => block < blocks - predicting))
        {
            throw fields.Contradiction("its prediction layers are not the last ones.");
        }

        return predicting;
    }

    private static ImmutableArray<TensorInfo> Gather(
        IModelFileSet files, string first, GgufHeader header, long parts, ref long bytes)
    {
        string origin = files.OriginOf(first);
        Match match = PartName().Match(first);
        if (parts > MaximumParts || !match.Success
            || match.Groups[3].Value != parts.ToString("00000", CultureInfo.InvariantCulture)
            || match.Groups[2].Value != "00001" || Integer(header, "split.no") is not 0)
        {
            throw FileErrors.Invalid(origin, $"it is part {Integer(header, "split.no") + 1} of {parts}; the first part, "
                + $"'{FirstPart(first) ?? "…-00001-of-…"}', must lie beside it under the name that it was written with.");
        }

        HashSet<string> present = new(files.Names, StringComparer.Ordinal);
        var tensors = header.Tensors.ToBuilder();
        HashSet<string> names = new(header.Tensors.Select(tensor => tensor.Name), StringComparer.Ordinal);
        for (int part = 2; part <= parts; part++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"{match.Groups[1].Value}-{part:00000}-of-{parts:00000}.gguf");
            if (!present.Contains(name))
            {
                throw FileErrors.Invalid(origin, $"it is one of {parts} parts, and '{name}' does not lie beside it.");
            }

            GgufHeader other = ReadHeader(files, name);
            if (Integer(other, "split.no") != part - 1 || Integer(other, "split.count") != parts)
            {
                throw FileErrors.Invalid(files.OriginOf(name), $"it says that it is another part than {part} of {parts}.");
            }

            foreach (TensorInfo tensor in other.Tensors)
            {
                tensors.Add(names.Add(tensor.Name)
                    ? tensor
                    : throw FileErrors.Invalid(files.OriginOf(name), $"the tensor '{FileErrors.Shown(tensor.Name)}' is in two parts."));
            }

            bytes += files.Length(name);
        }

        return Integer(header, "split.tensors.count") is { } claimed && claimed != tensors.Count
            ? throw FileErrors.Invalid(origin, $"its parts hold {tensors.Count} tensors, but it claims {claimed}.")
            : tensors.ToImmutable();
    }

    private static GgufHeader ReadHeader(IModelFileSet files, string name)
    {
        using Stream stream = files.Open(name);
        return GgufHeader.Read(stream, files.Length(name), files.OriginOf(name));
    }

    private static long? Integer(GgufHeader header, string key) =>
        header.Metadata.TryGetValue(key, out GgufValue value) ? value.Integer : null;

    private static string Name(GgufHeader header, string fileName)
    {
        // Names in metadata are free text ("Meta Llama 3.1 8B Instruct", "model", "."); the file's says which it is.
        string bare = PartName().Match(fileName) is { Success: true } match ? match.Groups[1].Value : Path.GetFileNameWithoutExtension(fileName);
        return bare.Length > 0 ? bare
            : header.Metadata.TryGetValue("general.name", out GgufValue value) && value.Text is { Length: > 0 } text ? FileErrors.Shown(text)
            : fileName;
    }

    /// <summary>What the file says of its mix of types, or the type that all its matrices have.</summary>
    private static Quantization? Published(GgufHeader header, ImmutableArray<TensorInfo> tensors)
    {
        if (!tensors.IsEmpty && Integer(header, "general.file_type") is { } type)
        {
            return s_fileTypes.TryGetValue(type, out string? named)
                ? Quantization.Known.FirstOrDefault(quantization => quantization.Name == named)
                : null;
        }

        string[] types = [.. tensors.Where(t => t.Shape.Length > 1).Select(t => t.ElementType.Name).Distinct()];
        return types is [var single] && s_fileTypes.Values.FirstOrDefault(known => known == single || known == "FP" + single[1..]) is { } name
            ? Quantization.Known.FirstOrDefault(quantization => quantization.Name == name)
            : null;
    }

    [GeneratedRegex(@"^(.+)-(\d{5})-of-(\d{5})\.gguf$", RegexOptions.CultureInvariant)]
    private static partial Regex PartName();

    [GeneratedRegex(@"^blk\.(\d+)\.(.*)$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex BlockNumber();
}
