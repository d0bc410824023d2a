namespace LlmOps.Core.Memory;

/// <summary>How transformers computes attention.</summary>
public enum AttentionImplementation
{
    /// <summary>Matrix by matrix: the scores of all pairs of tokens are held.</summary>
    Eager,

    /// <summary>PyTorch's scaled-dot-product attention, which holds no scores.</summary>
    Sdpa,

    /// <summary>The flash-attn package; the same, and keys and values stay as few as the model has.</summary>
    FlashAttention2,
}

/// <summary>How transformers holds keys and values while it generates.</summary>
public enum CacheImplementation
{
    /// <summary>Grows with each token; growing keeps the old and the new tensor of one layer.</summary>
    Dynamic,

    /// <summary>Allocated at once for the longest sequence.</summary>
    Static,
}
