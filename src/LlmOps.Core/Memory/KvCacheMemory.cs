using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Bytes of KV cache on one rank.</summary>
internal static class KvCacheMemory
{
    /// <summary>Bytes of one cached element.</summary>
    public static double ElementBytes(in MemoryRequest request) =>
        request.KvCacheDataType.Bytes(request.EffectiveQuantization.Name == "FP32" ? 4 : 2);

    /// <summary>Bytes that one sequence of that many tokens holds in the layers of a stage on one rank.</summary>
    public static double BytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens)
    {
        double elements = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            elements += (double)group.LayerCount * group.ElementsPerTokenAndRank(request.Parallelism.Tensor)
                * group.TokensKept(tokens);
        }

        return elements * ElementBytes(request);
    }

    /// <summary>Bytes that one more token of context takes in the layers of a stage on one rank, windows aside.</summary>
    public static double BytesPerToken(PipelineStage stage, in MemoryRequest request) =>
        BytesPerSequence(stage, request, 1);

    /// <summary>
    /// Bytes that vLLM sets aside for one token of context in the layers of a stage on one rank. Layers with and without a
    /// window get groups of equal size, the last of each kind padded (vLLM 0.19, v1/core/kv_cache_utils.py): 10 full and 52
    /// windowed layers of Gemma-3-27B take 70 places.
    /// </summary>
    public static double PagedBytesPerToken(PipelineStage stage, in MemoryRequest request)
    {
        int smallest = int.MaxValue;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            smallest = Math.Min(smallest, group.LayerCount);
        }

        double elements = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            long places = (group.LayerCount + smallest - 1) / smallest * smallest;
            elements += (double)places * group.ElementsPerTokenAndRank(request.Parallelism.Tensor);
        }

        return elements * ElementBytes(request);
    }
}
