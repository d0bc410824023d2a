using LlmOps.Core;
using LlmOps.Core.Models;

namespace LlmOps.Operations.Hub;

/// <summary>Hands what was fetched of a repository to the readers of model files.</summary>
internal static class HubModelReader
{
    /// <exception cref="LlmOpsException">The files hold no model that can be read.</exception>
    public static async Task<LlmModel> ReadAsync(HubSnapshot snapshot, CancellationToken cancel)
    {
        HubFile config = snapshot.Find(ModelHub.ConfigName) ?? throw new LlmOpsException(
            HubErrors.ModelMissing, ErrorKind.NotSupported,
            $"'{snapshot.Repository}' has no config.json, and GGUF headers cannot be read yet.", snapshot.Repository.ToString());
        byte[] content;
        try
        {
            await using Stream stream = config.Open();
            using MemoryStream buffer = new();
            await stream.CopyToAsync(buffer, cancel).ConfigureAwait(false);
            content = buffer.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HubErrors.Cache(config.LocalPath, e);
        }

        return HuggingFaceConfig.Read(content, snapshot.Origin, snapshot.Repository.Name, snapshot.Repository.ToString());
    }
}
