BeforeAll {
    . (Join-Path $PSScriptRoot 'common.ps1')
}

Describe 'Engines' {
    It 'are <Engine> under the names that their makers write' -ForEach @(
        @{ Spelling = 'TensorRT-LLM'; Engine = 'TensorRT-LLM' }
        @{ Spelling = 'tensorrt_llm'; Engine = 'TensorRT-LLM' }
        @{ Spelling = 'TensorRtLlm'; Engine = 'TensorRT-LLM' }
        @{ Spelling = 'llama.cpp'; Engine = 'LlamaCpp' }
        @{ Spelling = 'sglang'; Engine = 'SGLang' }
    ) {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -Engine $Spelling
        $estimate.Engine | Should -BeExactly $Engine
        $estimate.Engine -eq $Engine | Should -BeTrue
        (Measure-KvCache Llama-2-7B -Engine $Spelling).Engine | Should -BeExactly $Engine
        Get-LlmMemoryEstimate Llama-2-7B -Engine $Spelling | Format-Table | Out-String | Should -BeLike "*Llama-2-7B on $Engine*"
    }

    It 'complete' {
        Get-Completion 'Get-LlmMemoryEstimate Llama-2-7B -Engine Te' | Should -Be 'TensorRT-LLM'
        Get-Completion 'Get-LlmMemoryEstimate Llama-2-7B -Engine ' |
            Should -Be 'vLLM', 'SGLang', 'TensorRT-LLM', 'Transformers', 'LlamaCpp', 'DeepSpeed'
        Get-Completion 'Get-LlmMemoryEstimate Llama-2-7B -FlashAttention O' | Should -Be 'Off', 'On'
    }

    It 'come back by property, from an estimate and from a CSV file' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -Engine TensorRT-LLM, LlamaCpp -BatchSize 3 -GpuMemoryUtilization 0.7
        ($estimate | Measure-KvCache).Engine | Should -Be 'TensorRT-LLM', 'LlamaCpp'
        $table = $estimate | ConvertTo-Csv | ConvertFrom-Csv
        $table.Engine | Should -Be 'TensorRT-LLM', 'LlamaCpp'
        ($table | Select-Object @{ n = 'Model'; e = 'ModelName' }, Engine, BatchSize | Get-LlmMemoryEstimate).Engine |
            Should -Be 'TensorRT-LLM', 'LlamaCpp'
        $offloaded = Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -Quantization Q4_K_M -GpuLayers 20 -FlashAttention Off
        ($offloaded | Get-LlmMemoryEstimate).GpuLayers | Should -Be 20
        ($offloaded | Get-LlmMemoryEstimate).TotalGiB | Should -Be $offloaded.TotalGiB
        $offloaded | Format-List | Out-String | Should -Match '(?s)GpuLayers +: 20.*HostGiB +: \d[.,]\d\d'
        $offloaded | Format-Table | Out-String | Should -Match 'on LlamaCpp, 20 layers on GPUs'
        ($offloaded | Measure-KvCache).GpuLayers | Should -Be 20
    }
}

Describe 'llama.cpp' {
    It 'places layers on the GPU and on the host' {
        $estimates = Get-LlmMemoryEstimate Llama-3.1-8B -Engine LlamaCpp -Quantization Q4_K_M -GpuLayers 0, 20, 33 -SequenceLength 8192
        $estimates.GpuLayers | Should -Be 0, 20, 33
        $estimates[2].ModelWeightsGiB * 1024 | Should -BeGreaterThan 4403.4
        $estimates[2].ModelWeightsGiB * 1024 | Should -BeLessThan 4403.6
        $estimates[0].ModelWeightsGiB | Should -Be 0
        $estimates[1].TotalGiB | Should -BeLessThan $estimates[2].TotalGiB
        $estimates[1].HostGiB | Should -BeGreaterThan $estimates[2].HostGiB
        ($estimates[1].Terms | Where-Object Place -EQ Host).Name | Should -Be 'HostWeights', 'HostKvCache', 'HostActivations'
    }

    It 'names fewer layers as a remedy' {
        $estimate = Get-LlmMemoryEstimate Llama-3.1-70B -Engine LlamaCpp -Quantization Q4_K_M -Gpu RTX-4090 -SequenceLength 4096
        $estimate.Fits | Should -BeFalse
        $estimate.Remedy | Should -BeLike '*-PipelineParallelSize 2*'
        $huge = Get-LlmMemoryEstimate Llama-3.1-405B -Engine LlamaCpp -Quantization Q4_K_M -Gpu T4 -SequenceLength 4096
        $huge.Remedy | Should -Match '-GpuLayers \d+\)'
        $layers = [int] ($huge.Remedy -replace '.*-GpuLayers (\d+)\)', '$1')
        (Get-LlmMemoryEstimate Llama-3.1-405B -Engine LlamaCpp -Quantization Q4_K_M -Gpu T4 -SequenceLength 4096 -GpuLayers $layers).Fits |
            Should -BeTrue
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a setting of llama.cpp with vLLM'; Script = { Get-LlmMemoryEstimate Llama-2-7B -GpuLayers 10 }; Id = 'SettingNotSupported'; Target = 10; Saying = 'GpuLayers is 10', 'vLLM', 'LlamaCpp' }
        @{ Name = 'flash attention with SGLang'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine SGLang -FlashAttention Off }; Id = 'SettingNotSupported'; Target = 'Off'; Saying = 'FlashAttention is Off', 'SGLang' }
        @{ Name = 'a cache in FP8'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -KvCacheDataType FP8 }; Id = 'KvCacheDataTypeNotSupported'; Target = 'FP8'; Saying = 'FP8', 'nearest is Q8_0' }
        @{ Name = 'a cache in blocks with vLLM'; Script = { Get-LlmMemoryEstimate Llama-2-7B -KvCacheDataType Q4_0 }; Id = 'KvCacheDataTypeNotSupported'; Target = 'Q4_0'; Saying = 'Q4_0', 'nearest is INT4' }
        @{ Name = 'quantized values without flash attention'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -KvCacheDataType Q8_0 -FlashAttention Off }; Id = 'FlashAttentionNeeded'; Target = 'Q8_0'; Saying = 'Q8_0', 'FlashAttention Off' }
        @{ Name = 'weights that no GGUF file has'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -Quantization AWQ }; Id = 'QuantizationNotSupported'; Target = 'AWQ'; Saying = 'AWQ', 'nearest is Q4_K_M' }
        @{ Name = 'tensor parallelism'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -TensorParallelSize 2 }; Id = 'ParallelismNotSupported'; Target = 2; Saying = 'PipelineParallelSize', '--split-mode layer' }
        @{ Name = 'more slots than it has'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -BatchSize 257 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 257; Saying = 'BatchSize is 257', 'value is 256.' }
        @{ Name = 'fewer than no layers'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -GpuLayers -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'GpuLayers is -1', 'value is 0.' }
        @{ Name = 'a number of sequences'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine LlamaCpp -MaxSequences 4 }; Id = 'SettingNotSupported'; Target = 4; Saying = 'MaxSequences is 4', 'BatchSize' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id GetLlmMemoryEstimate ($Category ?? 'NotImplemented') $Target $Saying
    }

    It 'answers for the engines that know a setting, and refuses it for the others' {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -Engine vLLM, LlamaCpp -GpuLayers 10 }
        $result.Output.Engine | Should -Be 'LlamaCpp'
        $result.Errors.Count | Should -Be 1
    }
}

Describe 'Fractions of memory' {
    It 'are of all memory with SGLang and of what is free with TensorRT-LLM' {
        $on = @{ Gpu = 'H100-80GB'; GpuMemoryUtilization = 0.5 }
        $sglang = Measure-KvCache Llama-3.1-8B -Engine SGLang @on
        $free = Measure-KvCache Llama-3.1-8B -Engine TensorRT-LLM @on

        # Half of 79 GiB less 15 of weights; half of the 60 that are free.
        $sglang.PoolGiB | Should -BeGreaterThan 23.5
        $sglang.PoolGiB | Should -BeLessThan 25
        $free.PoolGiB | Should -BeGreaterThan 29
        $free.PoolGiB | Should -BeLessThan 32
        $sglang.BlockSize | Should -Be 1
        $free.BlockSize | Should -Be 32
        $free.TokenCapacity | Should -Be ($free.BlockCapacity * 32)
    }
}
