using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

/// <summary>
/// Makers round what a token passes through to one or two figures, and count differently: OpenAI and DeepSeek leave out the
/// input embedding, of which a token reads one row; Mistral and Qwen count it. The result may differ from a published figure
/// by one unit of its last place.
/// </summary>
public sealed class ActiveParameterTests
{
    [Theory]
    // mistral.ai/news/mixtral-of-experts: 12.9B of 46.7B; mixtral-8x22b: 39B of 141B
    [InlineData("Mixtral-8x7B", 12.9, 0.1)]
    [InlineData("Mixtral-8x22B-Instruct", 39, 1)]
    // model cards of Qwen3: 3.3B and 22B activated
    [InlineData("Qwen3-30B-A3B", 3.3, 0.1)]
    [InlineData("Qwen3-235B-A22B", 22, 1)]
    // model names and cards: what counts the embedding in
    [InlineData("Qwen1.5-MoE-A2.7B", 2.7, 0.1)]
    [InlineData("Qwen2-57B-A14B", 14, 1)]
    [InlineData("Qwen3-Coder-480B-A35B", 35, 1)]
    [InlineData("Qwen3.5-35B-A3B", 3, 1)]
    [InlineData("Qwen3.5-122B-A10B", 10, 1)]
    [InlineData("Qwen3.5-397B-A17B", 17, 1)]
    [InlineData("ERNIE-4.5-21B-A3B", 3, 1)]
    [InlineData("DeepSeek-MoE-16B", 2.8, 0.1)]
    [InlineData("DBRX", 36, 1)]
    [InlineData("Phi-3.5-MoE", 6.6, 0.1)]
    [InlineData("Jamba-v0.1", 12, 1)]
    [InlineData("Jamba-1.5-Large", 94, 1)]
    [InlineData("Kimi-K2", 32, 1)]
    [InlineData("MiniMax-M2.5", 10, 1.1)]
    [InlineData("Hunyuan-Large", 52, 1)]
    [InlineData("Nemotron-3-Super-120B-A12B", 12, 1)]
    public void A_token_passes_through_the_published_number_of_parameters(string name, double billions, double lastPlace)
    {
        Assert.Equal(billions, ModelCatalog.Get(name).ActiveParameterCount / 1e9, lastPlace);
    }

    [Theory]
    // OpenAI, gpt-oss model card, table 1: 3.61B and 5.13B active, the head counted and the embedding not
    [InlineData("gpt-oss-20b", 3.61, 0.01)]
    [InlineData("gpt-oss-120b", 5.13, 0.01)]
    // DeepSeek-V3 technical report: 37B; DeepSeek-V2 model cards: 2.4B and 21B
    [InlineData("DeepSeek-V3", 37, 1)]
    [InlineData("DeepSeek-V2", 21, 1)]
    [InlineData("DeepSeek-V2-Lite", 2.4, 0.1)]
    // model cards: 32B, 40B and 17B; else the models' names
    [InlineData("GLM-4.5", 32, 1)]
    [InlineData("GLM-5", 40, 1)]
    [InlineData("Qwen3-Next-80B-A3B", 3, 1)]
    [InlineData("Nemotron-3-Nano-30B-A3B", 3, 1)]
    [InlineData("Nemotron-3-Ultra-550B-A55B", 55, 1)]
    [InlineData("Moonlight-16B-A3B", 3, 1)]
    [InlineData("Llama-4-Scout", 17, 1)]
    [InlineData("Llama-4-Maverick", 17, 1)]
    public void Without_the_input_embedding_it_is_the_published_number(string name, double billions, double lastPlace)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(billions, (model.ActiveParameterCount - model.Parameters.Embedding) / 1e9, lastPlace);
    }

    [Theory]
    // MiniMax-01 technical report: 45.9B of 456B; model card of GLM-4.5-Air: 12B of 106B
    [InlineData("MiniMax-Text-01", 45.9, 0.1)]
    [InlineData("GLM-4.5-Air", 12, 1)]
    public void Without_embedding_and_head_it_is_the_published_number(string name, double billions, double lastPlace)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(
            billions, (model.ActiveParameterCount - model.Parameters.Embedding - model.Parameters.Head) / 1e9, lastPlace);
    }

    [Fact]
    public void Mixtral_passes_each_token_through_2_of_its_8_experts()
    {
        LlmModel mixtral = ModelCatalog.Get("Mixtral-8x7B");
        const long expert = 3L * 4096 * 14336;

        Assert.Equal(8, mixtral.ExpertCount);
        Assert.Equal(32 * 6 * expert, mixtral.ParameterCount - mixtral.ActiveParameterCount);
        Assert.Equal(32 * 8 * expert, mixtral.Parameters.RoutedExperts);
        Assert.Equal(32 * 8 * 4096, mixtral.Parameters.Router);
    }

    [Fact]
    public void DeepSeek_V3_keeps_its_shared_expert_and_its_dense_layers_active()
    {
        LlmModel model = ModelCatalog.Get("DeepSeek-V3");
        const long expert = 3L * 7168 * 2048;

        Assert.Equal(58 * expert, model.Parameters.SharedExperts);
        Assert.Equal(3 * 3L * 7168 * 18432, model.Parameters.DenseMlp);
        Assert.Equal(58 * (256 - 8) * expert, model.ParameterCount - model.ActiveParameterCount);
    }
}
