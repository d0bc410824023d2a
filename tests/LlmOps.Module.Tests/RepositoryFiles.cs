namespace LlmOps.Module.Tests;

/// <summary>The files of the clone that the tests were built from.</summary>
internal static class RepositoryFiles
{
    public const string Manifest = "LlmOps.psd1";

    public static string Root { get; } = FindRoot();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    public static string Read(params string[] parts) => File.ReadAllText(Path(parts));

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, Manifest)))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"No folder above the tests has {Manifest}.");
    }
}
