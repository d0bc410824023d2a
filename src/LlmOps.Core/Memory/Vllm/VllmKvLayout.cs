using LlmOps.Core.Models;

namespace LlmOps.Core.Memory.Vllm;

/// <summary>
/// How vLLM divides a stage's pool (<c>v1/core/kv_cache_utils.py</c>). Layers of one kind make groups of equal size, the
/// last of each kind padded; a block stands for as many tokens in one layer of every group's places, and all groups take
/// their blocks from one pool.
/// </summary>
internal readonly record struct VllmKvLayout
{
    /// <summary>Growth of the largest kind over the smallest up to which the smallest is padded to it.</summary>
    private const double MostPadding = 1.5;

    private const int TokensPerBlock = 16;

    /// <summary>What the kernels of sparse latent attention want.</summary>
    private const int SparseTokensPerBlock = 64;

    private VllmKvLayout(double pageBytes, int places, int groups, int blockTokens)
    {
        PageBytes = pageBytes;
        Places = places;
        Groups = groups;
        BlockTokens = blockTokens;
    }

    /// <summary>Bytes of a block in one layer.</summary>
    public double PageBytes { get; }

    /// <summary>Layers of a group, with padding.</summary>
    public int Places { get; }

    public int Groups { get; }

    public int BlockTokens { get; }

    /// <summary>Tokens of a block where no state-space layer makes it larger.</summary>
    public static int BaseBlockTokens(LlmModel model)
    {
        foreach (KvLayerGroup group in model.KvCache.Groups)
        {
            if (group.FixedBytesPerToken > 0)
            {
                return SparseTokensPerBlock;
            }
        }

        return TokensPerBlock;
    }

    public static VllmKvLayout Of(in MemoryRequest request, PipelineStage stage, VllmCache cache)
    {
        double elementBytes = KvCacheMemory.ElementBytes(request);
        int ranks = request.Parallelism.Tensor;
        double tokenBytes = 0, stateBytes = 0;
        int fewest = int.MaxValue, most = 0, growing = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            if (!Holds(group))
            {
                continue;
            }

            fewest = Math.Min(fewest, group.LayerCount);
            most = Math.Max(most, group.LayerCount);
            growing += group.GrowsWithTokens ? group.LayerCount : 0;
            tokenBytes = Math.Max(tokenBytes, group.BytesPerTokenAndRank(elementBytes, ranks));
            stateBytes = Math.Max(stateBytes, (double)group.StateBytesPerSequence / ranks);
        }

        if (most == 0)
        {
            return default;
        }

        int block = BaseBlockTokens(request.Model);
        if (tokenBytes == 0)
        {
            return new VllmKvLayout(stateBytes, most, 1, block);
        }

        if (!cache.HasLayerGroups)
        {
            return new VllmKvLayout(tokenBytes * block, growing, 1, block);
        }

        if (cache.AlignsStates && stateBytes > 0)
        {
            block *= (int)Math.Min(1 << 20, Math.Max(1, Math.Ceiling(stateBytes / (tokenBytes * block))));
        }

        int places = most < MostPadding * fewest ? most : fewest;
        int groups = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            groups += Holds(group) ? (group.LayerCount + places - 1) / places : 0;
        }

        return new VllmKvLayout(Math.Max(tokenBytes * block, stateBytes), places, groups, block);
    }

    /// <summary>Blocks that one sequence of that length takes in all groups.</summary>
    /// <param name="request">The model and its cache.</param>
    /// <param name="stage">The layers.</param>
    /// <param name="cache">How the release divides its pool.</param>
    /// <param name="length">Tokens of the sequence.</param>
    /// <param name="batchedTokens">Tokens that a windowed layer must hold beside its window.</param>
    public double BlocksPerSequence(
        in MemoryRequest request, PipelineStage stage, VllmCache cache, long length, long batchedTokens)
    {
        if (!cache.HasLayerGroups)
        {
            // States are not in blocks, and count by what they take.
            double states = 0;
            bool grows = false;
            foreach (KvLayerGroup group in stage.KvGroups)
            {
                grows |= group.GrowsWithTokens;
                states += (double)group.LayerCount * group.StateBytesPerSequence / request.Parallelism.Tensor;
            }

            return (grows ? Math.Ceiling((double)length / BlockTokens) : 0) + (states / (PageBytes * Places));
        }

        double elementBytes = KvCacheMemory.ElementBytes(request);
        double blocks = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            if (!Holds(group))
            {
                continue;
            }

            double each = 1;
            if (group.GrowsWithTokens)
            {
                // Narrower layers have longer blocks of the same size.
                double tokens = PageBytes / group.BytesPerTokenAndRank(elementBytes, request.Parallelism.Tensor);
                each = group.Window is { } window
                    ? Math.Ceiling(Math.Min(window - 1 + batchedTokens, length) / tokens) + 1
                    : Math.Ceiling(length / tokens);
            }

            blocks += (group.LayerCount + Places - 1) / Places * each;
        }

        return blocks;
    }

    private static bool Holds(KvLayerGroup group) => group.GrowsWithTokens || group.StateBytesPerSequence > 0;
}
