using LlmOps.Core;
using LlmOps.Core.Hardware;

namespace LlmOps.Operations.Prices;

/// <summary>Whose prices can be updated, and from where.</summary>
public static class PriceFeeds
{
    /// <summary>The provider's name as the catalogue writes it.</summary>
    /// <exception cref="LlmOpsException">The catalogue has no machine of that provider.</exception>
    public static string CheckProvider(string name)
    {
        InstanceFilter.CheckProvider(name);
        return InstanceCatalog.Providers.FirstOrDefault(provider => provider.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw new LlmOpsException("ProviderNotFound", ErrorKind.NotFound,
                $"'{name}' is a pattern; expected is one of {string.Join(", ", InstanceCatalog.Providers)}.", name);
    }

    /// <summary>The same, for a provider with a public feed.</summary>
    /// <exception cref="LlmOpsException">The provider is not known, or has no such feed.</exception>
    public static string CheckFeed(string name) =>
        CheckProvider(name) is var provider && provider == AzureRetailPrices.Provider ? provider : throw PriceErrors.NoFeed(provider);
}
