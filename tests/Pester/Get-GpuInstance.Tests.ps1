BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Get-GpuInstance' {
    It 'knows g5.xlarge' {
        $instance = Get-GpuInstance g5.xlarge -Region us-east-1
        $instance.Provider | Should -BeExactly 'AWS'
        $instance.Gpu.Name | Should -BeExactly 'A10G'
        $instance.GpuCount | Should -Be 1
        $instance.UsdPerHour | Should -Be 1.006
        $instance.UsdPerGpuHour | Should -Be 1.006
        $instance.PriceDate | Should -BeOfType [DateOnly]
        $instance.PriceSource | Should -Not -BeNullOrEmpty
    }

    It 'divides the price by the GPUs' {
        foreach ($instance in Get-GpuInstance p5.48xlarge) {
            $instance.GpuCount | Should -Be 8
            $instance.UsdPerGpuHour | Should -Be ($instance.UsdPerHour / 8)
        }
    }

    It 'gives an entry for each region' {
        $regions = (Get-GpuInstance g5.xlarge).Region
        $regions.Count | Should -BeGreaterThan 2
        ($regions | Sort-Object -Unique).Count | Should -Be $regions.Count
    }

    It 'gives all without conditions, and only what it promises' {
        $all = @(Get-GpuInstance)
        $all.Count | Should -BeGreaterThan 300
        ($all | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique) | Should -BeExactly 'LlmOps.Core.Hardware.GpuInstance'
        Get-PromisedType Get-GpuInstance | Should -BeExactly 'LlmOps.Core.Hardware.GpuInstance'
        foreach ($provider in 'AWS', 'Azure', 'GCP') { $all.Provider | Should -Contain $provider }
        @($all | Where-Object UsdPerHour -le 0).Count | Should -Be 0
    }

    It 'filters by provider, region, GPU and price, all at once' {
        $found = @(Get-GpuInstance -Provider aws, gcp -Region us-* -Gpu T4, l4 -MaxUsdPerHour 2)
        $found.Count | Should -BeGreaterThan 3
        ($found.Provider | Sort-Object -Unique) | Should -Be 'AWS', 'GCP'
        @($found | Where-Object Region -NotLike 'us-*').Count | Should -Be 0
        @($found | Where-Object { $_.Gpu.Name -notin 'T4', 'L4' }).Count | Should -Be 0
        @($found | Where-Object UsdPerHour -gt 2).Count | Should -Be 0
    }

    It 'takes a GPU object and any spelling of a GPU' {
        $byName = @(Get-GpuInstance -Gpu h100_sxm)
        $byName.Count | Should -BeGreaterThan 0
        @(Get-GpuInstance -Gpu (Get-Gpu H100-80GB)).Count | Should -Be $byName.Count
    }

    It 'expands wildcards in names' {
        ((Get-GpuInstance 'g5.*').Name | Sort-Object -Unique) | Should -Contain 'g5.xlarge'
        $result = Invoke-Recorded { Get-GpuInstance 'zz*' }
        $result.Output.Count + $result.Errors.Count | Should -Be 0
    }

    It 'takes names, objects and CSV rows from the pipeline' {
        ('g5.xlarge', 'p5.48xlarge' | Get-GpuInstance -Region us-east-1).Name | Should -Be 'g5.xlarge', 'p5.48xlarge'
        ("Name,Note`ng5.xlarge,a`np5.48xlarge,b" | ConvertFrom-Csv | Get-GpuInstance -Region us-east-1).Name | Should -Be 'g5.xlarge', 'p5.48xlarge'
        (Get-GpuInstance g5.xlarge -Region us-east-1 | Get-GpuInstance -Region us-west-2).UsdPerHour | Should -Be 1.006
    }

    It 'stops early when the rest of the pipeline has enough' {
        @(Get-GpuInstance | Select-Object -First 1).Count | Should -Be 1
    }
}

Describe 'Get-GpuInstance with wrong input' {
    It 'writes one error for one bad record, and the good ones come out' {
        $result = Invoke-Recorded { 'g5.xlarge', 'g5.xlrage', 'g6.xlarge' | Get-GpuInstance -Region us-east-1 }
        $result.Output.Name | Should -Be 'g5.xlarge', 'g6.xlarge'
        Assert-OneError $result InstanceNotFound GetGpuInstance ObjectNotFound 'g5.xlrage' "'g5.xlrage'", 'Did you mean g5.xlarge?'
    }

    It 'goes on with -ErrorAction SilentlyContinue, and ends with Stop' {
        $result = Invoke-Recorded { 'g5.xlarge', 'zzz', 'g6.xlarge' | Get-GpuInstance -Region us-east-1 -ErrorAction SilentlyContinue }
        $result.Output.Name | Should -Be 'g5.xlarge', 'g6.xlarge'
        $result.Errors.Count | Should -Be 0
        $result = Invoke-Recorded { 'g5.xlarge', 'zzz', 'g6.xlarge' | Get-GpuInstance -Region us-east-1 -ErrorAction Stop }
        $result.Output.Name | Should -Be 'g5.xlarge'
        $result.Terminating.FullyQualifiedErrorId | Should -BeExactly 'InstanceNotFound,LlmOps.Commands.GetGpuInstanceCommand'
    }

    It 'refuses <Name>' -ForEach @(
        @{ Name = 'a provider'; Script = { Get-GpuInstance -Provider AWSS }; Id = 'ProviderNotFound'; Target = 'AWSS'; Saying = 'Did you mean AWS?' }
        @{ Name = 'a region'; Script = { Get-GpuInstance -Region us-esat-1 }; Id = 'RegionNotFound'; Target = 'us-esat-1'; Saying = 'Did you mean us-east-1?' }
        @{ Name = 'a GPU'; Script = { Get-GpuInstance -Gpu H1000 }; Id = 'GpuNotFound'; Target = 'H1000'; Saying = 'Did you mean H100-80GB?' }
    ) {
        $result = Invoke-Recorded $Script
        $result.Output.Count | Should -Be 0
        Assert-OneError $result $Id GetGpuInstance ObjectNotFound $Target "'$Target'", $Saying
    }

    It 'refuses a price of <Price>' -ForEach @(
        @{ Price = -1; Saying = '-1', '0.001' }, @{ Price = 0; Saying = '0.001' }, @{ Price = [double]::NaN; Saying = 'NaN' }
        @{ Price = [double]::PositiveInfinity; Saying = '1000000' }
    ) {
        $result = Invoke-Recorded { Get-GpuInstance -MaxUsdPerHour $Price }
        $result.Output.Count | Should -Be 0
        $result.Errors.Count | Should -Be 1
        $result.Errors[0].FullyQualifiedErrorId | Should -BeExactly 'ValueOutOfRange,LlmOps.Commands.GetGpuInstanceCommand'
        $result.Errors[0].CategoryInfo.Category | Should -Be 'InvalidArgument'
        foreach ($text in $Saying) { $result.Errors[0].Exception.Message | Should -BeLike "*MaxUsdPerHour is*$text*" }
    }

    It 'leaves out an unknown GPU and goes on with the others' {
        $result = Invoke-Recorded { Get-GpuInstance -Gpu H1000, T4 }
        ($result.Output.Gpu.Name | Sort-Object -Unique) | Should -Be 'T4'
        Assert-OneError $result GpuNotFound GetGpuInstance ObjectNotFound 'H1000' "'H1000'"
    }
}

Describe 'Get-GpuInstance completion' {
    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-GpuInstance g5.x'; Expected = @('g5.xlarge') }
        @{ Line = 'Get-GpuInstance G5.X'; Expected = @('g5.xlarge') }
        @{ Line = "Get-GpuInstance -Name p5.48xlarge, g5.x"; Expected = @('g5.xlarge') }
        @{ Line = 'Get-GpuInstance -Provider a'; Expected = 'AWS', 'Azure' }
        @{ Line = 'Get-GpuInstance -Provider AWS,g'; Expected = @('GCP') }
        @{ Line = 'Get-GpuInstance -Region us-east-'; Expected = 'us-east-1', 'us-east-2' }
        @{ Line = 'Get-GpuInstance -Region eu-west-1,US-EAST-'; Expected = 'us-east-1', 'us-east-2' }
        @{ Line = 'Get-GpuInstance -Gpu T4,l4'; Expected = 'L4', 'L40', 'L40S' }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }

    It 'quotes what has spaces or a plus' {
        Get-Completion 'Get-GpuInstance -Region all' | Should -Be "'all listed regions'"
        Get-Completion 'Get-GpuInstance n1-highmem-8+1xT' | Should -Be "'n1-highmem-8+1xT4'"
    }
}
