BeforeAll {
    . (Join-Path $PSScriptRoot 'common.ps1')
}

Describe 'Numbers and enumerated values' {
    It 'refuse what cannot be converted, for that record alone' {
        $records = @(
            [pscustomobject]@{ Model = 'Llama-2-7B'; BatchSize = 'many' }
            [pscustomobject]@{ Model = 'Llama-2-7B'; BatchSize = '2'; Engine = 'Triton' }
            [pscustomobject]@{ Model = 'Llama-2-7B'; BatchSize = '4'; Engine = 'transformers' }
        )
        $estimates = @($records | Get-LlmMemoryEstimate -ErrorAction SilentlyContinue -ErrorVariable failed)
        $estimates.BatchSize | Should -Be 4
        $estimates.Engine | Should -Be 'Transformers'
        $failed | Should -HaveCount 2
        $failed[0].Exception.Message | Should -BeLike "*'BatchSize'*'many' is not a whole number*"
        $failed[1].Exception.Message | Should -BeLike "*'Engine'*'Triton' is not one of vLLM, SGLang, TensorRT-LLM, Transformers*"
    }

    It 'take a blank cell as an absent one' {
        $row = "Model,BatchSize,Engine,SequenceLength`nLlama-2-7B,,,1024" | ConvertFrom-Csv
        $measured = $row | Measure-KvCache
        $measured.BatchSize | Should -Be 1
        $measured.Engine | Should -Be 'vLLM'
        $measured.SequenceLength | Should -Be 1024
    }

    It 'never round <Value>' -TestCases @(
        @{ Value = 2.5 }
        @{ Value = '2.5' }
        @{ Value = [decimal]0.1 }
    ) {
        { Measure-KvCache OPT-125M -BatchSize $Value -ErrorAction Stop } | Should -Throw "*is not a whole number*"
    }

    It 'take a whole number however it is written: <Value>' -TestCases @(
        @{ Value = 8 }
        @{ Value = 8.0 }
        @{ Value = '8' }
        @{ Value = ' 8 ' }
        @{ Value = '8e0' }
        @{ Value = [byte]8 }
    ) {
        (Measure-KvCache OPT-125M -BatchSize $Value).BatchSize | Should -Be 8
    }

    It 'do not read a decimal comma as a thousands separator' {
        { Find-OptimalGpuInstance OPT-125M -SafetyFactor '0,87' -ErrorAction Stop } |
            Should -Throw "*'0,87' is not a number, such as 0.87*"
    }

    It 'name the nearest choice' {
        { Find-OptimalGpuInstance OPT-125M -PerformanceModel Rooflin -ErrorAction Stop } |
            Should -Throw "*'Rooflin' is not one of Fitted, Roofline, InferSave. Did you mean Roofline?*"
    }

    It 'lose only the bad one of several lengths' {
        $measured = Measure-KvCache OPT-125M -InputLength -3, 5 -OutputLength 11 -ErrorAction SilentlyContinue -ErrorVariable failed
        $measured.SequenceLength | Should -Be 16
        $failed.FullyQualifiedErrorId | Should -Be 'ValueOutOfRange,LlmOps.Commands.MeasureKvCacheCommand'
    }
}
