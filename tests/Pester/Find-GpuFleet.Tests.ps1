BeforeAll {
    . $PSScriptRoot/common.ps1

    $log = @'
InputLength,OutputLength,Count
200,100,500
1000,200,300
8000,500,100
'@ | ConvertFrom-Csv

    function Find-Fleet { $input | Find-GpuFleet Llama-3.1-70B -Provider AWS -WarningAction SilentlyContinue @args }
}

Describe 'Find-GpuFleet' {
    It 'finds a mix that is cheaper than any one type' {
        $fleet = $log | Find-Fleet -RequestsPerSecond 10 -SloTimeToFirstTokenMs 1000 -SloTimePerOutputTokenMs 50
        $fleet | Should -HaveCount 1
        $fleet.ModelName | Should -BeExactly 'Llama-3.1-70B'
        $fleet.Members.Count | Should -BeGreaterThan 1
        $fleet.IsOptimal | Should -BeTrue
        $fleet.GapPercent | Should -Be 0
        $fleet.SavingPercent | Should -BeGreaterThan 10
        $fleet.CheapestSingleType.UsdPerHour | Should -BeGreaterThan $fleet.UsdPerHour
        $fleet.UsdPerHour | Should -Be ($fleet.Members | Measure-Object UsdPerHour -Sum).Sum
        [Math]::Abs($fleet.UsdPerMonth / $fleet.UsdPerHour - 730) | Should -BeLessThan 1e-9
        $fleet.InstanceCount | Should -Be ($fleet.Members | Measure-Object InstanceCount -Sum).Sum
        [Math]::Abs(($fleet.Members | Measure-Object RequestsPerSecond -Sum).Sum - 10) | Should -BeLessThan 1e-6
        foreach ($size in $fleet.Members.Shares | Group-Object InputLength) {
            [Math]::Abs(($size.Group | Measure-Object SharePercent -Sum).Sum - 100) | Should -BeLessThan 1e-3
        }

        $fleet.Members.UtilizationPercent | ForEach-Object { $_ | Should -BeLessOrEqual 90.001 }
        $fleet.Members.Shares.TimeToFirstTokenMs | ForEach-Object { $_ | Should -BeLessOrEqual 1000 }
        $fleet.Members.Shares.TimePerOutputTokenMs | ForEach-Object { $_ | Should -BeLessOrEqual 50 }
        $fleet.Members[0].PriceSource, $fleet.Members[0].PriceDate, $fleet.Members[0].Layout, $fleet.Evidence | Should -Not -BeNullOrEmpty
    }

    It 'has the capacities that Get-LlmPerformanceEstimate gives' {
        $fleet = Find-GpuFleet Llama-3.1-8B -InputLength 512 -OutputLength 256 -RequestsPerSecond 30 -Instance g6e.xlarge -SloTimePerOutputTokenMs 60 -WarningAction SilentlyContinue
        $share = $fleet.Members[0].Shares[0]
        $estimate = Get-LlmPerformanceEstimate Llama-3.1-8B L40S -BatchSize $share.BatchSize -InputLength 512 -OutputLength 256
        $share.CapacityRequestsPerSecond | Should -Be $estimate.RequestsPerSecond
        $share.TimePerOutputTokenMs | Should -Be $estimate.TimePerOutputTokenMs
        (Get-LlmPerformanceEstimate Llama-3.1-8B L40S -BatchSize ($share.BatchSize + 1) -InputLength 512 -OutputLength 256).TimePerOutputTokenMs | Should -BeGreaterThan 60
        $fleet.InstanceCount | Should -Be ([Math]::Ceiling(30 / 0.9 / $estimate.RequestsPerSecond))
        $fleet.UsdPerHour | Should -Be ($fleet.InstanceCount * (Get-GpuInstance g6e.xlarge -WarningAction SilentlyContinue | Measure-Object UsdPerHour -Minimum).Minimum)
    }

    It 'has the short names of Find-OptimalGpuInstance' {
        $fleet = Find-GpuFleet Llama-3.1-8B -InputLength 100 -OutputLength 50 -QPS 5 -SloTtftMs 2000 -SloTpotMs 60 -WarningAction Ignore
        $fleet.RequestsPerSecond | Should -Be 5
        $fleet.SloTimeToFirstTokenMs | Should -Be 2000
        $fleet.SloTimePerOutputTokenMs | Should -Be 60
    }

    It 'reads lists side by side as one distribution' {
        $lists = Find-GpuFleet Llama-3.1-70B -InputLength 200, 1000, 8000 -OutputLength 100, 200, 500 -Weight 5, 3, 1 -RequestsPerSecond 10 -Provider AWS -WarningAction SilentlyContinue
        $rows = $log | Find-Fleet -RequestsPerSecond 10
        $lists.Fleet | Should -BeExactly $rows.Fleet
        $lists.RequestSizes | Should -Be $rows.RequestSizes
        [Math]::Round($lists.RequestSizes[0].Weight, 4) | Should -Be 0.5556
    }

    It 'counts rows without a weight once each, and takes a rate of each row' {
        $fleet = 1..3 | ForEach-Object { [pscustomobject]@{ InputLength = 100; OutputLength = $_ -eq 1 ? 10 : 20 } } | Find-Fleet -RequestsPerSecond 3
        $fleet.RequestSizes.Count | Should -Be 2
        [Math]::Round($fleet.RequestSizes[1].Weight, 4) | Should -Be 0.6667
        $rates = 1..3 | ForEach-Object { [pscustomobject]@{ InputLength = 100 * $_; OutputLength = 10; RequestsPerSecond = $_ } } | Find-Fleet
        $rates.RequestsPerSecond | Should -Be 6
        $rates.RequestSizes[2].Weight | Should -Be 0.5
    }

    It 'counts a long log into ranges' {
        $rows = foreach ($i in 1..2000) { [pscustomobject]@{ InputLength = 1 + ($i * 37) % 3000; OutputLength = 1 + ($i * 11) % 700 } }
        $fleet = $rows | Find-Fleet -RequestsPerSecond 5
        $fleet.RequestSizes.Count | Should -BeLessThan 61
        $mean = ($rows | Measure-Object InputLength -Average).Average
        [Math]::Abs(($fleet.RequestSizes | ForEach-Object { $_.Weight * $_.InputLength } | Measure-Object -Sum).Sum / $mean - 1) | Should -BeLessThan 0.01
    }

    It 'sweeps rates and spares, and takes models from the pipeline' {
        $fleets = Get-LlmModel Llama-3.1-8B, Qwen3-8B | Find-GpuFleet -InputLength 512 -OutputLength 128 -RequestsPerSecond 5, 50 -SpareInstance 0, 1 -Provider AWS -WarningAction SilentlyContinue
        $fleets.ForEach('ModelName') | Should -Be (@('Llama-3.1-8B') * 4 + @('Qwen3-8B') * 4)
        $fleets[0..3].ForEach('RequestsPerSecond') | Should -Be 5, 5, 50, 50
        $fleets[0..3].ForEach('SpareInstance') | Should -Be 0, 1, 0, 1
        $fleets[1].UsdPerHour | Should -BeGreaterThan $fleets[0].UsdPerHour
        $fleets[2].UsdPerHour | Should -BeGreaterThan $fleets[0].UsdPerHour
    }

    It 'keeps a distribution for each model of the rows' {
        $fleets = @(
            [pscustomobject]@{ Model = 'Llama-3.1-8B'; InputLength = 100; OutputLength = 10 }
            [pscustomobject]@{ Model = 'Qwen3-8B'; InputLength = 200; OutputLength = 20 }
            [pscustomobject]@{ Model = 'Llama-3.1-8B'; InputLength = 300; OutputLength = 30 }
        ) | Find-GpuFleet -RequestsPerSecond 1 -WarningAction SilentlyContinue
        $fleets.ForEach('ModelName') | Should -Be 'Llama-3.1-8B', 'Qwen3-8B'
        $fleets.ForEach({ $_.RequestSizes.Count }) | Should -Be 2, 1
    }

    It 'chooses the precision among those that are allowed, and is never dearer for it' {
        $one = $log | Find-Fleet -RequestsPerSecond 10
        $two = $log | Find-Fleet -RequestsPerSecond 10 -Quantization BF16, FP8
        $two | Should -HaveCount 1
        $two.UsdPerHour | Should -BeLessThan $one.UsdPerHour
        $two.Members.Quantization | Should -Contain 'FP8'
    }

    It 'keeps to <Property> with <Given>' -ForEach @(
        @{ Given = @{ Instance = 'p5*', 'p4d*' }; Property = 'Instance'; Match = '^p(5|4d)' }
        @{ Given = @{ Gpu = 'A100-80GB' }; Property = 'Gpu'; Match = '^A100-80GB$' }
        @{ Given = @{ Region = 'eu-*' }; Property = 'Region'; Match = '^eu-' }
        @{ Given = @{ MaxUsdPerHour = 40 }; Property = 'UsdPerInstanceHour'; Match = '^[1-3]?\d\.' }
        @{ Given = @{ Provider = 'Az*'; PriceType = 'Spot' }; Property = 'PriceType'; Match = '^Spot$' }
        @{ Given = @{ Provider = 'Az*'; PriceType = 'Spot' }; Property = 'Provider'; Match = '^Azure$' }
    ) {
        if (-not $Given.Provider) { $Given.Provider = 'AWS' }
        $fleet = $log | Find-GpuFleet Llama-3.1-70B -RequestsPerSecond 10 @Given -WarningAction SilentlyContinue
        $fleet.Members.Count | Should -BeGreaterThan 0
        foreach ($value in $fleet.Members.$Property) { "$value" | Should -Match $Match }
    }

    It 'takes instances from Get-GpuInstance at their own price' {
        $instances = Get-GpuInstance p5.48xlarge, p4d.24xlarge -Region eu-north-1 -WarningAction SilentlyContinue
        $fleet = $log | Find-GpuFleet Llama-3.1-70B -RequestsPerSecond 10 -Instance $instances -WarningAction SilentlyContinue
        $fleet.Members.Count | Should -BeGreaterThan 0
        foreach ($member in $fleet.Members) {
            $member.Region | Should -BeExactly 'eu-north-1'
            $member.UsdPerInstanceHour | Should -Be ($instances | Where-Object Name -EQ $member.Instance).UsdPerHour
        }
    }

    It 'has no more instances of a type than there are' {
        $scarce = ($log | Find-Fleet -RequestsPerSecond 60 -MaxCount 1).Members | Group-Object Instance
        $scarce.Count | Should -BeGreaterThan 1
        $scarce.ForEach({ ($_.Group | Measure-Object InstanceCount -Sum).Sum }) | Should -Be (@(1) * $scarce.Count)
    }

    It 'says of how many instances the price is known' {
        $result = Invoke-Recorded { $log | Find-Fleet -RequestsPerSecond 10 -PriceType Spot }
        Assert-OneError $result RequestSizeNotServed FindGpuFleet NotImplemented $result.Errors[0].TargetObject 'with a known Spot price', 'fit none of them'
    }

    It 'gives lists that can be indexed' {
        $fleet = $log | Find-Fleet -RequestsPerSecond 10
        $fleet.Members[0].Shares[0].InputLength | Should -BeOfType long
        $fleet.RequestSizes[-1].InputLength | Should -Be 8000
    }

    It 'warns of old prices, and of contexts that are too long' {
        $shell = [powershell]::Create().AddScript("Import-Module '$ModuleManifest'; Find-GpuFleet Llama-2-7B -InputLength 5000 -OutputLength 10 -RequestsPerSecond 1 -Provider AWS")
        $shell.Invoke().Fleet | Should -Not -BeNullOrEmpty
        $warnings = @($shell.Streams.Warning.ReadAll())
        $shell.Dispose()
        $warnings | Should -HaveCount 2
        "$warnings" | Should -BeLike '*4096 tokens of context; 5010 are more*prices*AWS of 2026-01-21*'
    }
}

Describe 'Find-GpuFleet and bad input' {
    It 'leaves out a bad record and plans for the others' {
        $result = Invoke-Recorded {
            @(
                [pscustomobject]@{ InputLength = 100; OutputLength = 10; RequestsPerSecond = 1 }
                [pscustomobject]@{ InputLength = -7; OutputLength = 10; RequestsPerSecond = 1 }
                [pscustomobject]@{ InputLength = 200; OutputLength = 10; RequestsPerSecond = 1 }
            ) | Find-GpuFleet Llama-3.1-8B -WarningAction SilentlyContinue
        }
        Assert-OneError $result ValueOutOfRange FindGpuFleet InvalidArgument -7 'InputLength is -7', 'nearest valid value is 1'
        $result.Output | Should -HaveCount 1
        $result.Output[0].RequestsPerSecond | Should -Be 2
    }

    It 'refuses the row <Row> and goes on' -ForEach @(
        @{ Row = 'many,10,1' }, @{ Row = ',10,1' }, @{ Row = '2.5,10,1' }, @{ Row = '"1,000",10,1' }, @{ Row = '100,10,NaN' }, @{ Row = '100,10,-1' }
        @{ Row = '1e30,10,1' }, @{ Row = '100,10,' }
    ) {
        $result = Invoke-Recorded {
            "InputLength,OutputLength,RequestsPerSecond`n100,10,2`n$Row`n300,30,2" | ConvertFrom-Csv |
                Find-GpuFleet Llama-3.1-8B -WarningAction SilentlyContinue
        }
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors | Should -HaveCount 1
        $result.Output | Should -HaveCount 1
        $result.Output[0].RequestsPerSecond | Should -Be 4
    }

    It 'says once that the rate is not known' {
        $result = Invoke-Recorded { $log | Find-GpuFleet Llama-3.1-8B }
        Assert-OneError $result RequestsPerSecondRequired FindGpuFleet InvalidArgument $null 'RequestsPerSecond'
        $result.Output | Should -HaveCount 0
    }

    It 'refuses lists of different lengths' {
        $result = Invoke-Recorded { Find-GpuFleet Llama-3.1-8B -InputLength 1, 2 -OutputLength 3 -RequestsPerSecond 1 }
        Assert-OneError $result RequestSizeListsDiffer FindGpuFleet InvalidArgument $null 'InputLength has 2 values, OutputLength 1'
        $result = Invoke-Recorded { Find-GpuFleet Llama-3.1-8B -InputLength 1, 2 -OutputLength 3, 4 -Weight 1 -RequestsPerSecond 1 }
        Assert-OneError $result RequestSizeListsDiffer FindGpuFleet InvalidArgument $null 'Weight 1'
    }

    It 'refuses a weight beside a rate of the row' {
        $result = Invoke-Recorded { [pscustomobject]@{ InputLength = 1; OutputLength = 1; Count = 5; RequestsPerSecond = 2 } | Find-GpuFleet Llama-3.1-8B }
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ParametersExcludeEachOther,LlmOps.Commands.FindGpuFleetCommand'
    }

    It 'refuses <Name> <Value>' -ForEach @(
        foreach ($value in 0, -1, [double]::PositiveInfinity, 1e9) { @{ Name = 'RequestsPerSecond'; Value = $value } }
        @{ Name = 'TargetUtilization'; Value = 0 }, @{ Name = 'TargetUtilization'; Value = 1.5 }, @{ Name = 'SpareInstance'; Value = -1 }
        @{ Name = 'SpareInstance'; Value = 9 }, @{ Name = 'MaxCount'; Value = 0 }, @{ Name = 'SloTimeToFirstTokenMs'; Value = -3 }
        @{ Name = 'SloEndToEndMs'; Value = 0 }, @{ Name = 'GpuMemoryUtilization'; Value = 7 }, @{ Name = 'MaxUsdPerHour'; Value = -1 }
    ) {
        $given = @{ InputLength = 10; OutputLength = 10; RequestsPerSecond = 1 }
        $given[$Name] = $Value
        $result = Invoke-Recorded { Find-GpuFleet Llama-3.1-8B @given -WarningAction SilentlyContinue }
        Assert-OneError $result ValueOutOfRange FindGpuFleet InvalidArgument $Value "$Name is"
        $result.Output | Should -HaveCount 0
    }

    It 'refuses <_> that is not a number' -ForEach 'RequestsPerSecond', 'SloEndToEndMs', 'TargetUtilization' {
        $given = @{ InputLength = 10; OutputLength = 10; RequestsPerSecond = 1 }
        $given[$_] = [double]::NaN
        $result = Invoke-Recorded { Find-GpuFleet Llama-3.1-8B @given -WarningAction SilentlyContinue }
        $result.Output | Should -HaveCount 0
        $result.Errors | Should -HaveCount 1
        "$($result.Errors[0])" | Should -BeLike "$_ is NaN*"
    }

    It 'names what is not known: <Name> <Value>' -ForEach @(
        @{ Name = 'Provider'; Value = 'AWZ'; Id = 'ProviderNotFound' }, @{ Name = 'Region'; Value = 'us-eats-1'; Id = 'RegionNotFound' }
        @{ Name = 'Gpu'; Value = 'H1000'; Id = 'GpuNotFound' }, @{ Name = 'Instance'; Value = 'p5.49xlarge'; Id = 'InstanceNotFound' }
        @{ Name = 'Quantization'; Value = 'FP7'; Id = 'QuantizationNotFound' }
    ) {
        $given = @{ $Name = $Value }
        $result = Invoke-Recorded { $log | Find-GpuFleet Llama-3.1-8B -RequestsPerSecond 1 @given }
        Assert-OneError $result $Id FindGpuFleet ObjectNotFound $Value $Value
    }

    It 'goes on with the next model' {
        $result = Invoke-Recorded { 'Llama-3.1-8C', 'Llama-3.1-8B' | Find-GpuFleet -InputLength 10 -OutputLength 10 -RequestsPerSecond 1 -WarningAction SilentlyContinue }
        Assert-OneError $result ModelNotFound FindGpuFleet ObjectNotFound 'Llama-3.1-8C' 'Llama-3.1-8B'
        $result.Output.ModelName | Should -Be 'Llama-3.1-8B'
    }

    It 'says which requests nothing answers, and what could be kept' {
        $result = Invoke-Recorded { $log | Find-GpuFleet Llama-3.1-8B -RequestsPerSecond 1, 2 -SloTimeToFirstTokenMs 5, 5000 -WarningAction SilentlyContinue }
        $result.Terminating | Should -BeNullOrEmpty
        $result.Errors | Should -HaveCount 2
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'RequestSizeNotServed,LlmOps.Commands.FindGpuFleetCommand'
        "$($result.Errors[0])" | Should -Match '8000 \+ 500 tokens.*The nearest that can be kept: SloTimeToFirstTokenMs \d+'
        $result.Output.SloTimeToFirstTokenMs | Should -Be 5000, 5000
    }

    It 'says how many instances it takes' {
        $result = Invoke-Recorded { $log | Find-Fleet -RequestsPerSecond 100 -Instance p5.48xlarge -MaxCount 2 }
        Assert-OneError $result FleetTooSmall FindGpuFleet NotImplemented 2 'at most 2 instances', 'of p5.48xlarge'
    }

    It 'takes wildcards for GPUs' {
        ($log | Find-Fleet -RequestsPerSecond 1 -Gpu 'L4*').Members.Gpu | Sort-Object -Unique | Should -BeLike 'L4*'
    }

    It 'says that no instance is left' {
        $result = Invoke-Recorded { $log | Find-GpuFleet Llama-3.1-8B -RequestsPerSecond 1 -Provider AWS -MaxUsdPerHour 0.01 }
        Assert-OneError $result NoInstanceMatches FindGpuFleet ObjectNotFound $null 'No known instance'
    }
}

Describe 'Find-GpuFleet at the prompt' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Find-GpuFleet Llama-3.1-7'; Has = 'Llama-3.1-70B' }, @{ Line = 'Find-GpuFleet -Provider A'; Has = 'AWS' }
        @{ Line = 'Find-GpuFleet -Gpu H2'; Has = 'H200' }, @{ Line = 'Find-GpuFleet -Instance p5.'; Has = 'p5.48xlarge' }
        @{ Line = 'Find-GpuFleet -Engine Ten'; Has = 'TensorRT-LLM' }, @{ Line = 'Find-GpuFleet -Quantization FP'; Has = 'FP8' }
        @{ Line = 'Find-GpuFleet -PriceType S'; Has = 'Spot' }, @{ Line = 'Find-GpuFleet -KvCacheDataType FP'; Has = 'FP8' }
        @{ Line = 'Find-GpuFleet -Region us-e'; Has = 'us-east-1' }
    ) {
        Get-Completion $Line | Should -Contain $Has
    }

    It 'stops at Ctrl+C' {
        $stopped = Stop-Running 'Find-GpuFleet Llama-3.1-70B -InputLength 500, 9000 -OutputLength 100, 500 -RequestsPerSecond (1..100000) -WarningAction SilentlyContinue'
        Assert-Stopped $stopped -WithinSeconds 5
    }

    It 'finds and shows the same under de-DE' {
        $culture = [cultureinfo]::CurrentCulture
        try {
            [cultureinfo]::CurrentCulture = 'de-DE'
            $german = "InputLength,OutputLength,Weight`n100,10,0.5`n1000,100,1.5" | ConvertFrom-Csv | Find-GpuFleet Llama-3.1-8B -RequestsPerSecond 2.5 -WarningAction SilentlyContinue
            $german.RequestSizes[0].Weight | Should -Be 0.25
            "$german" | Should -Match '\d\.\d\d USD/h$'
            Get-Rendering $german -Width 80 -Culture de-DE | Should -Match '\d,\d\d'
        }
        finally { [cultureinfo]::CurrentCulture = $culture }
    }
}
