using System.Reflection;
using System.Text.Json;

namespace LlmOps.Core;

/// <summary>The data files embedded in this assembly.</summary>
internal static class DataFile
{
    /// <summary>Parses an embedded JSON file. It is the project's own, so a fault in it is a defect, not bad input.</summary>
    public static JsonDocument Open(string name)
    {
        using Stream stream = Stream(name);
        return JsonDocument.Parse(stream);
    }

    /// <summary>The bytes of an embedded file.</summary>
    public static byte[] Read(string name)
    {
        using Stream stream = Stream(name);
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }

    public static string? OptionalText(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    public static double? OptionalNumber(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : null;

    public static string[] Texts(this JsonElement element, string name)
    {
        if (!element.TryGetProperty(name, out JsonElement value) || value.ValueKind != JsonValueKind.Array)
        {
            return [];
        }

        string[] texts = new string[value.GetArrayLength()];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = value[i].GetString()!;
        }

        return texts;
    }

    private static Stream Stream(string name) =>
        Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The data file {name} is not embedded.");
}
