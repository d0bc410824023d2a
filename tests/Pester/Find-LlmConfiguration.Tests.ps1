BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Find-LlmConfiguration -PerformanceModel Simple' {
    It 'gives what the published program prints' {
        $top = Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 100000 -TargetLatencyMs 200 -BudgetUsdPerMonth 5000
        # An array has a rank of its own.
        $top.ForEach('Rank') | Should -Be 1, 2, 3, 4, 5
        $top.Gpu | Sort-Object -Unique | Should -Be T4
        $top.Quantization | Should -Be INT4, INT4, INT4, INT8, INT8
        $top.BatchSize | Should -Be 1, 2, 4, 1, 2
        $top.EstimatedLatencyMs.ForEach({ [Math]::Round($_, 2) }) | Should -Be 50, 55, 65, 66.67, 73.33
        $top.UsdPerMonth.ForEach({ [Math]::Round($_, 2) }) | Should -Be 288, 288, 288, 288, 288
        $top.UsdPerRequest.ForEach({ [Math]::Round($_, 6) }) | Should -Be 0.000096, 0.000096, 0.000096, 0.000096, 0.000096
        $top.Score.ForEach({ [Math]::Round($_, 3) }) | Should -Be 18.229, 17.969, 17.448, 17.361, 17.014
        $top.GpusNeeded | Should -Be 1, 1, 1, 1, 1
        $top.MeetsSla | Should -Not -Contain $false
        $top[0].HoursPerMonth | Should -Be 720
        $top[0].Evidence | Should -Be Assumed
        $top[0].Instance, $top[0].PriceDate | Should -Be $null, $null
    }

    It 'shows as many as are asked for, and the rejected with their reasons' {
        (Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 100000 -TargetLatencyMs 200 -First 1).Count | Should -Be 1
        (Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 100000 -TargetLatencyMs 200 -Top 100).Count | Should -Be 44
        $rejected = Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 100000 -TargetLatencyMs 200 -BudgetUsdPerMonth 1000 -IncludeRejected | Where-Object RejectionReason
        ($rejected | Where-Object Gpu -EQ 'A100-40GB')[0].RejectionReason | Should -Be '2520.00 USD a month are more than the budget of 1000.00'
        ($rejected | Where-Object MeetsSla -EQ $false).RejectionReason | Should -Be '250 ms are more than the target of 200 ms'
    }

    It 'tries an A100-80GB where it is named' {
        $found = Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 50000000 -TargetLatencyMs 100 -Gpu A100-80GB, T4 -First 1
        $found.Gpu | Should -Be A100-80GB
        [Math]::Round($found.Score, 2) | Should -Be 224.64
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a GPU without a factor'; Script = { Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 1000 -TargetLatencyMs 100 -Gpu H100 }; Id = 'GpuNotSupported'; Target = 'H100-80GB'; Saying = 'A100-80GB' }
        @{ Name = 'a precision without a factor'; Script = { Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 1000 -TargetLatencyMs 100 -Quantization BF16 }; Id = 'QuantizationNotSupported'; Target = 'BF16'; Saying = 'FP16' }
        @{ Name = 'a model'; Script = { Find-LlmConfiguration Llama-2-7B -PerformanceModel Simple -RequestsPerDay 1000 -TargetLatencyMs 100 }; Id = 'SettingNotSupported'; Target = 'Model'; Saying = 'Model has no effect' }
        @{ Name = 'a region'; Script = { Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 1000 -TargetLatencyMs 100 -Region us-east-1 }; Id = 'SettingNotSupported'; Target = 'Region'; Saying = 'Region has no effect' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id FindLlmConfiguration NotImplemented $Target $Saying
    }
}

Describe 'Find-LlmConfiguration' {
    It 'ranks GPUs, precisions and batch sizes under target and budget' {
        $found = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 100000 -TargetLatencyMs 8000 -BudgetUsdPerMonth 3000 -First 20 -WarningAction Ignore
        $found.Count | Should -Be 20
        $found.ForEach('Rank') | Should -Be (1..20)
        $found.Score | Should -Be ($found.Score | Sort-Object -Descending)
        ($found.EstimatedLatencyMs | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 8000
        ($found.UsdPerMonth | Measure-Object -Maximum).Maximum | Should -BeLessOrEqual 3000
        $found.MeetsSla | Should -Not -Contain $false
        $found.Instance | Should -Not -Contain $null
        $found.PriceSource | Should -Not -Contain $null
    }

    It 'has the times of the estimator, and the prices of the catalogue' {
        $found = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 3000000 -TargetLatencyMs 8000 -Gpu A10G -Quantization AWQ -BatchSize 8 -Provider AWS -InputLength 200 -OutputLength 100 -WarningAction Ignore
        $times = Get-LlmPerformanceEstimate Llama-3.1-8B A10G -TP $found.GpusOfCopy -Quantization AWQ -BatchSize 8 -InputLength 200 -OutputLength 100
        [Math]::Abs($found.EstimatedLatencyMs - $times.TimeToFirstTokenMs - 99 * $times.TimePerOutputTokenMs) | Should -BeLessThan 1e-6
        $price = Get-GpuInstance $found.Instance -Region $found.Region -WarningAction Ignore
        $found.UsdPerHour | Should -Be $price.UsdPerHour
        $found.PriceDate | Should -Be $price.PriceDate
        $found.CopyCount | Should -Be ([Math]::Ceiling(3000000 / 86400 / (0.8 * $times.RequestsPerSecond)))
        $found.GpusNeeded | Should -Be ($found.CopyCount * $found.GpusOfCopy)
        [Math]::Abs($found.UsdPerMonth - $found.InstanceCount * $price.UsdPerHour * 730) | Should -BeLessThan 1e-6
        [Math]::Abs($found.UsdPerRequest * 3000000 * 365 / 12 / $found.UsdPerMonth - 1) | Should -BeLessThan 1e-9
    }

    It 'goes on to the estimators as it is' {
        $found = Find-LlmConfiguration Llama-3.3-70B -RequestsPerDay 1000 -TargetLatencyMs 60000 -First 100 -KvCacheDataType FP8 -Provider AWS -WarningAction Ignore
        $found.TensorParallelSize | Sort-Object -Unique | Should -Contain 8
        $times = $found | Get-LlmPerformanceEstimate
        $times.TimeToFirstTokenMs | Should -Be $found.TimeToFirstTokenMs
        $times.TimePerOutputTokenMs | Should -Be $found.TimePerOutputTokenMs
        ($found | Get-LlmMemoryEstimate).Quantization | Should -Be $found.Quantization
    }

    It 'plans for peaks and leaves room' {
        $even = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 3000000 -TargetLatencyMs 8000 -Gpu L40S -Quantization FP8 -BatchSize 16 -WarningAction Ignore
        $peak = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 3000000 -TargetLatencyMs 8000 -Gpu L40S -Quantization FP8 -BatchSize 16 -PeakFactor 3 -WarningAction Ignore
        $full = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 3000000 -TargetLatencyMs 8000 -Gpu L40S -Quantization FP8 -BatchSize 16 -TargetUtilization 1 -WarningAction Ignore
        $peak.CopyCount | Should -BeGreaterThan (2 * $even.CopyCount)
        $full.CopyCount | Should -BeLessThan $even.CopyCount
        $peak.PeakFactor, $full.TargetUtilization | Should -Be 3, 1
    }

    It 'divides a model that one GPU does not hold' {
        $found = Find-LlmConfiguration Llama-3.3-70B -RequestsPerDay 10000 -TargetLatencyMs 30000 -Gpu H100-80GB -Quantization BF16 -BatchSize 4 -WarningAction Ignore
        $found.GpusOfCopy | Should -BeGreaterThan 1
        $found.Layout | Should -Be "TP$($found.GpusOfCopy)"
        $found.GpusOfInstance | Should -BeGreaterOrEqual $found.GpusOfCopy
    }

    It 'says what does not fit, and what was closest' {
        $result = Invoke-Recorded { Find-LlmConfiguration Llama-3.1-405B -RequestsPerDay 10000 -TargetLatencyMs 30000 -Gpu L4 -Quantization BF16 -BatchSize 1 -IncludeRejected }
        $result.Output.Count | Should -Be 1
        $result.Output[0].RejectionReason | Should -BeLike 'short by * GiB a GPU*'
        $result.Output[0].UsdPerMonth, $result.Output[0].Rank | Should -Be $null, $null
        "$($result.Warnings[0])" | Should -BeLike 'Of 1 configurations none serves 10,000 requests a day*none can do it; BF16 on L4: short by *'

        $slow = Invoke-Recorded { Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 100 -Gpu L4 }
        $slow.Output.Count | Should -Be 0
        "$($slow.Warnings[0])" | Should -BeLike '*within 100 ms: the fastest is L4 in * ms for * USD a month*'
    }

    It 'names the cheapest where the budget is all that is exceeded' {
        $result = Invoke-Recorded { Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 30000 -BudgetUsdPerMonth 1 }
        $all = Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 30000 -First 1000 -WarningAction Ignore
        $cheapest = ($all | Sort-Object UsdPerMonth, EstimatedLatencyMs)[0]
        "$($result.Warnings[0])" | Should -BeLike "*: the cheapest is $($cheapest.Gpu) in $($cheapest.Quantization) with $($cheapest.BatchSize) at once, * for $($cheapest.UsdPerMonth.ToString('N2')) USD a month.*"

        "$((Invoke-Recorded { Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 0.001 -BudgetUsdPerMonth 1 }).Warnings[0])" |
            Should -BeLike '*within 0.001 ms and 1.00 USD a month: the fastest is *'
    }

    It 'counts ranked ones by First, and writes all rejected ones after them' {
        $one = @(Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 3000 -Gpu L4 -First 1 -IncludeRejected -WarningAction Ignore)
        $all = @(Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 10000 -TargetLatencyMs 3000 -Gpu L4 -First 1000 -IncludeRejected -WarningAction Ignore)
        $one[0].Rank | Should -Be 1
        @($one | Where-Object Rank).Count | Should -Be 1
        @($one | Where-Object RejectionReason).Count | Should -Be @($all | Where-Object RejectionReason).Count
    }

    It 'takes wildcards for GPUs: those for rent, and those that Simple knows' {
        (Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 1000 -TargetLatencyMs 60000 -Gpu 'L4*', 'RTX-*' -First 1000 -WarningAction Ignore).Gpu | Sort-Object -Unique |
            Should -Be ((Get-GpuInstance -Gpu 'L4*', 'RTX-*' -WarningAction Ignore).Gpu.Name | Sort-Object -Unique)
        (Find-LlmConfiguration -PerformanceModel Simple -RequestsPerDay 1000 -TargetLatencyMs 200 -Gpu 'A10*' -First 100).Gpu | Sort-Object -Unique | Should -Be A100-40GB, A100-80GB, A10G
        Assert-OneError (Invoke-Recorded { Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 1000 -TargetLatencyMs 60000 -Gpu 'RTX-40*' }) NoInstanceMatches FindLlmConfiguration ObjectNotFound RTX-4090 'RTX-4090'
    }

    It 'takes every list as an axis, with a ranking for each combination' {
        $found = Find-LlmConfiguration Llama-3.1-8B, Qwen3-8B -RequestsPerDay 1000, 100000 -TargetLatencyMs 20000, 40000 -BudgetUsdPerMonth 2000, 5000 -InputLength 100, 200 -Gpu L40S -First 1 -WarningAction Ignore
        $found.Count | Should -Be 32
        $found.ForEach('Rank') | Sort-Object -Unique | Should -Be 1
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Find-LlmConfiguration Llama-2-7B -RequestsPerDay (1..100000) -TargetLatencyMs (20000..30000) -Gpu L40S -WarningAction Ignore'
        Assert-Stopped $stopped
    }
}

Describe 'Find-LlmConfiguration from the pipeline' {
    It 'takes models, and rows by the names of their properties' {
        (Get-LlmModel Llama-3.1-8B, Qwen3-8B | Find-LlmConfiguration -RequestsPerDay 1000 -TargetLatencyMs 20000 -First 1 -WarningAction Ignore).ModelName | Should -Be 'Llama-3.1-8B', 'Qwen3-8B'
        $rows = "Model,RequestsPerDay,TargetLatencyMs,BudgetUsdPerMonth,Gpu,Quantization,BatchSize,Engine,PerformanceModel`nLlama-3.1-8B,1000,20000,3000,L40S,FP8,4,SGLang,Fitted`n,2000,300,,T4,INT8,2,,Simple" | ConvertFrom-Csv
        $found = $rows | Find-LlmConfiguration -WarningAction Ignore
        $found.PerformanceModel | Should -Be Fitted, Simple
        $found.ModelName | Should -Be 'Llama-3.1-8B', $null
        $found.RequestsPerDay | Should -Be 1000, 2000
        $found.TargetLatencyMs | Should -Be 20000, 300
        $found.BudgetUsdPerMonth | Should -Be 3000, $null
        $found.Gpu | Should -Be L40S, T4
        $found.Quantization | Should -Be FP8, INT8
        $found.BatchSize | Should -Be 4, 2
        $found.Engine | Should -Be SGLang, $null
    }
}

Describe 'Find-LlmConfiguration with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "RequestsPerDay,TargetLatencyMs`n1000,100`n-1,100`n2000,100" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Find-LlmConfiguration -PerformanceModel Simple -First 1 }
        $result.Output.RequestsPerDay | Should -Be 1000, 2000
        Assert-OneError $result ValueOutOfRange FindLlmConfiguration InvalidArgument (-1) 'RequestsPerDay is -1', 'nearest valid value is 1'
    }

    It 'leaves <Name> out' -ForEach @(
        @{ Name = 'an unknown model'; Script = { Find-LlmConfiguration NoSuchModel, Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 20000 -First 1 -WarningAction Ignore }; Id = 'ModelNotFound'; Category = 'ObjectNotFound'; Target = 'NoSuchModel'; Saying = 'NoSuchModel' }
        @{ Name = 'an unknown GPU'; Script = { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 20000 -First 1 -Gpu H1000, L40S -WarningAction Ignore }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'H1000' }
        @{ Name = 'a GPU that is not for rent'; Script = { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 20000 -First 1 -Gpu RTX-4090, L40S -WarningAction Ignore }; Id = 'NoInstanceMatches'; Category = 'ObjectNotFound'; Target = 'RTX-4090'; Saying = 'RTX-4090' }
        @{ Name = 'a target of nothing'; Script = { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 0, 20000 -First 1 -WarningAction Ignore }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'TargetLatencyMs is 0' }
        @{ Name = 'a budget of nothing'; Script = { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 20000 -BudgetUsdPerMonth 0, 5000 -First 1 -WarningAction Ignore }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BudgetUsdPerMonth is 0' }
        @{ Name = 'an engine that trains'; Script = { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 20000 -Engine DeepSpeed, vLLM -First 1 -WarningAction Ignore }; Id = 'PerformanceNotSupported'; Category = 'NotImplemented'; Target = 'DeepSpeed'; Saying = 'DeepSpeed' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 1
        Assert-OneError $result $Id FindLlmConfiguration $Category $Target $Saying
    }

    It 'asks for a model, for one that is to be shown, and for a provider that there is' {
        Assert-OneError (Invoke-Recorded { Find-LlmConfiguration -RequestsPerDay 1000 -TargetLatencyMs 100 }) ModelRequired FindLlmConfiguration InvalidArgument $null 'Model', 'Simple'
        Assert-OneError (Invoke-Recorded { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 100 -First 0 }) ValueOutOfRange FindLlmConfiguration InvalidArgument 0 'First is 0'
        Assert-OneError (Invoke-Recorded { Find-LlmConfiguration Llama-2-7B -RequestsPerDay 1000 -TargetLatencyMs 100 -Provider Amazn }) ProviderNotFound FindLlmConfiguration ObjectNotFound Amazn 'Amazn'
    }

    It 'warns once of prices without a date' {
        # In a session of its own, which was told nothing yet.
        $session = [powershell]::Create()
        try {
            [void] $session.AddScript("Import-Module '$ModuleManifest'; Find-LlmConfiguration Llama-3.1-8B -RequestsPerDay 1000, 2000 -TargetLatencyMs 20000 -Provider Azure -First 1").Invoke()
            $session.Streams.Warning.Count | Should -Be 1
            "$($session.Streams.Warning[0])" | Should -BeLike '*without a date: Azure*'
        }
        finally { $session.Dispose() }
    }
}

Describe 'Completion of Find-LlmConfiguration' {
    It 'offers models, GPUs, formats, providers and performance models' {
        Get-Completion 'Find-LlmConfiguration Llama-3.1-8' | Should -Contain 'Llama-3.1-8B'
        Get-Completion 'Find-LlmConfiguration Llama-2-7B -Gpu H2' | Should -Contain 'H200'
        Get-Completion 'Find-LlmConfiguration Llama-2-7B -Quantization FP' | Should -Contain 'FP8'
        Get-Completion 'Find-LlmConfiguration Llama-2-7B -Provider AW' | Should -Contain 'AWS'
        Get-Completion 'Find-LlmConfiguration -PerformanceModel S' | Should -Contain 'Simple'
        Get-Completion 'Find-LlmConfiguration Llama-2-7B -PriceType S' | Should -Contain 'Spot'
    }
}
