BeforeAll {
    . $PSScriptRoot/common.ps1

    # The example that the authors of InferSave publish.
    $published = @{
        PerformanceModel = 'InferSave'; BatchSize = 32; InputLength = 128; OutputLength = 512; SafetyFactor = 0.87; SloTokensPerSecond = 100
    }
}

Describe 'Find-OptimalGpuInstance with InferSave' {
    It 'ranks the published configurations for OPT-2.7B as their authors'' program does' {
        $found = @(Find-OptimalGpuInstance OPT-2.7B @published)
        # Arrays have a Rank of their own, so $found.Rank is not the list of ranks.
        $found.ForEach('Rank') | Should -Be 1, 2, 3, 4
        $found[0].Instance | Should -BeExactly 'T4'
        $tokens = @{}
        foreach ($one in $found | Where-Object Feasible) { $tokens[$one.Instance] = [Math]::Round($one.TokensPerSecond, 2) }
        $tokens['T4'], $tokens['L4'], $tokens['A10G'], $tokens['L40S'] | Should -Be 988.74, 104.64, 6697.73, 552.94
        $found[0].TokensCounted | Should -BeExactly 'InputAndOutput'
        [Math]::Round($found[0].KvCacheGB, 2) | Should -Be 6.71
    }

    It 'marks the prediction that is faster than the hardware allows' {
        $found = Find-OptimalGpuInstance OPT-2.7B @published
        ($found | Where-Object BreaksPhysicalFloor).Instance | Should -Be 'A10G'
        $wrong = $found | Where-Object Instance -eq 'A10G'
        $wrong.FloorSeconds | Should -BeGreaterThan $wrong.TotalSeconds
    }

    It 'finds T4 too small for OPT-6.7B and 512 + 512 tokens' {
        $job = $published.Clone()
        $job.InputLength = 512
        $job.Remove('SloTokensPerSecond')
        $found = @(Find-OptimalGpuInstance OPT-6.7B @job -IncludeRejected)
        $tokens = @{}
        foreach ($one in $found | Where-Object Feasible) { $tokens[$one.Instance] = [Math]::Round($one.TokensPerSecond, 2) }
        $tokens['L40S'], $tokens['A10G'], $tokens['L4'] | Should -Be 337.86, 86.53, 37.36
        $rejected = $found | Where-Object Instance -eq 'T4'
        $rejected.Feasible | Should -BeFalse
        $rejected.Rank | Should -BeNullOrEmpty
        $rejected.RejectionReason | Should -BeLike '*do not fit*'
        foreach ($figure in 'UsdPerMillionTokens', 'CostEfficiency', 'TokensPerSecond', 'TotalSeconds', 'OffloadRatio', 'FloorSeconds') {
            $null -eq $rejected.$figure | Should -BeTrue -Because "nobody knows the $figure of what does not run"
        }
        @(Find-OptimalGpuInstance OPT-6.7B @job).Instance | Should -Not -Contain 'T4'
    }

    It 'takes the program''s precision option' {
        $fp16 = @(Find-OptimalGpuInstance OPT-2.7B @published -PrecisionBytes 2)
        $fp16.Quantization | Should -Be 'FP16', 'FP16', 'FP16', 'FP16'
        $half = @(Find-OptimalGpuInstance OPT-2.7B @published -PrecisionBytes 1)[0]
        [Math]::Abs($half.KvCacheGB - $fp16[0].KvCacheGB / 2) | Should -BeLessThan 1e-9
    }

    It 'goes on to other cmdlets as it is, where one copy has all users' {
        $found = @(Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 8 -Provider AWS -SafetyFactor 0.8 -KvCacheDataType FP8 -Offloading Never -WarningAction Ignore |
            Where-Object DataParallelSize -EQ 1)
        $found.Count | Should -BeGreaterThan 10
        $times = $found | Get-LlmPerformanceEstimate
        $times.TimeToFirstTokenMs | Should -Be $found.TimeToFirstTokenMs
        $times.TimePerOutputTokenMs | Should -Be $found.TimePerOutputTokenMs
        ($found | Get-GpuInstance -Provider AWS).Name | Select-Object -Unique | Sort-Object | Should -Be ($found.Instance | Sort-Object)
        (Find-OptimalGpuInstance Llama-3.1-8B -PerformanceModel Roofline -Instance g6.xlarge -WarningAction Ignore | Get-LlmPerformanceEstimate).Gpu | Sort-Object -Unique | Should -Be L4
    }

    It 'leaves GPUs out that the engine does not start on' {
        $result = Invoke-Recorded { Find-OptimalGpuInstance OPT-2.7B -Gpu P100 -IncludeRejected }
        $result.Output.RejectionReason | Sort-Object -Unique | Should -BeLike 'vLLM needs compute capability 7.0 or more, and P100 has 6.0*-Engine LlamaCpp*'
        @(Find-OptimalGpuInstance OPT-2.7B -Gpu P100 -Engine LlamaCpp -WarningAction Ignore).Count | Should -BeGreaterThan 0
    }

    It 'names the cheapest where the budget is all that is missed' {
        $result = Invoke-Recorded { Find-OptimalGpuInstance Llama-3.1-8B -RequestsPerSecond 1 -BudgetUsdPerMonth 1 -Provider AWS }
        $result.Warnings[0].Message | Should -BeLike '*the cheapest is g6.xlarge *, but 587.5 USD a month exceed the budget of 1.*'
        $result = Invoke-Recorded { Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 8 -BudgetUsdPerMonth 10 }
        $cheapest = Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 8 -WarningAction Ignore | Sort-Object UsdPerMonth | Select-Object -First 1
        $result.Warnings[0].Message | Should -BeLike "*the cheapest is $($cheapest.Instance) at *exceed the budget of 10.*"
    }

    It 'says why none can run it' {
        (Invoke-Recorded { Find-OptimalGpuInstance Llama-3.1-8B -BatchSize 8 -PriceType Spot -Provider Lambda }).Warnings[0].Message |
            Should -BeLike '*none can run it, mostly because: no Spot price is known.*'
    }

    It 'writes small objectives out' {
        (Invoke-Recorded { Find-OptimalGpuInstance Llama-3.1-8B -RequestsPerSecond 1 -SloTimeToFirstTokenMs 0.001 -Provider AWS }).Warnings[0].Message |
            Should -BeLike '*exceeds the SLO of 0.001 ms.*'
    }

    It 'warns and names the fastest where none is good enough' {
        $job = $published.Clone()
        $job.SloTokensPerSecond = 1e6
        $result = Invoke-Recorded { Find-OptimalGpuInstance OPT-2.7B @job }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 0
        $result.Warnings.Count | Should -Be 1
        $result.Warnings[0].Message | Should -BeLike 'Of 4 instances none*A10G*, but * tokens/s are below the SLO of 1000000*-IncludeRejected*'
        $rejected = @(Find-OptimalGpuInstance OPT-2.7B @job -IncludeRejected 3>$null)
        $rejected.Count | Should -Be 4
        ($rejected | Where-Object { $_.MeetsSlo -or -not $_.Feasible }) | Should -BeNullOrEmpty
        $rejected[0].RejectionReason | Should -BeLike '*below the SLO of 1000000'
    }

    It 'follows the user''s own calibration' {
        $slow = @(Find-OptimalGpuInstance OPT-2.7B @published -Gpu T4 -PrefillAlpha 1 -DecodeAlpha 3.8 -PrefillBetaSeconds 1)[0]
        $slow.TokensPerSecond | Should -BeLessThan 600
    }
}

Describe 'Find-OptimalGpuInstance with <_>' -ForEach Fitted, Roofline {
    BeforeAll {
        $model = @{ PerformanceModel = $_ }
        $found = @(Find-OptimalGpuInstance Llama-2-7B -BatchSize 8 @model -WarningAction SilentlyContinue)
    }

    It 'ranks by cost efficiency, and each machine once' {
        $found.Count | Should -BeGreaterThan 50
        $found.ForEach('Rank') | Should -Be (1..$found.Count)
        for ($i = 1; $i -lt $found.Count; $i++) {
            $found[$i].CostEfficiency | Should -BeLessOrEqual $found[$i - 1].CostEfficiency
        }
        ($found | ForEach-Object { "$($_.Provider)/$($_.Instance)" } | Sort-Object -Unique).Count | Should -Be $found.Count
    }

    It 'never goes below the physical floor' {
        @($found | Where-Object { $_.BreaksPhysicalFloor -or $_.TotalSeconds -lt $_.FloorSeconds }).Count | Should -Be 0
    }

    It 'computes money from price and throughput' {
        foreach ($one in $found) {
            $expected = $one.UsdPerHour / 3600 / $one.TokensPerSecond * 1e6
            [Math]::Abs($one.UsdPerMillionTokens / $expected - 1) | Should -BeLessThan 1e-12
        }
    }

    It 'gives what it promises and nothing else' {
        $types = $found | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique
        $types | Should -BeExactly 'LlmOps.Core.Planning.InstanceEvaluation'
        Get-PromisedType Find-OptimalGpuInstance | Should -BeExactly $types
    }

    It 'keeps to instance, GPU, provider, region and price' {
        $some = @(Find-OptimalGpuInstance Llama-2-7B -Provider AWS -Region 'us-*' -Gpu L4, A10G -MaxUsdPerHour 3 -WarningAction SilentlyContinue)
        $some.Count | Should -BeGreaterThan 2
        ($some.Provider | Sort-Object -Unique) | Should -Be 'AWS'
        @($some | Where-Object { $_.Gpu -notin 'L4', 'A10G' -or $_.UsdPerHour -gt 3 -or $_.Region -notlike 'us-*' }).Count | Should -Be 0
        (Find-OptimalGpuInstance Llama-2-7B -Instance 'g5.x*' -Region us-east-1 -WarningAction SilentlyContinue).Instance | Should -Be 'g5.xlarge'
        $object = Get-GpuInstance g5.xlarge -Region us-west-2
        (Find-OptimalGpuInstance Llama-2-7B -Instance $object -WarningAction SilentlyContinue).Region | Should -Be 'us-west-2'
    }

    It 'uses spot prices where they are asked for, and says where there are none' {
        $spot = @(Find-OptimalGpuInstance Llama-2-7B -PriceType Spot -IncludeRejected -WarningAction SilentlyContinue)
        @($spot | Where-Object Rank).Count | Should -BeGreaterThan 5
        $unpriced = @($spot | Where-Object RejectionReason -eq 'no Spot price is known')
        $unpriced.Count | Should -BeGreaterThan 5
        foreach ($money in 'UsdPerHour', 'UsdPerHourTotal', 'UsdPerMonth', 'PriceSource', 'PriceDate') {
            @($unpriced | Where-Object { $null -ne $_.$money }).Count | Should -Be 0 -Because "no $money is known"
        }
        $spot[-1].UsdPerHour | Should -BeNullOrEmpty
    }

    It 'takes wildcards for GPUs as Get-Gpu does' {
        $expected = (Get-Gpu 'L4*', 'H2*').Name
        (Find-OptimalGpuInstance Llama-2-7B -Gpu 'L4*', 'h2*', L4 -WarningAction SilentlyContinue).Gpu | Sort-Object -Unique |
            Should -Be ((Get-GpuInstance -WarningAction SilentlyContinue).Gpu.Name | Where-Object { $_ -in $expected } | Sort-Object -Unique)
        $result = Invoke-Recorded { Find-OptimalGpuInstance Llama-2-7B -Gpu 'X*', L4 -Provider AWS -Region us-east-1 }
        $result.Output.Gpu | Sort-Object -Unique | Should -Be L4
        Assert-OneError $result GpuNotFound FindOptimalGpuInstance ObjectNotFound 'X*' "No GPU matches 'X*'"
    }
}

Describe 'Find-OptimalGpuInstance for a rate of requests' {
    BeforeAll {
        $slo = @{ SloTimeToFirstTokenMs = 500; SloTimePerOutputTokenMs = 40 }
        $found = @(Find-OptimalGpuInstance Llama-3.1-8B -RequestsPerSecond 40 -InputLength 1024 -OutputLength 256 @slo -WarningAction SilentlyContinue)
    }

    It 'counts the instances that keep the objectives for 95 % of the requests' {
        $found.Count | Should -BeGreaterThan 20
        @($found | Where-Object { $_.TimeToFirstTokenP95Ms -gt 500 -or $_.TimePerOutputTokenP95Ms -gt 40 }).Count | Should -Be 0
        @($found | Where-Object { $_.InstanceCount * $_.MaxRequestsPerSecond -lt 39.99 }).Count | Should -Be 0
        @($found | Where-Object InstanceCount -gt 1).Count | Should -BeGreaterThan 0
        $found[0].UsdPerMonth | Should -Be ($found.UsdPerMonth | Measure-Object -Minimum).Minimum
    }

    It 'needs no fewer instances for more requests, or for more of them' {
        foreach ($more in @{ RequestsPerSecond = 80 }, @{ RequestsPerSecond = 40; SloPercentile = 99.5 }) {
            $after = @{}
            Find-OptimalGpuInstance Llama-3.1-8B -InputLength 1024 -OutputLength 256 @slo @more -IncludeRejected -WarningAction SilentlyContinue |
                Where-Object Rank | ForEach-Object { $after["$($_.Provider)/$($_.Instance)"] = $_.InstanceCount }
            foreach ($one in $found) {
                $count = $after["$($one.Provider)/$($one.Instance)"]
                if ($null -ne $count) { $count | Should -BeGreaterOrEqual $one.InstanceCount }
            }
        }
    }

    It 'sweeps rates, and takes them from records' {
        ('RequestsPerSecond', 'QPS' | ForEach-Object {
            "Model,$_`nLlama-3.1-8B,2" | ConvertFrom-Csv | Find-OptimalGpuInstance -Gpu L4 -Provider AWS -WarningAction SilentlyContinue | Select-Object -First 1
        }).TokensPerSecond | Should -Be 512, 512
        @(Find-OptimalGpuInstance Llama-3.1-8B -Instance g6.xlarge -RequestsPerSecond 0.1, 1, 10 -WarningAction SilentlyContinue).Count | Should -Be 3
    }
}

Describe 'Find-OptimalGpuInstance with as many users as can be' {
    It 'keeps the objective, and takes a better precision where one is allowed' {
        $job = @{ InputLength = 1024; OutputLength = 256; SloTimePerOutputTokenMs = 50; Saturate = $true; Gpu = 'H100-80GB'; WarningAction = 'SilentlyContinue' }
        $alone = @(Find-OptimalGpuInstance Llama-3.1-8B @job)
        $free = @(Find-OptimalGpuInstance Llama-3.1-8B @job -AllowedQuantization FP8, AWQ)
        @($alone + $free | Where-Object TimePerOutputTokenMs -gt 50).Count | Should -Be 0
        $alone[0].Quantization | Should -Be 'BF16'
        $free[0].Quantization | Should -BeIn 'FP8', 'AWQ'
        $free[0].UsdPerMillionTokens | Should -BeLessThan $alone[0].UsdPerMillionTokens
        $free[0].Explanation | Should -BeLike 'before *'
    }

    It 'writes the front of what nothing beats, cheapest first' {
        $front = @(Find-OptimalGpuInstance Llama-3.1-8B -Saturate -Pareto -Gpu H100-80GB -RankBy UsdPerMillionTokens -WarningAction SilentlyContinue)
        $front.Count | Should -BeGreaterThan 5
        for ($i = 1; $i -lt $front.Count; $i++) {
            $front[$i].UsdPerMillionTokens | Should -BeGreaterOrEqual $front[$i - 1].UsdPerMillionTokens
            ($front[$i].TimeToFirstTokenMs -lt $front[$i - 1].TimeToFirstTokenMs -or $front[$i].TimePerOutputTokenMs -lt $front[$i - 1].TimePerOutputTokenMs) |
                Should -BeTrue
        }
    }

    It 'knows other engines' {
        $engines = @(Find-OptimalGpuInstance Llama-3.1-8B -Instance gpu_1x_h100_sxm5 -Engine vLLM, TensorRT-LLM -WarningAction SilentlyContinue)
        $engines.Engine | Should -Be 'vLLM', 'TensorRT-LLM'
        $engines[0].TokensPerSecond | Should -Not -Be $engines[1].TokensPerSecond
    }
}

Describe 'Find-OptimalGpuInstance with a calibration of times' {
    It 'uses the user''s measurements, by object' {
        $job = @{ Gpu = 'H100-80GB'; Provider = 'Lambda'; BatchSize = 8; InputLength = 1024; OutputLength = 256; WarningAction = 'SilentlyContinue' }
        $before = @(Find-OptimalGpuInstance Llama-3.1-8B @job)[0]
        $rows = 1, 8, 32 | ForEach-Object {
            $estimate = Get-LlmPerformanceEstimate Llama-3.1-8B H100 -BatchSize $_ -InputLength 1024 -OutputLength 256
            [pscustomobject]@{
                Model = 'Llama-3.1-8B'; Gpu = 'H100'; BatchSize = $_; InputLength = 1024; OutputLength = 256
                TpotMs = 2 * $estimate.TimePerOutputTokenMs; TtftMs = 2 * $estimate.TimeToFirstTokenMs
            }
        }
        $env:LLMOPS_DATA = Join-Path $TestDrive 'data'
        try {
            $calibration = $rows | New-LlmCalibration twice -WarningAction SilentlyContinue
            $after = @(Find-OptimalGpuInstance Llama-3.1-8B @job -Calibration $calibration)[0]
            $after.TotalSeconds / $before.TotalSeconds | Should -BeGreaterThan 1.9
            $after.TotalSeconds / $before.TotalSeconds | Should -BeLessThan 2.1
            (Find-OptimalGpuInstance Llama-3.1-8B @job -Calibration twice)[0].TotalSeconds | Should -Be $after.TotalSeconds
            $result = Invoke-Recorded { Find-OptimalGpuInstance Llama-3.1-8B @job -Calibration thrice }
            $result.Output.Count | Should -Be 0
            $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'CalibrationNotFound,LlmOps.Commands.FindOptimalGpuInstanceCommand'
        } finally {
            Remove-Item Env:LLMOPS_DATA
        }
    }
}

Describe 'Find-OptimalGpuInstance sweeps' {
    It 'ranks anew for each combination and has the values on each object' {
        $found = @(Find-OptimalGpuInstance Llama-2-7B -Instance g5.xlarge -Region us-east-1 -Quantization FP16, INT8 -BatchSize 1, 2 -InputLength 64, 128 -OutputLength 32 -WarningAction SilentlyContinue)
        ($found | ForEach-Object { "$($_.Quantization)/$($_.BatchSize)/$($_.InputLength)/$($_.OutputLength)" }) | Should -Be @(
            'FP16/1/64/32', 'FP16/1/128/32', 'FP16/2/64/32', 'FP16/2/128/32', 'INT8/1/64/32', 'INT8/1/128/32', 'INT8/2/64/32', 'INT8/2/128/32')
        ($found.ForEach('Rank') | Sort-Object -Unique) | Should -Be 1
    }

    It 'gives six rankings for three quantizations and two batch sizes' {
        @(Find-OptimalGpuInstance Llama-2-7B -Instance g6e.xlarge -Region us-east-1 -Quantization FP16, INT8, INT4 -BatchSize 1, 8 -WarningAction SilentlyContinue).Count | Should -Be 6
    }

    It 'ends within seconds when it is stopped' {
        $stopped = Stop-Running 'Find-OptimalGpuInstance Llama-2-7B -BatchSize (1..100000) -InputLength (1..4096) -WarningAction SilentlyContinue'
        Assert-Stopped $stopped
    }

    It 'stops early when the rest of the pipeline has enough' {
        (Find-OptimalGpuInstance Llama-2-7B -BatchSize (1..100000) -InputLength (1..4096) -WarningAction SilentlyContinue | Select-Object -First 1).Rank | Should -Be 1
    }
}

Describe 'Find-OptimalGpuInstance from the pipeline' {
    It 'takes model objects, names and CSV rows' {
        (Get-LlmModel OPT-2.7B, OPT-6.7B | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu L40S).ModelName | Should -Be 'OPT-2.7B', 'OPT-6.7B'
        ('OPT-2.7B' | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu L40S).ModelName | Should -Be 'OPT-2.7B'
        Set-Content TestDrive:/jobs.csv "Model,PerformanceModel,BatchSize,InputLength,OutputLength,SafetyFactor,SloTps`nOPT-2.7B,InferSave,32,128,512,0.87,100"
        $found = @(Import-Csv TestDrive:/jobs.csv | Find-OptimalGpuInstance)
        $found[0].Instance | Should -BeExactly 'T4'
        [Math]::Round($found[0].TokensPerSecond, 2) | Should -Be 988.74
    }

    It 'takes a memory estimate that says which model and batch' {
        $found = Get-LlmMemoryEstimate OPT-2.7B -BatchSize 4 | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu T4
        $found.ModelName, $found.BatchSize | Should -Be 'OPT-2.7B', 4
    }
}

Describe 'Find-OptimalGpuInstance with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $rows = "Model,BatchSize`nOPT-2.7B,1`nOPT-2.8B,1`nOPT-6.7B,2" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu L40S }
        $result.Output.ModelName | Should -Be 'OPT-2.7B', 'OPT-6.7B'
        Assert-OneError $result ModelNotFound FindOptimalGpuInstance ObjectNotFound 'OPT-2.8B' "'OPT-2.8B'", 'Did you mean OPT-2.7B?'
        $result = Invoke-Recorded { $rows | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu L40S -ErrorAction SilentlyContinue }
        $result.Output.Count | Should -Be 2
        $result.Errors.Count | Should -Be 0
        $result = Invoke-Recorded { $rows | Find-OptimalGpuInstance -PerformanceModel InferSave -Gpu L40S -ErrorAction Stop }
        $result.Output.Count | Should -Be 1
        $result.Terminating.FullyQualifiedErrorId | Should -BeExactly 'ModelNotFound,LlmOps.Commands.FindOptimalGpuInstanceCommand'
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a batch of 0'; Script = { Find-OptimalGpuInstance OPT-2.7B -BatchSize 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BatchSize is 0', 'value is 1.' }
        @{ Name = 'a negative length'; Script = { Find-OptimalGpuInstance OPT-2.7B -InputLength -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'InputLength is -1' }
        @{ Name = 'a huge length'; Script = { Find-OptimalGpuInstance OPT-2.7B -OutputLength ([long]::MaxValue) }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = [long]::MaxValue; Saying = 'OutputLength is', 'value is 100000000.' }
        @{ Name = 'a safety factor of 0'; Script = { Find-OptimalGpuInstance OPT-2.7B -SafetyFactor 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'SafetyFactor is 0', 'value is 0.01.' }
        @{ Name = '3 bytes'; Script = { Find-OptimalGpuInstance OPT-2.7B -PrecisionBytes 3 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 3; Saying = 'PrecisionBytes is 3', 'nearest is 4' }
        @{ Name = 'both names of a precision'; Script = { Find-OptimalGpuInstance OPT-2.7B -PrecisionBytes 2 -Quantization FP16 }; Id = 'ParametersExcludeEachOther'; Category = 'InvalidArgument'; Target = 'Quantization'; Saying = 'Quantization', 'PrecisionBytes' }
        @{ Name = 'a quantization'; Script = { Find-OptimalGpuInstance OPT-2.7B -Quantization FP17 }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'FP17'; Saying = "'FP17'", 'Did you mean FP16?' }
        @{ Name = 'a negative SLO'; Script = { Find-OptimalGpuInstance OPT-2.7B -SloTokensPerSecond -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'SloTokensPerSecond is -1' }
        @{ Name = 'a negative factor'; Script = { Find-OptimalGpuInstance OPT-2.7B -DecodeAlpha -1 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = -1; Saying = 'DecodeAlpha is -1' }
        @{ Name = 'a rate of 0'; Script = { Find-OptimalGpuInstance OPT-2.7B -RequestsPerSecond 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'RequestsPerSecond is 0' }
        @{ Name = 'a percentile of 100'; Script = { Find-OptimalGpuInstance OPT-2.7B -SloPercentile 100 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 100; Saying = 'SloPercentile is 100', 'value is 99.9.' }
        @{ Name = 'a budget of 0'; Script = { Find-OptimalGpuInstance OPT-2.7B -BudgetUsdPerMonth 0 }; Id = 'ValueOutOfRange'; Category = 'InvalidArgument'; Target = 0; Saying = 'BudgetUsdPerMonth is 0' }
        @{ Name = 'a rate and a throughput'; Script = { Find-OptimalGpuInstance OPT-2.7B -RequestsPerSecond 1 -SloTokensPerSecond 1 }; Id = 'ObjectivesContradict'; Category = 'InvalidArgument'; Target = $null; Saying = 'RequestsPerSecond', 'SloTokensPerSecond' }
        @{ Name = 'a rate and a batch'; Script = { Find-OptimalGpuInstance OPT-2.7B -RequestsPerSecond 1 -BatchSize 8 }; Id = 'ObjectivesContradict'; Category = 'InvalidArgument'; Target = $null; Saying = 'BatchSize', 'RequestsPerSecond' }
        @{ Name = 'a rate and Saturate'; Script = { Find-OptimalGpuInstance OPT-2.7B -RequestsPerSecond 1 -Saturate }; Id = 'ObjectivesContradict'; Category = 'InvalidArgument'; Target = $null; Saying = 'RequestsPerSecond', 'Saturate' }
        @{ Name = 'a latency with Roofline'; Script = { Find-OptimalGpuInstance OPT-2.7B -SloEndToEndMs 10 -PerformanceModel Roofline }; Id = 'SettingNotSupported'; Category = 'NotImplemented'; Target = 'A latency objective'; Saying = 'Fitted' }
        @{ Name = 'an allowed quantization'; Script = { Find-OptimalGpuInstance OPT-2.7B -AllowedQuantization FP17 }; Id = 'QuantizationNotFound'; Category = 'ObjectNotFound'; Target = 'FP17'; Saying = "'FP17'", 'Did you mean FP16?' }
        @{ Name = 'an instance'; Script = { Find-OptimalGpuInstance OPT-2.7B -Instance g5.xlrage }; Id = 'InstanceNotFound'; Category = 'ObjectNotFound'; Target = 'g5.xlrage'; Saying = "'g5.xlrage'", 'Did you mean g5.xlarge?' }
        @{ Name = 'a pattern without instances'; Script = { Find-OptimalGpuInstance OPT-2.7B -Instance 'zz*' }; Id = 'InstanceNotFound'; Category = 'ObjectNotFound'; Target = 'zz*'; Saying = "'zz*'" }
        @{ Name = 'a GPU'; Script = { Find-OptimalGpuInstance OPT-2.7B -Gpu H1000 }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'Did you mean H100-80GB?' }
        @{ Name = 'a provider'; Script = { Find-OptimalGpuInstance OPT-2.7B -Provider Azur }; Id = 'ProviderNotFound'; Category = 'ObjectNotFound'; Target = 'Azur'; Saying = 'Did you mean Azure?' }
        @{ Name = 'a region'; Script = { Find-OptimalGpuInstance OPT-2.7B -Region us-esat-1 }; Id = 'RegionNotFound'; Category = 'ObjectNotFound'; Target = 'us-esat-1'; Saying = 'Did you mean us-east-1?' }
        @{ Name = 'conditions that none meets'; Script = { Find-OptimalGpuInstance OPT-2.7B -Gpu H100-80GB -MaxUsdPerHour 0.01 }; Id = 'NoInstanceMatches'; Category = 'ObjectNotFound'; Target = $null; Saying = 'GPU H100-80GB', 'at most 0.01 USD an hour', 'cheapest of the others' }
        @{ Name = 'a path of another provider'; Script = { Find-OptimalGpuInstance Env:PATH }; Id = 'PathNotInFileSystem'; Category = 'InvalidArgument'; Target = 'Env:PATH'; Saying = 'file system' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id FindOptimalGpuInstance $Category $Target $Saying
    }

    It 'refuses NaN as <Parameter>' -ForEach @(
        @{ Parameter = 'SafetyFactor' }, @{ Parameter = 'SloTokensPerSecond' }, @{ Parameter = 'PrecisionBytes' }, @{ Parameter = 'PrefillAlpha' }, @{ Parameter = 'DecodeBetaSeconds' },
        @{ Parameter = 'RequestsPerSecond' }, @{ Parameter = 'SloTimeToFirstTokenMs' }, @{ Parameter = 'SloTimePerOutputTokenMs' }, @{ Parameter = 'SloEndToEndMs' }, @{ Parameter = 'SloPercentile' }, @{ Parameter = 'BudgetUsdPerMonth' }
    ) {
        $with = @{ $Parameter = [double]::NaN }
        $result = Invoke-Recorded { Find-OptimalGpuInstance OPT-2.7B @with }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.FindOptimalGpuInstanceCommand'
        $result.Errors[0].Exception.Message | Should -BeLike "$Parameter is NaN*"
    }
}

Describe 'Find-OptimalGpuInstance completion' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Find-OptimalGpuInstance opt-2'; Expected = @('OPT-2.7B') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -PerformanceModel inf'; Expected = @('InferSave') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Quantization FP16,mx'; Expected = @('MXFP4') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -AllowedQuantization FP16,mx'; Expected = @('MXFP4') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Engine sg'; Expected = @('SGLang') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Offloading t'; Expected = @('Tenths') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -RankBy us'; Expected = @('UsdPerMillionTokens') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -PrecisionBytes 0'; Expected = @('0.5') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -KvCacheDataType in'; Expected = 'INT4', 'INT8' }
        @{ Line = "Find-OptimalGpuInstance OPT-2.7B -Instance 'G5.x"; Expected = @('g5.xlarge') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Gpu T4,l4'; Expected = 'L4', 'L40', 'L40S' }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Provider az'; Expected = @('Azure') }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -Region US-EAST-'; Expected = 'us-east-1', 'us-east-2' }
        @{ Line = 'Find-OptimalGpuInstance OPT-2.7B -PriceType s'; Expected = @('Spot') }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }
}
