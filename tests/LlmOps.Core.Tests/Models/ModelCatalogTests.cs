using System.Text.Json;
using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public class ModelCatalogTests
{
    /// <summary>The catalogue finds names without parsing the file as a whole, so that they must stand where it looks.</summary>
    [Fact]
    public void AModelIsALineThatBeginsWithItsNames()
    {
        using JsonDocument document = DataFile.Open("models.json");
        JsonElement[] entries = [.. document.RootElement.GetProperty("models").EnumerateArray()];

        Assert.Equal(entries.Select(entry => entry.GetProperty("name").GetString()), ModelCatalog.Names);
        Assert.Equal(
            entries.SelectMany(entry => entry.Texts("aliases").Prepend(entry.OptionalText("repository"))
                .Where(repository => repository is not null)),
            ModelCatalog.Repositories);
        Assert.All(entries, entry => Assert.StartsWith("{\"name\":", entry.GetRawText(), StringComparison.Ordinal));
    }
}
