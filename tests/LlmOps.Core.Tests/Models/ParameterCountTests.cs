using LlmOps.Core.Models;

namespace LlmOps.Core.Tests.Models;

public sealed class ParameterCountTests
{
    /// <summary>
    /// Totals that others counted. "safetensors metadata" is the Hugging Face Hub's own count of a repository, as collected in
    /// AlexsJones/llmfit llmfit-core/data/hf_models.json@5bdc9df9; keras-team/keras-hub and unslothai/notebooks are
    /// repositories on GitHub whose code or logs print the count.
    /// </summary>
    public static TheoryData<string, long> Published { get; } = new()
    {
        // safetensors metadata: meta-llama/CodeLlama-13b-Instruct-hf
        { "CodeLlama-13B", 13_016_028_160 },
        // safetensors metadata: meta-llama/CodeLlama-34b-Instruct-hf
        { "CodeLlama-34B", 33_743_970_304 },
        // safetensors metadata: deepseek-ai/DeepSeek-V2-Lite
        { "DeepSeek-V2-Lite", 15_706_484_224 },
        // safetensors metadata: google/gemma-2-2b-it; keras-team/keras-hub gemma/*_presets.py@71453d08 (preset
        // gemma2_2b_en)
        { "Gemma-2-2B", 2_614_341_888 },
        // safetensors metadata: google/gemma-2-9b-it; keras-team/keras-hub gemma/*_presets.py@71453d08 (preset
        // gemma2_9b_en)
        { "Gemma-2-9B", 9_241_705_984 },
        // safetensors metadata: google/gemma-2-27b-it; keras-team/keras-hub gemma/*_presets.py@71453d08 (preset
        // gemma2_27b_en)
        { "Gemma-2-27B", 27_227_128_320 },
        // safetensors metadata: google/gemma-3-1b-it; keras-team/keras-hub gemma3/*_presets.py@71453d08 (preset
        // gemma3_1b)
        { "Gemma-3-1B", 999_885_952 },
        // safetensors metadata: google/gemma-3-4b-it; unslothai/notebooks@bdda2efc nb/Gemma3_(4B)-Vision-GRPO.ipynb
        // (printed by a training run)
        { "Gemma-3-4B", 4_300_079_472 },
        // safetensors metadata: google/gemma-3-12b-pt
        { "Gemma-3-12B", 12_187_325_040 },
        // unslothai/notebooks@bdda2efc nb/Gemma3_(27B)_A100-Conversational.ipynb (printed by a training run);
        // keras-team/keras-hub gemma3/*_presets.py@71453d08 (preset medgemma_instruct_27b, same shape)
        { "Gemma-3-27B", 27_432_406_640 },
        // unslothai/notebooks@bdda2efc nb/gpt-oss-(20B)-Fine-tuning.ipynb (printed by a training run); scraped
        // totals count packed MXFP4 bytes
        { "gpt-oss-20b", 20_914_757_184 },
        // unslothai/notebooks@bdda2efc nb/gpt-oss-(120B)_A100-Fine-tuning.ipynb (printed by a training run);
        // scraped totals count packed MXFP4 bytes
        { "gpt-oss-120b", 116_829_156_672 },
        // safetensors metadata: meta-llama/LlamaGuard-7b (same shape; the Llama-2-7b-hf row is 2,048 higher: rotary
        // inv_freq buffers)
        { "Llama-2-7B", 6_738_415_616 },
        // safetensors metadata: microsoft/Orca-2-13b base shape
        { "Llama-2-13B", 13_015_864_320 },
        // safetensors metadata: meta-llama/Llama-3.1-8B (same shape)
        { "Llama-3-8B", 8_030_261_248 },
        // safetensors metadata: meta-llama/Llama-3.1-70B (same shape)
        { "Llama-3-70B", 70_553_706_496 },
        // safetensors metadata: meta-llama/Llama-3.1-8B
        { "Llama-3.1-8B", 8_030_261_248 },
        // safetensors metadata: meta-llama/Llama-3.1-70B
        { "Llama-3.1-70B", 70_553_706_496 },
        // safetensors metadata: meta-llama/Llama-3.1-405B
        { "Llama-3.1-405B", 405_853_388_800 },
        // safetensors metadata: meta-llama/Llama-3.2-1B
        { "Llama-3.2-1B", 1_235_814_400 },
        // keras-team/keras-hub llama3/*_presets.py@71453d08 (preset llama3.2_3b: 3,606,752,256 with an untied head,
        // less the 128,256 x 3,072 head that is tied)
        { "Llama-3.2-3B", 3_212_749_824 },
        // unslothai/notebooks@bdda2efc nb/Llama3.3_(70B)_A100-Conversational.ipynb (printed by a training run)
        { "Llama-3.3-70B", 70_553_706_496 },
        // safetensors metadata: mistralai/Mistral-7B-v0.1
        { "Mistral-7B", 7_241_732_096 },
        // safetensors metadata: mistralai/Mistral-7B-v0.1 (same shape)
        { "Mistral-7B-v0.2", 7_241_732_096 },
        // safetensors metadata: mistralai/Mistral-7B-Instruct-v0.3
        { "Mistral-7B-v0.3", 7_248_023_552 },
        // keras-team/keras-hub mixtral/*_presets.py@71453d08 (preset mixtral_8_7b_en)
        { "Mixtral-8x7B", 46_702_792_704 },
        // safetensors metadata: mistralai/Mixtral-8x22B-Instruct-v0.1
        { "Mixtral-8x22B-Instruct", 140_630_071_296 },
        // safetensors metadata: microsoft/Phi-3-mini-4k-instruct; keras-team/keras-hub phi3/*_presets.py@71453d08
        // (preset phi3_mini_4k_instruct_en)
        { "Phi-3-mini-4k", 3_821_079_552 },
        // safetensors metadata: microsoft/Phi-3.5-mini-instruct
        { "Phi-3.5-mini", 3_821_079_552 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "Phi-4-mini", 3_836_021_760 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "Phi-4", 14_659_507_200 },
        // safetensors metadata: Qwen/Qwen2-0.5B-Instruct (same shape); keras-team/keras-hub
        // qwen/*_presets.py@71453d08 (preset qwen2.5_0.5b_en)
        { "Qwen2.5-0.5B", 494_032_768 },
        // safetensors metadata: Qwen/Qwen2-1.5B (same shape)
        { "Qwen2.5-1.5B", 1_543_714_304 },
        // safetensors metadata: Qwen/Qwen2-1.5B (same shape)
        { "Qwen2.5-1.5B-Instruct", 1_543_714_304 },
        // keras-team/keras-hub qwen/*_presets.py@71453d08 (preset qwen2.5_3b_en)
        { "Qwen2.5-3B", 3_085_938_688 },
        // safetensors metadata: Qwen/Qwen2.5-7B-Instruct
        { "Qwen2.5-7B", 7_615_616_512 },
        // safetensors metadata: Qwen/Qwen2.5-7B-Instruct
        { "Qwen2.5-7B-Instruct", 7_615_616_512 },
        // safetensors metadata: Qwen/Qwen2.5-14B
        { "Qwen2.5-14B", 14_770_033_664 },
        // safetensors metadata: Qwen/Qwen2.5-14B-Instruct
        { "Qwen2.5-14B-Instruct", 14_770_033_664 },
        // safetensors metadata: Qwen/Qwen2.5-32B; keras-team/keras-hub qwen/*_presets.py@71453d08 (preset
        // qwen2.5_instruct_32b)
        { "Qwen2.5-32B", 32_763_876_352 },
        // safetensors metadata: Qwen/Qwen2.5-32B-Instruct; keras-team/keras-hub qwen/*_presets.py@71453d08 (preset
        // qwen2.5_instruct_32b)
        { "Qwen2.5-32B-Instruct", 32_763_876_352 },
        // safetensors metadata: Qwen/Qwen2.5-72B; keras-team/keras-hub qwen/*_presets.py@71453d08 (preset
        // qwen2.5_instruct_72b)
        { "Qwen2.5-72B", 72_706_203_648 },
        // safetensors metadata: Qwen/Qwen2.5-72B-Instruct; keras-team/keras-hub qwen/*_presets.py@71453d08 (preset
        // qwen2.5_instruct_72b)
        { "Qwen2.5-72B-Instruct", 72_706_203_648 },
        // keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset qwen3_0.6b_en) (the checkpoint stores the tied
        // head a second time: 751,632,384)
        { "Qwen3-0.6B", 596_049_920 },
        // keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset qwen3_1.7b_en) (the checkpoint stores the tied
        // head a second time: 2,031,739,904)
        { "Qwen3-1.7B", 1_720_574_976 },
        // keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset qwen3_4b_en)
        { "Qwen3-4B", 4_022_468_096 },
        // unslothai/notebooks@bdda2efc nb/Qwen3_(4B)_Instruct-QAT.ipynb (printed by a training run)
        { "Qwen3-4B-Instruct-2507", 4_022_468_096 },
        // safetensors metadata: Qwen/Qwen3-8B; keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset
        // qwen3_8b_en)
        { "Qwen3-8B", 8_190_735_360 },
        // keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset qwen3_14b_en)
        { "Qwen3-14B", 14_768_307_200 },
        // safetensors metadata: Qwen/Qwen3-30B-A3B-Base; unslothai/notebooks@bdda2efc nb/Qwen3_MoE.ipynb (printed
        // by a training run)
        { "Qwen3-30B-A3B", 30_532_122_624 },
        // safetensors metadata: Qwen/Qwen3-30B-A3B-Base (same shape)
        { "Qwen3-30B-A3B-Instruct-2507", 30_532_122_624 },
        // unslothai/notebooks@bdda2efc nb/Qwen3_(32B)_A100-Reasoning-Conversational.ipynb (printed by a training
        // run); keras-team/keras-hub qwen3/*_presets.py@71453d08 (preset qwen3_32b_en)
        { "Qwen3-32B", 32_762_123_264 },
        // keras-team/keras-hub qwen3_moe/*_presets.py@71453d08 (preset qwen3_moe_235b_a22b_en)
        { "Qwen3-235B-A22B", 235_093_634_560 },
        // keras-team/keras-hub qwen3_moe/*_presets.py@71453d08 (preset qwen3_moe_235b_a22b_en) (same shape)
        { "Qwen3-235B-A22B-Instruct-2507", 235_093_634_560 },
        // safetensors metadata: HuggingFaceTB/SmolLM2-135M
        { "SmolLM2-135M", 134_515_008 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "SmolLM2-360M", 361_821_120 },
        // safetensors metadata: HuggingFaceTB/SmolLM-1.7B (same shape)
        { "SmolLM2-1.7B", 1_711_376_384 },
        // safetensors metadata: TinyLlama/TinyLlama-1.1B-Chat-v1.0
        { "TinyLlama-1.1B", 1_100_048_384 },
        // safetensors metadata: 01-ai/Yi-6B
        { "Yi-6B", 6_061_035_520 },
        // safetensors metadata: 01-ai/Yi-34B
        { "Yi-34B", 34_388_917_248 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void A_model_has_as_many_parameters_as_were_published(string name, long published)
    {
        Assert.Equal(published, ModelCatalog.Get(name).ParameterCount);
    }

    /// <summary>
    /// The published total of 684,531,386,000 (safetensors metadata of deepseek-ai/DeepSeek-V3) holds, beside the model, the
    /// multi-token-prediction layer with its own copies of embeddings and head, and an FP32 scale for each block of 128 x 128
    /// quantized weights.
    /// </summary>
    [Theory]
    [InlineData("DeepSeek-V3")]
    [InlineData("DeepSeek-R1")]
    public void DeepSeek_V3_accounts_for_every_element_of_its_checkpoint(string name)
    {
        const long hidden = 7168, vocabulary = 129_280;
        static long Blocks(long rows, long columns) => ((rows + 127) / 128) * ((columns + 127) / 128);
        const int heads = 128, queryRank = 1536, keyValueRank = 512;
        long attention = Blocks(queryRank, hidden) + Blocks(heads * (128 + 64), queryRank)
            + Blocks(keyValueRank + 64, hidden) + Blocks(heads * (128 + 128), keyValueRank) + Blocks(hidden, heads * 128);
        long denseMlp = 3 * Blocks(18432, hidden);
        long experts = 3 * Blocks(2048, hidden) * (256 + 1);
        long scales = (62 * attention) + (3 * denseMlp) + (59 * experts);

        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(
            684_531_386_000,
            model.ParameterCount + model.Parameters.MultiTokenPrediction + (2 * vocabulary * hidden) + scales);
    }

    /// <summary>
    /// No count of OPT is published, but the sizes of its FP16 checkpoint files are, to 10 MB each
    /// (huggingface.co/facebook/opt-6.7b and opt-13b, "Files"); pickle adds less than that.
    /// </summary>
    [Theory]
    [InlineData("OPT-6.7B", 9.96 + 3.36, 2)]
    [InlineData("OPT-13B", 9.98 + 9.86 + 5.87, 3)]
    public void OPT_checkpoints_are_as_large_as_the_published_files(string name, double gigabytes, int files)
    {
        Assert.Equal(gigabytes, 2.0 * ModelCatalog.Get(name).ParameterCount / 1e9, 0.01 * files);
    }

    /// <summary>Counted by hand from the modules of transformers' OPTForCausalLM, the only model with an embedding width of its own.</summary>
    [Fact]
    public void OPT_350M_has_projections_around_its_narrow_embedding_and_no_final_norm()
    {
        const long embedding = (50272L * 512) + ((2048 + 2) * 1024) + (512 * 1024) + (1024 * 512);
        const long attention = 4 * ((1024L * 1024) + 1024);
        const long mlp = (1024L * 4096) + 4096 + (4096 * 1024) + 1024;
        const long norms = 2 * 2 * 1024;

        Assert.Equal(embedding + (24 * (attention + mlp + norms)), ModelCatalog.Get("OPT-350M").ParameterCount);
    }

    [Fact]
    public void Components_sum_to_the_total_for_every_model()
    {
        Assert.All(ModelCatalog.All, model =>
        {
            ParameterBreakdown p = model.Parameters;
            Assert.Equal(model.ParameterCount, p.Embedding + p.Attention + p.StateSpace + p.DenseMlp + p.RoutedExperts + p.SharedExperts
                + p.Router + p.Norm + p.Head + p.Vision);
            Assert.InRange(model.ActiveParameterCount, 1, model.ParameterCount);
            Assert.Equal(model.ExpertCount == 0, model.ActiveParameterCount == model.ParameterCount);
        });
    }

    /// <summary>With a tied head the last stage carries a copy of the embeddings; nothing else is held twice.</summary>
    [Fact]
    public void Pipeline_stages_sum_to_the_total_whatever_their_number()
    {
        Assert.All(ModelCatalog.All, model =>
        {
            for (int stageCount = 1; stageCount <= model.LayerCount; stageCount++)
            {
                long copy = model.Architecture.HasTiedHead && stageCount > 1 ? model.Architecture.TokenEmbeddingParameters : 0;
                long held = 0;
                int layers = 0;
                foreach (PipelineStage stage in model.Stages(stageCount))
                {
                    Assert.Equal(layers, stage.FirstLayer);
                    layers += stage.LayerCount;
                    held += stage.Layers.Total + stage.EmbeddingParameters;
                }

                Assert.Equal(model.LayerCount, layers);
                Assert.Equal(model.ParameterCount + copy, held);
            }
        });
    }
}
