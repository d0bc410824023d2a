namespace LlmOps.Core.Memory;

/// <summary>Whether attention is computed without storing its scores: llama.cpp's <c>--flash-attn</c>.</summary>
public enum FlashAttention
{
    /// <summary>Where the GPU can, which those of the last ten years can.</summary>
    Auto,
    On,
    Off,
}
