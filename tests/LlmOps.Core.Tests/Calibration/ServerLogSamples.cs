namespace LlmOps.Core.Tests.Calibration;

/// <summary>
/// Start-up logs in the formats that vLLM printed from release to release. The texts follow its sources at the tags named;
/// the figures are made up, and agree with each other as an engine's do.
/// </summary>
internal static class ServerLogSamples
{
    /// <summary>v0.4.2: weights in "GB", blocks alone, no location brackets.</summary>
    public const string V04 = """
        INFO 05-20 10:00:00 api_server.py:151] vLLM API server version 0.4.2
        INFO 05-20 10:00:00 api_server.py:152] args: Namespace(host=None, port=8000, api_key='s3cret', model='meta-llama/Llama-2-7b-hf', dtype='auto', max_model_len=None, block_size=16, max_num_seqs=256, max_num_batched_tokens=None, gpu_memory_utilization=0.9, enforce_eager=False, tensor_parallel_size=1, pipeline_parallel_size=1)
        INFO 05-20 10:00:01 llm_engine.py:100] Initializing an LLM engine (v0.4.2) with config: model='meta-llama/Llama-2-7b-hf', speculative_config=None, tokenizer='meta-llama/Llama-2-7b-hf', skip_tokenizer_init=False, dtype=torch.float16, max_seq_len=4096, download_dir=None, load_format=LoadFormat.AUTO, tensor_parallel_size=1, disable_custom_all_reduce=False, quantization=None, enforce_eager=False, kv_cache_dtype=auto, seed=0, served_model_name=meta-llama/Llama-2-7b-hf)
        INFO 05-20 10:00:09 model_runner.py:145] Loading model weights took 12.5523 GB
        INFO 05-20 10:00:11 gpu_executor.py:119] # GPU blocks: 7446, # CPU blocks: 512
        INFO 05-20 10:00:12 model_runner.py:824] Capturing the model for CUDA graphs. This may lead to unexpected consequences if the model is not static.
        INFO 05-20 10:00:20 model_runner.py:894] Graph capturing finished in 8 secs.
        """;

    /// <summary>v0.6.4: the profile as pairs, the peak with the weights in it.</summary>
    public const string V064 = """
        INFO 11-20 09:00:00 llm_engine.py:249] Initializing an LLM engine (v0.6.4.post1) with config: model='microsoft/phi-1_5', speculative_config=None, tokenizer='microsoft/phi-1_5', dtype=torch.float16, max_seq_len=2048, load_format=LoadFormat.AUTO, tensor_parallel_size=1, pipeline_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=auto, decoding_config=DecodingConfig(guided_decoding_backend='outlines'), mm_processor_kwargs=None, pooler_config=None)
        Loading safetensors checkpoint shards:   0% Completed | 0/1 [00:00<?, ?it/s]
        INFO 11-20 09:00:03 model_runner.py:1077] Loading model weights took 2.6419 GB
        INFO 11-20 09:00:05 worker.py:232] Memory profiling results: total_gpu_memory=7.92GiB initial_memory_usage=3.09GiB peak_torch_memory=3.12GiB memory_usage_post_profile=3.12Gib non_torch_memory=0.47GiB kv_cache_size=3.54GiB gpu_memory_utilization=0.90
        INFO 11-20 09:00:05 gpu_executor.py:113] # GPU blocks: 1207, # CPU blocks: 1365
        INFO 11-20 09:00:05 gpu_executor.py:117] Maximum concurrency for 2048 tokens per request: 9.43x
        INFO 11-20 09:00:30 model_runner.py:1518] Graph capturing finished in 21 secs, took 0.54 GiB
        """;

    /// <summary>v0.7.2, V0, tensor parallel: a driver without a label, workers with one.</summary>
    public const string V07 = """
        INFO 02-10 08:00:00 __init__.py:190] Automatically detected platform cuda.
        INFO 02-10 08:00:02 llm_engine.py:234] Initializing a V0 LLM engine (v0.7.2) with config: model='casperhansen/llama-3-70b-instruct-awq', tokenizer='x', dtype=torch.float16, max_seq_len=8192, tensor_parallel_size=2, pipeline_parallel_size=1, quantization=awq_marlin, enforce_eager=True, kv_cache_dtype=fp8_e5m2,  device_config=cuda,
        INFO 02-10 08:00:40 model_runner.py:1115] Loading model weights took 18.5605 GB
        (VllmWorkerProcess pid=507) INFO 02-10 08:00:41 model_runner.py:1115] Loading model weights took 18.5607 GB
        (VllmWorkerProcess pid=507) INFO 02-10 08:00:50 worker.py:267] Memory profiling takes 4.51 seconds
        (VllmWorkerProcess pid=507) INFO 02-10 08:00:50 worker.py:267] the current vLLM instance can use total_gpu_memory (47.41GiB) x gpu_memory_utilization (0.85) = 40.30GiB
        (VllmWorkerProcess pid=507) INFO 02-10 08:00:50 worker.py:267] model weights take 18.56GiB; non_torch_memory takes 0.31GiB; PyTorch activation peak memory takes 0.52GiB; the rest of the memory reserved for KV Cache is 20.91GiB.
        INFO 02-10 08:00:50 worker.py:267] Memory profiling takes 4.62 seconds
        INFO 02-10 08:00:50 worker.py:267] the current vLLM instance can use total_gpu_memory (47.54GiB) x gpu_memory_utilization (0.85) = 40.41GiB
        INFO 02-10 08:00:50 worker.py:267] model weights take 18.56GiB; non_torch_memory takes 0.33GiB; PyTorch activation peak memory takes 0.93GiB; the rest of the memory reserved for KV Cache is 20.59GiB.
        INFO 02-10 08:00:51 executor_base.py:110] # CUDA blocks: 16867, # CPU blocks: 3276
        INFO 02-10 08:00:51 executor_base.py:115] Maximum concurrency for 8192 tokens per request: 32.94x
        INFO 02-10 08:00:53 llm_engine.py:431] init engine (profile, create kv cache, warmup model) took 12.10 seconds
        """;

    /// <summary>v0.9.1, V1, four ranks: each prints the pool, and the engine one line for each.</summary>
    public const string V09 = """
        INFO 07-01 12:00:00 [api_server.py:1287] vLLM API server version 0.9.1
        INFO 07-01 12:00:00 [cli_args.py:309] non-default args: {'model': '/models/Qwen2.5-7B-Instruct', 'max_model_len': 16384, 'tensor_parallel_size': 2, 'max_num_seqs': 128, 'gpu_memory_utilization': 0.92}
        INFO 07-01 12:00:04 [config.py:2195] Chunked prefill is enabled with max_num_batched_tokens=2048.
        INFO 07-01 12:00:08 [core.py:70] Initializing a V1 LLM engine (v0.9.1) with config: model='/models/Qwen2.5-7B-Instruct', speculative_config=None, tokenizer='/models/Qwen2.5-7B-Instruct', dtype=torch.bfloat16, max_seq_len=16384, tensor_parallel_size=2, pipeline_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=auto,  device_config=cuda, compilation_config={"level":3,"custom_ops":["none"],"cudagraph_capture_sizes":[512,504,1],"max_capture_size":512}
        (VllmWorker rank=0 pid=41) INFO 07-01 12:00:12 [parallel_state.py:1065] rank 0 in world size 2 is assigned as DP rank 0, PP rank 0, TP rank 0, EP rank 0
        (VllmWorker rank=1 pid=42) INFO 07-01 12:00:12 [parallel_state.py:1065] rank 1 in world size 2 is assigned as DP rank 0, PP rank 0, TP rank 1, EP rank 1
        (VllmWorker rank=1 pid=42) INFO 07-01 12:00:20 [default_loader.py:272] Loading weights took 1.91 seconds
        (VllmWorker rank=1 pid=42) INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took 7.1205 GiB and 2.912345 seconds
        (VllmWorker rank=0 pid=41) INFO 07-01 12:00:20 [gpu_model_runner.py:1624] Model loading took 7.1204 GiB and 2.854321 seconds
        (VllmWorker rank=0 pid=41) INFO 07-01 12:00:40 [gpu_worker.py:227] Available KV cache memory: 12.61 GiB
        (VllmWorker rank=1 pid=42) INFO 07-01 12:00:40 [gpu_worker.py:227] Available KV cache memory: 12.47 GiB
        INFO 07-01 12:00:41 [kv_cache_utils.py:715] GPU KV cache size: 472,208 tokens
        INFO 07-01 12:00:41 [kv_cache_utils.py:719] Maximum concurrency for 16,384 tokens per request: 28.82x
        INFO 07-01 12:00:41 [kv_cache_utils.py:715] GPU KV cache size: 466,976 tokens
        INFO 07-01 12:00:41 [kv_cache_utils.py:719] Maximum concurrency for 16,384 tokens per request: 28.50x
        (VllmWorker rank=1 pid=42) INFO 07-01 12:01:05 [gpu_model_runner.py:2048] Graph capturing finished in 23 secs, took 0.48 GiB
        (VllmWorker rank=0 pid=41) INFO 07-01 12:01:05 [gpu_model_runner.py:2048] Graph capturing finished in 23 secs, took 0.49 GiB
        INFO 07-01 12:01:05 [core.py:171] init engine (profile, create kv cache, warmup model) took 44.80 seconds
        """;

    /// <summary>v0.10.2: the summary after warming up, the pool in bytes there.</summary>
    public const string V010 = """
        (APIServer pid=7) INFO 09-28 21:12:20 [api_server.py:1896] vLLM API server version 0.10.2
        (APIServer pid=7) INFO 09-28 21:12:20 [utils.py:328] non-default args: {'model_tag': 'Qwen/Qwen3-8B-FP8', 'api_key': ['s3cret'], 'model': 'Qwen/Qwen3-8B-FP8', 'max_model_len': 1024, 'served_model_name': ['a, b'], 'gpu_memory_utilization': 0.8}
        (APIServer pid=7) INFO 09-28 21:12:24 [scheduler.py:222] Chunked prefill is enabled with max_num_batched_tokens=2048.
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:28 [core.py:76] Initializing a V1 LLM engine (v0.10.2) with config: model='Qwen/Qwen3-8B-FP8', speculative_config=None, tokenizer='Qwen/Qwen3-8B-FP8', dtype=torch.float16, max_seq_len=1024, tensor_parallel_size=1, pipeline_parallel_size=1, data_parallel_size=1, quantization=fp8, enforce_eager=False, kv_cache_dtype=auto, device_config=cuda, compilation_config={"level":3,"cudagraph_mode":[2,1]}
        (EngineCore_DP0 pid=31) DEBUG 09-28 21:12:43 [gpu_worker.py:284] Initial free memory: 23.08 GiB; Requested memory: 0.80 (util), 18.82 GiB
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:36 [gpu_model_runner.py:2392] Model loading took 8.8014 GiB and 3.123456 seconds
        (EngineCore_DP0 pid=31) DEBUG 09-28 21:12:43 [gpu_worker.py:297] Memory profiling takes 14.40 seconds. Total non KV cache memory: 10.22GiB; torch peak memory increase: 1.40GiB; non-torch forward increase memory: 0.02GiB; weights memory: 8.80GiB.
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:43 [gpu_worker.py:298] Available KV cache memory: 8.60 GiB
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:44 [kv_cache_utils.py:864] GPU KV cache size: 62,608 tokens
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:44 [kv_cache_utils.py:868] Maximum concurrency for 1,024 tokens per request: 61.14x
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:51 [gpu_model_runner.py:3118] Graph capturing finished in 7 secs, took 0.68 GiB
        (EngineCore_DP0 pid=31) INFO 09-28 21:12:51 [gpu_worker.py:391] Free memory on device (23.08/23.53 GiB) on startup. Desired GPU memory utilization is (0.8, 18.82 GiB). Actual usage is 8.8 GiB for weight, 1.4 GiB for peak activation, 0.02 GiB for non-torch memory, and 0.68 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory=8347223347` to fit into requested memory, or `--kv-cache-memory=12923195904` to fully utilize gpu memory. Current kv cache memory in use is 9232221491 bytes.
        (APIServer pid=7) INFO 09-28 21:12:52 [loggers.py:142] Engine 000: vllm cache_config_info with initialization after num_gpu_blocks is: 3913
        """;

    /// <summary>v0.19, pipeline and tensor parallel with expert parallelism: banner, estimate of CUDA graphs.</summary>
    public const string V019 = """
        (APIServer pid=1) INFO 04-04 18:12:14 [utils.py:299]        █     █     █▄   ▄█
        (APIServer pid=1) INFO 04-04 18:12:14 [utils.py:299]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.19.1
        (APIServer pid=1) INFO 04-04 18:12:14 [utils.py:299]   █▄█▀ █     █     █     █  model   Qwen/Qwen3-235B-A22B
        (APIServer pid=1) INFO 04-04 18:12:14 [utils.py:233] non-default args: {'model_tag': 'Qwen/Qwen3-235B-A22B', 'model': 'Qwen/Qwen3-235B-A22B', 'enable_expert_parallel': True, 'pipeline_parallel_size': 2, 'tensor_parallel_size': 2, 'max_num_batched_tokens': 8192, 'max_num_seqs': 1024, 'kv_cache_dtype': 'fp8', 'speculative_config': {'method': 'mtp', 'num_speculative_tokens': 2}}
        (EngineCore pid=90) INFO 04-04 18:12:19 [core.py:105] Initializing a V1 LLM engine (v0.19.1) with config: model='Qwen/Qwen3-235B-A22B', speculative_config=SpeculativeConfig(method='mtp', model='draft/x', num_spec_tokens=2), tokenizer='Qwen/Qwen3-235B-A22B', dtype=torch.bfloat16, max_seq_len=40960, tensor_parallel_size=2, pipeline_parallel_size=2, data_parallel_size=1, decode_context_parallel_size=1, quantization=None, enforce_eager=False, kv_cache_dtype=fp8, compilation_config={'mode': <CompilationMode.VLLM_COMPILE: 3>, 'cudagraph_mode': <CUDAGraphMode.FULL_AND_PIECEWISE: (2, 1)>}, kernel_config=KernelConfig(x=None)
        (Worker_PP0_TP0_EP0 pid=101) WARNING 04-04 18:12:40 [fused_moe.py:1093] Using default MoE config. Performance might be sub-optimal! Config file not found at /vllm/configs/E=64,N=768,device_name=NVIDIA_H200.json
        (Worker_PP0_TP0_EP0 pid=101) INFO 04-04 18:13:00 [gpu_model_runner.py:4820] Model loading took 109.4 GiB memory and 48.502592 seconds
        (Worker_PP0_TP1_EP1 pid=102) INFO 04-04 18:13:00 [gpu_model_runner.py:4820] Model loading took 109.4 GiB memory and 48.402592 seconds
        (Worker_PP1_TP0_EP0 pid=103) INFO 04-04 18:13:01 [gpu_model_runner.py:4820] Model loading took 110.52 GiB memory and 49.1 seconds
        (Worker_PP1_TP1_EP1 pid=104) INFO 04-04 18:13:01 [gpu_model_runner.py:4820] Model loading took 110.52 GiB memory and 49.2 seconds
        (Worker_PP1_TP0_EP0 pid=103) INFO 04-04 18:13:20 [gpu_model_runner.py:5651] Estimated CUDA graph memory: 1.26 GiB total
        (Worker_PP0_TP0_EP0 pid=101) INFO 04-04 18:13:20 [gpu_worker.py:456] Available KV cache memory: 10.31 GiB
        (Worker_PP1_TP0_EP0 pid=103) INFO 04-04 18:13:20 [gpu_worker.py:456] Available KV cache memory: 8.02 GiB
        (Worker_PP1_TP0_EP0 pid=103) INFO 04-04 18:13:20 [gpu_worker.py:490] In v0.19, CUDA graph memory profiling will be enabled by default (VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS=1), which more accurately accounts for CUDA graph memory during KV cache allocation. To try it now, set VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS=1 and increase --gpu-memory-utilization from 0.9000 to 0.9090 to maintain the same effective KV cache size.
        (EngineCore pid=90) INFO 04-04 18:13:21 [kv_cache_utils.py:1314] GPU KV cache size: 361,264 tokens
        (EngineCore pid=90) INFO 04-04 18:13:21 [kv_cache_utils.py:1319] Maximum concurrency for 40,960 tokens per request: 8.82x
        (Worker_PP1_TP0_EP0 pid=103) INFO 04-04 18:13:50 [gpu_model_runner.py:5757] Graph capturing finished in 25 secs, took 1.18 GiB
        (EngineCore pid=90) INFO 04-04 18:13:51 [core.py:282] init engine (profile, create kv cache, warmup model) took 50.01 s (compilation: 16.98 s)
        """;

    /// <summary>0.2x: size and concurrency in one line, weights only within what is consumed.</summary>
    public const string V029 = """
        (EngineCore pid=340) INFO 08-17 02:54:10 [core.py:122] Initializing a V1 LLM engine (v0.29.0) with config: model='Qwen/Qwen3.6-27B', speculative_config=None, dtype=torch.bfloat16, max_seq_len=262144, tensor_parallel_size=1, pipeline_parallel_size=1, data_parallel_size=1, quantization=None, quantization_config=None, enforce_eager=False, kv_cache_dtype=auto, structured_outputs_config=StructuredOutputsConfig(backend='auto', reasoning_parser=''), compilation_config={'cudagraph_mode': <CUDAGraphMode.FULL: 2>}
        (EngineCore pid=340) INFO 08-17 02:54:20 [interface.py:601] Setting attention block size to 784 tokens to ensure that attention page size is >= mamba page size.
        (EngineCore pid=340) INFO 08-17 02:54:36 [gpu_model_runner.py:5515] Model loading took 51.1 GiB memory and 41.914650 seconds
        (EngineCore pid=340) DEBUG 08-17 02:57:00 [gpu_worker.py:530] Memory profiling takes 31.20 seconds. Total non KV cache memory: 54.06GiB; torch peak memory increase: 2.4GiB; total consumed (from mem_get_info): 51.66GiB; weights memory: 51.1GiB.
        (EngineCore pid=340) INFO 08-17 02:57:00 [gpu_worker.py:578] CUDA graph memory profiling is enabled (default since v0.21.0). The current --gpu-memory-utilization=0.9200 is equivalent to --gpu-memory-utilization=0.9006 without CUDA graph memory profiling.
        (EngineCore pid=340) INFO 08-17 02:57:00 [gpu_worker.py:586] Available KV cache memory: 19.54 GiB
        (EngineCore pid=340) INFO 08-17 02:57:01 [kv_cache_utils.py:1879] GPU KV cache size: 313,650 tokens, Maximum concurrency for 262,144 tokens per request: 1.20x
        (EngineCore pid=340) INFO 08-17 02:57:57 [model_runner.py:747] Graph capturing finished in 40 secs, took 0.71 GiB
        (EngineCore pid=340) INFO 08-17 02:57:58 [gpu_worker.py:741] CUDA graph pool memory: 0.71 GiB (actual), 1.55 GiB (estimated), difference: 0.84 GiB (119.3%).
        (EngineCore pid=340) INFO 08-17 02:57:58 [gpu_worker.py:804] Free memory on device (79.99/80.0 GiB) on startup. Desired GPU memory utilization is (0.92, 73.6 GiB). Actual usage is 51.66 GiB for consumed memory (weights + non-torch), 2.4 GiB for peak activation, and 0.71 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory=20064085607` (18.69 GiB) to fit into requested memory, or `--kv-cache-memory=26927570944` (25.08 GiB) to fully utilize gpu memory. Current kv cache memory in use is 19.54 GiB.
        """;

    public static IReadOnlyList<string> All { get; } = [V04, V064, V07, V09, V010, V019, V029];
}
