BeforeAll {
    . $PSScriptRoot/common.ps1
    $script:starts = New-ServerLog -Model meta-llama/Llama-3.1-8B-Instruct -Length 8192 | Import-LlmServerLog
    $script:unknown = New-ServerLog -Model /models/nobody-knows-it | Import-LlmServerLog
}

Describe 'New-LlmCalibration' {
    It 'fits, saves, and is found by name, by path and as an object' {
        $made = $starts | New-LlmCalibration by-name
        $made.Activations.Factor | Should -Be (1.4 / (Get-LlmMemoryEstimate Llama-3.1-8B).ActivationsGiB)
        $made.MeasurementCount | Should -Be 1
        $path = Join-Path $env:LLMOPS_DATA calibrations by-name.json
        $path | Should -Exist
        foreach ($given in 'by-name', $path, $made) {
            $estimate = Get-LlmMemoryEstimate Llama-3.1-8B -Calibration $given
            $estimate.ActivationsGiB | Should -BeGreaterThan 1.3999
            $estimate.ActivationsGiB | Should -BeLessThan 1.4001
            $estimate.Calibration | Should -Be by-name
        }
        $plain = Measure-KvCache Llama-3.1-8B -Gpu H100
        (Measure-KvCache Llama-3.1-8B -Gpu H100 -Calibration by-name).PoolGiB | Should -BeGreaterThan $plain.PoolGiB
        ($starts | Compare-LlmMemoryEstimate -Calibration by-name)[1].ErrorPercent | Should -BeLessThan 0.001
    }

    It 'replaces only with Force' {
        $null = $starts | New-LlmCalibration twice
        $again = $starts | New-LlmCalibration twice -ErrorVariable failed -ErrorAction SilentlyContinue
        $again | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'CalibrationExists,LlmOps.Commands.NewLlmCalibrationCommand'
        ($starts | New-LlmCalibration twice -Force).Name | Should -Be twice
    }

    It 'keeps nothing with WhatIf' {
        $starts | New-LlmCalibration never -WhatIf | Should -BeNullOrEmpty
        Join-Path $env:LLMOPS_DATA calibrations never.json | Should -Not -Exist
    }

    It 'fits the good starts where one is bad' {
        $made = @($starts; $unknown; $starts) | New-LlmCalibration mixed -ErrorVariable failed -ErrorAction SilentlyContinue
        $made.MeasurementCount | Should -Be 2
        $failed.Count | Should -Be 1
    }

    It 'refuses <Name>: <Id>' -ForEach @(
        @{ Name = '../outside'; Id = 'CalibrationNameInvalid' }
        @{ Name = 'a b'; Id = 'CalibrationNameInvalid' }
        @{ Name = '.x'; Id = 'CalibrationNameInvalid' }
    ) {
        $starts | New-LlmCalibration $Name -ErrorVariable failed -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failed[0].FullyQualifiedErrorId | Should -BeLike "$Id,*"
    }

    It 'says that there is nothing to fit' {
        $unknown | New-LlmCalibration nothing -ErrorVariable failed -ErrorAction SilentlyContinue | Should -BeNullOrEmpty
        $failed[-1].FullyQualifiedErrorId | Should -BeLike 'NothingToCalibrate,*'
    }

    It 'is refused for another engine' {
        $null = $starts | New-LlmCalibration of-vllm
        Get-LlmMemoryEstimate Llama-3.1-8B -Engine Transformers, vLLM -Calibration of-vllm -ErrorVariable failed -ErrorAction SilentlyContinue |
            ForEach-Object Engine | Should -Be vLLM
        $failed.FullyQualifiedErrorId | Should -BeLike 'CalibrationNotSupported,*'
    }

    It 'completes the names of what is saved' {
        $null = $starts | New-LlmCalibration to-complete -Force
        Get-Completion 'Get-LlmMemoryEstimate Llama-3.1-8B -Calibration to-' | Should -Contain 'to-complete'
    }

    It 'gives what it promises' {
        Get-PromisedType New-LlmCalibration | Should -BeExactly 'LlmOps.Core.Calibration.MemoryCalibration'
    }
}
