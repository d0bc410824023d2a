BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Measure-KvCache' {
    It 'measures 8 GiB for 8 sequences of 2048 tokens of Llama-2-7B' {
        $measured = Measure-KvCache Llama-2-7B -BatchSize 8 -SequenceLength 2048
        $measured.TotalGiB | Should -Be 8
        $measured.PerSequenceGiB | Should -Be 1
        $measured.BytesPerToken | Should -Be 524288
        $measured.BlockSize | Should -Be 16
        $measured.BlockCount | Should -Be 1024
        $measured.ModelName | Should -BeExactly 'Llama-2-7B'
    }

    It 'measures <Bytes> bytes a token for <Name>' -ForEach @(
        @{ Name = 'Llama-3.1-8B'; Bytes = 2 * 32 * 8 * 128 * 2 }
        @{ Name = 'Mixtral-8x7B'; Bytes = 2 * 32 * 8 * 128 * 2 }
        @{ Name = 'DeepSeek-V3'; Bytes = 61 * (512 + 64) * 2 }
    ) {
        (Measure-KvCache $Name).BytesPerToken | Should -Be $Bytes
    }

    It 'halves with an 8-bit cache' {
        (Measure-KvCache Llama-2-7B -BatchSize 8 -SequenceLength 2048 -KvCacheDataType FP8).TotalGiB | Should -Be 4
    }

    It 'copies latent attention on every rank' {
        (Measure-KvCache DeepSeek-V3 -TP 8).BytesPerToken | Should -Be (8 * (Measure-KvCache DeepSeek-V3).BytesPerToken)
        (Measure-KvCache Llama-3.1-8B -TP 8).BytesPerToken | Should -Be (Measure-KvCache Llama-3.1-8B).BytesPerToken
        (Measure-KvCache Llama-3.1-8B -TP 16).BytesPerToken | Should -Be (2 * (Measure-KvCache Llama-3.1-8B).BytesPerToken)
    }

    It 'says on a GPU what there is room for' {
        $measured = Measure-KvCache Llama-2-7B -Gpu A100-80GB -BatchSize 8 -SequenceLength 2048
        $measured.TokenCapacity | Should -Be (16 * $measured.BlockCapacity)
        $measured.TokenCapacity | Should -Be (16 * [Math]::Floor($measured.PoolGiB * 1GB / 524288 / 16))
        $measured.SequenceCapacity | Should -Be ([Math]::Floor($measured.TokenCapacity / 2048))
        $measured.Fits | Should -BeTrue
        (Measure-KvCache Llama-2-7B -Gpu T4 -BatchSize 8 -SequenceLength 2048).Fits | Should -BeFalse
    }

    It 'says nothing about capacity without a GPU' {
        $measured = Measure-KvCache Llama-2-7B
        $measured.Gpu, $measured.PoolGiB, $measured.TokenCapacity, $measured.Fits | Should -Be $null, $null, $null, $null
    }

    It 'finds the longest context that fits' {
        $longest = Measure-KvCache Llama-3.1-8B -Gpu L4 -MaxModelLength -1
        $longest.Fits | Should -BeTrue
        $longest.SequenceLength | Should -Be $longest.MaxModelLength
        $longest.SequenceLength | Should -BeGreaterThan 1000
        (Measure-KvCache Llama-3.1-8B -Gpu L4 -SequenceLength ($longest.SequenceLength + 1)).Fits | Should -BeFalse
        (Measure-KvCache Llama-3.1-8B -Gpu L4 -MaxModelLength -1 -BatchSize 4).SequenceLength | Should -BeLessThan $longest.SequenceLength
        (Measure-KvCache Llama-3.1-8B -Gpu H200 -MaxModelLength -1).SequenceLength | Should -Be 131072 -Because 'the model was made for no more'
    }

    It 'says as vLLM does how many of the longest sequences there is room for' {
        $measured = Measure-KvCache Llama-3.1-8B -Gpu H100 -MaxModelLength 8192 -SequenceLength 100
        $measured.MaxConcurrency | Should -BeGreaterThan 40
        $measured.MaxConcurrency | Should -Be (Measure-KvCache Llama-3.1-8B -Gpu H100 -SequenceLength 8192).MaxConcurrency
    }

    It 'refuses <Because> for the longest context: <Id>' -ForEach @(
        @{ Because = 'no GPU'; Id = 'GpuRequired'; Settings = @{} }
        @{ Because = 'a length'; Id = 'ParametersExcludeEachOther'; Settings = @{ Gpu = 'L4'; SequenceLength = 100 } }
        @{ Because = 'a GPU without room'; Id = 'NoContextFits'; Settings = @{ Gpu = 'T4' } }
        @{ Because = 'another negative number'; Id = 'ValueOutOfRange'; Settings = @{ Gpu = 'L4'; MaxModelLength = -2 } }
    ) {
        $all = @{ MaxModelLength = -1 } + @{}
        foreach ($key in $Settings.Keys) { $all[$key] = $Settings[$key] }
        $result = Measure-KvCache Llama-3.1-70B @all -ErrorVariable failed -ErrorAction SilentlyContinue
        $result | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -BeLike "$Id,*"
    }

    It 'gives what it promises and nothing else' {
        $types = Get-LlmModel 'Llama-2-*' | Measure-KvCache -Gpu T4, L4 | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique
        $types | Should -BeExactly 'LlmOps.Core.Memory.KvCacheMeasurement'
        Get-PromisedType Measure-KvCache | Should -BeExactly $types
    }
}

Describe 'Measure-KvCache sweeps' {
    It 'varies the last list fastest and has the values on each object' {
        $found = Measure-KvCache Mixtral-8x7B -SequenceLength 4096, 16384 -BatchSize 1, 8 -Gpu L4, T4
        ($found | ForEach-Object { "$($_.Gpu)/$($_.BatchSize)/$($_.SequenceLength)" }) | Should -Be @(
            'L4/1/4096', 'L4/1/16384', 'L4/8/4096', 'L4/8/16384', 'T4/1/4096', 'T4/1/16384', 'T4/8/4096', 'T4/8/16384')
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Measure-KvCache Llama-2-7B -BatchSize (1..100000) -SequenceLength (1..4096) -Gpu T4'
        Assert-Stopped $stopped
    }

    It 'stops early when the rest of the pipeline has enough' {
        (Measure-KvCache Llama-2-7B -BatchSize (1..100000) -SequenceLength (1..4096) | Select-Object -First 2).SequenceLength | Should -Be 1, 2
    }
}

Describe 'Measure-KvCache from the pipeline' {
    It 'takes model objects, names, CSV rows and memory estimates' {
        (Get-LlmModel 'Llama-2-*' | Measure-KvCache).ModelName | Should -Be 'Llama-2-7B', 'Llama-2-13B', 'Llama-2-70B'
        ('Llama-2-7B', 'OPT-2.7B' | Measure-KvCache).ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Set-Content TestDrive:/jobs.csv "Model,BatchSize,SequenceLength,KvCacheDataType,Gpu,TensorParallelSize`nLlama-2-7B,8,2048,FP8,L4,2"
        $measured = Import-Csv TestDrive:/jobs.csv | Measure-KvCache
        $measured.TotalGiB, $measured.KvCacheDataType, $measured.Gpu, $measured.TensorParallelSize | Should -Be 4, 'FP8', 'L4', 2
        $measured = Get-LlmMemoryEstimate Llama-2-7B -BatchSize 8 -SequenceLength 2048 -Gpu L4 | Measure-KvCache
        $measured.TotalGiB, $measured.Gpu | Should -Be 8, 'L4'
    }

    It 'exports to CSV and comes back as numbers' {
        Measure-KvCache Mixtral-8x7B -SequenceLength 4096, 16384 -BatchSize 1, 8 | Export-Csv TestDrive:/kv.csv
        $rows = @(Import-Csv TestDrive:/kv.csv)
        $rows.Count | Should -Be 4
        [long] $rows[3].BytesPerToken | Should -Be 131072
        $rows[3].BatchSize, $rows[3].SequenceLength | Should -Be '8', '16384'
    }
}

Describe 'Measure-KvCache with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $result = Invoke-Recorded { 'Llama-2-7B', 'Llama-2-8B', 'OPT-2.7B' | Measure-KvCache }
        $result.Output.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result ModelNotFound MeasureKvCache ObjectNotFound 'Llama-2-8B' "'Llama-2-8B'", 'Did you mean Llama-2-7B?'
        $rows = "Model,BatchSize,Gpu`nLlama-2-7B,1,T4`nLlama-2-7B,1,T44`nOPT-2.7B,2,L4" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Measure-KvCache }
        $result.Output.Gpu | Should -Be 'T4', 'L4'
        Assert-OneError $result GpuNotFound MeasureKvCache ObjectNotFound 'T44' "'T44'", 'Did you mean'
        $result = Invoke-Recorded { $rows | Measure-KvCache -ErrorAction SilentlyContinue }
        $result.Output.Count | Should -Be 2
        $result.Errors.Count | Should -Be 0
        (Invoke-Recorded { $rows | Measure-KvCache -ErrorAction Stop }).Terminating.FullyQualifiedErrorId |
            Should -BeExactly 'GpuNotFound,LlmOps.Commands.MeasureKvCacheCommand'
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a batch of 0'; Script = { Measure-KvCache Llama-2-7B -BatchSize 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BatchSize is 0', 'value is 1.' }
        @{ Name = 'a negative batch'; Script = { Measure-KvCache Llama-2-7B -BatchSize -8 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -8; Saying = 'BatchSize is -8' }
        @{ Name = 'a huge batch'; Script = { Measure-KvCache Llama-2-7B -BatchSize ([long]::MaxValue) }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = [long]::MaxValue; Saying = 'value is 1000000.' }
        @{ Name = 'no tokens'; Script = { Measure-KvCache Llama-2-7B -SequenceLength 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'SequenceLength is 0' }
        @{ Name = 'a quantization'; Script = { Measure-KvCache Llama-2-7B -Quantization AWK }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'AWK'; Saying = "'AWK'", 'Did you mean AWQ?' }
        @{ Name = 'heads that do not divide'; Script = { Measure-KvCache Llama-2-7B -TP 5 }; Id = 'TensorParallelSizeNotSupported'; Category = 'NotImplemented'; Target = 5; Saying = 'TensorParallelSize is 5', 'value is 4.' }
        @{ Name = 'a path of another provider'; Script = { Measure-KvCache Function:prompt }; Id = 'PathNotInFileSystem'; Category = 'InvalidArgument'; Target = 'Function:prompt'; Saying = 'file system' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id MeasureKvCache $Category $Target $Saying
    }
}

Describe 'Measure-KvCache by engine version' {
    It 'gives the tokens that vLLM 0.19 printed on H100-80GB' {
        $measured = Measure-KvCache Llama-3.1-8B -Gpu H100-80GB -GpuMemoryUtilization 0.95 -MaxModelLength 8192 -EngineVersion v0.19.0
        $measured.EngineVersion | Should -BeExactly 'v0.19.0'
        $measured.TokenCapacity / 476016 | Should -BeGreaterThan 0.999
        $measured.TokenCapacity / 476016 | Should -BeLessThan 1.001
        [math]::Round($measured.MaxConcurrency, 1) | Should -Be 58.1
    }

    It 'sweeps versions, and counts tokens by concurrency from 0.20.1 on' {
        $measured = Measure-KvCache Gemma-3-27B -Gpu H100-80GB -MaxModelLength 8192 -EngineVersion 0.19, '0.20', 0.20.1
        $measured.EngineVersion | Should -Be '0.19', '0.20', '0.20.1'
        $measured[2].TokenCapacity | Should -Be ([math]::Floor($measured[2].MaxConcurrency * 8192))
        $measured[1].PoolGiB | Should -Be $measured[2].PoolGiB
    }
}

Describe 'Measure-KvCache completion' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Measure-KvCache llama-2-7b'; Expected = @('Llama-2-7B') }
        @{ Line = 'Measure-KvCache Llama-2-7B -Gpu T4, l4'; Expected = 'L4', 'L40', 'L40S' }
        @{ Line = "Measure-KvCache Llama-2-7B -Quantization 'NV"; Expected = @('NVFP4') }
        @{ Line = 'Measure-KvCache Llama-2-7B -Engine T'; Expected = 'TensorRT-LLM', 'Transformers' }
        @{ Line = 'Measure-KvCache Llama-2-7B -KvCacheDataType FP8,a'; Expected = @('Auto') }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }
}
