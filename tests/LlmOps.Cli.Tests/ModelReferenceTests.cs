namespace LlmOps.Cli.Tests;

public sealed class ModelReferenceTests : IDisposable
{
    private const string Config = """
        {"model_type":"llama","hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,"num_attention_heads":4,
        "num_key_value_heads":2,"vocab_size":256,"max_position_embeddings":512,"torch_dtype":"bfloat16"}
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llmops-tests-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("my-model/config.json")]
    [InlineData("my-model")]
    [InlineData("a, b/config.json")]
    public void A_model_is_read_from_a_file_or_its_folder(string place)
    {
        string path = Path.Combine(_folder.FullName, place);
        string file = place.EndsWith(".json", StringComparison.Ordinal) ? path : Path.Combine(path, "config.json");
        Write(file, Config);

        Result result = Cli.Run(["memory", "--model", path, "-o", "json"]);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(Path.GetFileName(Path.GetDirectoryName(file)),
            result.Json().Single().GetProperty("ModelName").GetString());
    }

    [Fact]
    public void A_truncated_file_is_an_error_that_names_it()
    {
        string path = Path.Combine(_folder.FullName, "config.json");
        Write(path, Config[..60]);

        Result result = Cli.Run(["optimize", "--model", path]);

        Assert.Equal((2, ""), (result.ExitCode, result.Out));
        string line = Assert.Single(result.ErrorLines);
        Assert.Contains(path, line, StringComparison.Ordinal);
        Assert.Contains("is the file truncated?", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Good_models_of_a_list_are_estimated_beside_a_bad_one()
    {
        Result result = Cli.Run(["memory", "--model", "OPT-2.7B,OPT-2.8B", "/nowhere/config.json", "-o", "json"]);

        Assert.Equal("OPT-2.7B", result.Json().Single().GetProperty("ModelName").GetString());
        Assert.Contains("No model is named 'OPT-2.8B'. Did you mean OPT-2.7B?", result.Error, StringComparison.Ordinal);
        Assert.Contains("There is no file '/nowhere/config.json'.", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, result.ExitCode);
    }

    [Fact]
    public void A_control_character_in_a_name_does_not_reach_the_terminal()
    {
        Result result = Cli.Run(["optimize", "--model", "x\u001b[31m\ny"]);

        Assert.Equal(2, result.ExitCode);
        Assert.DoesNotContain('\u001b', result.Error);
        Assert.Single(result.ErrorLines);
    }

    private static void Write(string file, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
