using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Memory;

/// <summary>Bytes of KV cache on one rank.</summary>
internal static class KvCacheMemory
{
    /// <summary>Bytes of one cached element; where no type is chosen, the engine's own choice.</summary>
    public static double ElementBytes(in MemoryRequest request) =>
        request.KvCacheDataType.Bytes(EngineMemory.Of(request.Engine).DefaultKvElementBytes(request));

    /// <summary>Bytes that one sequence of that many tokens holds in the layers of a stage on one rank.</summary>
    public static double BytesPerSequence(PipelineStage stage, in MemoryRequest request, long tokens)
    {
        double elementBytes = ElementBytes(request);
        double bytes = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            bytes += group.BytesPerSequenceAndRank(tokens, elementBytes, request.Parallelism.Tensor);
        }

        return bytes;
    }

    /// <summary>Bytes that one more token of context takes in the layers of a stage on one rank, windows aside.</summary>
    public static double BytesPerToken(PipelineStage stage, in MemoryRequest request)
    {
        double elementBytes = ElementBytes(request);
        double bytes = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            bytes += group.LayerCount * group.BytesPerTokenAndRank(elementBytes, request.Parallelism.Tensor);
        }

        return bytes;
    }

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
            smallest = group.GrowsWithTokens ? Math.Min(smallest, group.LayerCount) : smallest;
        }

        double elementBytes = ElementBytes(request);
        double bytes = 0;
        foreach (KvLayerGroup group in stage.KvGroups)
        {
            if (group.GrowsWithTokens)
            {
                long places = (group.LayerCount + smallest - 1) / smallest * smallest;
                bytes += places * group.BytesPerTokenAndRank(elementBytes, request.Parallelism.Tensor);
            }
        }

        return bytes;
    }
}
