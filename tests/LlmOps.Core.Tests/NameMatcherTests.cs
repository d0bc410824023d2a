namespace LlmOps.Core.Tests;

public sealed class NameMatcherTests
{
    [Theory]
    [InlineData("Llama-3.1-8B", "llama3.18b")]
    [InlineData("NVIDIA H100 80GB", "nvidiah10080gb")]
    [InlineData("nvidia_h100-80gb", "nvidiah10080gb")]
    [InlineData("", "")]
    [InlineData(" -_ ", "")]
    [InlineData("ÄÖÜ", "äöü")]
    public void Case_spaces_hyphens_and_underscores_do_not_matter(string name, string canonical)
    {
        Assert.Equal(canonical, NameMatcher.Canonical(name));
    }

    /// <summary>3.18B and 3.1-8B must not be the same model: dots stay.</summary>
    [Fact]
    public void Dots_matter()
    {
        Assert.NotEqual(NameMatcher.Canonical("Qwen2.5-7B"), NameMatcher.Canonical("Qwen-25-7B"));
    }

    [Fact]
    public void Long_names_keep_every_letter()
    {
        string name = string.Concat(Enumerable.Repeat("Ab-", 1000));

        Assert.Equal(string.Concat(Enumerable.Repeat("ab", 1000)), NameMatcher.Canonical(name));
    }

    [Theory]
    [InlineData("Lama-2-7B", "Llama-2-7B")]
    [InlineData("llama", "Llama-2-7B")]
    [InlineData("Llama-2-70B-chat-something-longer", "Llama-2-70B")]
    [InlineData("mixtral", "Mixtral-8x7B")]
    public void The_nearest_candidate_is_the_one_with_the_fewest_changes(string name, string nearest)
    {
        Assert.Equal(nearest, NameMatcher.Nearest(name, ["Llama-2-7B", "Llama-2-70B", "Mixtral-8x7B"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("- _")]
    [InlineData("completely different")]
    public void Nothing_is_suggested_where_nothing_is_alike(string name)
    {
        Assert.Null(NameMatcher.Nearest(name, ["Llama-2-7B", "Mixtral-8x7B"]));
    }

    [Fact]
    public void Nothing_is_suggested_where_there_is_nothing()
    {
        Assert.Null(NameMatcher.Nearest("Llama", []));
    }
}
