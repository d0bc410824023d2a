BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Get-LlmMemoryEstimate' {
    It 'counts weights and KV cache exactly' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -BatchSize 8 -SequenceLength 2048
        # Beside two bytes a parameter, vLLM's table of 4096 rotary positions of 128 elements.
        $estimate.Bytes.ModelWeights | Should -Be (2 * 6738415616 + 2 * 4096 * 128)
        $plain = Get-LlmMemoryEstimate Llama-2-7B -Engine Transformers
        $plain.Bytes.ModelWeights | Should -Be (2 * 6738415616)
        $estimate.KvCacheGiB | Should -Be 8
        $estimate.ModelName | Should -BeExactly 'Llama-2-7B'
        $estimate.Engine | Should -Be 'vLLM'
        $estimate.Quantization | Should -BeExactly 'FP16'
    }

    It 'adds its terms up' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -BatchSize 8
        $sum = $estimate.ModelWeightsGiB + $estimate.ActivationsGiB + $estimate.GradientsGiB + $estimate.OptimizerStatesGiB +
            $estimate.KvCacheGiB + $estimate.CudaGraphsGiB + $estimate.CompilationOverheadGiB +
            $estimate.FragmentationOverheadGiB + $estimate.SafetyMarginGiB
        [Math]::Abs($sum - $estimate.TotalGiB) | Should -BeLessThan 1e-9
        [Math]::Abs(($estimate.Terms.GiB | Measure-Object -Sum).Sum - $estimate.TotalGiB) | Should -BeLessThan 1e-9
        $estimate.TotalLowGiB | Should -BeLessThan $estimate.TotalGiB
        $estimate.TotalHighGiB | Should -BeGreaterThan $estimate.TotalGiB
        foreach ($term in $estimate.Terms) {
            $term.Formula | Should -Not -BeNullOrEmpty
            $term.Source | Should -Not -BeNullOrEmpty
        }
    }

    It 'says on a GPU whether it fits, and what would make it fit' {
        $fits = Get-LlmMemoryEstimate Llama-2-7B -Gpu H100-80GB
        $fits.Fits | Should -BeTrue
        $fits.Remedy | Should -BeNullOrEmpty
        [Math]::Abs($fits.BudgetGiB - 0.9 * 79.19) | Should -BeLessThan 0.01
        $tooLarge = Get-LlmMemoryEstimate Mixtral-8x7B -Gpu H100-80GB
        $tooLarge.Fits | Should -BeFalse
        $tooLarge.HeadroomGiB | Should -BeLessThan 0
        $tooLarge.Remedy | Should -BeLike '*-Quantization FP8*'
        (Get-LlmMemoryEstimate Mixtral-8x7B -Gpu H100-80GB -Quantization FP8).Fits | Should -BeTrue
    }

    It 'agrees with the other cmdlets on what fits, and says allowances apart' {
        $tight = Get-LlmMemoryEstimate Llama-3.3-70B -Gpu H100 -Quantization FP8 -SequenceLength 2048
        $tight.Fits, $tight.FitsWithMargin, $tight.SequenceCapacity | Should -Be $true, $false, 2
        (Measure-KvCache Llama-3.3-70B -Gpu H100 -Quantization FP8 -SequenceLength 2048).SequenceCapacity | Should -Be 2
        (Get-LlmPerformanceEstimate Llama-3.3-70B H100 -Quantization FP8 -InputLength 1024 -OutputLength 1024).Fits | Should -BeTrue
        (Find-LlmParallelism Llama-3.3-70B -Gpu H100 -GpuCount 1 -Quantization FP8 -InputLength 1024 -OutputLength 1024).Layout | Should -Be 'TP1'
        $three = Get-LlmMemoryEstimate Llama-3.3-70B -Gpu H100 -Quantization FP8 -SequenceLength 2048 -BatchSize 3
        $three.Fits, $three.SequenceCapacity | Should -Be $false, 2
        $three.HeadroomGiB | Should -BeLessThan 0
    }

    It 'says that vLLM needs room for one sequence of its greatest length' {
        $refused = Get-LlmMemoryEstimate Llama-3.1-8B -Gpu L4 -SequenceLength 2048 -MaxModelLength 131072
        $refused.Fits | Should -BeFalse
        $refused.Remedy | Should -Match '-MaxModelLength \d+\)'
    }

    It 'says nothing about fitting without a GPU' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B
        $estimate.Gpu, $estimate.Fits, $estimate.HeadroomGiB, $estimate.Remedy | Should -Be $null, $null, $null, $null
    }

    It 'counts 16 bytes a parameter in training with AdamW' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -Training
        $estimate.Engine | Should -Be 'Transformers'
        $bytes = $estimate.Bytes
        $bytes.ModelWeights + $bytes.Gradients + $bytes.OptimizerStates | Should -Be (16 * 6738415616)
        $bytes.KvCache | Should -Be 0
    }

    It 'trains with DeepSpeed without being told, and ZeRO divides by stage' {
        $with = @{ Engine = 'DeepSpeed'; DataParallelSize = 8; Quantization = 'BF16' }
        $stages = Get-LlmMemoryEstimate Llama-2-7B @with -ZeroStage 0, 1, 2, 3
        $stages.ZeroStage | Should -Be 0, 1, 2, 3
        $stages.Training | Should -Be $true, $true, $true, $true
        $stages[0].Bytes.OptimizerStates | Should -Be (12 * 6738415616)
        $stages[1].Bytes.OptimizerStates | Should -Be (12 * 6738415616 / 8)
        $stages[1].Bytes.Gradients | Should -Be (2 * 6738415616)
        $stages[2].GradientsGiB | Should -BeLessThan $stages[1].GradientsGiB
        $stages[3].ModelWeightsGiB | Should -BeLessThan $stages[2].ModelWeightsGiB
        $stages[3].HostGiB, $stages[3].DiskGiB | Should -Be 0, 0
    }

    It 'puts on host and disk what is offloaded' {
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -Engine DeepSpeed -ZeroStage 3 -DP 8 -OffloadOptimizer Cpu -OffloadParameter Nvme -Quantization BF16
        [Math]::Abs($estimate.DiskGiB - 2 * 6738415616 / 8 / 1GB) | Should -BeLessThan 1e-6
        ($estimate.Terms | Where-Object Place -EQ 'Disk').Name | Should -Be 'OffloadedParameters'
        [Math]::Abs(($estimate.Terms | Where-Object Place -EQ 'Host' | Measure-Object GiB -Sum).Sum - $estimate.HostGiB) | Should -BeLessThan 1e-6
        $estimate.Terms[0].Name | Should -Be 'ModelWeights'
        $list = $estimate | Format-List | Out-String
        $list | Should -Match 'HostGiB'
        $list | Should -Match 'DiskGiB'
        Get-LlmMemoryEstimate Llama-2-7B | Format-List | Out-String | Should -Not -Match 'HostGiB|ZeroStage'
    }

    It 'trains adapters beside quantized weights' {
        $estimate = Get-LlmMemoryEstimate Llama-3.1-8B -Training -Quantization NF4 -LoraRank 16
        $estimate.Bytes.OptimizerStates | Should -Be (12 * 41943040)
        $estimate.LoraRank | Should -Be 16
    }

    It 'holds scores with eager attention, and a static cache for the longest sequence' {
        $sdpa, $eager = Get-LlmMemoryEstimate Llama-2-7B -Engine Transformers -AttentionImplementation Sdpa, Eager
        $eager.Bytes.Activations - $sdpa.Bytes.Activations | Should -Be (32 * 2048 * 2048 * 6)
        $static = Get-LlmMemoryEstimate Llama-2-7B -Engine Transformers -CacheImplementation Static -MaxModelLength 4096 -SequenceLength 1024
        $static.KvCacheGiB | Should -Be 2
    }

    It 'divides over tensor-parallel ranks' {
        $one = Get-LlmMemoryEstimate Llama-3.1-8B
        $four = Get-LlmMemoryEstimate Llama-3.1-8B -TP 4
        $four.GpuCount | Should -Be 4
        $four.KvCacheGiB | Should -Be ($one.KvCacheGiB / 4)
        $four.ModelWeightsGiB | Should -BeLessThan ($one.ModelWeightsGiB / 3.9)
    }

    It 'warns once for a model whose context is shorter, and answers all the same' {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -SequenceLength 8192, 16384 }
        $result.Output.Count | Should -Be 2
        $result.Warnings.Count | Should -Be 1
        $result.Warnings[0].Message | Should -BeLike 'Llama-2-7B*4096*8192*'
    }

    It 'gives what it promises and nothing else' {
        $types = Get-LlmModel 'Llama-2-*' | Get-LlmMemoryEstimate -Quantization FP16, INT4 -Gpu T4, L4 | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique
        $types | Should -BeExactly 'LlmOps.Core.Memory.MemoryEstimate'
        Get-PromisedType Get-LlmMemoryEstimate | Should -BeExactly $types
    }
}

Describe 'Get-LlmMemoryEstimate sweeps' {
    It 'gives six objects for three quantizations and two batch sizes, the last list varying fastest' {
        $estimates = @(Get-LlmMemoryEstimate Llama-2-7B -Quantization FP16, INT8, INT4 -BatchSize 1, 8)
        $estimates.Count | Should -Be 6
        ($estimates | ForEach-Object { "$($_.Quantization)/$($_.BatchSize)" }) | Should -Be 'FP16/1', 'FP16/8', 'INT8/1', 'INT8/8', 'INT4/1', 'INT4/8'
    }

    It 'has the swept <Property> on each object' -ForEach @(
        @{ Property = 'Engine'; Parameter = 'Engine'; Values = 'Transformers', 'vLLM' }
        @{ Property = 'KvCacheDataType'; Parameter = 'KvCacheDataType'; Values = 'FP8', 'Auto' }
        @{ Property = 'Gpu'; Parameter = 'Gpu'; Values = 'T4', 'H100-80GB' }
        @{ Property = 'TensorParallelSize'; Parameter = 'TensorParallelSize'; Values = 4, 2 }
        @{ Property = 'PipelineParallelSize'; Parameter = 'PipelineParallelSize'; Values = 1, 4 }
        @{ Property = 'ExpertParallelSize'; Parameter = 'ExpertParallelSize'; Values = 2, 8 }
        @{ Property = 'DataParallelSize'; Parameter = 'DataParallelSize'; Values = 3, 1 }
        @{ Property = 'SequenceLength'; Parameter = 'SequenceLength'; Values = 4096, 128 }
        @{ Property = 'BatchSize'; Parameter = 'BatchSize'; Values = 5, 3 }
    ) {
        $with = @{ $Parameter = $Values }
        $found = Get-LlmMemoryEstimate Mixtral-8x7B @with | ForEach-Object { "$($_.$Property)" }
        $found | Should -Be @($Values | ForEach-Object { "$_" })
    }

    It 'has the swept setting of training <Property> on each object' -ForEach @(
        @{ Property = 'ZeroStage'; Values = 3, 0 }
        @{ Property = 'Optimizer'; Values = 'Lion', 'Adafactor', 'AdamW' }
        @{ Property = 'OffloadOptimizer'; Values = 'Cpu', 'None' }
        @{ Property = 'OffloadParameter'; Values = 'None', 'Nvme' }
        @{ Property = 'ActivationCheckpointing'; Values = 'Full', 'None', 'Selective' }
        @{ Property = 'GradientAccumulationStep'; Values = 8, 1 }
        @{ Property = 'SequenceParallelSize'; Values = 4, 1 }
        @{ Property = 'LoraRank'; Values = 64, 8 }
        @{ Property = 'AttentionImplementation'; Values = 'FlashAttention2', 'Eager' }
    ) {
        $with = @{ Engine = 'DeepSpeed'; ZeroStage = 3; DataParallelSize = 2; Quantization = 'BF16' }
        $with[$Property] = $Values
        Get-LlmMemoryEstimate Mixtral-8x7B @with | ForEach-Object { "$($_.$Property)" } | Should -Be @($Values | ForEach-Object { "$_" })
    }

    It 'adds input and output lengths up, in every combination' {
        (Get-LlmMemoryEstimate Llama-2-7B -InputLength 100, 200 -OutputLength 1, 2).SequenceLength | Should -Be 101, 102, 201, 202
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Get-LlmMemoryEstimate Llama-2-7B -BatchSize (1..100000) -SequenceLength (1..4096) -Gpu T4'
        Assert-Stopped $stopped
    }

    It 'stops early when the rest of the pipeline has enough' {
        (Get-LlmMemoryEstimate Llama-2-7B -BatchSize (1..100000) -SequenceLength (1..4096) | Select-Object -First 1).BatchSize | Should -Be 1
    }
}

Describe 'Get-LlmMemoryEstimate from the pipeline' {
    It 'takes model objects, names and paths' {
        (Get-LlmModel 'Llama-2-*' | Get-LlmMemoryEstimate).ModelName | Should -Be 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B'
        ('Llama-2-7B', 'OPT-2.7B' | Get-LlmMemoryEstimate).ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Set-Content TestDrive:/config.json (New-ConfigJson)
        ('TestDrive:/config.json' | Get-LlmMemoryEstimate).KvCacheGiB | Should -BeGreaterThan 0
    }

    It 'takes rows of a CSV file' {
        Set-Content TestDrive:/jobs.csv "Model,Quantization,BatchSize,SequenceLength,Gpu`nLlama-2-7B,FP16,8,2048,T4`nOPT-2.7B,INT8,2,512,L4"
        $estimates = Import-Csv TestDrive:/jobs.csv | Get-LlmMemoryEstimate
        $estimates.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        $estimates.Quantization | Should -Be 'FP16', 'INT8'
        $estimates.BatchSize | Should -Be 8, 2
        $estimates.SequenceLength | Should -Be 2048, 512
        $estimates.Gpu | Should -Be 'T4', 'L4'
        $estimates[0].KvCacheGiB | Should -Be 8
    }

    It 'takes its own output and that of Measure-KvCache''s siblings' {
        $again = Get-LlmMemoryEstimate Llama-2-7B -BatchSize 8 -Gpu L4 -KvCacheDataType FP8 | Get-LlmMemoryEstimate
        $again.BatchSize, $again.Gpu, $again.KvCacheDataType | Should -Be 8, 'L4', 'FP8'
    }

    It 'takes its own output of training' {
        $with = @{ Engine = 'DeepSpeed'; ZeroStage = 3; DP = 4; Quantization = 'BF16'; OffloadOptimizer = 'Cpu'; ActivationCheckpointing = 'Full'; LoraRank = 8; LoraTarget = 'Attention' }
        $one = Get-LlmMemoryEstimate Llama-2-7B @with -ChunkedLoss
        ($one | Get-LlmMemoryEstimate).Bytes | Should -Be $one.Bytes
        $transformers = Get-LlmMemoryEstimate Llama-2-7B -Training -NoMasterWeight -Optimizer Lion
        ($transformers | Get-LlmMemoryEstimate).Bytes | Should -Be $transformers.Bytes
    }

    It 'takes rows of training from a CSV file' {
        Set-Content TestDrive:/training.csv "Model,Engine,Training,ZeroStage,OffloadOptimizer,DataParallelSize,LoraRank,Quantization`nLlama-2-7B,DeepSpeed,True,2,Cpu,8,,BF16`nLlama-2-7B,Transformers,true,,,,16,NF4`nLlama-2-7B,vLLM,False,,,,,FP16"
        $estimates = Import-Csv TestDrive:/training.csv | Get-LlmMemoryEstimate
        $estimates.Engine | Should -Be 'DeepSpeed', 'Transformers', 'vLLM'
        $estimates.Training | Should -Be $true, $true, $false
        $estimates.ZeroStage | Should -Be 2, $null, $null
        $estimates.LoraRank | Should -Be $null, 16, $null
    }

    It 'takes engine versions by property, and its own' {
        $rows = @(
            [pscustomobject]@{ Model = 'Llama-3.1-8B'; EngineVersion = '0.11.0' }
            [pscustomobject]@{ Model = 'Llama-3.1-8B'; EngineVersion = $null }
        )
        $estimates = $rows | Get-LlmMemoryEstimate
        $estimates.EngineVersion | Should -Be '0.11.0', '0.19'
        ($estimates | Get-LlmMemoryEstimate).EngineVersion | Should -Be '0.11.0', '0.19'

        # What vLLM printed as the peak of activations: 4.76 and 1.89 GiB.
        [math]::Round($estimates[0].ActivationsGiB, 2) | Should -Be 4.76
        [math]::Round($estimates[1].ActivationsGiB, 2) | Should -Be 1.89
    }

    It 'keeps the values of one record from the next' {
        $rows = [pscustomobject]@{ Model = 'Llama-2-7B'; BatchSize = 8 }, [pscustomobject]@{ Model = 'Llama-2-7B' }
        ($rows | Get-LlmMemoryEstimate).BatchSize | Should -Be 8, 1
    }
}

Describe 'Get-LlmMemoryEstimate with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "Model,BatchSize`nLlama-2-7B,1`nLlama-2-7B,0`nOPT-2.7B,2" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Get-LlmMemoryEstimate }
        $result.Output.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ValueOutOfRange GetLlmMemoryEstimate InvalidArgument 0 'BatchSize is 0', 'nearest valid value is 1'
        $result = Invoke-Recorded { $rows | Get-LlmMemoryEstimate -ErrorAction SilentlyContinue }
        $result.Output.Count | Should -Be 2
        $result.Errors.Count | Should -Be 0
        $result = Invoke-Recorded { $rows | Get-LlmMemoryEstimate -ErrorAction Stop }
        $result.Output.Count | Should -Be 1
        $result.Terminating.FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.GetLlmMemoryEstimateCommand'
    }

    It 'leaves one bad value of a sweep out' {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -BatchSize 1, -3, 4 }
        $result.Output.BatchSize | Should -Be 1, 4
        Assert-OneError $result ValueOutOfRange GetLlmMemoryEstimate InvalidArgument -3 'BatchSize is -3', 'nearest valid value is 1'
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -Quantization FP1, FP16 -Gpu T4 }
        $result.Output.Quantization | Should -Be 'FP16'
        Assert-OneError $result QuantizationNotFound GetLlmMemoryEstimate ObjectNotFound 'FP1' "'FP1'", 'Did you mean FP16?'
    }

    It 'reports a wrong name on the command line once, however many models come' {
        $result = Invoke-Recorded { Get-LlmModel 'Llama-2-*' | Get-LlmMemoryEstimate -Gpu H1000, L4 }
        $result.Output.Count | Should -Be 3
        Assert-OneError $result GpuNotFound GetLlmMemoryEstimate ObjectNotFound 'H1000' "'H1000'", 'Did you mean H100-80GB?'
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a model'; Script = { Get-LlmMemoryEstimate Llama-2-7 }; Id = 'ModelNotFound'; Category = 'ObjectNotFound'; Target = 'Llama-2-7'; Saying = "'Llama-2-7'", 'Did you mean Llama-2-7B?' }
        @{ Name = 'a batch of 0'; Script = { Get-LlmMemoryEstimate Llama-2-7B -BatchSize 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BatchSize is 0', 'value is 1.' }
        @{ Name = 'a huge batch'; Script = { Get-LlmMemoryEstimate Llama-2-7B -BatchSize ([long]::MaxValue) }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = [long]::MaxValue; Saying = '9223372036854775807', 'value is 1000000.' }
        @{ Name = 'a negative length'; Script = { Get-LlmMemoryEstimate Llama-2-7B -SequenceLength -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'SequenceLength is -1' }
        @{ Name = 'a huge length'; Script = { Get-LlmMemoryEstimate Llama-2-7B -SequenceLength ([long]::MaxValue) 3>$null }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = [long]::MaxValue; Saying = 'value is 100000000.' }
        @{ Name = 'an input length below 0'; Script = { Get-LlmMemoryEstimate Llama-2-7B -InputLength -3 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -3; Saying = 'InputLength is -3' }
        @{ Name = 'a sum of lengths and a length'; Script = { Get-LlmMemoryEstimate Llama-2-7B -InputLength 3 -SequenceLength 4 }; Id = 'ParametersExcludeEachOther'; Category = 'InvalidArgument'; Target = 'SequenceLength'; Saying = 'SequenceLength', 'InputLength' }
        @{ Name = 'heads that do not divide'; Script = { Get-LlmMemoryEstimate Llama-2-7B -TensorParallelSize 3 }; Id = 'TensorParallelSizeNotSupported'; Category = 'NotImplemented'; Target = 3; Saying = 'TensorParallelSize is 3', '32 attention heads', 'value is 2.' }
        @{ Name = 'more stages than layers'; Script = { Get-LlmMemoryEstimate Llama-2-7B -PipelineParallelSize 33 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 33; Saying = 'PipelineParallelSize is 33', 'value is 32.' }
        @{ Name = 'experts of a dense model'; Script = { Get-LlmMemoryEstimate Llama-2-7B -ExpertParallelSize 2 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 2; Saying = 'ExpertParallelSize is 2', 'value is 1.' }
        @{ Name = 'no copies'; Script = { Get-LlmMemoryEstimate Llama-2-7B -DataParallelSize 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'DataParallelSize is 0', 'value is 1.' }
        @{ Name = 'more than all memory'; Script = { Get-LlmMemoryEstimate Llama-2-7B -GpuMemoryUtilization 1.5 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 1.5; Saying = 'GpuMemoryUtilization is 1.5', 'value is 1.' }
        @{ Name = 'no sequences'; Script = { Get-LlmMemoryEstimate Llama-2-7B -MaxSequences 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'MaxSequences is 0', 'value is 1.' }
        @{ Name = 'no batched tokens'; Script = { Get-LlmMemoryEstimate Llama-2-7B -MaxBatchedTokens 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'MaxBatchedTokens is 0', 'value is 1.' }
        @{ Name = 'a length over the limit'; Script = { Get-LlmMemoryEstimate Llama-2-7B -MaxModelLength 100 -SequenceLength 200 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 200; Saying = 'SequenceLength is 200', 'value is 100.' }
        @{ Name = 'graphs of no sequence'; Script = { Get-LlmMemoryEstimate Llama-2-7B -CudaGraphCaptureSize 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'CudaGraphCaptureSize is 0', 'value is 1.' }
        @{ Name = 'training with vLLM'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Training -Engine vLLM }; Id = 'TrainingNotSupported'; Category = 'NotImplemented'; Target = 'vLLM'; Saying = 'vLLM', 'Transformers' }
        @{ Name = 'training in INT8'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Training -Quantization INT8 }; Id = 'TrainingPrecisionNotSupported'; Category = 'NotImplemented'; Target = 'INT8'; Saying = 'INT8', 'BF16' }
        @{ Name = 'a stage of ZeRO without DeepSpeed'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Training -ZeroStage 2 }; Id = 'ZeroStageNotSupported'; Category = 'NotImplemented'; Target = 'ZeroStage'; Saying = 'ZeroStage', 'DeepSpeed', 'Transformers' }
        @{ Name = 'a fourth stage'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine DeepSpeed -ZeroStage 4 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 4; Saying = 'ZeroStage is 4', 'value is 3.' }
        @{ Name = 'adapters in inference'; Script = { Get-LlmMemoryEstimate Llama-2-7B -LoraRank 8 }; Id = 'LoraRankNotSupported'; Category = 'NotImplemented'; Target = 'LoraRank'; Saying = 'LoraRank', 'Training' }
        @{ Name = 'offloading without ZeRO'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine DeepSpeed -OffloadOptimizer Cpu }; Id = 'OffloadOptimizerNotSupported'; Category = 'NotImplemented'; Target = 'Cpu'; Saying = 'OffloadOptimizer is Cpu', 'ZeroStage' }
        @{ Name = 'ZeRO-3 in a pipeline'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Engine DeepSpeed -ZeroStage 3 -PP 2 }; Id = 'ZeroStageNotSupported'; Category = 'NotImplemented'; Target = 3; Saying = 'ZeroStage is 3', 'PipelineParallelSize is 2' }
        @{ Name = 'a cache in training'; Script = { Get-LlmMemoryEstimate Llama-2-7B -Training -CacheImplementation Static }; Id = 'CacheImplementationNotSupported'; Category = 'NotImplemented'; Target = 'Static'; Saying = 'CacheImplementation is Static', 'training' }
        @{ Name = 'eager attention of vLLM'; Script = { Get-LlmMemoryEstimate Llama-2-7B -AttentionImplementation Eager }; Id = 'AttentionImplementationNotSupported'; Category = 'NotImplemented'; Target = 'Eager'; Saying = 'AttentionImplementation is Eager', 'Transformers' }
        @{ Name = 'a path of another provider'; Script = { Get-LlmMemoryEstimate Env:PATH }; Id = 'PathNotInFileSystem'; Category = 'InvalidArgument'; Target = 'Env:PATH'; Saying = "'Env:PATH'", 'file system' }
        @{ Name = 'a path on no drive'; Script = { Get-LlmMemoryEstimate nodrive:/x }; Id = 'ModelFileNotFound'; Category = 'ObjectNotFound'; Target = 'nodrive:/x'; Saying = "'nodrive:/x'", 'nodrive' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id GetLlmMemoryEstimate $Category $Target $Saying
    }

    It 'refuses <Value> as a version of <Engine>' -ForEach @(
        @{ Engine = 'vLLM'; Value = 'latest'; Id = 'EngineVersionInvalid'; Says = "*'latest' is no version of vLLM*" }
        @{ Engine = 'vLLM'; Value = '0.3.3'; Id = 'EngineVersionNotSupported'; Says = '*the nearest is 0.4.' }
        @{ Engine = 'vLLM'; Value = '0.2'; Id = 'EngineVersionNotSupported'; Says = "*write '0.20'*" }
        @{ Engine = 'Transformers'; Value = '4.57'; Id = 'EngineVersionNotSupported'; Says = "*'4.57'*Transformers*" }
    ) {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -Engine $Engine -EngineVersion $Value }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly "$Id,LlmOps.Commands.GetLlmMemoryEstimateCommand"
        $result.Errors[0].TargetObject | Should -Be $Value
        $result.Errors[0].Exception.Message | Should -BeLike $Says
    }

    It 'refuses NaN as a share of memory' {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -GpuMemoryUtilization ([double]::NaN) }
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.GetLlmMemoryEstimateCommand'
        $result.Errors[0].Exception.Message | Should -BeLike 'GpuMemoryUtilization is NaN*'
    }

    It 'refuses a product that no machine can hold' {
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-2-7B -BatchSize 1000000 -SequenceLength 100000000 3>$null }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.GetLlmMemoryEstimateCommand'
        $result.Errors[0].Exception.Message | Should -BeLike '*BatchSize times SequenceLength*'
    }
}

Describe 'Get-LlmMemoryEstimate completion' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-'; Expected = 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B' }
        @{ Line = 'Get-LlmMemoryEstimate -Model OPT-2.7B,llama-2-7b'; Expected = @('Llama-2-7B') }
        @{ Line = "Get-LlmMemoryEstimate 'meta-llama/Llama-2-13"; Expected = @("'meta-llama/Llama-2-13b-hf'") }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Engine v'; Expected = @('vLLM') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Engine vLLM,tr'; Expected = @('Transformers') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -EngineVersion 0.20'; Expected = '0.20', '0.20.1' }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Quantization fp1'; Expected = @('FP16') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Quantization FP16, q8'; Expected = @('Q8_0') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -KvCacheDataType fp8'; Expected = @('FP8') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Gpu "rtx-pro'; Expected = 'RTX-PRO-6000', 'RTX-PRO-6000-Server' }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Optimizer adam'; Expected = 'Adam8bit', 'AdamW' }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -Engine DeepSpeed -OffloadOptimizer nv'; Expected = @('Nvme') }
        @{ Line = 'Get-LlmMemoryEstimate Llama-2-7B -ActivationCheckpointing s'; Expected = @('Selective') }
    ) {
        Get-Completion $Line | Sort-Object | Should -Be ($Expected | Sort-Object)
    }
}
