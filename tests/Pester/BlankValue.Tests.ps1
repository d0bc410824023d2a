BeforeAll {
    . $PSScriptRoot/common.ps1
}

# One rule for all cmdlets: what an empty cell of a table gives is as good as an absent value.
Describe 'A blank -Quantization' {
    BeforeDiscovery {
        $cmdlets = @(
            @{ Name = 'Get-LlmMemoryEstimate'; Parameter = 'Quantization'; More = @{} }
            @{ Name = 'Measure-KvCache'; Parameter = 'Quantization'; More = @{ Gpu = 'H100' } }
            @{ Name = 'Get-LlmPerformanceEstimate'; Parameter = 'Quantization'; More = @{ Gpu = 'H100' } }
            @{ Name = 'Find-LlmParallelism'; Parameter = 'Quantization'; More = @{ Gpu = 'H100' } }
            @{ Name = 'Find-LlmConfiguration'; Parameter = 'Quantization'; More = @{ Gpu = 'H100'; RequestsPerDay = 1000; TargetLatencyMs = 60000 } }
            @{ Name = 'Find-OptimalGpuInstance'; Parameter = 'Quantization'; More = @{ Gpu = 'L4' } }
            @{ Name = 'Find-OptimalGpuInstance'; Parameter = 'AllowedQuantization'; More = @{ Gpu = 'L4' } }
            @{ Name = 'Find-GpuFleet'; Parameter = 'Quantization'; More = @{ Gpu = 'L4'; InputLength = 100; OutputLength = 100; RequestsPerSecond = 1 } }
            @{ Name = 'Compare-LlmQuantization'; Parameter = 'To'; More = @{} }
            @{ Name = 'Compare-LlmQuantization'; Parameter = 'From'; More = @{} }
        )
        $piped = $cmdlets | Where-Object { $_.Name -ne 'Find-GpuFleet' -and $_.Parameter -ne 'AllowedQuantization' }
    }

    It '<Name> -<Parameter> takes it as absent' -ForEach $cmdlets {
        $more = $More
        $expected = @(& $Name Llama-3.1-8B @more -WarningAction Ignore | ForEach-Object { "$($_.Quantization) $_" })
        foreach ($blank in '', ' ', $null, @(''), @($null, ' ')) {
            $value = @{ $Parameter = $blank }
            @(& $Name Llama-3.1-8B @more @value -WarningAction Ignore -ErrorAction Stop | ForEach-Object { "$($_.Quantization) $_" }) | Should -Be $expected
        }
    }

    It '<Name> -<Parameter> has it as an error beside other values, which have their turn' -ForEach $cmdlets {
        $more = $More + @{ $Parameter = 'FP8', '' }
        $result = @(& $Name Llama-3.1-8B @more -WarningAction Ignore -ErrorAction SilentlyContinue -ErrorVariable problems)
        $result.Count | Should -BeGreaterThan 0
        $problems.Count | Should -Be 1
        $problems[0].FullyQualifiedErrorId | Should -BeLike 'QuantizationNotFound,*'
    }

    It '<Name> takes a record''s blank <Parameter> as absent, and the next record''s own' -ForEach $piped {
        $more = $More
        $records = foreach ($value in $null, '', ' ', 'FP8') { [pscustomobject]@{ Model = 'Llama-3.1-8B'; $Parameter = $value } }
        $records += [pscustomobject]@{ Model = 'Llama-3.1-8B' }
        $without = @([pscustomobject]@{ Model = 'Llama-3.1-8B' } | & $Name @more -WarningAction Ignore | ForEach-Object { "$($_.Quantization) $_" })
        $own = @($records[3] | & $Name @more -WarningAction Ignore | ForEach-Object { "$($_.Quantization) $_" })
        $all = @($records | & $Name @more -WarningAction Ignore -ErrorAction Stop | ForEach-Object { "$($_.Quantization) $_" })
        $all | Should -Be ($without + $without + $without + $own + $without)
    }
}
