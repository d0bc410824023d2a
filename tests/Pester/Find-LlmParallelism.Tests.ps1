BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Find-LlmParallelism' {
    It 'ranks the layouts that fit, over all sizes of the machine' {
        $layouts = Find-LlmParallelism Llama-3.3-70B H100
        # An array has a rank of its own.
        $layouts.ForEach('Rank') | Should -Be (1..$layouts.Count)
        $layouts.GpuCount | Sort-Object -Unique | Should -Be 2, 4, 8
        $layouts.Fits | Should -Not -Contain $false
        $layouts.TokensPerSecondPerGpu | Should -Be ($layouts.TokensPerSecondPerGpu | Sort-Object -Descending)
        $layouts.Layout | Should -Contain 'TP8'
        ($layouts | Where-Object { $_.TensorParallelSize * $_.PipelineParallelSize * $_.CopyCount -ne $_.GpuCount }).Count | Should -Be 0
        ($layouts | Where-Object PipelineParallelSize -GT 1).Evidence | Sort-Object -Unique | Should -Be 'Assumed'
    }

    It 'has the figures of the estimators' {
        $layout = Find-LlmParallelism Llama-3.3-70B H100 -GpuCount 4 | Where-Object Layout -EQ TP4
        $times = Get-LlmPerformanceEstimate Llama-3.3-70B H100 -TP 4 -BatchSize 32
        $layout.TimeToFirstTokenMs | Should -Be $times.TimeToFirstTokenMs
        $layout.TimePerOutputTokenLowMs | Should -Be $times.TimePerOutputTokenLowMs
        $layout.WeightsGiB | Should -Be (Get-LlmMemoryEstimate Llama-3.3-70B -Gpu H100 -TP 4).ModelWeightsGiB
        $cache = Measure-KvCache Llama-3.3-70B -Gpu H100 -TP 4
        $layout.KvTokenCapacity | Should -Be $cache.TokenCapacity
        $layout.MaxConcurrency | Should -Be $cache.MaxConcurrency
        $layout.CommunicationPercent | Should -BeGreaterThan 5
        $layout.CommunicationPercent | Should -BeLessThan 20
        $layout.GpuLinkGBps | Should -Be 450
    }

    It 'goes on to the estimators as it is, where one copy has all users' {
        $layouts = Find-LlmParallelism Llama-3.3-70B H100 -KvCacheDataType FP8 -GpuMemoryUtilization 0.95 -OutputLength 100 |
            Where-Object DataParallelSize -EQ 1
        $layouts.Count | Should -BeGreaterThan 5
        $times = $layouts | Get-LlmPerformanceEstimate
        $times.TimeToFirstTokenMs | Should -Be $layouts.TimeToFirstTokenMs
        $times.TokensPerSecond | Should -Be $layouts.TokensPerSecond
        ($layouts | Get-LlmMemoryEstimate).ModelWeightsGiB | Should -Be $layouts.WeightsGiB
    }

    It 'shares users among copies' {
        $two = Find-LlmParallelism Llama-3.1-8B H100 -GpuCount 2 -BatchSize 64 | Where-Object Layout -EQ 'TP1 DP2'
        $one = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 32
        $two.TimePerOutputTokenMs | Should -Be $one.TimePerOutputTokenMs
        [Math]::Abs($two.TokensPerSecond / (2 * $one.TokensPerSecond) - 1) | Should -BeLessThan 1e-9
        $two.GpuLink | Should -BeNullOrEmpty
        $two.CommunicationPercent | Should -Be 0
    }

    It 'says why <Layout> of <Model> on <Count> GPUs does not work' -ForEach @(
        @{ Model = 'Llama-3.3-70B'; Count = 3; Layout = 'TP3'; Saying = '64 attention heads', 'nearest valid sizes are 2 and 4' }
        @{ Model = 'DeepSeek-V3'; Count = 6; Layout = 'TP1 EP6 DP6'; Saying = '256 experts', 'nearest valid sizes are 4 and 8' }
        @{ Model = 'Phi-3-medium-4k'; Count = 5; Layout = 'TP5'; Saying = 'vocabulary', '32,064', 'nearest valid size is 2' }
        @{ Model = 'MiniMax-M2.5'; Count = 8; Layout = 'TP8'; Saying = '192 of the 1,536', 'blocks of 128', 'nearest valid size is 4' }
        @{ Model = 'GPT-2'; Count = 16; Layout = 'TP1 PP16'; Saying = '12 layers', 'nearest valid size is 12' }
        @{ Model = 'Llama-3.1-405B'; Count = 4; Layout = 'TP4'; Saying = 'short by', 'GiB a GPU', 'what would do' }
    ) {
        $found = Find-LlmParallelism $Model H100 -GpuCount $Count -IncludeRejected -WarningAction Ignore | Where-Object Layout -EQ $Layout
        $found.Rank | Should -BeNullOrEmpty
        $found.Fits | Should -BeFalse
        foreach ($text in $Saying) { $found.RejectionReason | Should -BeLike "*$text*" }
    }

    It 'takes wildcards for GPUs, each once' {
        (Find-LlmParallelism Llama-3.1-8B 'H100*', H100-80GB -GpuCount 1).Gpu | Sort-Object | Should -Be ((Get-Gpu 'H100*').Name | Sort-Object)
    }

    It 'leaves rejected layouts out, and says so where none is left' {
        $result = Invoke-Recorded { Find-LlmParallelism Llama-3.1-405B H100 -GpuCount 1, 4 }
        $result.Output.Count | Should -Be 0
        $result.Warnings.Count | Should -Be 1
        "$($result.Warnings[0])" | Should -BeLike '*Llama-3.1-405B*1, 4 x H100-80GB*closest is TP2 PP2*short by*-IncludeRejected*'

        $result = Invoke-Recorded { Find-LlmParallelism Llama-3.1-8B V100-32GB -Quantization Q4_K_M -GpuCount 1, 2 }
        $result.Output.Count | Should -Be 0
        "$($result.Warnings[0])" | Should -BeLike 'No layout of Llama-3.1-8B in Q4_K_M on V100-32GB can be ranked: times of Q4_K_M are predicted for llama.cpp alone*'
    }

    It 'knows odd numbers of GPUs, latent caches, experts and state-space layers' {
        $three = Find-LlmParallelism Qwen2.5-7B H100 -GpuCount 3
        $three.Layout | Should -Contain 'TP1 DP3'
        ($three | Where-Object Layout -EQ TP2).IdleGpuCount | Should -Be 1
        ($three | Where-Object Layout -EQ TP2).Notes | Should -Contain '1 of 3 GPUs idle'
        $latent = Find-LlmParallelism DeepSeek-V3 H200 -GpuCount 8
        ($latent | Where-Object Layout -EQ TP8).Notes -join '; ' | Should -BeLike '*each of the 8 tensor ranks holds all of it*'
        ($latent | Where-Object Layout -EQ 'TP1 EP8 DP8').KvTokenCapacity | Should -BeGreaterThan ($latent | Where-Object Layout -EQ TP8).KvTokenCapacity
        (Find-LlmParallelism Falcon-Mamba-7B L4 -GpuCount 1).KvTokenCapacity | Should -BeNullOrEmpty
        (Find-LlmParallelism Qwen3-Next-80B-A3B H200 -GpuCount 2).Layout | Should -Contain 'TP2 EP2'
    }

    It 'ranks by what is asked for' {
        $layouts = Find-LlmParallelism Llama-3.3-70B H200 -RankBy TimePerOutputToken
        $layouts.TimePerOutputTokenMs | Should -Be ($layouts.TimePerOutputTokenMs | Sort-Object)
        $layouts[0].Layout | Should -Be TP8
    }

    It 'takes every list as an axis, with a ranking for each combination' {
        $all = Find-LlmParallelism Llama-3.1-8B, Qwen3-8B H100, L40S -GpuCount 1 -Engine vLLM, SGLang -Quantization BF16, FP8 -BatchSize 1, 8 -InputLength 100, 200 -OutputLength 10, 20
        $all.Count | Should -Be 128
        $all.ForEach('Rank') | Sort-Object -Unique | Should -Be 1
        ($all | Group-Object ModelName, Gpu, Engine, Quantization, BatchSize, InputLength, OutputLength).Count | Should -Be 128
    }

    It 'divides layers alone with llama.cpp' {
        $layouts = Find-LlmParallelism Llama-3.1-8B RTX-4090 -Engine LlamaCpp -Quantization Q4_K_M -GpuCount 2 -IncludeRejected
        ($layouts | Where-Object Rank).Layout | Sort-Object | Should -Be 'TP1 DP2', 'TP1 PP2'
        ($layouts | Where-Object Layout -EQ TP2).RejectionReason | Should -BeLike '*divides layers alone; use PipelineParallelSize 2'
    }

    It 'gives the same figures under every culture' {
        $here = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = 'de-DE'
            $german = Find-LlmParallelism Llama-3.1-405B H100 -GpuCount 4 -IncludeRejected -WarningAction Ignore
        }
        finally { [cultureinfo]::CurrentCulture = $here }
        ($german | Where-Object Layout -EQ TP4).RejectionReason | Should -Match 'short by \d+\.\d\d GiB'
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Find-LlmParallelism Llama-2-7B T4, A100-80GB -BatchSize (1..100000) -InputLength (1..2000)'
        Assert-Stopped $stopped
    }
}

Describe 'Find-LlmParallelism from the pipeline' {
    It 'takes models, and rows by the names of their properties' {
        (Get-LlmModel Llama-3.1-8B, Qwen3-8B | Find-LlmParallelism -Gpu H200 -GpuCount 1).ModelName | Should -Be 'Llama-3.1-8B', 'Qwen3-8B'
        $rows = "Model,Gpu,GpuCount,Engine,BatchSize,InputLength,OutputLength,Quantization,RankBy`nLlama-3.1-8B,H100,1,SGLang,4,100,200,FP8,Latency`nQwen3-8B,H200,1,TensorRT-LLM,8,300,400,BF16,TokensPerSecond" | ConvertFrom-Csv
        $found = $rows | Find-LlmParallelism
        $found.Gpu | Should -Be 'H100-80GB', 'H200'
        $found.Engine | Should -Be 'SGLang', 'TensorRT-LLM'
        $found.BatchSize | Should -Be 4, 8
        $found.InputLength | Should -Be 100, 300
        $found.OutputLength | Should -Be 200, 400
        $found.Quantization | Should -Be 'FP8', 'BF16'
    }

    It 'takes the GPUs of Get-Gpu' {
        (Find-LlmParallelism Llama-3.1-8B (Get-Gpu H100*) -GpuCount 1).Count | Should -Be (Get-Gpu H100*).Count
    }
}

Describe 'Find-LlmParallelism with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "Model,Gpu,GpuCount`nLlama-2-7B,H100,1`nLlama-2-7B,H100,0`nOPT-2.7B,H100,1" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Find-LlmParallelism -InputLength 100 -OutputLength 100 }
        $result.Output.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ValueOutOfRange FindLlmParallelism InvalidArgument 0 'GpuCount is 0', 'nearest valid value is 1'
    }

    It 'leaves <Name> out' -ForEach @(
        @{ Name = 'an unknown model'; Script = { Find-LlmParallelism NoSuchModel, Llama-2-7B H100 -GpuCount 1 }; Id = 'ModelNotFound'; Category = 'ObjectNotFound'; Target = 'NoSuchModel'; Saying = 'NoSuchModel' }
        @{ Name = 'an unknown GPU'; Script = { Find-LlmParallelism Llama-2-7B H1000, H100 -GpuCount 1 }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'H1000' }
        @{ Name = 'an unknown format'; Script = { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -Quantization FP7, FP8 }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'FP7'; Saying = 'FP7' }
        @{ Name = 'an empty answer'; Script = { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -OutputLength 0, 5 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'OutputLength is 0' }
        @{ Name = 'a share beyond all memory'; Script = { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -GpuMemoryUtilization 1.5, 0.9 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 1.5; Saying = 'GpuMemoryUtilization is 1.5' }
        @{ Name = 'an engine that trains'; Script = { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -Engine DeepSpeed, vLLM }; Id = 'PerformanceNotSupported'; Category = 'NotImplemented'; Target = 'DeepSpeed'; Saying = 'DeepSpeed' }
        @{ Name = 'a GGUF format on vLLM'; Script = { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -Engine LlamaCpp -Quantization AWQ, Q8_0 }; Id = 'QuantizationNotSupported'; Category = 'NotImplemented'; Target = 'AWQ'; Saying = 'llama.cpp' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 1
        Assert-OneError $result $Id FindLlmParallelism $Category $Target $Saying
    }

    It 'warns once of a context that the model was not made for' {
        (Invoke-Recorded { Find-LlmParallelism Llama-2-7B H100 -GpuCount 1 -InputLength 8000 -BatchSize 1, 2 }).Warnings.Count | Should -Be 1
    }
}

Describe 'Completion of Find-LlmParallelism' {
    It 'offers models, GPUs, engines, formats and orders' {
        Get-Completion 'Find-LlmParallelism Llama-3.1-8' | Should -Contain 'Llama-3.1-8B'
        Get-Completion 'Find-LlmParallelism Llama-2-7B -Gpu H2' | Should -Contain 'H200'
        Get-Completion 'Find-LlmParallelism Llama-2-7B H100 -Engine S' | Should -Contain 'SGLang'
        Get-Completion 'Find-LlmParallelism Llama-2-7B H100 -Quantization FP' | Should -Contain 'FP8'
        Get-Completion 'Find-LlmParallelism Llama-2-7B H100 -KvCacheDataType F' | Should -Contain 'FP8'
        Get-Completion 'Find-LlmParallelism Llama-2-7B H100 -RankBy T' | Should -Contain 'TokensPerSecond'
    }
}
