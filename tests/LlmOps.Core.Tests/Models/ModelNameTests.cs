using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public sealed class ModelNameTests
{
    [Theory]
    [InlineData("Llama-3.1-8B", "Llama-3.1-8B")]
    [InlineData("llama-3.1-8b", "Llama-3.1-8B")]
    [InlineData("LLAMA 3.1 8B", "Llama-3.1-8B")]
    [InlineData("llama_3.1_8b", "Llama-3.1-8B")]
    [InlineData("meta-llama/Llama-3.1-8B", "Llama-3.1-8B")]
    [InlineData("META-LLAMA/llama-3.1-8b", "Llama-3.1-8B")]
    [InlineData("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B")]
    [InlineData("Llama-3.1-8B-Instruct", "Llama-3.1-8B")]
    [InlineData("Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B")]
    [InlineData("deepseek-ai/DeepSeek-V3-0324", "DeepSeek-V3")]
    [InlineData("facebook/opt-2.7b", "OPT-2.7B")]
    [InlineData("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral-8x7B")]
    [InlineData("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct")]
    [InlineData("google/gemma-3-27b-it", "Gemma-3-27B")]
    public void The_usual_spellings_of_a_model_find_it(string spelling, string name)
    {
        Assert.Equal(name, ModelCatalog.Get(spelling).Name);
    }

    [Theory]
    [InlineData("Lama-2-7B", "Llama-2-7B")]
    [InlineData("Llama-2-7", "Llama-2-7B")]
    [InlineData("Mixtrall-8x7B", "Mixtral-8x7B")]
    [InlineData("gptoss-20", "gpt-oss-20b")]
    public void A_misspelt_name_is_refused_with_the_nearest_one(string spelling, string suggestion)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => ModelCatalog.Get(spelling));

        Assert.Equal(("ModelNotFound", ErrorKind.NotFound, (object)spelling), (e.ErrorId, e.Kind, e.Target!));
        Assert.Contains($"'{spelling}'", e.Message, StringComparison.Ordinal);
        Assert.Contains($"Did you mean {suggestion}?", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("zzzzzzzzzzzzzzzzzzzz")]
    [InlineData("模型")]
    public void A_name_that_is_like_no_other_is_refused_without_a_suggestion(string spelling)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => ModelCatalog.Get(spelling));

        Assert.Equal("ModelNotFound", e.ErrorId);
        Assert.DoesNotContain("Did you mean", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_of_a_million_characters_is_refused_like_any_other()
    {
        Assert.Equal("ModelNotFound", Assert.Throws<LlmOpsException>(() => ModelCatalog.Get(new string('x', 1_000_000))).ErrorId);
    }

    [Fact]
    public void Every_name_repository_and_alias_resolves_to_its_model()
    {
        Assert.All(ModelCatalog.All, model =>
        {
            Assert.Same(model, ModelCatalog.Get(model.Name));
            Assert.Same(model, ModelCatalog.Get(model.Repository!));
            Assert.All(model.Aliases, alias => Assert.Same(model, ModelCatalog.Get(alias)));
        });
    }

    [Fact]
    public void Names_are_unique_however_they_are_spelt()
    {
        Assert.Equal(ModelCatalog.Names.Count, ModelCatalog.Names.Select(NameMatcher.Canonical).Distinct().Count());
    }

    [Theory]
    [InlineData("OPT-*", 8)]
    [InlineData("opt-*", 8)]
    [InlineData("Llama-3.1-*", 3)]
    [InlineData("gpt-oss-20?", 1)]
    [InlineData("deepseek-ai/*V3*", 2)]
    [InlineData("no-such-*", 0)]
    public void Wildcards_find_names_and_repositories(string pattern, int count)
    {
        Assert.Equal(count, ModelCatalog.Find(pattern).Count());
    }

    [Fact]
    public void A_star_finds_every_model_in_order()
    {
        Assert.Equal(ModelCatalog.Names, ModelCatalog.Find("*").Select(model => model.Name));
    }

    [Fact]
    public void Every_model_says_where_its_architecture_was_read()
    {
        Assert.All(ModelCatalog.All, model => Assert.NotEmpty(model.Source));
    }
}
