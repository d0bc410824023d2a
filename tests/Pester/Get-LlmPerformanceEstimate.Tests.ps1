BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Get-LlmPerformanceEstimate' {
    It 'estimates a server that was measured, within its bounds' -ForEach @(
        # Silicon samples of ai-dynamo/aiconfigurator (Apache-2.0); lengths are means of what was sent.
        @{ Engine = 'vLLM'; Model = 'MiniMax-M2.5'; Gpu = 'B300'; TP = 4; Batch = 128; In = 7373; Out = 922; Ttft = 972.3; Tpot = 33.44 }
        @{ Engine = 'SGLang'; Model = 'DeepSeek-V3'; Gpu = 'H200'; TP = 8; Batch = 64; In = 922; Out = 7373; Ttft = 420.1; Tpot = 30.61 }
        @{ Engine = 'TensorRT-LLM'; Model = 'DeepSeek-V3'; Gpu = 'H200'; TP = 8; Batch = 8; In = 922; Out = 7373; Ttft = 289.9; Tpot = 15.87 }
    ) {
        $estimate = Get-LlmPerformanceEstimate $Model $Gpu -Engine $Engine -TP $TP -BatchSize $Batch -InputLength $In -OutputLength $Out -KvCacheDataType FP8
        $estimate.TimeToFirstTokenLowMs | Should -BeLessThan $Ttft
        $estimate.TimeToFirstTokenHighMs | Should -BeGreaterThan $Ttft
        $estimate.TimePerOutputTokenLowMs | Should -BeLessThan $Tpot
        $estimate.TimePerOutputTokenHighMs | Should -BeGreaterThan $Tpot
        $estimate.Evidence | Should -Be 'Fitted'
    }

    It 'gives figures that agree with each other' {
        $e = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 32 -InputLength 1000 -OutputLength 200 -DP 2
        $e.ModelName | Should -BeExactly 'Llama-3.1-8B'
        $e.Engine | Should -BeExactly 'vLLM'
        $e.Gpu | Should -BeExactly 'H100-80GB'
        $e.GpuCount | Should -Be 2
        $e.Fits | Should -BeTrue
        $e.RunningBatch | Should -Be 32
        $e.PrefillSeconds | Should -Be ($e.TimeToFirstTokenMs / 1000)
        [Math]::Abs($e.DecodeSeconds - $e.TimePerOutputTokenMs * 199 / 1000) | Should -BeLessThan 1e-9
        [Math]::Abs($e.TotalSeconds - $e.PrefillSeconds - $e.DecodeSeconds) | Should -BeLessThan 1e-9
        [Math]::Abs($e.TokensPerSecond / (64 * $e.TokensPerSecondPerUser) - 1) | Should -BeLessThan 1e-9
        foreach ($phase in 'FirstToken', 'OutputToken') {
            $whole = $phase -eq 'FirstToken' ? $e.TimeToFirstTokenMs : $e.TimePerOutputTokenMs
            $sum = ($e.Terms | Where-Object Phase -EQ $phase | Measure-Object Milliseconds -Sum).Sum
            [Math]::Abs($sum / $whole - 1) | Should -BeLessThan 1e-9
        }
        $e.Terms[0].Name | Should -Be 'DenseWeights'
        $e.Terms.Formula, $e.Terms.Source | Should -Not -BeNullOrEmpty
    }

    It 'queues what the KV pool does not hold' {
        $e = Get-LlmPerformanceEstimate Llama-3.1-8B L4 -BatchSize 64 -InputLength 4096
        $e.RunningBatch | Should -BeLessThan 64
        $e.Terms.Name | Should -Contain 'Queue'
        $e.TimeToFirstTokenMs | Should -BeGreaterThan (Get-LlmPerformanceEstimate Llama-3.1-8B L4 -BatchSize 4 -InputLength 4096).TimeToFirstTokenMs
    }

    It 'says what would make a model fit, and no times' {
        $e = Get-LlmPerformanceEstimate Llama-3.1-70B H100
        $e.Fits | Should -BeFalse
        $e.Remedy | Should -Match 'FP8'
        $e.TimeToFirstTokenMs, $e.TokensPerSecond, $e.RunningBatch, $e.Bottleneck | Should -Be $null, $null, $null, $null
        $e.Terms.Count | Should -Be 0
    }

    It 'widens the bounds of what was not measured' {
        $known = Get-LlmPerformanceEstimate Qwen3-32B H100 -TP 2
        $gpu = Get-LlmPerformanceEstimate Qwen3-32B A100-80GB -TP 2
        $engine = Get-LlmPerformanceEstimate Qwen3-32B H100 -TP 2 -Engine Transformers
        $width = { $args[0].TimePerOutputTokenHighMs / $args[0].TimePerOutputTokenLowMs }
        & $width $gpu | Should -BeGreaterThan (& $width $known)
        & $width $engine | Should -BeGreaterThan (& $width $gpu)
        $engine.Evidence | Should -Be 'Assumed'
    }

    It 'takes every list as an axis' {
        $sweep = Get-LlmPerformanceEstimate Llama-3.1-8B, Qwen3-32B -Gpu H100, H200 -Engine vLLM, SGLang -BatchSize 1, 8 -TP 1, 2
        $sweep.Count | Should -Be 32
        $sweep[0, 1].BatchSize | Should -Be 1, 8
    }

    It 'knows prediction layers' {
        $plain = Get-LlmPerformanceEstimate DeepSeek-V3 B200 -TP 8
        $ahead = Get-LlmPerformanceEstimate DeepSeek-V3 B200 -TP 8 -MultiTokenPrediction
        $ahead.TimePerOutputTokenMs | Should -BeLessThan $plain.TimePerOutputTokenMs
        $result = Invoke-Recorded { Get-LlmPerformanceEstimate Llama-3.1-8B B200 -MultiTokenPrediction }
        Assert-OneError $result MultiTokenPredictionNotSupported GetLlmPerformanceEstimate NotImplemented Llama-3.1-8B 'no layers'
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Get-LlmPerformanceEstimate Llama-2-7B T4, A100-80GB -BatchSize (1..100000) -InputLength (1..4096)'
        Assert-Stopped $stopped
    }
}

Describe 'Get-LlmPerformanceEstimate from the pipeline' {
    It 'takes models, and rows by the names of their properties' {
        (Get-LlmModel Llama-3.1-8B, Qwen3-32B | Get-LlmPerformanceEstimate -Gpu H200).ModelName | Should -Be 'Llama-3.1-8B', 'Qwen3-32B'
        $rows = "Model,Gpu,Engine,BatchSize,InputLength,OutputLength,Quantization`nLlama-3.1-8B,H100,SGLang,4,100,200,FP8`nQwen3-32B,H200,TensorRT-LLM,8,300,400,BF16" | ConvertFrom-Csv
        $estimates = $rows | Get-LlmPerformanceEstimate
        $estimates.Gpu | Should -Be 'H100-80GB', 'H200'
        $estimates.Engine | Should -Be 'SGLang', 'TensorRT-LLM'
        $estimates.BatchSize | Should -Be 4, 8
        $estimates.InputLength | Should -Be 100, 300
        $estimates.OutputLength | Should -Be 200, 400
        $estimates.Quantization | Should -Be 'FP8', 'BF16'
    }

    It 'takes its own output, a memory estimate and the GPUs of Get-Gpu' {
        $one = Get-LlmPerformanceEstimate Llama-3.1-8B H200 -BatchSize 4 -InputLength 100 -OutputLength 50 -Quantization FP8 -Engine SGLang
        ($one | Get-LlmPerformanceEstimate).TotalSeconds | Should -Be $one.TotalSeconds
        (Get-LlmMemoryEstimate Llama-3.1-8B -Gpu H200 -BatchSize 4 | Get-LlmPerformanceEstimate).BatchSize | Should -Be 4
        (Get-LlmPerformanceEstimate Llama-3.1-8B (Get-Gpu H100*)).Count | Should -Be (Get-Gpu H100*).Count
    }
}

Describe 'Get-LlmPerformanceEstimate with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "Model,Gpu,BatchSize`nLlama-2-7B,H100,1`nLlama-2-7B,H100,0`nOPT-2.7B,H100,2" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Get-LlmPerformanceEstimate }
        $result.Output.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ValueOutOfRange GetLlmPerformanceEstimate InvalidArgument 0 'BatchSize is 0', 'nearest valid value is 1'
    }

    It 'leaves <Name> out' -ForEach @(
        @{ Name = 'an unknown model'; Script = { Get-LlmPerformanceEstimate NoSuchModel, Llama-2-7B H100 }; Id = 'ModelNotFound'; Category = 'ObjectNotFound'; Target = 'NoSuchModel'; Saying = 'NoSuchModel' }
        @{ Name = 'an unknown GPU'; Script = { Get-LlmPerformanceEstimate Llama-2-7B H1000, H100 }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'H1000' }
        @{ Name = 'an unknown format'; Script = { Get-LlmPerformanceEstimate Llama-2-7B H100 -Quantization FP7, FP8 }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'FP7'; Saying = 'FP7' }
        @{ Name = 'an empty answer'; Script = { Get-LlmPerformanceEstimate Llama-2-7B H100 -OutputLength 0, 5 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'OutputLength is 0' }
        @{ Name = 'an engine that trains'; Script = { Get-LlmPerformanceEstimate Llama-2-7B H100 -Engine DeepSpeed, vLLM }; Id = 'PerformanceNotSupported'; Category = 'NotImplemented'; Target = 'DeepSpeed'; Saying = 'DeepSpeed' }
        @{ Name = 'ranks that heads do not divide over'; Script = { Get-LlmPerformanceEstimate Llama-2-7B H100 -TP 3, 2 }; Id = 'TensorParallelSizeNotSupported'; Category = 'NotImplemented'; Target = 3; Saying = 'TensorParallelSize is 3' }
        @{ Name = 'copies of parts'; Script = { Get-LlmPerformanceEstimate DeepSeek-V3 B200 -EP 8 -DP 12, 8 }; Id = 'DataParallelSizeNotSupported'; Category = 'NotImplemented'; Target = 12; Saying = 'nearest valid value is 8' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 1
        Assert-OneError $result $Id GetLlmPerformanceEstimate $Category $Target $Saying
    }

    It 'warns once of a format that the engine has no kernels for on the GPU, as planners refuse it' {
        $result = Invoke-Recorded { Get-LlmPerformanceEstimate Llama-3.1-8B V100-32GB, H100 -Quantization FP8 -BatchSize 1, 2 }
        $result.Warnings.Count | Should -Be 1
        $result.Warnings[0].Message | Should -BeLike '*vLLM has no kernels for FP8 on V100-32GB*'
    }

    It 'warns once of a context that the model was not made for' {
        (Invoke-Recorded { Get-LlmPerformanceEstimate Llama-2-7B H100 -InputLength 8000 -BatchSize 1, 2 }).Warnings.Count | Should -Be 1
    }
}

Describe 'Get-LlmPerformanceEstimate of what planners found' {
    It 'gives the figures of the layouts, of all copies together' {
        $layouts = @(Find-LlmParallelism Llama-3.3-70B H200 -GpuCount 4, 8 -BatchSize 64)
        $estimates = @($layouts | Get-LlmPerformanceEstimate)
        @($layouts | Where-Object DataParallelSize -gt 1).Count | Should -BeGreaterThan 2
        $estimates.Count | Should -Be $layouts.Count
        for ($i = 0; $i -lt $layouts.Count; $i++) {
            [Math]::Abs($estimates[$i].TokensPerSecond / $layouts[$i].TokensPerSecond - 1) | Should -BeLessThan 1e-9 -Because $layouts[$i].Layout
        }
    }

    It 'gives the figures of the instances' {
        $found = @(Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 64 -InputLength 512 -OutputLength 128 -Gpu H100, L4 -WarningAction SilentlyContinue)
        @($found | Where-Object DataParallelSize -gt 1).Count | Should -BeGreaterThan 0
        $estimates = @($found | Get-LlmPerformanceEstimate)
        for ($i = 0; $i -lt $found.Count; $i++) {
            [Math]::Abs($estimates[$i].TokensPerSecond / $found[$i].TokensPerSecond - 1) | Should -BeLessThan 1e-9 -Because $found[$i].Instance
        }
    }

    It 'names the number of users that is wrong, and goes on with the others' {
        $result = Invoke-Recorded { Get-LlmPerformanceEstimate Llama-3.1-8B H100 -UserCount 8, 0, 16 }
        $result.Output.BatchSize | Should -Be 8, 16
        $result.Errors.Exception.Message | Should -BeLike 'UserCount is 0, but must be between 1 and 1000000.*'
    }

    It 'shares users between copies, and takes a batch size before them' {
        (Get-LlmPerformanceEstimate Llama-3.1-8B H100 -DataParallelSize 4 -UserCount 10, 64).BatchSize | Should -Be 3, 16
        (Get-LlmPerformanceEstimate DeepSeek-V3 H200 -TensorParallelSize 2 -ExpertParallelSize 8 -UserCount 64).BatchSize | Should -Be 16
        ([pscustomobject]@{ Model = 'Llama-3.1-8B'; Gpu = 'H100'; UserCount = 64; BatchSize = 64; DataParallelSize = 4 } |
            Get-LlmPerformanceEstimate).BatchSize | Should -Be 16
        ([pscustomobject]@{ Model = 'Llama-3.1-8B'; Gpu = 'H100'; UserCount = 64; DataParallelSize = 4 } |
            Get-LlmPerformanceEstimate -BatchSize 5).BatchSize | Should -Be 5
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'both'; Script = { Get-LlmPerformanceEstimate Llama-3.1-8B H100 -UserCount 4 -BatchSize 4 }; Id = 'ParametersExcludeEachOther' }
        @{ Name = 'none'; Script = { Get-LlmPerformanceEstimate Llama-3.1-8B H100 -UserCount 0 }; Id = 'ValueOutOfRange' }
        @{ Name = 'fewer than none'; Script = { Get-LlmPerformanceEstimate Llama-3.1-8B H100 -UserCount -5 }; Id = 'ValueOutOfRange' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        $result.Errors.FullyQualifiedErrorId | Should -BeExactly "$Id,LlmOps.Commands.GetLlmPerformanceEstimateCommand"
    }
}

Describe 'Completion of Get-LlmPerformanceEstimate' {
    It 'offers models, GPUs, engines and formats' {
        Get-Completion 'Get-LlmPerformanceEstimate Llama-3.1-8' | Should -Contain 'Llama-3.1-8B'
        Get-Completion 'Get-LlmPerformanceEstimate Llama-2-7B -Gpu H2' | Should -Contain 'H200'
        Get-Completion 'Get-LlmPerformanceEstimate Llama-2-7B -Engine S' | Should -Contain 'SGLang'
        Get-Completion 'Get-LlmPerformanceEstimate Llama-2-7B -Quantization FP' | Should -Contain 'FP8'
        Get-Completion 'Get-LlmPerformanceEstimate Llama-2-7B -KvCacheDataType F' | Should -Contain 'FP8'
    }
}
