namespace LlmOps.Core.Precision;

/// <summary>The type in which keys and values are cached.</summary>
public enum KvCacheDataType
{
    /// <summary>
    /// The model's own type: 16 bits where only its weights are quantized, and what the checkpoint was calibrated for
    /// (<c>kv_cache_scheme</c>, <c>kv_cache_quant_algo</c>) where it says so, as vLLM reads <c>auto</c>.
    /// </summary>
    Auto,
    FP32,
    FP16,
    BF16,
    FP8,
    INT8,
    INT4,

    // llama.cpp's own: blocks of 32 elements with their scales.
    Q8_0,
    Q5_1,
    Q5_0,
    Q4_1,
    Q4_0,
    IQ4_NL,
}

public static class KvCacheDataTypes
{
    /// <summary>Whether it is one of llama.cpp's block types.</summary>
    public static bool IsBlock(this KvCacheDataType type) => type is >= KvCacheDataType.Q8_0 and <= KvCacheDataType.IQ4_NL;

    /// <summary>Bytes of one cached element; <paramref name="modelBytes"/> is what <c>Auto</c> stands for.</summary>
    public static double Bytes(this KvCacheDataType type, int modelBytes) => type switch
    {
        KvCacheDataType.Auto => modelBytes,
        KvCacheDataType.FP32 => 4,
        KvCacheDataType.FP16 or KvCacheDataType.BF16 => 2,
        KvCacheDataType.FP8 or KvCacheDataType.INT8 => 1,
        KvCacheDataType.INT4 => 0.5,
        _ when type.IsBlock() => GgmlType.Find(type.ToString())!.BitsPerWeight / 8,
        _ => throw new LlmOpsException("KvCacheDataTypeNotFound", ErrorKind.NotFound,
            $"There is no KV-cache data type {type}. Known are {string.Join(", ", Enum.GetNames<KvCacheDataType>())}.", type),
    };
}
