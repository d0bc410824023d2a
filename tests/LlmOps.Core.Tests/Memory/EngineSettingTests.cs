using System.Diagnostics;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Models.Files;

namespace LlmOps.Core.Tests.Memory;

public sealed class EngineSettingTests(ITestOutputHelper output)
{
    private static readonly MemoryRequest s_llamaCpp = new(ModelCatalog.Get("Llama-3.1-8B")) { Engine = Engine.LlamaCpp };

    /// <summary>A file's tensors are believed whatever its type is called, and prediction layers are left out.</summary>
    [Fact]
    public void A_GGUF_file_is_loaded_tensor_by_tensor()
    {
        (byte[] header, long length) = GgufSamples.Llama();
        MemoryFileSet files = new();
        files.Add("model.gguf", header, length);
        LlmModel model = ModelFile.Read(files, "model.gguf");

        MemoryEstimate estimate = MemoryEstimator.Estimate(new MemoryRequest(model) { Engine = Engine.LlamaCpp, SequenceLength = 256 });

        long embedding = sizeof(float) * GgufSamples.Vocabulary * GgufSamples.Hidden;
        long rotations = sizeof(float) * GgufSamples.HeadDimension / 2;
        Assert.Equal((sizeof(float) * GgufSamples.LlamaParameters) - embedding, estimate.Bytes.ModelWeights);
        MemoryTerm host = estimate.Terms.Single(term => term.Name == "HostWeights");
        Assert.Equal(embedding + rotations, host.GiB * Units.BytesPerGiB, 1.0);
        Assert.Contains("as in the file", estimate.Terms[0].Formula, StringComparison.Ordinal);

        // Another type is another file.
        MemoryEstimate other = MemoryEstimator.Estimate(new MemoryRequest(model)
        {
            Engine = Engine.LlamaCpp, Quantization = Quantization.Parse("Q8_0"),
        });
        Assert.InRange((double)other.Bytes.ModelWeights / estimate.Bytes.ModelWeights, 0.26, 0.28);
        Assert.Contains("llama-quantize stores Q8_0", other.Terms[0].Formula, StringComparison.Ordinal);
    }

    /// <summary>Cells are padded to 256; f16 takes 2 bytes, q8_0 34 for 32 elements, q4_0 18.</summary>
    [Theory]
    [InlineData(KvCacheDataType.Auto, 1, 131_072L * 256)]
    [InlineData(KvCacheDataType.FP16, 257, 131_072L * 512)]
    [InlineData(KvCacheDataType.FP32, 256, 262_144L * 256)]
    [InlineData(KvCacheDataType.Q8_0, 256, 65_536L * 256 * 34 / 32)]
    [InlineData(KvCacheDataType.Q4_0, 256, 65_536L * 256 * 18 / 32)]
    [InlineData(KvCacheDataType.Q5_1, 256, 65_536L * 256 * 24 / 32)]
    public void A_cache_is_whole_cells_of_whole_blocks(KvCacheDataType type, long tokens, long bytes)
    {
        MemoryRequest request = s_llamaCpp with { KvCacheDataType = type, SequenceLength = tokens, BatchSize = 3 };
        Assert.Equal(3 * bytes, MemoryEstimator.Estimate(request).Bytes.KvCache);
    }

    /// <summary>Windows hold n_swa + n_ubatch cells, padded; gpt-oss-120b: 18 layers of each kind, 2 KiB a token.</summary>
    [Fact]
    public void A_window_keeps_itself_and_a_batch()
    {
        MemoryRequest request = new(ModelCatalog.Get("gpt-oss-120b"))
        {
            Engine = Engine.LlamaCpp, SequenceLength = 65_536, Quantization = Quantization.Parse("MXFP4"),
        };
        Assert.Equal(18L * 2048 * (65_536 + 768), MemoryEstimator.Estimate(request).Bytes.KvCache);
        Assert.Equal(18L * 2048 * (65_536 + 2304), MemoryEstimator.Estimate(request with { MaxBatchedTokens = 2048 }).Bytes.KvCache);
    }

    /// <summary>Qwen3-Next keeps its states in FP32: 36 layers of 32 x 128 x 128 and 3 x 8192 elements.</summary>
    [Fact]
    public void Recurrent_states_are_kept_in_FP32()
    {
        MemoryRequest request = new(ModelCatalog.Get("Qwen3-Next-80B-A3B"))
        {
            Engine = Engine.LlamaCpp, SequenceLength = 256, Quantization = Quantization.Parse("Q4_K_M"),
        };
        long states = 36L * 4 * ((32 * 128 * 128) + (3 * 8192));
        long cache = 12L * 2 * 2 * 256 * 2 * 256;
        Assert.Equal(states + cache, MemoryEstimator.Estimate(request).Bytes.KvCache);
    }

    /// <summary>The output is the first to go, then the last layers (14 of 26 layers of Gemma-3-1B: layers 13 to 25 and the output).</summary>
    [Fact]
    public void The_last_layers_go_to_the_GPU_and_the_output_before_them()
    {
        MemoryBreakdown none = MemoryEstimator.Estimate(s_llamaCpp with { GpuLayers = 0 }).Bytes;
        MemoryBreakdown output = MemoryEstimator.Estimate(s_llamaCpp with { GpuLayers = 1 }).Bytes;
        MemoryBreakdown layer = MemoryEstimator.Estimate(s_llamaCpp with { GpuLayers = 2 }).Bytes;

        Assert.Equal((0L, 0L), (none.ModelWeights, none.KvCache));
        Assert.Equal((2L * 128_256 * 4096) + (4 * 4096), output.ModelWeights);
        Assert.Equal(0, output.KvCache);
        Assert.Equal(4096 * 2048, layer.KvCache);
        Assert.Contains("1 of 32 layers and the output",
            MemoryEstimator.Estimate(s_llamaCpp with { GpuLayers = 2 }).Terms[0].Formula, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SettingNotSupported", "GpuLayers is 3, but vLLM")]
    [InlineData("SettingNotSupported", "FlashAttention is Off, but TensorRT-LLM")]
    [InlineData("ValueOutOfRange", "GpuLayers is -1")]
    [InlineData("KvCacheDataTypeNotSupported", "SGLang does not cache keys and values in Q8_0. The nearest is FP8")]
    [InlineData("KvCacheDataTypeNotSupported", "LlamaCpp does not cache keys and values in INT4. The nearest is Q4_0")]
    [InlineData("FlashAttentionNeeded", "only with flash attention")]
    [InlineData("QuantizationNotSupported", "none has weights in FP8. The nearest is Q8_0")]
    [InlineData("ParallelismNotSupported", "PipelineParallelSize")]
    [InlineData("TrainingNotSupported", "TensorRT-LLM serves models")]
    [InlineData("ValueOutOfRange", "BatchSize is 300, but must be between 1 and 256")]
    public void What_an_engine_does_not_have_is_refused_by_name(string id, string saying)
    {
        MemoryRequest[] wrong =
        [
            s_llamaCpp with { Engine = Engine.vLLM, GpuLayers = 3 },
            s_llamaCpp with { Engine = Engine.TensorRtLlm, FlashAttention = FlashAttention.Off },
            s_llamaCpp with { GpuLayers = -1 },
            s_llamaCpp with { Engine = Engine.SGLang, KvCacheDataType = KvCacheDataType.Q8_0 },
            s_llamaCpp with { KvCacheDataType = KvCacheDataType.INT4 },
            s_llamaCpp with { KvCacheDataType = KvCacheDataType.Q4_0, FlashAttention = FlashAttention.Off },
            s_llamaCpp with { Quantization = Quantization.Parse("FP8") },
            s_llamaCpp with { Parallelism = new Parallelism(2) },
            s_llamaCpp with { Engine = Engine.TensorRtLlm, Training = true },
            s_llamaCpp with { BatchSize = 300 },
        ];
        Assert.Contains(wrong, request =>
        {
            LlmOpsException e = Assert.Throws<LlmOpsException>(() => MemoryEstimator.Estimate(request));
            return e.ErrorId == id && e.Message.Contains(saying, StringComparison.Ordinal);
        });
    }

    /// <summary>
    /// With SGLang and TensorRT-LLM the budget is what the total may come to: the rest is not the cache's, or is all there is.
    /// </summary>
    [Theory]
    [InlineData(Engine.SGLang)]
    [InlineData(Engine.TensorRtLlm)]
    public void What_fits_is_what_the_pool_holds(Engine engine)
    {
        MemoryRequest request = new(ModelCatalog.Get("Llama-3.1-8B"))
        {
            Engine = engine, Gpu = GpuCatalog.Get("H100-80GB"), SequenceLength = 8192,
            Parameters = MemoryEstimationParameter.Default with { FragmentationOverheadFactor = 1, MinMemorySafetyMarginGiB = 0, MemorySafetyMarginFactor = 0 },
        };
        long most = KvCacheCalculator.Measure(request).SequenceCapacity!.Value;
        Assert.True(most > 10);
        Assert.True(MemoryEstimator.Estimate(request with { BatchSize = most }).Fits);
        Assert.False(MemoryEstimator.Estimate(request with { BatchSize = most + 1 }).Fits);
    }

    [Theory]
    [InlineData(Engine.vLLM)]
    [InlineData(Engine.SGLang)]
    [InlineData(Engine.TensorRtLlm)]
    [InlineData(Engine.LlamaCpp)]
    public void A_computation_allocates_nothing(Engine engine)
    {
        foreach (string name in new[] { "Llama-3.1-8B", "Gemma-3-27B", "DeepSeek-V3" })
        {
            MemoryRequest request = new(ModelCatalog.Get(name))
            {
                Engine = engine, Gpu = GpuCatalog.Get("H200"), Quantization = Quantization.Parse("Q8_0"), BatchSize = 4,
            };
            MemoryEstimator.Compute(request, out _);
            const int count = 10_000;
            long sum = 0;
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                sum += MemoryEstimator.Compute(request, out _).ModelWeights;
            }

            TimeSpan taken = Stopwatch.GetElapsedTime(start);
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < count);
            Assert.True(sum > 0);
            output.WriteLine(FormattableString.Invariant($"{engine} {name}: {taken.TotalNanoseconds / count:0} ns"));
        }
    }
}
