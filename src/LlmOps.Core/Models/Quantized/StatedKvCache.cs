using LlmOps.Core.Precision;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// What <c>auto</c> stands for in vLLM: ModelOpt's and compressed-tensors' own statement (utils/torch_utils.py,
/// resolve_kv_cache_dtype_string; layers/attention). A four-bit cache, which few engines have, is no such statement here.
/// </summary>
internal static class StatedKvCache
{
    public static KvCacheDataType Of(ConfigFields q)
    {
        string? name = q.IsText("kv_cache_scheme") ? q.Text("kv_cache_scheme") : q.Text("kv_cache_quant_algo");
        if (name is null && q.Object("kv_cache_scheme") is { } scheme)
        {
            return (scheme.OneOf("num_bits", [4, 8, 16], otherwise: 8), scheme.Text("type")) switch
            {
                (8, "float") => KvCacheDataType.FP8,
                (8, "int") => KvCacheDataType.INT8,
                _ => KvCacheDataType.Auto,
            };
        }

        return name?.ToUpperInvariant() switch
        {
            "FP8" or "FP8_E4M3" => KvCacheDataType.FP8,
            "INT8" => KvCacheDataType.INT8,
            _ => KvCacheDataType.Auto,
        };
    }
}
