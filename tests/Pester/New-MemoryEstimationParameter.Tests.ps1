BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'New-MemoryEstimationParameter' {
    It 'has the framework''s default for <Name>' -ForEach @(
        @{ Name = 'FragmentationOverheadFactor'; Value = 1.05 }
        @{ Name = 'MinMemorySafetyMarginGiB'; Value = 0.5 }
        @{ Name = 'MemorySafetyMarginFactor'; Value = 0.02 }
        @{ Name = 'ActivationRecomputationFactor'; Value = 0.3 }
        @{ Name = 'GradientMemoryMultiplier'; Value = 1.0 }
        @{ Name = 'DefaultComputeDtype'; Value = 'float16' }
        @{ Name = 'DefaultStorageDtype'; Value = 'float16' }
        @{ Name = 'GraphMemoryOverheadRatio'; Value = 0.1 }
        @{ Name = 'GraphBatchScalingFactor'; Value = 0.02 }
        @{ Name = 'QuantizationOverheadMultiplier'; Value = 1.1 }
        @{ Name = 'MixedPrecisionOverheadMultiplier'; Value = 1.05 }
    ) {
        (New-MemoryEstimationParameter).$Name | Should -Be $Value
    }

    It 'takes both bounds of <Name>, and refuses what is beyond them' -ForEach @(
        @{ Name = 'FragmentationOverheadFactor'; Low = 1; High = 2 }
        @{ Name = 'MinMemorySafetyMarginGiB'; Low = 0; High = 10 }
        @{ Name = 'MemorySafetyMarginFactor'; Low = 0; High = 0.2 }
        @{ Name = 'ActivationRecomputationFactor'; Low = 0; High = 1 }
        @{ Name = 'GradientMemoryMultiplier'; Low = 0; High = 10 }
        @{ Name = 'GraphMemoryOverheadRatio'; Low = 0; High = 1 }
        @{ Name = 'GraphBatchScalingFactor'; Low = 0; High = 0.1 }
        @{ Name = 'QuantizationOverheadMultiplier'; Low = 1; High = 2 }
        @{ Name = 'MixedPrecisionOverheadMultiplier'; Low = 1; High = 1.5 }
    ) {
        foreach ($value in $Low, $High) {
            $with = @{ $Name = $value }
            (New-MemoryEstimationParameter @with).$Name | Should -Be $value
        }

        foreach ($value in ($Low - 0.01), ($High + 0.01), 1e300) {
            $with = @{ $Name = $value }
            $nearest = ($value -lt $Low ? $Low : $High).ToString([cultureinfo]::InvariantCulture)
            $result = Invoke-Recorded { New-MemoryEstimationParameter @with }
            $result.Output.Count | Should -Be 0
            Assert-OneError $result ValueOutOfRange NewMemoryEstimationParameter InvalidArgument $value "$Name is", "nearest valid value is $nearest"
        }

        $with = @{ $Name = [double]::NaN }
        $result = Invoke-Recorded { New-MemoryEstimationParameter @with }
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.NewMemoryEstimationParameterCommand'
        $result.Errors[0].Exception.Message | Should -BeLike "$Name is NaN*"
    }

    It 'refuses types that it does not know, or that nothing computes in' {
        Assert-OneError (Invoke-Recorded { New-MemoryEstimationParameter -DefaultComputeDtype INT4 }) ComputeDtypeNotSupported NewMemoryEstimationParameter InvalidArgument INT4 "'INT4'", 'float16, bfloat16 or float32'
        Assert-OneError (Invoke-Recorded { New-MemoryEstimationParameter -DefaultComputeDtype floot16 }) QuantizationNotFound NewMemoryEstimationParameter ObjectNotFound floot16 "'floot16'"
        Assert-OneError (Invoke-Recorded { New-MemoryEstimationParameter -DefaultStorageDtype Q4_K }) QuantizationNotFound NewMemoryEstimationParameter ObjectNotFound Q4_K "'Q4_K'", 'Did you mean Q4_K_M?'
    }

    It 'takes the framework''s name MinMemorySafetyMarginGB too' {
        (New-MemoryEstimationParameter -MinMemorySafetyMarginGB 2).MinMemorySafetyMarginGiB | Should -Be 2
    }

    It 'takes CSV rows and its own output, and keeps one bad row apart' {
        $rows = "FragmentationOverheadFactor,MinMemorySafetyMarginGB`n1.1,1`n3,1`n1.3,2" | ConvertFrom-Csv
        $result = Invoke-Recorded { $rows | New-MemoryEstimationParameter }
        $result.Output.FragmentationOverheadFactor | Should -Be 1.1, 1.3
        $result.Output.MinMemorySafetyMarginGiB | Should -Be 1, 2
        Assert-OneError $result ValueOutOfRange NewMemoryEstimationParameter InvalidArgument 3.0 'FragmentationOverheadFactor is 3'
        (New-MemoryEstimationParameter -GradientMemoryMultiplier 3 | New-MemoryEstimationParameter).GradientMemoryMultiplier | Should -Be 3
        @($rows | New-MemoryEstimationParameter -ErrorAction SilentlyContinue).Count | Should -Be 2
        (Invoke-Recorded { $rows | New-MemoryEstimationParameter -ErrorAction Stop }).Terminating.FullyQualifiedErrorId |
            Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.NewMemoryEstimationParameterCommand'
    }

    It 'gives what it promises, once' {
        $made = @(New-MemoryEstimationParameter)
        $made.Count | Should -Be 1
        Get-PromisedType New-MemoryEstimationParameter | Should -BeExactly $made[0].GetType().FullName
    }

    It 'changes an estimate' {
        $lean = New-MemoryEstimationParameter -FragmentationOverheadFactor 1 -MinMemorySafetyMarginGiB 0 -MemorySafetyMarginFactor 0
        $estimate = Get-LlmMemoryEstimate Llama-2-7B -Parameter $lean
        $estimate.FragmentationOverheadGiB | Should -Be 0
        $estimate.SafetyMarginGiB | Should -Be 0
        $estimate.TotalGiB | Should -BeLessThan (Get-LlmMemoryEstimate Llama-2-7B).TotalGiB
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'New-MemoryEstimationParameter -DefaultComputeDtype '; Expected = 'float16', 'bfloat16', 'float32' }
        @{ Line = 'New-MemoryEstimationParameter -DefaultComputeDtype BF'; Expected = @('bfloat16') }
        @{ Line = "New-MemoryEstimationParameter -DefaultStorageDtype 'q4_k"; Expected = 'Q4_K_M', 'Q4_K_S' }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }
}
