using LlmOps.Core;
using LlmOps.Core.Models;
using LlmOps.Core.Models.Files;

namespace LlmOps.Operations.Hub;

/// <summary>Hands what was fetched of a repository to the readers of model files.</summary>
internal static class HubModelReader
{
    /// <exception cref="LlmOpsException">The files hold no model that can be read.</exception>
    public static LlmModel Read(HubSnapshot snapshot, CancellationToken cancel) =>
        ModelFile.Read(new HubFileSet(snapshot), name: null, cancel);

    /// <summary>The fetched files, of weights as much as was fetched.</summary>
    private sealed class HubFileSet(HubSnapshot snapshot) : IModelFileSet
    {
        public string Origin => snapshot.Origin;

        public string? Repository => snapshot.Repository.ToString();

        public IReadOnlyCollection<string> Names { get; } = [.. snapshot.Files.Select(file => file.Path)];

        public string OriginOf(string name) => $"{Origin}/{name}";

        public long Length(string name) => File(name).Length;

        public Stream Open(string name)
        {
            HubFile file = File(name);
            try
            {
                return file.Open();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw HubErrors.Cache(file.LocalPath, e);
            }
        }

        private HubFile File(string name) => snapshot.Find(name) ?? throw new FileNotFoundException(null, OriginOf(name));
    }
}
