namespace LlmOps.Core.Tests.Models.Files;

/// <summary>Headers as llama.cpp's converter writes them, of small models.</summary>
internal static class GgufSamples
{
    public const int Hidden = 64, Width = 128, Layers = 2, Heads = 4, KeyValueHeads = 2, Vocabulary = 320, HeadDimension = 16;

    /// <summary>Embeddings and head, two layers of q, k, v, o, gate, up, down and two norms, and the last norm.</summary>
    public const long LlamaParameters = (2L * Vocabulary * Hidden)
        + (Layers * ((2L * Hidden * Hidden) + (2L * Hidden * KeyValueHeads * HeadDimension) + (3L * Hidden * Width) + (2L * Hidden)))
        + Hidden;

    public static (byte[] Header, long Length) Llama()
    {
        GgufWriter writer = LlamaMetadata(new GgufWriter());
        LlamaTensors(writer);
        byte[] header = writer.Header();
        return (header, writer.FileLength(header));
    }

    public static GgufWriter LlamaMetadata(GgufWriter writer) => writer
        .Text("general.architecture", "llama")
        .Text("general.name", "Sample")
        .UInt32("general.file_type", 0)
        .UInt32("llama.block_count", Layers)
        .UInt32("llama.context_length", 512)
        .UInt32("llama.embedding_length", Hidden)
        .UInt32("llama.feed_forward_length", Width)
        .UInt32("llama.attention.head_count", Heads)
        .UInt32("llama.attention.head_count_kv", KeyValueHeads)
        .Texts("tokenizer.ggml.tokens", Vocabulary, i => $"token{i}");

    public static GgufWriter LlamaTensors(GgufWriter writer)
    {
        writer.Float("token_embd.weight", Hidden, Vocabulary).Float("output.weight", Hidden, Vocabulary)
            .Float("output_norm.weight", Hidden).Float("rope_freqs.weight", HeadDimension / 2);
        for (int i = 0; i < Layers; i++)
        {
            LlamaLayer(writer, i);
        }

        return writer;
    }

    public static void LlamaLayer(GgufWriter writer, int i) => writer
        .Float($"blk.{i}.attn_norm.weight", Hidden)
        .Float($"blk.{i}.attn_q.weight", Hidden, Hidden)
        .Float($"blk.{i}.attn_k.weight", Hidden, KeyValueHeads * HeadDimension)
        .Float($"blk.{i}.attn_v.weight", Hidden, KeyValueHeads * HeadDimension)
        .Float($"blk.{i}.attn_output.weight", Hidden, Hidden)
        .Float($"blk.{i}.ffn_norm.weight", Hidden)
        .Float($"blk.{i}.ffn_gate.weight", Hidden, Width)
        .Float($"blk.{i}.ffn_up.weight", Hidden, Width)
        .Float($"blk.{i}.ffn_down.weight", Width, Hidden);

    /// <summary>DeepSeek-V3 in small: latent attention, a dense layer, and one of routed and shared experts.</summary>
    public static (byte[] Header, long Length) DeepSeek()
    {
        GgufWriter writer = new GgufWriter()
            .Text("general.architecture", "deepseek2")
            .UInt32("deepseek2.block_count", 2)
            .UInt32("deepseek2.context_length", 4096)
            .UInt32("deepseek2.embedding_length", 64)
            .UInt32("deepseek2.feed_forward_length", 128)
            .UInt32("deepseek2.attention.head_count", 4)
            .UInt32("deepseek2.attention.head_count_kv", 1)
            .UInt32("deepseek2.attention.q_lora_rank", 24)
            .UInt32("deepseek2.attention.kv_lora_rank", 32)
            .UInt32("deepseek2.attention.key_length", 40)
            .UInt32("deepseek2.attention.value_length", 32)
            .UInt32("deepseek2.attention.key_length_mla", 24)
            .UInt32("deepseek2.attention.value_length_mla", 16)
            .UInt32("deepseek2.rope.dimension_count", 8)
            .UInt32("deepseek2.expert_count", 8)
            .UInt32("deepseek2.expert_used_count", 2)
            .UInt32("deepseek2.expert_shared_count", 1)
            .UInt32("deepseek2.expert_feed_forward_length", 32)
            .UInt32("deepseek2.leading_dense_block_count", 1)
            .Float("token_embd.weight", 64, 320).Float("output.weight", 64, 320).Float("output_norm.weight", 64);
        for (int i = 0; i < 2; i++)
        {
            writer.Float($"blk.{i}.attn_norm.weight", 64).Float($"blk.{i}.ffn_norm.weight", 64)
                .Float($"blk.{i}.attn_q_a.weight", 64, 24).Float($"blk.{i}.attn_q_a_norm.weight", 24)
                .Float($"blk.{i}.attn_q_b.weight", 24, 96)
                .Float($"blk.{i}.attn_kv_a_mqa.weight", 64, 40).Float($"blk.{i}.attn_kv_a_norm.weight", 32)
                .Float($"blk.{i}.attn_k_b.weight", 16, 32, 4).Float($"blk.{i}.attn_v_b.weight", 32, 16, 4)
                .Float($"blk.{i}.attn_output.weight", 64, 64);
        }

        writer.Float("blk.0.ffn_gate.weight", 64, 128).Float("blk.0.ffn_up.weight", 64, 128).Float("blk.0.ffn_down.weight", 128, 64)
            .Float("blk.1.ffn_gate_inp.weight", 64, 8).Float("blk.1.exp_probs_b.bias", 8)
            .Float("blk.1.ffn_gate_exps.weight", 64, 32, 8).Float("blk.1.ffn_up_exps.weight", 64, 32, 8)
            .Float("blk.1.ffn_down_exps.weight", 32, 64, 8)
            .Float("blk.1.ffn_gate_shexp.weight", 64, 32).Float("blk.1.ffn_up_shexp.weight", 64, 32)
            .Float("blk.1.ffn_down_shexp.weight", 32, 64);
        byte[] header = writer.Header();
        return (header, writer.FileLength(header));
    }
}
