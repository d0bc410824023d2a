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
        Get-PromisedType New-LlmCalibration | Should -BeExactly 'LlmOps.Core.Calibration.MemoryCalibration', 'LlmOps.Core.Calibration.TimeCalibration'
    }
}

Describe 'New-LlmCalibration from measured times' {
    BeforeAll {
        $script:header = 'Model,Gpu,Engine,tp,concurrency,isl,osl,mean_ttft_ms,mean_tpot_ms'
        $script:good = 'Llama-3.1-8B,H100,vLLM,1,1,1024,1024,60,8.9', 'Llama-3.1-8B,H100,vLLM,1,8,1024,1024,80,10.1',
            'Llama-3.1-8B,H100,vLLM,1,32,1024,1024,120,13.5', 'Llama-3.1-8B,H100,vLLM,1,64,1024,1024,210,19'
        $script:folder = Join-Path (Get-PSDrive TestDrive).Root times
        $null = New-Item -ItemType Directory $folder -Force
        function Set-Measurement([string] $File, [string[]] $Row) {
            Set-Content (Join-Path $folder $File) (@($header) + $Row)
            Join-Path $folder $File
        }
        $script:file = Set-Measurement times.csv $good
    }

    It 'fits, saves, and is found by name, by path and as an object' {
        $made = New-LlmCalibration h100-times $file
        $made | Should -BeOfType ([LlmOps.Core.Calibration.TimeCalibration])
        $made.MeasurementCount | Should -Be 4
        $made.Gpus, $made.Engines, $made.Models | Should -Be 'H100-80GB', 'vLLM', 'Llama-3.1-8B'
        $made.TimePerOutputToken.LeftOut.MedianPercent | Should -BeLessThan $made.TimePerOutputToken.Before.MedianPercent
        $made.Residuals.Count | Should -Be 4
        $made.Residuals[3].Place | Should -Be "line 5 of 'times.csv'"
        $path = Join-Path $env:LLMOPS_DATA calibrations h100-times.json
        foreach ($given in 'h100-times', $path, $made) {
            $estimate = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 32 -Calibration $given
            $estimate.Calibration | Should -Be h100-times
            [Math]::Abs($estimate.TimePerOutputTokenMs / $made.Residuals[2].CalibratedTimePerOutputTokenMs - 1) | Should -BeLessThan 1e-9
            $estimate.TimePerOutputTokenLowMs | Should -BeLessOrEqual 13.5
            $estimate.TimePerOutputTokenHighMs | Should -BeGreaterOrEqual 13.5
            ($estimate.Terms | Where-Object Name -EQ Calibration).Phase | Should -Be OutputToken, FirstToken
        }
    }

    It 'takes rows, files and measured objects from the pipeline alike' {
        $path = (New-LlmCalibration p $file).TimePerOutputToken
        (New-LlmCalibration l -MeasurementLiteralPath $file).TimePerOutputToken | Should -Be $path
        (Import-Csv $file | New-LlmCalibration c).TimePerOutputToken | Should -Be $path
        (Get-Item $file | New-LlmCalibration f).TimePerOutputToken | Should -Be $path
        (New-LlmCalibration w (Join-Path $folder 't*.csv')).TimePerOutputToken | Should -Be $path
        $own = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 1, 8, 64 | New-LlmCalibration own
        [Math]::Abs($own.TimePerOutputToken.Alpha - 1) | Should -BeLessThan 1e-6
        $own.TimeToFirstToken.LeftOut.WorstPercent | Should -BeLessThan 1e-3
    }

    It 'takes what a benchmark wrote, and from parameters what it does not say' {
        $result = Join-Path $folder result.json
        @{ backend = 'vllm'; model_id = 'our-llama'; num_prompts = 320; completed = 320; request_rate = 'inf'; max_concurrency = 32
            total_input_tokens = 327680; total_output_tokens = 163840; mean_ttft_ms = 120.5; mean_tpot_ms = 12.5; output_throughput = 3000
        } | ConvertTo-Json | Set-Content $result
        $made = New-LlmCalibration bench $result -Model Llama-3.1-8B -Gpu H100 -EngineVersion 0.19.1 -WarningVariable warned -WarningAction SilentlyContinue
        $made.Models, $made.EngineVersions | Should -Be 'Llama-3.1-8B', '0.19.1'
        $made.Residuals[0].BatchSize, $made.Residuals[0].InputLength, $made.Residuals[0].OutputLength | Should -Be 32, 1024, 512
        $made.TimePerOutputToken.LeftOut | Should -BeNullOrEmpty
        $warned.Count | Should -Be 2
        $warned[0] | Should -BeLike 'TPOT: one measurement*'
    }

    It 'writes one error for a bad row that names it and its column, and fits the others' -ForEach @(
        @{ Row = 'Llama-3.1-8B,H100,vLLM,1,64,1024,1024,210,"19,5"'; Id = 'MeasurementInvalid'; Saying = "Line 3 of 'bad.csv', column mean_tpot_ms: '19,5'", 'such as 12.5' }
        @{ Row = 'Llama-3.1-8B,H100,vLLM,1,64,1024,1024,0.21,19'; Id = 'MeasurementBelowFloor'; Saying = "column mean_ttft_ms: '0.21'", 'no less than' }
        @{ Row = 'Llama-3.1-8B,H100,vLLM,1,64,,1024,210,19'; Id = 'MeasurementInvalid'; Saying = 'no InputLength' }
        @{ Row = 'NoSuchModel,H100,vLLM,1,64,1024,1024,210,19'; Id = 'ModelNotFound'; Saying = 'column Model', 'NoSuchModel' }
        @{ Row = 'Llama-3.1-8B,H100,vLLM,3,64,1024,1024,210,19'; Id = 'TensorParallelSizeNotSupported'; Saying = 'Line 3' }
    ) {
        $bad = Set-Measurement bad.csv ($good[0], $Row + $good[1..3])
        $result = Invoke-Recorded { New-LlmCalibration bad $bad -Force }
        $result.Output.MeasurementCount | Should -Be 4
        Assert-OneError $result $Id NewLlmCalibration InvalidData "line 3 of 'bad.csv'" $Saying
    }

    It 'reads numbers in the invariant culture, whatever the session''s' {
        $previous = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = 'de-DE'
            (New-LlmCalibration de $file -Force).TimePerOutputToken | Should -Be (Import-Csv $file | New-LlmCalibration de -Force).TimePerOutputToken
            $estimates = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 1, 8, 64
            ($estimates | New-LlmCalibration de-own -Force).TimePerOutputToken.Before.WorstPercent | Should -BeLessThan 1e-6
        }
        finally { [cultureinfo]::CurrentCulture = $previous }
        (New-LlmCalibration en $file).TimePerOutputToken | Should -Be (New-LlmCalibration de $file -Force).TimePerOutputToken
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a file that is not there'; Content = $null; Id = 'MeasurementFileNotFound' }
        @{ Name = 'an empty file'; Content = ''; Id = 'MeasurementFileInvalid' }
        @{ Name = 'a header alone'; Content = 'Model,Gpu,TpotMs'; Id = 'MeasurementFileInvalid' }
        @{ Name = 'something else'; Content = "模型,名前`n1,2"; Id = 'MeasurementFileInvalid' }
        @{ Name = 'half a result'; Content = '{"model_id": "x", '; Id = 'MeasurementFileInvalid' }
    ) {
        $target = Join-Path $folder refused.csv
        Remove-Item $target -ErrorAction Ignore
        if ($null -ne $Content) { Set-Content $target $Content -NoNewline }
        $result = Invoke-Recorded { New-LlmCalibration refused $target }
        $result.Output.Count | Should -Be 0
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors[0].FullyQualifiedErrorId | Should -BeLike "$Id,*"
        Join-Path $env:LLMOPS_DATA calibrations refused.json | Should -Not -Exist
    }

    It 'refuses times and logs together, and text' {
        $mixed = Invoke-Recorded { @($starts; Import-Csv $file) | New-LlmCalibration both }
        Assert-OneError $mixed MeasurementsMixed NewLlmCalibration InvalidArgument both 'one at a time'
        $text = Invoke-Recorded { 'a,b' | New-LlmCalibration text }
        $text.Errors[0].FullyQualifiedErrorId | Should -BeLike 'MeasurementInvalid,*'
        $warned = Invoke-Recorded { $starts | New-LlmCalibration logs -BatchSize 3 -Force }
        $warned.Warnings[0].Message | Should -BeLike 'BatchSize:*'
    }

    It 'refuses a parameter that is not known once, and not for each row' {
        $result = Invoke-Recorded { New-LlmCalibration wrong $file -Gpu H1000 }
        Assert-OneError $result GpuNotFound NewLlmCalibration ObjectNotFound H1000 'H1000'
    }

    It 'refines the coefficients of the step-time model' {
        $made = New-LlmCalibration refined $file -Method Coefficients
        $made.TimePerOutputToken.Alpha, $made.TimePerOutputToken.BetaMs | Should -Be 1, 0
        $made.Coefficients.Changes[0].Name | Should -Not -BeNullOrEmpty
        $made.TimePerOutputToken.After.MedianPercent | Should -BeLessThan $made.TimePerOutputToken.Before.MedianPercent
        $estimate = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 8 -Calibration refined
        [Math]::Abs($estimate.TimePerOutputTokenMs / $made.Residuals[1].CalibratedTimePerOutputTokenMs - 1) | Should -BeLessThan 1e-9
        $estimate.Terms[0].Source | Should -BeLike "calibration 'refined'*"
        $none = Invoke-Recorded { Import-Csv $file | ForEach-Object { $_.Engine = 'Transformers'; $_ } | New-LlmCalibration none -Method Coefficients }
        Assert-OneError $none CalibrationMethodNotSupported NewLlmCalibration NotImplemented Transformers 'Linear'
    }

    It 'is one calibration of one kind' {
        $null = New-LlmCalibration kind $file
        $result = Invoke-Recorded { Get-LlmMemoryEstimate Llama-3.1-8B -Calibration kind }
        $result.Errors[0].FullyQualifiedErrorId | Should -BeLike 'CalibrationKindMismatch,*'
        $memory = $starts | New-LlmCalibration kind-memory
        foreach ($given in 'kind-memory', $memory) {
            $result = Invoke-Recorded { Get-LlmPerformanceEstimate Llama-3.1-8B H100, H200 -Calibration $given }
            Assert-OneError $result CalibrationKindMismatch GetLlmPerformanceEstimate InvalidArgument $result.Errors[0].TargetObject 'Get-LlmMemoryEstimate'
            $result.Output.Count | Should -Be 0
        }
    }

    It 'warns once of a GPU or an engine that was not measured' {
        $null = New-LlmCalibration warns $file
        $result = Invoke-Recorded { Get-LlmPerformanceEstimate Llama-3.1-8B H100, H200 -BatchSize 1, 2 -Engine vLLM, SGLang -Calibration warns }
        $result.Output.Count | Should -Be 8
        $result.Warnings.Message | Should -Be @(
            "The calibration 'warns' was fitted to measurements of H100-80GB, not H200: what it says there is a guess."
            "The calibration 'warns' was fitted to measurements of vLLM, not SGLang: what it says there is a guess.")
    }

    It 'completes names of its kind, methods and engines' {
        $null = New-LlmCalibration tab-times $file
        $null = $starts | New-LlmCalibration tab-memory
        Get-Completion 'Get-LlmPerformanceEstimate Llama-3.1-8B H100 -Calibration tab-' | Should -Be 'tab-times'
        Get-Completion 'Get-LlmMemoryEstimate Llama-3.1-8B -Calibration tab-' | Should -Be 'tab-memory'
        Get-Completion 'New-LlmCalibration x -Method C' | Should -Be 'Coefficients'
        Get-Completion 'New-LlmCalibration x -Engine SG' | Should -Be 'SGLang'
    }

    It 'stops at Ctrl+C in the middle of a fit' {
        $stopped = Stop-Running -AfterSeconds 3 @"
            `$rows = 1..1500 | ForEach-Object { [pscustomobject]@{ Model = 'Llama-3.1-8B'; Gpu = 'H100'; BatchSize = 1 + `$_ % 200; InputLength = 100 + `$_; OutputLength = 100; TpotMs = 40 } }
            Write-Output started
            `$rows | New-LlmCalibration stopped -Method Coefficients
"@
        Assert-Stopped $stopped -WithinSeconds 5
        Join-Path $env:LLMOPS_DATA calibrations stopped.json | Should -Not -Exist
    }
}
