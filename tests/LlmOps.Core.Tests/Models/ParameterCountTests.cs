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
        // safetensors metadata (Llama-2 of the same shape)
        { "Llama-7B", 6_738_415_616 },
        // safetensors metadata (Llama-2 of the same shape)
        { "Llama-13B", 13_015_864_320 },
        // printed for togethercomputer/llama-2-70b and in training logs of the same shape
        { "Llama-2-70B", 68_976_648_192 },
        // safetensors metadata
        { "Llama-3.3-Nemotron-Super-49B", 49_867_145_216 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25; 871,932,416 of it are the vision tower and
        // projector (class defaults of Llama4VisionConfig, with which the total is met exactly)
        { "Llama-4-Scout", 108_641_793_536 },
        // n_params that llama.cpp prints for Mistral-Nemo
        { "Mistral-Nemo-12B", 12_247_782_400 },
        // keras-team/keras-hub mistral/*_presets.py@71453d08 (preset magistral_small_2506_en, same shape); Hugging
        // Face Hub API, safetensors.total read on 2026-09-25 sarvamai/sarvam-m (fine-tune)
        { "Mistral-Small-24B", 23_572_403_200 },
        // keras-team/keras-hub mistral3/*_presets.py (preset mistral_small_3.1_24b_base_2503_en)
        { "Mistral-Small-3.1-24B", 24_011_361_280 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "Ministral-8B", 8_019_808_256 },
        // MrYXJ/calculate-flops.pytorch README.md (Qwen-7B row, same shape: 7,721,324,544)
        { "Qwen1.5-7B", 7_721_324_544 },
        // keras-team/keras-hub qwen_moe/*_presets.py@71453d08 (preset qwen1.5_moe_2.7b_en)
        { "Qwen1.5-MoE-A2.7B", 14_315_784_192 },
        // keras-team/keras-hub qwen_moe/*_presets.py@71453d08 (preset qwen1.5_moe_2.7b_en) (same shape)
        { "Qwen1.5-MoE-A2.7B-Chat", 14_315_784_192 },
        // general.parameter_count in the metadata of the published GGUF files
        { "Qwen1.5-32B", 32_512_218_112 },
        // safetensors metadata Qwen/Qwen2-0.5B-Instruct
        { "Qwen2-0.5B-Instruct", 494_032_768 },
        // safetensors metadata Qwen/Qwen2-1.5B
        { "Qwen2-1.5B-Instruct", 1_543_714_304 },
        // safetensors metadata Qwen/Qwen2-7B
        { "Qwen2-7B-Instruct", 7_615_616_512 },
        // Hugging Face safetensors metadata of Qwen/Qwen2-VL-7B-Instruct
        { "Qwen2-VL-7B", 8_291_375_616 },
        // safetensors metadata
        { "Qwen2-57B-A14B", 57_408_658_944 },
        // safetensors metadata
        { "Qwen2-72B", 72_706_203_648 },
        // safetensors metadata Qwen/Qwen2-72B (same shape)
        { "Qwen2-72B-Instruct", 72_706_203_648 },
        // safetensors metadata Qwen2.5-7B (same shape)
        { "Qwen2.5-7B-Instruct-1M", 7_615_616_512 },
        // unslothai/notebooks@bdda2efc nb/Qwen2_5_7B_VL_GRPO.ipynb (printed by a training run)
        { "Qwen2.5-VL-7B", 8_292_166_656 },
        // safetensors metadata Qwen2.5-14B (same shape)
        { "Qwen2.5-14B-Instruct-1M", 14_770_033_664 },
        // safetensors metadata Qwen/Qwen2.5-32B (same shape)
        { "QwQ-32B", 32_763_876_352 },
        // safetensors metadata
        { "Qwen3-Coder-480B-A35B", 480_154_875_392 },
        // safetensors metadata; unslothai/notebooks@bdda2efc nb/Qwen3_VL_(8B)-Vision.ipynb (printed by a training run)
        { "Qwen3-VL-8B", 8_767_123_696 },
        // keras-team/keras-hub qwen3_5/*_presets.py@71453d08 (preset qwen3_5_9b) (without the multi-token-prediction
        // layer; the Hub total of 9,653,104,368 holds it)
        { "Qwen3.5-9B", 9_409_813_744 },
        // unslothai/notebooks@bdda2efc nb/Qwen_3_5_27B_A100(80GB).ipynb (printed by a training run); keras-team/keras-
        // hub qwen3_5/*_presets.py@71453d08 (preset qwen3_5_27b) (the safetensors total of 27,781,427,952 also holds
        // the multi-token-prediction layer)
        { "Qwen3.5-27B", 27_356_728_560 },
        // unslothai/notebooks@bdda2efc nb/Qwen3_5_MoE.ipynb (printed by a training run); keras-team/keras-hub
        // qwen3_5_moe/*_presets.py@71453d08 (preset qwen3_5_moe_35b_a3b) (the safetensors total of 35,951,822,704 also
        // holds the multi-token-prediction layer)
        { "Qwen3.5-35B-A3B", 35_107_181_936 },
        // safetensors metadata Qwen2.5-7B (same shape)
        { "DeepSeek-R1-Distill-Qwen-7B", 7_615_616_512 },
        // safetensors metadata meta-llama/Llama-3.1-8B (same shape)
        { "DeepSeek-R1-Distill-Llama-8B", 8_030_261_248 },
        // safetensors metadata Qwen2.5-14B (same shape)
        { "DeepSeek-R1-Distill-Qwen-14B", 14_770_033_664 },
        // safetensors metadata Qwen2.5-32B (same shape)
        { "DeepSeek-R1-Distill-Qwen-32B", 32_763_876_352 },
        // safetensors metadata meta-llama/Llama-3.1-70B (same shape)
        { "DeepSeek-R1-Distill-Llama-70B", 70_553_706_496 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25 MiniMaxAI/MiniMax-M2.7 (same shape; safetensors
        // metadata says 228,703,644,928 with the FP8 block scales)
        { "MiniMax-M2.5", 228_689_764_864 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25 MiniMaxAI/MiniMax-M2.7
        { "MiniMax-M2.7", 228_689_764_864 },
        // Hugging Face safetensors metadata of MiniMaxAI/MiniMax-M1-80k (same shape)
        { "MiniMax-Text-01", 456_089_655_296 },
        // safetensors metadata; keras-team/keras-hub gemma/*_presets.py@71453d08 (preset gemma_2b_en)
        { "Gemma-2B", 2_506_172_416 },
        // safetensors metadata google/gemma-1.1-7b-it; keras-team/keras-hub gemma/*_presets.py@71453d08 (preset
        // gemma_7b_en)
        { "Gemma-7B", 8_537_680_896 },
        // safetensors metadata
        { "Phi-1.5", 1_418_270_720 },
        // keras-team/keras-hub phi3/*_presets.py@71453d08 (preset phi3_mini_128k_instruct_en)
        { "Phi-3-mini-128k", 3_821_079_552 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "Granite-3.3-2B-Instruct", 2_533_539_840 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25; safetensors metadata
        { "Granite-3.3-8B-Instruct", 8_170_864_640 },
        // unslothai/notebooks@bdda2efc nb/Granite4.0.ipynb (training run prints the total); safetensors metadata
        { "Granite-4.0-H-Micro", 3_191_396_096 },
        // safetensors metadata; unslothai/notebooks@bdda2efc nb/Nemotron-3-Nano-30B-A3B_A100.ipynb (printed by a
        // training run) (the router correction bias is a buffer)
        { "Nemotron-3-Nano-30B-A3B", 31_577_937_344 },
        // safetensors metadata
        { "Mamba-130M", 129_135_360 },
        // safetensors metadata tiiuae/falcon-mamba-7b-instruct
        { "Falcon-Mamba-7B", 7_272_665_088 },
        // safetensors metadata CohereLabs/aya-expanse-32b (same shape)
        { "Command-R-08-2024", 32_296_476_672 },
        // Hugging Face safetensors metadata of CohereLabs/aya-expanse-8b (same shape)
        { "Aya-23-8B", 8_028_033_024 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25 allenai/OLMo-2-1124-7B-Instruct (same shape)
        { "OLMo-2-7B", 7_298_617_344 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25 or safetensors metadata SmolLM2-135M (same shape)
        { "SmolLM-135M", 134_515_008 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25 or safetensors metadata SmolLM2-360M (same shape)
        { "SmolLM-360M", 361_821_120 },
        // safetensors metadata
        { "SmolLM-1.7B", 1_711_376_384 },
        // Hugging Face Hub API, safetensors.total read on 2026-09-25
        { "SmolLM3-3B", 3_075_098_624 },
        // safetensors metadata
        { "Yi-1.5-9B", 8_829_407_232 },
        // Hugging Face safetensors metadata of internlm/internlm2_5-7b-chat
        { "InternLM2.5-7B", 7_737_708_544 },
        // unslothai/notebooks@bdda2efc nb/ERNIE_4_5_21B_A3B_PT-Conversational.ipynb (printed by a training run)
        { "ERNIE-4.5-21B-A3B", 21_825_437_888 },
        // safetensors metadata
        { "StarCoder2-3B", 3_030_371_328 },
        // safetensors metadata
        { "StarCoder2-7B", 7_173_923_840 },
        // keras-team/keras-hub gpt2/*_presets.py@71453d08 (preset gpt2_base_en); older safetensors totals add the
        // causal-mask buffers
        { "GPT-2", 124_439_808 },
        // keras-team/keras-hub gpt2/*_presets.py@71453d08 (preset gpt2_medium_en); older safetensors totals add the
        // causal-mask buffers
        { "GPT-2-medium", 354_823_168 },
        // keras-team/keras-hub gpt2/*_presets.py@71453d08 (preset gpt2_large_en); older safetensors totals add the
        // causal-mask buffers
        { "GPT-2-large", 774_030_080 },
        // keras-team/keras-hub gpt2/*_presets.py@71453d08 (preset gpt2_extra_large_en); older safetensors totals add
        // the causal-mask buffers
        { "GPT-2-xl", 1_557_611_200 },
        // safetensors metadata EleutherAI/pythia-1.4b-deduped
        { "Pythia-1.4B", 1_414_647_808 },
        // keras-team/keras-hub bloom/*_presets.py@71453d08 (preset bloom_560m_multi); safetensors metadata
        { "BLOOM-560M", 559_214_592 },
        // keras-team/keras-hub bloom/*_presets.py@71453d08 (preset bloom_1.1b_multi)
        { "BLOOM-1.1B", 1_065_314_304 },
        // keras-team/keras-hub bloom/*_presets.py@71453d08 (preset bloom_1.7b_multi)
        { "BLOOM-1.7B", 1_722_408_960 },
        // keras-team/keras-hub bloom/*_presets.py@71453d08 (preset bloom_3b_multi)
        { "BLOOM-3B", 3_002_557_440 },
        // model card: https://huggingface.co/bigscience/bloom/commit/0f24f9137e290a99b22e30a1af3f3b8b74f5fe66
        { "BLOOM-176B", 176_247_271_424 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-70M", 70_426_624 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-160M", 162_322_944 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-410M", 405_334_016 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-1B", 1_011_781_632 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-2.8B", 2_775_208_960 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-6.9B", 6_857_302_016 },
        // EleutherAI/pythia README.md, table of models (Biderman et al. 2023, table 1)
        { "Pythia-12B", 11_846_072_320 },
        // printed by training runs of EleutherAI/gpt-j-6b (number of parameters)
        { "GPT-J-6B", 6_050_882_784 },
        // model card of EleutherAI/gpt-neox-20b: n_parameters
        { "GPT-NeoX-20B", 20_554_567_680 },
        // nuprl/MultiPL-T training tables (40 layers, width 6,144)
        { "StarCoder-15.5B", 15_517_456_384 },
        // Hugging Face Hub API, safetensors.parameters F16
        { "Phi-2", 2_779_683_840 },
        // safetensors metadata of ByteDance-Seed/Seed-OSS-36B-Instruct
        { "Seed-OSS-36B", 36_151_104_512 },
        // parameter count in the billing tables of Fireworks AI (docs.fireworks.ai, exporting billing metrics)
        { "Llama-4-Maverick", 401_583_781_376 },
        // printed when THUDM/chatglm3-6b is loaded (transformers, num_parameters)
        { "ChatGLM3-6B", 6_243_584_000 },
        // printed when THUDM/glm-4-9b-chat is loaded (transformers, num_parameters)
        { "GLM-4-9B-Chat", 9_399_951_360 },
        // Hugging Face Hub API, safetensors.total of deepseek-ai/DeepSeek-V2
        { "DeepSeek-V2", 235_741_434_880 },
        // Hugging Face Hub API, safetensors.total of deepseek-ai/deepseek-moe-16b-base
        { "DeepSeek-MoE-16B", 16_375_728_128 },
        // printed by training runs (num_params of the MFU callback)
        { "OLMo-3-7B", 7_298_011_136 },
        // stated for OLMo-3-32B (same shape) in evaluations of bits per byte
        { "OLMo-3.1-32B-Instruct", 32_233_522_176 },
        // safetensors total of allenai/OLMo-7B-hf
        { "OLMo-7B", 6_888_095_744 },
        // safetensors total of ai21labs/Jamba-v0.1
        { "Jamba-v0.1", 51_570_323_328 },
        // half the total_size of 64,006,432,768 bytes in model.safetensors.index.json of LGAI-EXAONE/EXAONE-4.0-32B
        { "EXAONE-4.0-32B", 32_003_216_384 },
        // safetensors total of microsoft/Phi-3.5-MoE-instruct
        { "Phi-3.5-MoE", 41_873_153_344 },
    };

    /// <summary>
    /// Published totals that hold more than the model's parameters, with what they hold besides. Sources as above.
    /// </summary>
    public static TheoryData<string, long, long> PublishedWithMore { get; } = new()
    {
        // meta-llama/Llama-2-7b-hf: 64 rotary frequencies in each of 32 layers
        { "Llama-2-7B", 6_738_417_664, 32 * 64 },
        // microsoft/Phi-3-small-8k-instruct: 64 rotary frequencies in each of 32 layers
        { "Phi-3-small-8k", 7_392_274_432, 32 * 64 },
        // tiiuae/falcon-7b and falcon-180B-chat store the tied head a second time
        { "Falcon-7B", 7_217_189_760, 65_024L * 4_544 },
        { "Falcon-180B", 179_522_565_120, 65_024L * 14_848 },
        // Qwen/Qwen3-0.6B and 1.7B as well
        { "Qwen3-0.6B", 751_632_384, 151_936L * 1_024 },
        { "Qwen3-1.7B", 2_031_739_904, 151_936L * 2_048 },
        // Hugging Face Hub API, safetensors.total of google/gemma-4-26B-A4B-it and 31B-it: a scalar a layer, and the vision
        // tower's shift and scale, which are buffers
        { "Gemma-4-26B-A4B", 25_805_936_206, 30 + (2 * 1_152) },
        { "Gemma-4-31B", 31_273_088_876, 60 + (2 * 1_152) },
        // google/gemma-4-26B-A4B, safetensors metadata: the tied head a second time
        { "Gemma-4-26B-A4B", 26_544_131_376, 262_144L * 2_816 },
        // Qwen/Qwen3.5: one multi-token-prediction layer of full attention (width, MLP or experts, norms, projection)
        { "Qwen3.5-27B", 27_781_427_952, (5120L * ((2 * 24) + (2 * 4) + 24) * 256) + (2 * 256) + (3L * 5120 * 17408) + (2L * 5120 * 5120) + (5 * 5120) },
        { "Qwen3.5-9B", 9_653_104_368, (4096L * ((2 * 16) + (2 * 4) + 16) * 256) + (2 * 256) + (3L * 4096 * 12288) + (2L * 4096 * 4096) + (5 * 4096) },
        { "Qwen3.5-35B-A3B", 35_951_822_704, (2048L * ((2 * 16) + (2 * 2) + 16) * 256) + (2 * 256) + ((256 + 1) * 3L * 2048 * 512) + (257 * 2048) + (2L * 2048 * 2048) + (5 * 2048) },
        // zai-org/GLM-4.6: its prediction layer, without embedding and head
        { "GLM-4.6", 356_785_898_816, (5120L * (96 + 8 + 8 + 96) * 128) + ((96 + 8 + 8) * 128) + (2 * 128) + ((160 + 1) * 3L * 5120 * 1536) + (160 * 5121) + (2L * 5120 * 5120) + (5 * 5120) },
        // zai-org/GLM-4.5-Air: its prediction layer with copies of embedding and head; no norms on queries and keys
        { "GLM-4.5-Air", 110_468_824_832, (4096L * (96 + 8 + 8 + 96) * 128) + ((96 + 8 + 8) * 128) + ((128 + 1) * 3L * 4096 * 1408) + (128 * 4097) + (2L * 4096 * 4096) + (5 * 4096) + (2 * 151_552L * 4096) },
        // moonshotai/Kimi-K2.5: a 16-bit scale for each 32 weights of the routed experts, and the shape of each of their
        // matrices, two 32-bit numbers that are counted as eight packed weights each
        { "Kimi-K2.5", 1_058_589_420_528, (60L * 384 * 3 * 7168 * 2048 / 32) + (60L * 384 * 3 * 2 * 8) },
        // MiniMaxAI/MiniMax-M2.5: an FP32 scale for each block of 128 x 128 weights of attention and experts
        { "MiniMax-M2.5", 228_703_644_928, 62L * ((2 * 48 * 24) + (2 * 8 * 24) + (256 * 3 * 12 * 24)) },
    };

    [Theory]
    [MemberData(nameof(PublishedWithMore))]
    public void What_a_published_total_holds_beside_the_parameters_is_known_to_the_last(string name, long published, long more)
    {
        Assert.Equal(published, ModelCatalog.Get(name).ParameterCount + more);
    }

    /// <summary>
    /// safetensors metadata of zai-org/GLM-5: 753,864,139,008, which holds the prediction layer that the model counts apart.
    /// </summary>
    [Theory]
    [InlineData("GLM-5", 753_864_139_008)]
    [InlineData("GLM-4.6", 356_785_898_816)]
    [InlineData("Qwen3.5-27B", 27_781_427_952)]
    [InlineData("Qwen3.5-9B", 9_653_104_368)]
    [InlineData("Qwen3.5-35B-A3B", 35_951_822_704)]
    public void Prediction_layers_that_are_counted_apart_complete_the_published_total(string name, long published)
    {
        LlmModel model = ModelCatalog.Get(name);

        Assert.Equal(published, model.ParameterCount + model.Parameters.MultiTokenPrediction);
    }

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
