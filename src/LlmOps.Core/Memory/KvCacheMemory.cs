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
}
