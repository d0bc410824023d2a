BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Compare-LlmQuantization' {
    It 'counts parameters alone at nominal bits' {
        $c = Compare-LlmQuantization -ParameterCount 70e9 -From FP16 -To INT4
        $c.OriginalGB | Should -Be 140
        $c.QuantizedGB | Should -Be 35
        $c.SavedGB | Should -Be 105
        $c.ReductionFactor | Should -Be 4
        $c.SavedPercent | Should -Be 75
        $c.BitsPerWeight | Should -Be 4
        $c.ModelName | Should -BeNullOrEmpty
        $c.From | Should -BeExactly 'FP16'
        (Compare-LlmQuantization -ParameterCount 70e9 -To INT4).From | Should -BeExactly 'FP16'
        (Compare-LlmQuantization -ParameterCount 7e9, 70e9 -From FP32, BF16 -To INT8, INT4).OriginalGB | Should -Be 28, 28, 14, 14, 280, 280, 140, 140
    }

    It 'counts a model as its files hold it, beside the nominal figures' {
        $c = Compare-LlmQuantization Llama-3.1-8B -To AWQ
        $c.ModelName | Should -BeExactly 'Llama-3.1-8B'
        $c.From | Should -BeExactly 'BF16'
        $c.NominalReductionFactor | Should -Be 4
        [Math]::Abs($c.BitsPerWeight - 8e9 * $c.QuantizedGB / 8030261248) | Should -BeLessThan 1e-9
        $c.BitsPerWeight | Should -BeGreaterThan 5.7
        $c.BitsPerWeight | Should -BeLessThan 5.71
        [Math]::Abs($c.SavedGiB * 1GB - $c.SavedGB * 1e9) | Should -BeLessThan 1
        $c.Gpu, $c.Kernel, $c.DecodeSpeedupFactor, $c.SpeedEvidence | Should -Be $null, $null, $null, $null
    }

    It 'takes the usual formats where none is named' {
        (Compare-LlmQuantization Llama-3.1-8B).To | Should -Be 'FP8', 'INT8', 'INT4', 'GPTQ', 'AWQ', 'NF4', 'NVFP4', 'MXFP4', 'Q8_0', 'Q4_K_M'
        (Compare-LlmQuantization DeepSeek-V3).To | Should -Not -Contain 'FP8'
    }

    It 'compares times as Get-LlmPerformanceEstimate has them' {
        $c = Compare-LlmQuantization Llama-3.1-8B FP8 -Gpu H100 -BatchSize 16 -InputLength 500 -OutputLength 100 -Engine SGLang
        $before = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 16 -InputLength 500 -OutputLength 100 -Engine SGLang
        $after = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize 16 -InputLength 500 -OutputLength 100 -Engine SGLang -Quantization FP8
        $c.OriginalTimePerOutputTokenMs | Should -Be $before.TimePerOutputTokenMs
        $c.QuantizedTimeToFirstTokenMs | Should -Be $after.TimeToFirstTokenMs
        $c.QuantizedTokensPerSecond | Should -Be $after.TokensPerSecond
        $c.DecodeSpeedupFactor | Should -Be ($before.TimePerOutputTokenMs / $after.TimePerOutputTokenMs)
        $c.DecodeSpeedupFactorLow | Should -BeLessThan $c.DecodeSpeedupFactor
        $c.DecodeSpeedupFactorHigh | Should -BeGreaterThan $c.DecodeSpeedupFactor
        $c.Engine, $c.Gpu, $c.Kernel, $c.SpeedEvidence | Should -Be 'SGLang', 'H100-80GB', 'Native', 'Fitted'
    }

    It 'goes on to the estimators with the format after' {
        $c = Compare-LlmQuantization Llama-3.1-8B FP8, AWQ -Gpu L4 -BatchSize 8
        $times = $c | Get-LlmPerformanceEstimate
        $times.Quantization | Should -Be FP8, AWQ
        $times.TimePerOutputTokenMs | Should -Be $c.QuantizedTimePerOutputTokenMs
        ($c | Get-LlmMemoryEstimate).Quantization | Should -Be FP8, AWQ
    }

    It 'says where there are no times, and gives none' {
        $c = Compare-LlmQuantization Llama-3.1-8B NF4, NVFP4 -Gpu MI300X
        $c.Kernel | Should -Be 'Missing', 'Missing'
        $c.DecodeSpeedupFactor | Should -Be $null, $null
        $c.SpeedNote | Should -Be 'vLLM has no kernels for NF4 on MI300X', 'vLLM has no kernels for NVFP4 on MI300X'
        $c.QuantizedGB | ForEach-Object { $_ | Should -BeLessThan 7 }
        (Compare-LlmQuantization Llama-3.1-8B FP8 -Gpu A100-80GB).SpeedNote | Should -Match 'no units for FP8'
        $large = Compare-LlmQuantization Llama-3.1-70B AWQ -Gpu H100
        $large.OriginalFits, $large.QuantizedFits | Should -Be $false, $true
        $large.DecodeSpeedupFactor | Should -BeNullOrEmpty
        $large.SpeedNote | Should -Match 'BF16 does not fit'
    }

    It 'has both formats on one engine' {
        (Compare-LlmQuantization Llama-3.1-8B Q4_K_M, AWQ -Gpu H100).Engine | Should -Be 'LlamaCpp', 'vLLM'
        $two = Compare-LlmQuantization Llama-3.1-70B Q4_K_M -Gpu H100 -TP 2
        $two.TensorParallelSize, $two.PipelineParallelSize | Should -Be 1, 2
    }

    It 'knows what a token costs' {
        $own = Compare-LlmQuantization Llama-3.1-8B FP8 -Gpu H100 -BatchSize 16 -UsdPerHour 6.88
        [Math]::Abs($own.QuantizedUsdPerMillionTokens - 6.88 / 3600 / $own.QuantizedTokensPerSecond * 1e6) | Should -BeLessThan 1e-9
        $rented = Compare-LlmQuantization Llama-3.1-8B FP8 -Instance p5.48xlarge -BatchSize 16 -WarningAction Ignore
        $rented.Copies | Should -Be 8
        $rented.UsdPerHour | Should -Be (Get-GpuInstance p5.48xlarge -WarningAction Ignore | Measure-Object UsdPerHour -Minimum).Minimum
        [Math]::Abs($rented.QuantizedUsdPerMillionTokens * 8 / $rented.UsdPerHour - $own.QuantizedUsdPerMillionTokens / 6.88) | Should -BeLessThan 1e-9
        (Compare-LlmQuantization Llama-3.1-8B FP8 -Instance (Get-GpuInstance p5.48xlarge -Region us-east-1 -WarningAction Ignore) -TP 4 -WarningAction Ignore).Copies | Should -Be 2
    }

    It 'has published quality with its source, and marks another model''s' {
        $same = Compare-LlmQuantization DeepSeek-R1 NVFP4
        $same.Quality.Count | Should -Be 5
        ($same.Quality | Where-Object Dataset -EQ 'GPQA Diamond').After | Should -Be 69.2
        $same.QualityMatch | Should -Be 'Same'
        $same.Quality[0].Source | Should -Match 'nvidia/DeepSeek-R1-FP4'
        $near = Compare-LlmQuantization Llama-3.1-8B Q4_K_M
        $near.QualityMatch | Should -Be 'Series'
        $near.Quality[0].PublishedFor | Should -Be 'Llama-3-8B'
        [Math]::Abs($near.QualityChangePercent + 100 * (6.407115 - 6.233160) / 6.233160) | Should -BeLessThan 1e-9
        $none = Compare-LlmQuantization Llama-3.1-8B MXFP4
        $none.Quality.Count | Should -Be 0
        $none.QualityChangePercent | Should -BeNullOrEmpty
    }

    It 'takes every list as an axis' {
        $sweep = Compare-LlmQuantization Llama-3.1-8B, Qwen3-8B FP8, AWQ -From BF16, FP32 -Gpu H100, H200 -BatchSize 1, 4 -InputLength 100, 200
        $sweep.Count | Should -Be 64
        $sweep[0, 1].InputLength | Should -Be 100, 200
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Compare-LlmQuantization Llama-2-7B FP8 -Gpu A100-80GB -BatchSize (1..100000) -InputLength (1..4096)'
        Assert-Stopped $stopped
    }
}

Describe 'Compare-LlmQuantization from the pipeline' {
    It 'takes models, and rows by the names of their properties' {
        (Get-LlmModel Llama-3.1-8B, OPT-2.7B | Compare-LlmQuantization -To AWQ).ModelName | Should -Be 'Llama-3.1-8B', 'OPT-2.7B'
        $rows = "Model,From,To,Gpu,Engine,BatchSize`nLlama-3.1-8B,FP16,FP8,H100,SGLang,4`nQwen3-8B,BF16,AWQ,H200,vLLM,2" | ConvertFrom-Csv
        $c = $rows | Compare-LlmQuantization
        $c.ModelName | Should -Be 'Llama-3.1-8B', 'Qwen3-8B'
        $c.From | Should -Be 'FP16', 'BF16'
        $c.To | Should -Be 'FP8', 'AWQ'
        $c.Gpu | Should -Be 'H100-80GB', 'H200'
        $c.Engine | Should -Be 'SGLang', 'vLLM'
        $c.BatchSize | Should -Be 4, 2
    }

    It 'takes its own output, and a path' {
        $one = Compare-LlmQuantization Llama-3.1-8B FP8 -Gpu H200 -BatchSize 4 -InputLength 100 -OutputLength 50
        ($one | Compare-LlmQuantization).QuantizedTokensPerSecond | Should -Be $one.QuantizedTokensPerSecond
        $small = Compare-LlmQuantization Llama-3.1-8B FP8
        ($small | Compare-LlmQuantization).QuantizedGB | Should -Be $small.QuantizedGB
        Set-Content TestDrive:/config.json (New-ConfigJson)
        (Compare-LlmQuantization TestDrive:/config.json INT8).ReductionFactor | Should -BeLessThan 2
    }
}

Describe 'Compare-LlmQuantization with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "Model,To`nLlama-2-7B,FP8`nLlama-2-7B,FP7`nOPT-2.7B,FP8" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Compare-LlmQuantization }
        $result.Output.ModelName | Should -Be 'Llama-2-7B', 'OPT-2.7B'
        Assert-OneError $result QuantizationNotFound CompareLlmQuantization ObjectNotFound FP7 'FP7', 'FP8'
    }

    It 'leaves <Name> out' -ForEach @(
        @{ Name = 'an unknown model'; Script = { Compare-LlmQuantization NoSuchModel, Llama-2-7B FP8 }; Id = 'ModelNotFound'; Category = 'ObjectNotFound'; Target = 'NoSuchModel'; Saying = 'NoSuchModel' }
        @{ Name = 'an unknown format before'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -From 'Größe', FP16 }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'Größe'; Saying = 'Größe' }
        @{ Name = 'an unknown GPU'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Gpu H1000, H100 }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'H1000' }
        @{ Name = 'a number of billions'; Script = { Compare-LlmQuantization -ParameterCount 70, 70e9 -To INT4 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 70; Saying = '70e9' }
        @{ Name = 'no parameters'; Script = { Compare-LlmQuantization -ParameterCount 0, 70e9 -To INT4 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'ParameterCount is 0' }
        @{ Name = 'an endless number'; Script = { Compare-LlmQuantization -ParameterCount ([double]::PositiveInfinity), 70e9 -To INT4 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = [double]::PositiveInfinity; Saying = 'Infinity' }
        @{ Name = 'a negative price'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Gpu H100 -UsdPerHour -1, 5 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'UsdPerHour is -1' }
        @{ Name = 'no users'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Gpu H100 -BatchSize 0, 5 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BatchSize is 0' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 1
        Assert-OneError $result $Id CompareLlmQuantization $Category $Target $Saying
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a GPU beside an instance'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Gpu H100 -Instance p5.48xlarge -WarningAction Ignore }; Id = 'ParametersExcludeEachOther' }
        @{ Name = 'a price beside an instance'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -UsdPerHour 5 -Instance p5.48xlarge -WarningAction Ignore }; Id = 'ParametersExcludeEachOther' }
        @{ Name = 'an unknown instance'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Instance p55.large }; Id = 'InstanceNotFound' }
        @{ Name = 'an instance with too few GPUs'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -Instance p5.4xlarge -TP 4 -WarningAction Ignore }; Id = 'InstanceTooSmall' }
        @{ Name = 'a price without a GPU'; Script = { Compare-LlmQuantization Llama-2-7B FP8 -UsdPerHour 5 }; Id = 'GpuRequired' }
        @{ Name = 'to guess what is smaller than two bits'; Script = { Compare-LlmQuantization Llama-2-7B -From Q2_K }; Id = 'QuantizationRequired' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly "$Id,LlmOps.Commands.CompareLlmQuantizationCommand"
    }

    It 'refuses a number of parameters beside a model' {
        { Compare-LlmQuantization -Model Llama-2-7B -ParameterCount 7e9 -To FP8 -ErrorAction Stop } | Should -Throw -ErrorId 'AmbiguousParameterSet*'
    }

    It 'warns once of a context that the model was not made for' {
        (Invoke-Recorded { Compare-LlmQuantization Llama-2-7B FP8, AWQ -Gpu H100 -InputLength 8000 }).Warnings.Count | Should -Be 1
    }
}

Describe 'Compare-LlmQuantization elsewhere' {
    It 'shows numbers as the user writes them, and holds them as numbers' {
        $c = Compare-LlmQuantization Llama-3.1-8B AWQ
        Get-Rendering $c -Width 80 -Culture de-DE | Should -Match '5,73'
        Get-Rendering $c -Width 80 -Culture de-DE | Should -Match '16,06 GB'
        $c | ConvertTo-Csv | Select-Object -Last 1 | Should -Match '"2\.80'
        "$c" | Should -BeExactly 'Llama-3.1-8B BF16 to AWQ: 16.06 to 5.73 GB, 2.8 x'
    }

    It 'completes models, formats, GPUs, engines and instances' {
        Get-Completion 'Compare-LlmQuantization Llama-3.1-8' | Should -Contain 'Llama-3.1-8B'
        Get-Completion 'Compare-LlmQuantization Llama-2-7B -To Q4_K' | Should -Be 'Q4_K_M', 'Q4_K_S'
        Get-Completion 'Compare-LlmQuantization Llama-2-7B -From F' | Should -Contain 'FP32'
        Get-Completion 'Compare-LlmQuantization Llama-2-7B FP8 -Gpu H2' | Should -Contain 'H200'
        Get-Completion 'Compare-LlmQuantization Llama-2-7B FP8 -Engine S' | Should -Contain 'SGLang'
        Get-Completion 'Compare-LlmQuantization Llama-2-7B FP8 -Instance p5.4' | Should -Contain 'p5.48xlarge'
    }
}
