BeforeAll {
    . $PSScriptRoot/common.ps1
}

Describe 'Get-Gpu' {
    It 'knows the data sheet of <Name>' -ForEach @(
        @{ Name = 'T4'; GB = 16; GBps = 320; Tflops = 65; Architecture = 'Turing' }
        @{ Name = 'A100-80GB'; GB = 80; GBps = 2039; Tflops = 312; Architecture = 'Ampere' }
        @{ Name = 'H100-80GB'; GB = 80; GBps = 3350; Tflops = 989.4; Architecture = 'Hopper' }
        @{ Name = 'L4'; GB = 24; GBps = 300; Tflops = 121; Architecture = 'Ada Lovelace' }
    ) {
        $gpu = Get-Gpu $Name
        $gpu.Name | Should -BeExactly $Name
        $gpu.MemoryGB | Should -Be $GB
        [Math]::Abs($gpu.MemoryBandwidthGBps / $GBps - 1) | Should -BeLessThan 0.001
        [Math]::Abs($gpu.Fp16Tflops - $Tflops) | Should -BeLessThan 1
        $gpu.Architecture | Should -BeExactly $Architecture
        $gpu.MemoryGiB | Should -BeLessThan ($GB * 1e9 / 1GB * 1.08)
    }

    It 'knows what the driver of an H100 reports as memory' {
        [Math]::Round((Get-Gpu H100-80GB).MemoryGiB, 2) | Should -Be 79.19
    }

    It 'takes the spelling <Spelling>' -ForEach @(
        @{ Spelling = 'h100_sxm'; Name = 'H100-80GB' }
        @{ Spelling = 'NVIDIA A100-SXM4-80GB'; Name = 'A100-80GB' }
        @{ Spelling = 'nvidia l4'; Name = 'L4' }
        @{ Spelling = 't4'; Name = 'T4' }
    ) {
        (Get-Gpu $Spelling).Name | Should -BeExactly $Name
    }

    It 'gives all without a name, and only what it promises' {
        $all = @(Get-Gpu)
        foreach ($name in 'T4', 'V100-16GB', 'A10G', 'L4', 'L40S', 'A100-40GB', 'H100-80GB', 'H200', 'B200', 'MI300X', 'RTX-4090') {
            $all.Name | Should -Contain $name
        }
        ($all.Name | Sort-Object -Unique).Count | Should -Be $all.Count
        ($all | ForEach-Object { $_.GetType().FullName } | Sort-Object -Unique) | Should -BeExactly 'LlmOps.Core.Hardware.GpuSpec'
        Get-PromisedType Get-Gpu | Should -BeExactly 'LlmOps.Core.Hardware.GpuSpec'
    }

    It 'expands wildcards, and finds nothing without an error' {
        (Get-Gpu 'L4*').Name | Should -Contain 'L40S'
        (Get-Gpu 'l?').Name | Should -Be 'L4'
        $result = Invoke-Recorded { Get-Gpu 'Zz*' }
        $result.Output.Count + $result.Errors.Count | Should -Be 0
    }

    It 'takes names, objects and CSV rows from the pipeline' {
        ('T4', 'L4' | Get-Gpu).Name | Should -Be 'T4', 'L4'
        (Get-Gpu T4, L4 | Get-Gpu).Name | Should -Be 'T4', 'L4'
        ("Name,Count`nT4,1`nL4,2" | ConvertFrom-Csv | Get-Gpu).Name | Should -Be 'T4', 'L4'
    }

    It 'writes one error for one bad record, and the good ones come out' {
        $result = Invoke-Recorded { 'T4', 'H1000', 'L4' | Get-Gpu }
        $result.Output.Name | Should -Be 'T4', 'L4'
        Assert-OneError $result GpuNotFound GetGpu ObjectNotFound 'H1000' "'H1000'", 'Did you mean H100-80GB?'
        $result = Invoke-Recorded { "Name`nT4`nH1000`nL4" | ConvertFrom-Csv | Get-Gpu }
        $result.Output.Name | Should -Be 'T4', 'L4'
        Assert-OneError $result GpuNotFound GetGpu ObjectNotFound 'H1000' "'H1000'"
    }

    It 'goes on with -ErrorAction SilentlyContinue, and ends with Stop' {
        $result = Invoke-Recorded { 'T4', 'H1000', 'L4' | Get-Gpu -ErrorAction SilentlyContinue }
        $result.Output.Name | Should -Be 'T4', 'L4'
        $result.Errors.Count | Should -Be 0
        $result = Invoke-Recorded { 'T4', 'H1000', 'L4' | Get-Gpu -ErrorAction Stop }
        $result.Output.Name | Should -Be 'T4'
        $result.Terminating.FullyQualifiedErrorId | Should -BeExactly 'GpuNotFound,LlmOps.Commands.GetGpuCommand'
    }

    It 'refuses an empty name' {
        Assert-OneError (Invoke-Recorded { Get-Gpu '' }) GpuNotFound GetGpu ObjectNotFound '' "''"
    }

    It 'completes <Line>' -ForEach @(
        @{ Line = 'Get-Gpu L4'; Expected = 'L4', 'L40', 'L40S' }
        @{ Line = 'Get-Gpu l4'; Expected = 'L4', 'L40', 'L40S' }
        @{ Line = "Get-Gpu -Name 'L4"; Expected = 'L4', 'L40', 'L40S' }
        @{ Line = 'Get-Gpu T4, l4'; Expected = 'L4', 'L40', 'L40S' }
    ) {
        Get-Completion $Line | Should -Be $Expected
    }
}
