using System.CommandLine;

namespace LlmOps.Cli;

/// <summary>Options that describe how a model is deployed, whatever is asked about it.</summary>
internal static class DeploymentOptions
{
    public static Option<string[]> Model() => Options.WithModelNames(Options.List("--model", "MODEL",
        "Catalogue name, repository id, wildcard, or path of a config.json"));

    public static Option<string[]> Quantization() => Options.List("--quantization", "FORMAT",
        $"Format of the weights: {string.Join(" ", Core.Precision.Quantization.Known.Select(q => q.Name))} [default: as published]");

    public static Option<string[]> KvCacheDataType() => Options.List("--kv-cache-data-type", "TYPE",
        $"Type of cached keys and values: {string.Join(" ", Enum.GetNames<Core.Precision.KvCacheDataType>())} [default: Auto, the model's own]");

    public static Option<string[]> TensorParallelSize() => Options.List("--tensor-parallel-size", "N",
        "GPUs that each layer is divided over [default: 1]");

    public static Option<string[]> PipelineParallelSize() => Options.List("--pipeline-parallel-size", "N",
        "Stages that the layers are divided over [default: 1]");

    public static Option<string[]> ExpertParallelSize() => Options.List("--expert-parallel-size", "N",
        "GPUs that whole experts are divided over [default: 1]");

    public static Option<string[]> DataParallelSize() => Options.List("--data-parallel-size", "N", "Copies of the model [default: 1]");

    public static Option<string[]> GpuMemoryUtilization() => Options.List("--gpu-memory-utilization", "SHARE",
        "The engine's fraction, 0.01 to 1: of all GPU memory with vLLM [default: 0.9, from 0.20 on 0.92], with SGLang (mem_fraction_static) "
        + "[default: by the GPU]; of what is free beside weights and activations with TensorRT-LLM "
        + "(free_gpu_memory_fraction) [default: 0.9]; 1 with the others");
}
