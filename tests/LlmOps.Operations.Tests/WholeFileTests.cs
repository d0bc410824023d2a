namespace LlmOps.Operations.Tests;

/// <summary>A file is what it was or what it shall be, and nothing lies beside it.</summary>
public sealed class WholeFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string File => Path.Combine(_folder.Path, "new", "file.json");

    private IEnumerable<string?> Files => Directory.GetFiles(Path.GetDirectoryName(File)!).Select(Path.GetFileName);

    private static Action<Stream> Text(string text) => stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text));

    [Fact]
    public void What_is_written_takes_the_place_of_what_was()
    {
        WholeFile.Replace(File, Text("the first, and longer"));
        WholeFile.Replace(File, Text("ü"));

        Assert.Equal("ü", System.IO.File.ReadAllText(File));
        Assert.Equal(["file.json"], Files);
    }

    [Fact]
    public void Until_it_is_whole_readers_see_what_was()
    {
        WholeFile.Replace(File, Text("old"));

        WholeFile.Replace(File, stream =>
        {
            stream.Write("half"u8);
            stream.Flush();
            Assert.Equal("old", System.IO.File.ReadAllText(File));
        }, written =>
        {
            Assert.Equal("half", System.IO.File.ReadAllText(written));
            Assert.Equal("old", System.IO.File.ReadAllText(File));
        });

        Assert.Equal("half", System.IO.File.ReadAllText(File));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_failure_leaves_what_was_and_nothing_beside_it(bool isWritten)
    {
        WholeFile.Replace(File, Text("old"));
        Action<Stream> write = isWritten ? Text("new") : _ => throw new InvalidTimeZoneException();

        Assert.Throws<InvalidTimeZoneException>(() => WholeFile.Replace(File, write, _ => throw new InvalidTimeZoneException()));

        Assert.Equal("old", System.IO.File.ReadAllText(File));
        Assert.Equal(["file.json"], Files);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_a_failure()
    {
        Directory.CreateDirectory(File);

        Exception? thrown = Record.Exception(() => WholeFile.Replace(File, Text("new")));
        Assert.True(WholeFile.IsFailure(thrown!), thrown?.ToString());
        Assert.Empty(Files);

        string below = Path.Combine(_folder.Write("a file", ""), "x", "file.json");
        thrown = Record.Exception(() => WholeFile.Replace(below, Text("new")));
        Assert.True(WholeFile.IsFailure(thrown!), thrown?.ToString());
    }
}
