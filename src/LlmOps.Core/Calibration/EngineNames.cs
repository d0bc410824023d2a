using LlmOps.Core.Precision;

namespace LlmOps.Core.Calibration;

/// <summary>What vLLM's names of number formats stand for; null where that is open.</summary>
internal static class EngineNames
{
    public static string? DataType(string? printed) => printed?.Replace("torch.", "", StringComparison.Ordinal) switch
    {
        "bfloat16" => "BF16",
        "float16" or "half" => "FP16",
        "float32" or "float" => "FP32",
        _ => null,
    };

    /// <param name="method">As printed.</param>
    /// <param name="dataType">What weights are stored in where there is no method.</param>
    public static string? Quantization(string? method, string? dataType) => method switch
    {
        null or "None" => dataType,
        "fp8" or "fbgemm_fp8" or "ptpc_fp8" => "FP8",
        "awq" or "awq_marlin" => "AWQ",
        "gptq" or "gptq_marlin" or "gptq_bitblas" => "GPTQ",
        "bitsandbytes" => "NF4",
        "mxfp4" or "gpt_oss_mxfp4" => "MXFP4",
        "modelopt_fp4" or "nvfp4" => "NVFP4",
        _ => null,
    };

    public static KvCacheDataType? KvCache(string? printed) => printed switch
    {
        null => null,
        "auto" => KvCacheDataType.Auto,
        "bfloat16" or "bf16" => KvCacheDataType.BF16,
        "float16" or "half" or "fp16" => KvCacheDataType.FP16,
        _ when printed.StartsWith("fp8", StringComparison.Ordinal) => KvCacheDataType.FP8,
        _ when printed.StartsWith("int8", StringComparison.Ordinal) => KvCacheDataType.INT8,
        _ when printed.StartsWith("int4", StringComparison.Ordinal) => KvCacheDataType.INT4,
        _ => null,
    };
}
