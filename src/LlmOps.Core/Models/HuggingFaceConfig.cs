using System.Text.Json;
using LlmOps.Core.Models.Families;
using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models;

/// <summary>Reads the <c>config.json</c> of a Hugging Face repository.</summary>
public static class HuggingFaceConfig
{
    /// <summary>Real configurations have at most a few hundred KB, even with a list of every quantized module.</summary>
    public const int MaximumBytes = 16 << 20;

    private const string InvalidId = "ModelConfigInvalid";

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32, AllowTrailingCommas = false };

    /// <param name="utf8Json">The file's content.</param>
    /// <param name="origin">What errors call the file: its path.</param>
    /// <param name="name">The model's name; null takes it from the configuration, or from <paramref name="origin"/>.</param>
    /// <exception cref="LlmOpsException">The content is no configuration, or one that cannot be.</exception>
    public static LlmModel Read(ReadOnlyMemory<byte> utf8Json, string origin, string? name = null) =>
        Parse(utf8Json, origin, root => Sized(Read(root, origin, name, origin)));

    /// <param name="utf8Json">The content of <c>config.json</c>.</param>
    /// <param name="origin">What errors call the file: its path.</param>
    /// <param name="quantization">
    /// The content of the <c>hf_quant_config.json</c> beside it; used where the configuration has no quantization itself, as
    /// engines do.
    /// </param>
    /// <param name="quantizationOrigin">What errors call that file.</param>
    /// <param name="name">The model's name; null takes it from the configuration, or from <paramref name="origin"/>.</param>
    /// <exception cref="LlmOpsException">One of the two is no configuration, or one that cannot be.</exception>
    public static LlmModel Read(
        ReadOnlyMemory<byte> utf8Json, string origin, ReadOnlyMemory<byte> quantization, string quantizationOrigin,
        string? name = null)
    {
        // Within the parse: the scheme's lists are matched, and refused, while the model is made.
        return Parse(quantization, quantizationOrigin, scheme => Parse(utf8Json, origin, root =>
            Sized(Read(root, origin, name, origin, quantization: ModelOptScheme(scheme, quantizationOrigin)))));
    }

    /// <summary>The model, once its scheme was matched to its matrices: a file's lists may be what cannot be.</summary>
    private static LlmModel Sized(LlmModel model)
    {
        _ = model.WeightBytes;
        return model;
    }

    private static QuantizationScheme ModelOptScheme(JsonElement root, string origin) =>
        root.ValueKind == JsonValueKind.Object
            ? ModelOpt.Read(new ConfigFields(root, origin))
            : throw Invalid(origin, $"a quantization configuration is a JSON object; this is {root.ValueKind}.");

    private static T Parse<T>(ReadOnlyMemory<byte> utf8Json, string origin, Func<JsonElement, T> read)
    {
        if (utf8Json.Length > MaximumBytes)
        {
            throw Invalid(origin, $"the file has {utf8Json.Length} bytes; a configuration has at most {MaximumBytes}.");
        }

        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        if (utf8Json.Span.StartsWith(byteOrderMark))
        {
            utf8Json = utf8Json[byteOrderMark.Length..];
        }

        if (utf8Json.IsEmpty)
        {
            throw Invalid(origin, "the file is empty.");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8Json, s_options);
            return read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw Invalid(origin, $"not valid JSON at line {(e.LineNumber ?? 0) + 1}, byte {e.BytePositionInLine ?? 0}"
                + " (is the file truncated?).", e);
        }
        catch (InvalidOperationException e)
        {
            // What System.Text.Json raises for a string that is no valid UTF-16, such as a lone surrogate.
            throw Invalid(origin, "a string in it is not valid Unicode.", e);
        }
    }

    internal static LlmModel Read(
        JsonElement root,
        string origin,
        string? name,
        string source,
        string? repository = null,
        IReadOnlyList<string>? aliases = null,
        QuantizationScheme? quantization = null)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Invalid(origin, $"a configuration is a JSON object; this is {root.ValueKind}.");
        }

        ConfigFields fields = new(root, origin);
        string family = fields.Text("model_type")
            ?? throw Invalid(origin, "the field 'model_type' is missing; this is no model configuration.");
        ModelArchitecture architecture;
        List<string> notes = [];
        try
        {
            architecture = ModelFamilies.Build(family, fields, notes);
        }
        catch (OverflowException e)
        {
            throw Invalid(origin, "its sizes multiply to more than a model can have.", e);
        }

        name ??= PublishedName(fields) ?? NameOfPlace(origin);
        QuantizationScheme? scheme = QuantizationConfig.Read(fields) ?? quantization;
        Quantization? elements = ElementType(fields);
        try
        {
            return new LlmModel(name, family, architecture, elements ?? Quantization.FP16, source, scheme)
            {
                HasPublishedType = elements is not null || scheme is not null,
                Repository = repository,
                Aliases = aliases ?? [],
                Evidence = notes.Count == 0 ? Evidence.Exact : Evidence.Assumed,
                Notes = notes,
            };
        }
        catch (OverflowException e)
        {
            throw Invalid(origin, "its sizes multiply to more than a model can have.", e);
        }
    }

    /// <summary>The type of the weights that no quantization touches; null where the configuration does not say.</summary>
    private static Quantization? ElementType(ConfigFields fields)
    {
        ConfigFields? text = fields.Object("text_config");
        string? type = fields.Text("torch_dtype") ?? fields.Text("dtype")
            ?? text?.Text("torch_dtype") ?? text?.Text("dtype");
        return type switch
        {
            null => null,
            "float32" => Quantization.FP32,
            "bfloat16" => Quantization.BF16,
            "float16" or "auto" => Quantization.FP16,
            _ => throw fields.Contradiction(
                $"the element type '{type}' is not known; known are float32, bfloat16 and float16."),
        };
    }

    private static string? PublishedName(ConfigFields fields)
    {
        string? published = fields.Text("_name_or_path");
        return string.IsNullOrWhiteSpace(published) ? null : NameOfPlace(published);
    }

    /// <summary>The last part of a repository id or path that says which model it is.</summary>
    private static string NameOfPlace(string place)
    {
        string[] parts = place.Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string last = parts.Length == 0 ? place : parts[^1];
        if (parts.Length > 1 && last.Equals("config.json", StringComparison.OrdinalIgnoreCase))
        {
            return parts[^2];
        }

        return last.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? last[..^".json".Length] : last;
    }

    private static LlmOpsException Invalid(string origin, string problem, Exception? inner = null) =>
        new(InvalidId, ErrorKind.InvalidData, $"{origin}: {problem}", origin, inner);
}
