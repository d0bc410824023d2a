using System.Globalization;

namespace LlmOps.Core.Models.Files;

/// <summary>Recognises what lies in a place by its content, and reads it.</summary>
internal static class ModelFolder
{
    public const string ConfigName = "config.json";

    /// <summary>What ModelOpt writes beside a configuration, and into it only in later versions.</summary>
    private const string QuantizationName = "hf_quant_config.json";

    private const string GgufExtension = ".gguf";

    /// <summary>Bytes that tell the kinds of files apart: the longest prefix is 8 of length, then '{'.</summary>
    private const int PrefixBytes = 16;

    /// <summary>Whether anything in a folder looks like a model, by names alone.</summary>
    public static bool LooksLikeModel(IModelFileSet files) =>
        files.Names.Any(name => name == ConfigName || name == SafetensorsIndex.FileName
            || name.EndsWith(GgufExtension, StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(SafetensorsModel.Extension, StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads whatever describes the model of a folder; headers win over a configuration for counts.</summary>
    public static LlmModel ReadAll(IModelFileSet files, CancellationToken stop)
    {
        string[] gguf = [.. GgufModels(files)];
        if (files.Names.Contains(ConfigName))
        {
            return !SafetensorsModel.AreIn(files) && gguf is [var only]
                ? WithConfiguration(GgufModel.Read(files, only), files)
                : ReadConfiguration(files, ConfigName, stop) is var model && gguf.Length > 0
                    ? model.WithFiles(null, null, null, [Beside(gguf)])
                    : model;
        }

        return gguf switch
        {
            [var single] => GgufModel.Read(files, single),
            { Length: > 1 } => throw FileErrors.NotSupported(files.Origin,
                $"it holds {gguf.Length} models ({string.Join(", ", gguf.Take(5))}{(gguf.Length > 5 ? ", …" : "")}); give the path of one."),
            _ when LooksLikeModel(files) => throw NoConfiguration(files.Origin),
            _ => throw new LlmOpsException("ModelFileNotFound", ErrorKind.NotFound,
                $"There is no {ConfigName} and no GGUF file in '{files.Origin}'.", files.Origin),
        };
    }

    /// <summary>Reads one file as what its content says that it is.</summary>
    public static LlmModel ReadFile(IModelFileSet files, string name, CancellationToken stop)
    {
        byte[] prefix = new byte[PrefixBytes];
        int length;
        using (Stream stream = files.Open(name))
        {
            length = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false);
        }

        ReadOnlySpan<byte> start = prefix.AsSpan(0, length);
        if (GgufHeader.IsStart(start))
        {
            return GgufModel.Read(files, name);
        }

        bool isIndex = name.EndsWith(".index.json", StringComparison.OrdinalIgnoreCase);
        if (isIndex || SafetensorsHeader.IsStart(start))
        {
            // Checked first, so that a damaged file is called damaged rather than alone.
            CheckHeader(files, name, isIndex);
            return files.Names.Contains(ConfigName)
                ? ReadConfiguration(files, ConfigName, stop)
                : throw NoConfiguration(files.OriginOf(name));
        }

        return ReadConfiguration(files, name, stop);
    }

    private static void CheckHeader(IModelFileSet files, string name, bool isIndex)
    {
        using Stream stream = files.Open(name);
        if (isIndex)
        {
            SafetensorsIndex.Read(stream, files.Length(name), files.OriginOf(name));
        }
        else
        {
            SafetensorsHeader.Read(stream, files.Length(name), files.OriginOf(name));
        }
    }

    private static LlmModel ReadConfiguration(IModelFileSet files, string name, CancellationToken stop)
    {
        byte[] config = ReadBounded(files, name);
        LlmModel model = name == ConfigName && files.Names.Contains(QuantizationName)
            ? HuggingFaceConfig.Read(
                config, files.OriginOf(name), ReadBounded(files, QuantizationName), files.OriginOf(QuantizationName))
            : HuggingFaceConfig.Read(config, files.OriginOf(name));
        return name == ConfigName && SafetensorsModel.AreIn(files) ? SafetensorsModel.WithHeaders(model, files, stop) : model;
    }

    /// <summary>A GGUF file with the configuration that it was made from: where they disagree, the file is believed.</summary>
    private static LlmModel WithConfiguration(LlmModel model, IModelFileSet files)
    {
        try
        {
            long configured = ReadConfiguration(files, ConfigName, CancellationToken.None).ParameterCount;
            return configured == model.ParameterCount
                ? model
                : model.WithFiles(null, null, null, [string.Create(CultureInfo.InvariantCulture,
                    $"The GGUF file holds {model.ParameterCount:N0} parameters, but {ConfigName} describes {configured:N0}. The GGUF file is believed.")]);
        }
        catch (LlmOpsException e)
        {
            // Repositories of GGUF files often carry a stub of a configuration.
            return model.WithFiles(null, null, null, [$"{ConfigName} beside the GGUF file was left out: {e.Message}"]);
        }
    }

    /// <summary>GGUF files that are models, a split one by its first part; vision projectors go by another name.</summary>
    private static IEnumerable<string> GgufModels(IModelFileSet files) => files.Names
        .Where(name => name.EndsWith(GgufExtension, StringComparison.OrdinalIgnoreCase)
            && !name.StartsWith("mmproj", StringComparison.OrdinalIgnoreCase))
        .GroupBy(name => GgufModel.FirstPart(name) ?? name, StringComparer.Ordinal)
        .Select(parts => parts.Order(StringComparer.Ordinal).First())
        .Order(StringComparer.Ordinal);

    private static string Beside(string[] gguf) =>
        $"GGUF files beside the configuration were left out ({string.Join(", ", gguf.Take(5))}{(gguf.Length > 5 ? ", …" : "")}); give the path of one to read it.";

    private static LlmOpsException NoConfiguration(string origin) => FileErrors.NotSupported(origin,
        $"safetensors files hold weights but do not say how they are used; a {ConfigName} must lie beside them.");

    /// <summary>
    /// Reads to the end, or to one byte past what a configuration can have: a file's length is a claim, and a device has
    /// none.
    /// </summary>
    private static byte[] ReadBounded(IModelFileSet files, string name)
    {
        string file = files.OriginOf(name);
        using Stream stream = files.Open(name);
        using MemoryStream content = new();
        byte[] buffer = new byte[81920];
        int read;
        while ((read = stream.Read(buffer, 0, buffer.Length)) > 0)
        {
            content.Write(buffer, 0, read);
            if (content.Length > HuggingFaceConfig.MaximumBytes)
            {
                throw new LlmOpsException("ModelConfigInvalid", ErrorKind.InvalidData,
                    $"'{file}' is larger than {HuggingFaceConfig.MaximumBytes} bytes, which no configuration is.", file);
            }
        }

        return content.ToArray();
    }
}
