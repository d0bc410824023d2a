namespace LlmOps.Core.Memory;

/// <summary>The program that runs the model.</summary>
public enum Engine
{
    /// <summary>vLLM, the V1 engine.</summary>
    vLLM,

    /// <summary>SGLang.</summary>
    SGLang,

    /// <summary>NVIDIA TensorRT-LLM.</summary>
    [PublicName("TensorRT-LLM")]
    TensorRtLlm,

    /// <summary>Hugging Face transformers on PyTorch.</summary>
    Transformers,

    /// <summary>llama.cpp.</summary>
    LlamaCpp,

    /// <summary>DeepSpeed with ZeRO; trains only.</summary>
    DeepSpeed,
}
