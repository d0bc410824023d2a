namespace LlmOps.Core.Tests;

public sealed class WildcardNameTests
{
    [Theory]
    [InlineData("*", "anything", true)]
    [InlineData("llama*", "Llama-3.1-8B", true)]
    [InlineData("*8B", "Llama-3.1-8B", true)]
    [InlineData("Llama-?.1-8B", "Llama-3.1-8B", true)]
    [InlineData("Llama-?-8B", "Llama-3.1-8B", false)]
    [InlineData("Llama", "Llama-3.1-8B", false)]
    [InlineData("Llama-3.1-8B", "llama-3.1-8b", true)]
    [InlineData("meta-llama/*", "meta-llama/Llama-3.1-8B", true)]
    [InlineData("", "Llama", false)]
    public void Stars_and_question_marks_mean_what_they_mean_in_a_shell(string pattern, string name, bool matches)
    {
        Assert.Equal(matches, WildcardName.Matches(pattern, name));
    }

    [Theory]
    [InlineData("a*", true)]
    [InlineData("a?", true)]
    [InlineData("a", false)]
    [InlineData("", false)]
    public void A_pattern_is_told_from_a_name(string text, bool isPattern)
    {
        Assert.Equal(isPattern, WildcardName.HasWildcard(text));
    }
}
