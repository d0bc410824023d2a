using System.Text;
using System.Text.Json;

namespace LlmOps.Core.Tests.Models;

/// <summary>The published configurations that the catalogue is made of, as files.</summary>
internal static class RealConfigs
{
    /// <summary>One of each family, so that every reader is exercised.</summary>
    public static IReadOnlyList<byte[]> OnePerFamily { get; } = Read();

    public static byte[] Of(string model)
    {
        using JsonDocument document = DataFile.Open("models.json");
        JsonElement entry = document.RootElement.GetProperty("models").EnumerateArray()
            .Single(m => m.GetProperty("name").GetString() == model);
        return Encoding.UTF8.GetBytes(entry.GetProperty("config").GetRawText());
    }

    private static List<byte[]> Read()
    {
        using JsonDocument document = DataFile.Open("models.json");
        return [.. document.RootElement.GetProperty("models").EnumerateArray()
            .Select(m => m.GetProperty("config"))
            .GroupBy(config => config.GetProperty("model_type").GetString())
            .Select(family => Encoding.UTF8.GetBytes(family.First().GetRawText()))];
    }
}
