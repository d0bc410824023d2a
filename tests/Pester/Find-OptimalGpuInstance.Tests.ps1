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
        foreach ($one in $found) { $tokens[$one.Instance] = [Math]::Round($one.TokensPerSecond, 2) }
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
        foreach ($one in $found) { $tokens[$one.Instance] = [Math]::Round($one.TokensPerSecond, 2) }
        $tokens['L40S'], $tokens['A10G'], $tokens['L4'] | Should -Be 337.86, 86.53, 37.36
        $rejected = $found | Where-Object Instance -eq 'T4'
        $rejected.Feasible | Should -BeFalse
        $rejected.Rank | Should -BeNullOrEmpty
        $rejected.RejectionReason | Should -BeLike '*do not fit*'
        @(Find-OptimalGpuInstance OPT-6.7B @job).Instance | Should -Not -Contain 'T4'
    }

    It 'takes the program''s precision option' {
        $fp16 = @(Find-OptimalGpuInstance OPT-2.7B @published -PrecisionBytes 2)
        $fp16.Quantization | Should -Be 'FP16', 'FP16', 'FP16', 'FP16'
        $half = @(Find-OptimalGpuInstance OPT-2.7B @published -PrecisionBytes 1)[0]
        [Math]::Abs($half.KvCacheGB - $fp16[0].KvCacheGB / 2) | Should -BeLessThan 1e-9
    }

    It 'warns and names the fastest where none is good enough' {
        $job = $published.Clone()
        $job.SloTokensPerSecond = 1e6
        $result = Invoke-Recorded { Find-OptimalGpuInstance OPT-2.7B @job }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 0
        $result.Warnings.Count | Should -Be 1
        $result.Warnings[0].Message | Should -BeLike 'Of 4 instances none*A10G*-IncludeRejected*'
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

Describe 'Find-OptimalGpuInstance with Roofline' {
    BeforeAll {
        $found = @(Find-OptimalGpuInstance Llama-2-7B -BatchSize 8 -WarningAction SilentlyContinue)
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
        @($spot | Where-Object RejectionReason -eq 'no Spot price is known').Count | Should -BeGreaterThan 5
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
        $stopped.StartedWriting | Should -BeTrue
        $stopped.WasRunning | Should -BeTrue
        $stopped.State | Should -Be 'Stopped'
        $stopped.StopSeconds | Should -BeLessThan 10
        $stopped.Errors.Count | Should -Be 0
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
        @{ Name = 'an instance'; Script = { Find-OptimalGpuInstance OPT-2.7B -Instance g5.xlrage }; Id = 'InstanceNotFound'; Category = 'ObjectNotFound'; Target = 'g5.xlrage'; Saying = "'g5.xlrage'", 'Did you mean g5.xlarge?' }
        @{ Name = 'a pattern without instances'; Script = { Find-OptimalGpuInstance OPT-2.7B -Instance 'zz*' }; Id = 'InstanceNotFound'; Category = 'ObjectNotFound'; Target = 'zz*'; Saying = "'zz*'" }
        @{ Name = 'a GPU'; Script = { Find-OptimalGpuInstance OPT-2.7B -Gpu H1000 }; Id = 'GpuNotFound'; Category = 'ObjectNotFound'; Target = 'H1000'; Saying = 'Did you mean H100-80GB?' }
        @{ Name = 'a provider'; Script = { Find-OptimalGpuInstance OPT-2.7B -Provider Azur }; Id = 'ProviderNotFound'; Category = 'ObjectNotFound'; Target = 'Azur'; Saying = 'Did you mean Azure?' }
        @{ Name = 'a region'; Script = { Find-OptimalGpuInstance OPT-2.7B -Region us-esat-1 }; Id = 'RegionNotFound'; Category = 'ObjectNotFound'; Target = 'us-esat-1'; Saying = 'Did you mean us-east-1?' }
        @{ Name = 'conditions that none meets'; Script = { Find-OptimalGpuInstance OPT-2.7B -Gpu H100-80GB -MaxUsdPerHour 0.01 }; Id = 'NoInstanceMatches'; Category = 'ObjectNotFound'; Target = $null; Saying = 'meets all of the conditions' }
        @{ Name = 'a path of another provider'; Script = { Find-OptimalGpuInstance Env:PATH }; Id = 'PathNotInFileSystem'; Category = 'InvalidArgument'; Target = 'Env:PATH'; Saying = 'file system' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id FindOptimalGpuInstance $Category $Target $Saying
    }

    It 'refuses NaN as <Parameter>' -ForEach @(
        @{ Parameter = 'SafetyFactor' }, @{ Parameter = 'SloTokensPerSecond' }, @{ Parameter = 'PrecisionBytes' }, @{ Parameter = 'PrefillAlpha' }, @{ Parameter = 'DecodeBetaSeconds' }
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
